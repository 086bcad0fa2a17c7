/*
 * Two servers with one folder, one of which recalls nothing: whatever is asked, and whatever
 * changes on disk, their answers are the same but for the Date, and so are their logs.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/integration/client.h"

TestSuite(recall_twins, .timeout = 60);

enum { LONG_AGO = 1500000000, HEADS = 160, PIPE_MAX = 12 };

struct head {
    char *bytes;
    size_t n;
    bool is_head;
};

struct twins {
    struct server s[2]; /* the folder is that of the first */
    struct client c[2];
    struct head heads[HEADS];
    char tag[64]; /* of a.txt, some time */
    unsigned seed, mark;
};

static unsigned dice(struct twins *t, unsigned sides)
{
    return (unsigned)rand_r(&t->seed) % sides;
}

static const char *pick(struct twins *t, const char *const *from, unsigned count)
{
    return from[dice(t, count)];
}
#define PICK(t, from) pick(t, from, sizeof(from) / sizeof(*(from)))

/* ---- requests ---- */

static void add_head(struct twins *t, struct head *to)
{
    static const char *const methods[] = { "GET", "GET", "GET",  "GET",  "GET",     "GET",
                                           "GET", "GET", "HEAD", "HEAD", "OPTIONS", "DELETE" };
    static const char *const targets[] = {
        "/",
        "/a.txt",
        "/a.txt",
        "/a.txt",
        "/b.html",
        "/b.html",
        "/c.css",
        "/c.css",
        "/none",
        "/none2",
        "/sub",
        "/sub/",
        "/sub/x",
        "/link",
        "/bare/",
        "/%61.txt",
        "/a.txt?q",
        "/old/a.txt",
        "/closed/",
        "/said",
        "/moved/x",
        "/try/here",
        "/big.bin",
        "/mid.bin",
        "/./sub/../a.txt",
        "/own404/none",
        "/list/",
    };
    static const char *const hosts[] = { "one.example", "one.example", "one.example",
                                         "two.example", "localhost",   "two.example:80" };
    static const char *const fields[] = {
        "Accept-Encoding: gzip\r\n",
        "Accept-Encoding: gzip, deflate, br\r\n",
        "Accept-Encoding: br;q=0.1, gzip;q=0\r\n",
        "Range: bytes=0-2\r\n",
        "Range: bytes=-1\r\n",
        "Range: bytes=90-\r\n",
        "Range: bytes=1-1\r\nIf-Range: Fri, 14 Jul 2017 02:40:03 GMT\r\n",
        "If-None-Match: *\r\n",
        "If-None-Match: \"none\"\r\n",
        "If-Match: \"none\"\r\n",
        "If-Modified-Since: Fri, 14 Jul 2017 02:40:03 GMT\r\n",
        "If-Modified-Since: Friday, 14-Jul-17 02:40:03 GMT\r\n",
        "If-Unmodified-Since: Fri, 14 Jul 2017 02:40:03 GMT\r\n",
        "Origin: http://o.example\r\n",
        "Origin: http://p.example\r\n",
        "Referer: http://r.example/\"x\"\r\n",
        "Expect: 100-continue\r\n",
        "X-Forwarded-For: 192.0.2.1\r\n",
        "Content-Length: 0\r\n",
        "Content-Length: 18\r\n",
    };
    static const char *const connections[] = {
        "", "", "", "", "", "", "", "", "Connection: keep-alive\r\n", "Connection: close\r\n"
    };
    struct buf b = { 0 };
    const char *method = PICK(t, methods), *field;
    bool has_body = false;

    buf_printf(&b, "%s %s HTTP/1.%u\r\n", method, PICK(t, targets), dice(t, 12) > 0);
    buf_printf(&b, "Host: %s\r\n", PICK(t, hosts));
    for (unsigned i = dice(t, 4); i > 1; i--) {
        field = PICK(t, fields);
        if (has_body && strncmp(field, "Content-Length", 14) == 0)
            continue;
        has_body = has_body || strncmp(field, "Content-Length", 14) == 0;
        buf_printf(&b, "%s", field);
        if (strcmp(field, "Content-Length: 18\r\n") == 0)
            to->n = 18;
    }
    if (dice(t, 8) == 0)
        buf_printf(&b, "If-%s: %s\r\n", dice(t, 2) ? "None-Match" : "Match", t->tag);
    if (dice(t, 3) == 0) {
        unsigned n = dice(t, 5) == 0 ? 4200 : dice(t, 400);

        buf_printf(&b, "User-Agent: ");
        for (unsigned i = 0; i < n; i++)
            buf_add_char(&b, (char)('a' + dice(t, 2)));
        buf_printf(&b, "\r\n");
    }
    buf_printf(&b, "%s\r\n", PICK(t, connections));
    if (to->n == 18)
        buf_printf(&b, "GET / HTTP/1.1\r\n\r\n");
    to->n = b.n;
    to->bytes = buf_take(&b);
    to->is_head = strcmp(method, "HEAD") == 0;
}

/* ---- changes ---- */

static const char *text_of(struct twins *t)
{
    static char text[256];
    unsigned n = dice(t, 3) == 0 ? 9 : dice(t, 200);

    snprintf(text, sizeof(text), "%0*u", (int)n + 1, dice(t, 100000));
    return text;
}

static void set_time(struct twins *t, const char *name)
{
    server_set_mtime(&t->s[0], name, LONG_AGO + (time_t)dice(t, 7));
}

static void write_file(struct twins *t, const char *name)
{
    const struct server *s = &t->s[0];
    struct stat st;
    FILE *f;

    if (lstat(server_path(s, name), &st) == 0 && !S_ISREG(st.st_mode))
        return;
    if (dice(t, 2) == 0) {
        server_file(s, name, text_of(t));
    } else { /* in place */
        f = fopen(server_path(s, name), "w");
        cr_assert_not_null(f);
        fputs(text_of(t), f);
        fclose(f);
    }
    set_time(t, name);
}

static void change(struct twins *t)
{
    static const char *const names[] = {
        "root/a.txt",           "root/b.html",     "root/c.css",    "root/none",
        "root/sub/index.html",  "root/sub/x",      "root/c.css.gz", "root/b.html.br",
        "root/try/here",        "root/try/there",  "root/404.html", "root/own404/404.html",
        "root/old/a.txt",       "root/list/y",     "two/a.txt",     "two/index.html",
        "root/bare/index.html", "root/index.html",
    };
    const struct server *s = &t->s[0];
    const char *name = PICK(t, names);

    switch (dice(t, 8)) {
    case 0:
        unlink(server_path(s, name));
        return;
    case 1:
        unlink(server_path(s, "root/new-link"));
        cr_assert_eq(symlink(dice(t, 2) ? "a.txt" : "b.html", server_path(s, "root/new-link")), 0);
        cr_assert_eq(rename(server_path(s, "root/new-link"), server_path(s, "root/link")), 0);
        return;
    case 2: /* another folder takes its place */
        rename(server_path(s, "root/sub"), server_path(s, "root/sub-swap"));
        rename(server_path(s, "root/sub2"), server_path(s, "root/sub"));
        rename(server_path(s, "root/sub-swap"), server_path(s, "root/sub2"));
        return;
    case 3:
        if (access(server_path(s, name), F_OK) == 0)
            set_time(t, name);
        return;
    case 4:
        server_blob(s, "root/big.bin", 20000 + dice(t, 3) * 10000, dice(t, 9));
        set_time(t, "root/big.bin");
        server_blob(s, "root/mid.bin", 5000 + dice(t, 3) * 1000, dice(t, 9));
        set_time(t, "root/mid.bin");
        return;
    case 5: /* a folder, or none any more */
        if (rmdir(server_path(s, "root/none2")) != 0)
            mkdir(server_path(s, "root/none2"), 0755);
        return;
    default:
        write_file(t, name);
    }
}

/*
 * Until both have heard of all that was changed: what they are told of in the order in which it
 * happened.
 */
static void let_hear(struct twins *t)
{
    char name[64];

    t->mark++;
    snprintf(name, sizeof(name), "root/mark/%u", t->mark);
    server_file(&t->s[0], name, "");
    for (int i = 0; i < 2; i++)
        cr_assert(fetch_until(&t->s[i], name + 4, 200, NULL, DEADLINE_MS), "%s", name);
    /* The next one is known not to be there. */
    snprintf(name, sizeof(name), "root/mark/%u", t->mark + 1);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(fetch_status(&t->s[i], name + 4), 404);
}

/* ---- answers ---- */

/* The time of the answer, which may differ by the second between them. */
static void blank(struct response *r, const char *name)
{
    char *at = strstr(r->head.p, name);

    if (at != NULL)
        memset(at + strlen(name), '-', strcspn(at + strlen(name), "\r"));
}

/* True: it was the last one on this connection. */
static bool expect_same(struct twins *t, const struct head *head)
{
    struct response r[2];
    bool is_whole[2], is_closing;

    for (int i = 0; i < 2; i++) {
        is_whole[i] = client_read(&t->c[i], &r[i], head->is_head);
        while (is_whole[i] && r[i].status == 100) {
            response_fini(&r[i]);
            is_whole[i] = client_read(&t->c[i], &r[i], head->is_head);
        }
        cr_assert(is_whole[i] && r[i].status >= 200, "%d: %s for\n%s", i, r[i].failure,
                  head->bytes);
        blank(&r[i], "\r\nDate: ");
        blank(&r[i], "\r\nExpires: ");
    }
    cr_assert(str_eq(buf_str(&r[0].head), buf_str(&r[1].head)), "for\n%s recalled:\n%s parsed:\n%s",
              head->bytes, r[0].head.p, r[1].head.p);
    cr_assert(str_eq(buf_str(&r[0].body), buf_str(&r[1].body)), "for\n%s recalled: %s parsed: %s",
              head->bytes, r[0].body.p, r[1].body.p);
    is_closing = response_field_is(&r[0], "Connection", "close");
    for (int i = 0; i < 2; i++) {
        response_fini(&r[i]);
        if (!is_closing)
            continue;
        client_read_to_end(&t->c[i], DEADLINE_MS);
        cr_assert(t->c[i].end == CLIENT_FIN && t->c[i].taken == t->c[i].in.n,
                  "%d: more behind the last answer: %s", i, buf_cstr(&t->c[i].in));
        client_close(&t->c[i]);
        client_open(&t->c[i], &t->s[i]);
    }
    return is_closing;
}

static bool ends_connection(const struct head *head)
{
    return strstr(head->bytes, "HTTP/1.0\r\n") != NULL ||
           strstr(head->bytes, "Connection: close") != NULL ||
           strstr(head->bytes, "Expect: 100") != NULL;
}

/* Some in one write, in pieces, or one. */
static void ask_some(struct twins *t)
{
    struct head *asked[PIPE_MAX];
    struct buf b = { 0 };
    unsigned count = 0, most = dice(t, 2) == 0 ? 1 : 1 + dice(t, PIPE_MAX);
    size_t piece = dice(t, 3) == 0 ? 20 + dice(t, 200) : 1 << 20;
    unsigned seed = dice(t, 1000);

    do { /* the first ones come more often */
        asked[count] = &t->heads[dice(t, 1 + dice(t, HEADS))];
        buf_add(&b, (struct str){ asked[count]->bytes, asked[count]->n });
    } while (!ends_connection(asked[count++]) && count < most);
    for (int i = 0; i < 2; i++)
        client_send_cut(&t->c[i], b.p, b.n, piece, seed, piece < b.n ? 20 : 0);
    for (unsigned i = 0; i < count && !expect_same(t, asked[i]); i++)
        continue;
    buf_fini(&b);
}

/* ---- the two ---- */

static const char config[] =
    "root: %1$s/root\n"
    "workers: 1\n"
    "access_log: access.log\n"
    "compress: off\n"
    "error_pages: {404: /404.html}\n"
    "recall_memory: %2$s\n"
    "%3$s"
    "sites:\n"
    "  - hosts: one.example\n"
    "    expires: {text/css: 1h}\n"
    "    cors: {origins: ['http://o.example']}\n"
    "    routes:\n"
    "      - {path: /closed, access: [{deny: all}]}\n"
    "      - {path: /said, respond: {status: 200, body: said}}\n"
    "      - {path: /moved, redirect: {to: '/a.txt', status: 302}}\n"
    "      - {path: /try, try: [$path, /try/there]}\n"
    "      - {path: /own404, error_pages: {404: /own404/404.html}}\n"
    "      - {path: /old, alias: %1$s/root/old/, max_ranges: off, access_log: off}\n"
    "      - {path: /list, listing: on}\n"
    "  - hosts: two.example\n"
    "    root: %1$s/two\n"
    "    trailing_slash: off\n"
    "    headers: {set: {X-Two: '2'}}\n";

static void twins_open(struct twins *t, unsigned seed, const char *memory, const char *settings)
{
    static const char *const names[] = {
        "root/a.txt",     "root/b.html",          "root/c.css",           "root/c.css.gz",
        "root/sub/x",     "root/sub2/x",          "root/sub2/index.html", "root/bare/x",
        "root/try/there", "root/own404/404.html", "root/old/a.txt",       "root/list/x",
        "two/a.txt",      "two/sub/index.html",   "root/404.html",
    };
    struct response r;
    char text[4096];

    memset(t, 0, sizeof(*t));
    t->seed = seed;
    for (int i = 0; i < 2; i++)
        server_open(&t->s[i]);
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        server_file(&t->s[0], names[i], text_of(t));
        set_time(t, names[i]);
    }
    server_file(&t->s[0], "root/mark/0", "");
    for (int i = 0; i < 2; i++) {
        snprintf(text, sizeof(text), config, t->s[0].dir, i == 0 ? memory : "0", settings);
        server_start(&t->s[i], text);
        client_open(&t->c[i], &t->s[i]);
    }
    for (int i = 0; i < 2; i++) {
        cr_assert(client_ask(&t->c[i], &r, "GET", "/a.txt", NULL));
        response_field(&r, "ETag", t->tag, sizeof(t->tag));
        response_fini(&r);
    }
    for (int i = 0; i < HEADS; i++)
        add_head(t, &t->heads[i]);
}

/* Without the times, and what let_hear() asked. */
static char *log_of(const struct server *s)
{
    struct buf b = file_read(server_path(s, "access.log")), out = { 0 };
    struct str all = buf_str(&b);

    while (all.n > 0) {
        struct str line = str_cut(&all, '\n');
        char *time = memchr(line.p, '[', line.n);

        if (memmem(line.p, line.n, "GET /mark/", 10) != NULL)
            continue;
        if (time != NULL)
            memset(time, '-', 28);
        buf_add(&out, line);
        buf_add_char(&out, '\n');
    }
    buf_fini(&b);
    return buf_take(&out);
}

static void twins_close(struct twins *t)
{
    char *logs[2];

    for (int i = 0; i < 2; i++) {
        client_close(&t->c[i]);
        server_stop(&t->s[i]);
        logs[i] = log_of(&t->s[i]);
    }
    cr_assert(logs[0] != NULL && logs[1] != NULL);
    if (strcmp(logs[0], logs[1]) != 0) {
        size_t at = 0;

        while (logs[0][at] == logs[1][at])
            at++;
        while (at > 0 && logs[0][at - 1] != '\n')
            at--;
        cr_expect_fail("recalled:\n%.300s\nparsed:\n%.300s", logs[0] + at, logs[1] + at);
    }
    for (int i = 0; i < 2; i++) {
        free(logs[i]);
        server_close(&t->s[i]);
    }
    for (int i = 0; i < HEADS; i++)
        free(t->heads[i].bytes);
}

static void compare(unsigned seed, const char *memory, const char *settings)
{
    struct twins t;

    twins_open(&t, seed, memory, settings);
    for (int round = 0; round < 30; round++) {
        for (unsigned i = dice(&t, 3); round > 0 && i < 3; i++)
            change(&t);
        let_hear(&t);
        for (unsigned i = 0; i < 24; i++)
            ask_some(&t);
    }
    twins_close(&t);
}

Test(recall_twins, agree)
{
    compare(1, "8MiB", "");
}

Test(recall_twins, agree_about_other_requests)
{
    compare(2, "8MiB", "etag: content\nopen_file_cache: {small: 64KiB}\n"); /* tagged at once */
}

Test(recall_twins, agree_where_little_is_kept)
{
    compare(3, "8KiB", "");
}

Test(recall_twins, agree_where_connections_end)
{
    compare(4, "8MiB", "keepalive_requests: 7\n");
}

Test(recall_twins, agree_where_few_files_are_kept)
{
    compare(5, "8MiB", "open_file_cache: {max: 6}\n");
}

Test(recall_twins, agree_where_no_files_are_kept)
{
    compare(6, "8MiB", "open_file_cache: off\n");
}
