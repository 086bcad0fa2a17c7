#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/str.h"
#include "tests/integration/client.h"
#include "tests/integration/server.h"

static const char config[] = "compress: off\n"
                             "error_pages: {404: /missing.html}\n"
                             "routes:\n"
                             "  - {path: /images, alias: root/sub, etag: off}\n"
                             "  - {path: /list, listing: on}\n"
                             "  - {path: /old, redirect: /new$path}\n"
                             "  - {exact: /ping, respond: {status: 200, body: pong}}\n"
                             "  - {path: /limited, client_max_body_size: 10}\n"
                             "  - {path: /closed, access: [{deny: all}]}\n"
                             "  - {path: /reading, allowed_methods: [GET]}\n"
                             "sites:\n"
                             "  - {hosts: other.example, root: root/sub, charset: off}\n"
                             "  - {hosts: '*.wild.example', root: root/list, index: off}\n";

static const char *const urls[] = {
    "/",
    "/index.html",
    "/sub",
    "/sub/",
    "/sub/a.txt",
    "/sub/a.txt/",
    "/images",
    "/images/",
    "/images/a.txt",
    "/imagesque",
    "/list",
    "/list/",
    "/list/one",
    "/list/%2e%2e/index.html",
    "/old",
    "/old/x?y=1",
    "/ping",
    "/ping/",
    "/limited/x",
    "/closed",
    "/closed/x",
    "/reading/sub",
    "/nope",
    "/nope?q",
    "/%00",
    "/%zz",
    "/a%2fb",
    "/.hidden",
    "/.well-known/x",
    "//sub//a.txt",
    "http://other.example/a.txt",
    "http://other.example/",
    "http://a.wild.example/one",
    "http://a.wild.example/",
    "http://OTHER.example:80/a.txt",
};

static const char *const methods[] = { "GET", "HEAD", "OPTIONS", "POST", "BREW" };

static const char *const fields[] = {
    "X-None: 1",
    "Range: bytes=0-1",
    "If-None-Match: *",
    "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT",
};

/* All lines but Date, which may tick between two answers. */
static void strip(struct buf *head)
{
    struct str rest = buf_str(head);
    struct buf out = { 0 };

    while (rest.n > 0) {
        struct str line = str_cut(&rest, '\n');

        if (line.n > 0 && line.p[line.n - 1] == '\r')
            line.n--;
        if (line.n == 0)
            break;
        if (!str_starts(line, STR("Date: "))) {
            buf_add(&out, line);
            buf_add_char(&out, '\n');
        }
    }
    buf_fini(head);
    *head = out;
}

static struct buf ask_live(const struct server *s, const char *url, const char *method,
                           const char *field)
{
    struct str path = str_of(url), host = STR("localhost");
    struct buf request = { 0 }, head = { 0 };
    struct client c;
    ssize_t n;

    if (url[0] != '/') {
        host = (struct str){ url + 7, strcspn(url + 7, "/") };
        path = str_of(url + 7 + host.n);
    }
    buf_printf(&request, "%s %.*s HTTP/1.1\r\nHost: %.*s\r\n%s\r\nConnection: close\r\n\r\n",
               method, STR_ARG(path), STR_ARG(host), field);
    client_open(&c, s);
    client_send_text(&c, buf_cstr(&request));
    while ((head.n < 4 || strstr(buf_cstr(&head), "\r\n\r\n") == NULL) &&
           poll(&(struct pollfd){ .fd = c.fd, .events = POLLIN }, 1, DEADLINE_MS) == 1 &&
           (n = read(c.fd, buf_reserve(&head, 4096), 4096)) > 0)
        head.n += (size_t)n;
    client_close(&c);
    buf_fini(&request);
    strip(&head);
    return head;
}

static struct buf ask_explain(const struct server *s, const char *url, const char *method,
                              const char *field)
{
    const char *const argv[] = {
        server_binary(), "-c", s->config,           "explain", "-I", "-X", method, "-H",
        field,           "-H", "Connection: close", url,       NULL
    };
    struct command c;

    command_run(&c, s, argv);
    cr_expect_eq(c.exit_code, 0, "%s %s: %s", method, url, buf_cstr(&c.output));
    strip(&c.output);
    return c.output;
}

Test(explain, says_what_the_live_server_answers)
{
    enum { URLS = sizeof(urls) / sizeof(urls[0]), METHODS = sizeof(methods) / sizeof(methods[0]) };
    enum { FIELDS = sizeof(fields) / sizeof(fields[0]) };
    static const char *const files[] = { "root/sub/a.txt", "root/list/one", "root/missing.html" };
    struct server s;
    unsigned asked = 0;

    server_open(&s);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        server_file(&s, files[i], "some text\n");
        server_set_mtime(&s, files[i], 1000000000);
    }
    server_set_mtime(&s, "root/index.html", 1000000000);
    server_start(&s, config);
    for (size_t i = 0; i < URLS * METHODS * FIELDS; i++) {
        const char *url = urls[i % URLS], *method = methods[i / URLS % METHODS];
        const char *field = fields[i / URLS / METHODS];
        struct buf live = ask_live(&s, url, method, field);
        struct buf told = ask_explain(&s, url, method, field);

        cr_expect_str_eq(buf_cstr(&told), buf_cstr(&live), "%s %s, %s:\n%s---\n%s", method, url,
                         field, told.p, live.p);
        buf_fini(&live);
        buf_fini(&told);
        asked++;
    }
    cr_expect_geq(asked, 500);
    server_close(&s);
}

static unsigned line_of(const char *path, const char *text)
{
    struct buf b = file_read(path);
    const char *at = strstr(buf_cstr(&b), text);
    unsigned line = 1;

    for (const char *p = b.p; p < at; p++)
        line += *p == '\n';
    buf_fini(&b);
    return line;
}

Test(explain, names_the_lines_that_decide)
{
    const char *const argv[] = { server_binary(), "-c", NULL, "explain", "/images/a.txt", NULL };
    const char *full[6];
    struct command c;
    struct server s;
    char place[160];

    server_open(&s);
    server_file(&s, "root/sub/a.txt", "x");
    server_file(&s, "root/list/one", "x");
    server_config(&s, config);
    memcpy(full, argv, sizeof(full));
    full[2] = s.config;
    command_run(&c, &s, full);
    cr_expect_eq(c.exit_code, 0, "%s", buf_cstr(&c.output));
    snprintf(place, sizeof(place), "%s:%u:", s.config, line_of(s.config, "/images"));
    cr_expect_not_null(strstr(c.output.p, "prefix /images"), "%s", c.output.p);
    cr_expect_not_null(strstr(c.output.p, place), "the alias and the etag: %s", c.output.p);
    cr_expect_not_null(strstr(c.output.p, "HTTP/1.1 200 OK"));
    command_fini(&c);
    server_close(&s);
}

static const char ways_config[] = "compress: off\n"
                                  "error_pages: {404: /missing.html}\n"
                                  "rewrite: [{match: '^/very-old/(.*)$', to: /sub/$1}]\n"
                                  "routes:\n"
                                  "  - {path: /images, alias: root/sub}\n"
                                  "  - {path: /app, try: [$path, $path.html, /index.html]}\n"
                                  "  - {regex: '^/user/([a-z]+)$', try: ['/sub/$1.txt']}\n"
                                  "  - {path: /open, trailing_slash: off}\n"
                                  "  - path: /moved\n"
                                  "    rewrite: [{match: '^/moved(.*)$', to: /sub$1}]\n";

/* What is said of a file, with the server's folder as %s. */
static const struct {
    const char *why, *url, *field, *file, *encoding, *rewrite; /* NULL: not said */
} ways[] = {
    { "a file", "/sub/a.txt", NULL, "%s/root/sub/a.txt", "identity", NULL },
    { "an index", "/", NULL, "%s/root/index.html", "identity", NULL },
    { "an index without slash", "/open", NULL, "%s/root/open/index.html", "identity", NULL },
    { "below an alias", "/images/a.txt", NULL, "%s/root/sub/a.txt", "identity", NULL },
    { "a try item", "/app/page", NULL, "%s/root/app/page.html", "identity", NULL },
    { "a try fallback", "/app/none", NULL, "%s/root/index.html", "identity", NULL },
    { "a group in try", "/user/a", NULL, "%s/root/sub/a.txt", "identity", NULL },
    { "a site's rewrite", "/very-old/a.txt", NULL, "%s/root/sub/a.txt", "identity",
      "/very-old/a.txt -> /sub/a.txt" },
    { "a route's rewrite", "/moved/a.txt", NULL, "%s/root/sub/a.txt", "identity",
      "/moved/a.txt -> /sub/a.txt" },
    { "a path that is not clean", "//sub/./%61.txt", NULL, "%s/root/sub/a.txt", "identity", NULL },
    { "an encoded sibling", "/sub/a.txt", "Accept-Encoding: br", "%s/root/sub/a.txt",
      "br, from %s/root/sub/a.txt.br", NULL },
    { "an encoded index", "/open/", "Accept-Encoding: gzip", "%s/root/open/index.html",
      "gzip, from %s/root/open/index.html.gz", NULL },
    { "a sibling that is not wanted", "/sub/a.txt", "Accept-Encoding: gzip", "%s/root/sub/a.txt",
      "identity", NULL },
    { "an error's page", "/nope", NULL, "%s/root/missing.html", "identity", NULL },
    { "an error's page where there is no path", "/a%2fb", NULL, "%s/root/missing.html", "identity",
      NULL },
    { "a redirect to a folder", "/sub", NULL, NULL, NULL, NULL },
};

/* The row `name` of an explanation says `value`; NULL: there is no such row. */
static void expect_row(const char *why, const char *text, const char *name, const char *value,
                       const char *folder)
{
    struct buf line = { 0 }, start = { 0 };

    buf_printf(&start, "\n%-26s ", name);
    if (value == NULL) {
        cr_expect_null(strstr(text, buf_cstr(&start)), "%s: no %s in:\n%s", why, name, text);
    } else {
        const char *hole = strstr(value, "%s");

        buf_add(&line, buf_str(&start));
        if (hole != NULL)
            buf_printf(&line, "%.*s%s%s\n", (int)(hole - value), value, folder, hole + 2);
        else
            buf_printf(&line, "%s\n", value);
        cr_expect_not_null(strstr(text, buf_cstr(&line)), "%s: expected%sin:\n%s", why,
                           buf_cstr(&line), text);
    }
    buf_fini(&line);
    buf_fini(&start);
}

Test(explain, names_the_file_its_encoding_and_the_rewrite)
{
    static const char *const files[] = { "root/sub/a.txt",       "root/app/page.html",
                                         "root/open/index.html", "root/missing.html",
                                         "root/sub/a.txt.br",    "root/open/index.html.gz" };
    char folder[160];
    struct server s;

    server_open(&s);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        server_file(&s, files[i], "some text\n");
        server_set_mtime(&s, files[i], 1000000000);
    }
    server_config(&s, ways_config);
    snprintf(folder, sizeof(folder), "%s", s.config);
    *strrchr(folder, '/') = '\0';
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        const char *const argv[] = {
            server_binary(), "-c", s.config,
            "explain",       "-H", ways[i].field != NULL ? ways[i].field : "X-None: 1",
            ways[i].url,     NULL
        };
        struct command c;

        command_run(&c, &s, argv);
        cr_expect_eq(c.exit_code, 0, "%s: %s", ways[i].why, buf_cstr(&c.output));
        expect_row(ways[i].why, buf_cstr(&c.output), "file", ways[i].file, folder);
        expect_row(ways[i].why, buf_cstr(&c.output), "encoding", ways[i].encoding, folder);
        expect_row(ways[i].why, buf_cstr(&c.output), "rewrite", ways[i].rewrite, folder);
        command_fini(&c);
    }
    server_close(&s);
}
