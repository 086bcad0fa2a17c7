#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>

#include "tests/integration/client.h"

struct row {
    const char *why, *method, *target, *fields; /* NULL: none */
    int status;
    const char *body; /* NULL: any */
};

static void judge(const struct server *s, const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct response r;

        fetch(s, &r, rows[i].method, rows[i].target, rows[i].fields);
        cr_expect(r.status == rows[i].status, "%s: %s gave %d", rows[i].why, rows[i].target,
                  r.status);
        cr_expect(rows[i].body == NULL || response_body_is(&r, rows[i].body), "%s: body %.80s",
                  rows[i].why, r.body.p);
        response_fini(&r);
    }
}
#define JUDGE(s, rows) judge((s), (rows), sizeof(rows) / sizeof(*(rows)))

Test(routes, are_exact_then_expressions_then_the_longest_beginning)
{
    static const struct row rows[] = {
        { "exact", "GET", "/a/b.txt", NULL, 200, "exact" },
        { "exact after decoding", "GET", "/a/%62.txt", NULL, 200, "exact" },
        { "an expression", "GET", "/a/7.txt", NULL, 200, "regex" },
        { "a beginning", "GET", "/a/c.txt", NULL, 200, "prefix" },
        { "a beginning for a method", "GET", "/m/x.txt", NULL, 200, "get" },
        { "HEAD with it", "HEAD", "/m/x.txt", NULL, 200, NULL },
        { "another method looks further", "PUT", "/m/x.txt", NULL, 405, NULL },
        { "a field", "GET", "/m/x.txt", "X-Beta: 1\r\n", 200, "beta" },
        { "an expression that never ends", "GET",
          "/evil/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", NULL, 500, NULL },
    };
    struct server s;

    server_open(&s);
    server_file(&s, "exact/a/b.txt", "exact");
    server_file(&s, "regex/a/7.txt", "regex");
    server_file(&s, "prefix/a/c.txt", "prefix");
    server_file(&s, "get/m/x.txt", "get");
    server_file(&s, "beta/m/x.txt", "beta");
    server_start(&s, "routes:\n"
                     "  - {path: /a, root: prefix}\n"
                     "  - {regex: '^/a/[0-9]+[.]txt$', root: regex}\n"
                     "  - {regex: '^/evil/(a+)+$', root: regex}\n"
                     "  - {exact: /a/b.txt, root: exact}\n"
                     "  - {path: /m, request_headers: {X-Beta: '1'}, root: beta}\n"
                     "  - {path: /m, methods: [GET], root: get}\n");
    JUDGE(&s, rows);
    server_close(&s);
}

static void expect_over_unix(const char *path, const char *host, const char *body)
{
    char request[128];
    struct response r;
    struct client c;

    snprintf(request, sizeof(request), "GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
             host);
    cr_assert(client_open_unix(&c, path));
    client_send_text(&c, request);
    client_read(&c, &r, false);
    cr_expect(response_body_is(&r, body), "%s: %s", host, r.body.p);
    response_fini(&r);
    client_close(&c);
}

Test(routes, of_sites_that_are_bound_to_an_address)
{
    static const struct row tcp[] = {
        { "of both", "GET", "http://both/", NULL, 200, "both" },
        { "of this address", "GET", "http://split/", NULL, 200, "tcp" },
        { "the rest here", "GET", "http://x/", NULL, 200, "hello\n" },
    };
    char config[512], path[128];
    struct response r;
    struct client c;
    struct server s;

    server_open(&s);
    server_file(&s, "both/index.html", "both");
    server_file(&s, "tcp/index.html", "tcp");
    server_file(&s, "local/index.html", "local");
    snprintf(path, sizeof(path), "%s/web.sock", s.dir);
    snprintf(config, sizeof(config),
             "listen: ['127.0.0.1:0', 'unix:%s']\n"
             "root: root\n"
             "sites:\n"
             "  - {hosts: both, root: both}\n"
             "  - {hosts: split, root: tcp, listen: '127.0.0.1:0'}\n"
             "  - {hosts: [split, other], root: local, listen: ['unix:%s']}\n",
             path, path);
    server_start(&s, config);
    JUDGE(&s, tcp);
    expect_over_unix(path, "both", "both");
    expect_over_unix(path, "split", "local");
    expect_over_unix(path, "other", "local");
    expect_over_unix(path, "x", "hello\n");

    /* A connection outlives its listener's place in the config. */
    client_open(&c, &s);
    cr_expect(client_ask(&c, &r, "GET", "http://split/", NULL));
    response_fini(&r);
    snprintf(config, sizeof(config),
             "listen: ['unix:%s', '127.0.0.1:0']\n"
             "root: root\n"
             "sites:\n"
             "  - {hosts: split, root: both, listen: ['127.0.0.1:0']}\n"
             "  - {hosts: split, root: local, listen: ['unix:%s']}\n",
             path, path);
    server_config(&s, config);
    server_signal(&s, SIGHUP);
    cr_assert(server_wait_log(&s, 0, "reload: generation 2 runs", DEADLINE_MS));
    cr_expect(client_ask(&c, &r, "GET", "http://split/", NULL));
    cr_expect(response_body_is(&r, "both"));
    response_fini(&r);
    client_close(&c);
    server_close(&s);
}
