/* Which site, route and error page answers a request. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/integration/client.h"

TestSuite(sites, .timeout = 40);

static int ask(const struct server *s, const char *target, const char *host, struct response *r)
{
    char request[512];
    struct client c;

    snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
             target, host);
    client_open(&c, s);
    client_send_text(&c, request);
    client_read(&c, r, false);
    client_close(&c);
    return r->status;
}

struct row {
    const char *why, *target, *host;
    int status;
    const char *body; /* NULL: any */
};

static void judge_rows(const struct server *s, const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct response r;
        int status = ask(s, rows[i].target, rows[i].host, &r);

        cr_expect(status == rows[i].status, "%s: %s at %s gave %d", rows[i].why, rows[i].target,
                  rows[i].host, status);
        cr_expect(rows[i].body == NULL || response_body_is(&r, rows[i].body), "%s: body %.80s",
                  rows[i].why, r.body.p);
        response_fini(&r);
    }
}
#define JUDGE(s, rows) judge_rows((s), (rows), sizeof(rows) / sizeof(*(rows)))

Test(sites, are_chosen_by_host)
{
    static const struct row rows[] = {
        { "exact", "/", "one.example", 200, "one" },
        { "second name", "/", "www.one.example", 200, "one" },
        { "any case, RFC 9110 4.2.3", "/", "ONE.Example", 200, "one" },
        { "with a port", "/", "one.example:8080", 200, "one" },
        { "wildcard", "/", "a.two.example", 200, "two" },
        { "wildcard in another case", "/", "A.TWO.EXAMPLE", 200, "two" },
        { "wildcard with a port", "/", "a.two.example:1", 200, "two" },
        { "an exact name beats a wildcard", "/", "exact.two.example", 200, "one" },
        { "a longer wildcard beats a shorter one", "/", "x.deep.two.example", 200, "deep" },
        { "a wildcard does not match its own parent", "/", "two.example", 200, "hello\n" },
        { "nor a longer word", "/", "atwo.example", 200, "hello\n" },
        { "the rest goes to the default site", "/", "three.example", 200, "hello\n" },
        { "an address too", "/", "127.0.0.1", 200, "hello\n" },
        { "absolute-form decides, RFC 9112 3.2.2", "http://one.example/", "a.two.example", 200,
          "one" },
        { "absolute-form with a port", "http://one.example:99/", "x", 200, "one" },
        { "absolute-form of nobody's host", "http://three.example/", "one.example", 200,
          "hello\n" },
    };
    struct server s;

    server_open(&s);
    server_file(&s, "one/index.html", "one");
    server_file(&s, "two/index.html", "two");
    server_file(&s, "deep/index.html", "deep");
    server_start(&s, "sites:\n"
                     "  - hosts: [one.example, www.One.example, exact.two.example]\n"
                     "    root: one\n"
                     "  - hosts: \"*.two.example\"\n"
                     "    root: two\n"
                     "  - hosts: \"*.deep.two.example\"\n"
                     "    root: deep\n"
                     "  - hosts: \"*\"\n"
                     "    root: root\n");
    JUDGE(&s, rows);
    server_close(&s);
}

Test(sites, fall_back_to_the_servers_own_root)
{
    static const struct row rows[] = {
        { "named", "/", "one.example", 200, "one" },
        { "the implied site", "/", "other.example", 200, "hello\n" },
    };
    struct server s;

    server_open(&s);
    server_file(&s, "one/index.html", "one");
    server_start(&s, "root: root\nsites:\n  - hosts: one.example\n    root: one\n");
    JUDGE(&s, rows);
    server_close(&s);
}

Test(sites, match_routes_by_whole_segments)
{
    static const struct row rows[] = {
        { "alias: what follows", "/images/a.png", "x", 200, "img-a" },
        { "alias: a folder below", "/images/sub/b.png", "x", 200, "img-b" },
        { "alias: its index", "/images/", "x", 200, "img-index" },
        { "alias: without the slash", "/images", "x", 301, NULL },
        { "no segment: a longer word", "/imagesx", "x", 404, NULL },
        { "no segment: a dot", "/images.txt", "x", 200, "own" },
        { "an encoded route is the route", "/%69mages/a.png", "x", 200, "img-a" },
        { "a detour is the route", "/docs/../images/a.png", "x", 200, "img-a" },
        { "out of the route", "/images/../index.html", "x", 200, "hello\n" },
        { "not above the alias", "/images/../../secret.txt", "x", 404, NULL },
        { "the root is not behind the alias", "/images/only-in-root.txt", "x", 404, NULL },
        { "root: the whole path", "/docs/a.txt", "x", 200, "docs-a" },
        { "root: not without the prefix", "/docs/other.txt", "x", 404, NULL },
        { "the longest route wins", "/docs/api/a.txt", "x", 200, "api-a" },
        { "the longest route wins only by segments", "/docs/apix/a.txt", "x", 200, "apix-a" },
        { "paths are case-sensitive", "/IMAGES/a.png", "x", 404, NULL },
        { "a route written with a slash", "/slash/a.txt", "x", 200, "slash-a" },
        { "a route written with a slash, asked without", "/slash", "x", 301, NULL },
    };
    struct server s;

    server_open(&s);
    server_file(&s, "secret.txt", "SECRET");
    server_file(&s, "root/images.txt", "own");
    server_file(&s, "root/images/only-in-root.txt", "no");
    server_file(&s, "pictures/index.html", "img-index");
    server_file(&s, "pictures/a.png", "img-a");
    server_file(&s, "pictures/sub/b.png", "img-b");
    server_file(&s, "manual/docs/a.txt", "docs-a");
    server_file(&s, "manual/other.txt", "no");
    server_file(&s, "manual/docs/apix/a.txt", "apix-a");
    server_file(&s, "api/a.txt", "api-a");
    server_file(&s, "slashed/a.txt", "slash-a");
    server_start(&s, "routes:\n"
                     "  - path: /docs\n    root: manual\n"
                     "  - path: /images\n    alias: pictures\n"
                     "  - path: /docs/api\n    alias: api\n"
                     "  - path: /slash/\n    alias: slashed\n");
    JUDGE(&s, rows);
    server_close(&s);
}

Test(sites, send_error_pages_of_their_own)
{
    struct response get, head, r;
    struct server s;
    char length[32];

    server_open(&s);
    server_file(&s, "root/404.html", "<h1>not here</h1>\n");
    server_file(&s, "root/403.txt", "not yours\n");
    server_file(&s, "root/bare/x", "x");
    server_start(&s, "error_pages: {404: /404.html, 403: /403.txt, 405: /none.html}\n");

    cr_assert(fetch(&s, &get, "GET", "/none", NULL));
    cr_expect_eq(get.status, 404, "the page does not change the status");
    cr_expect(response_body_is(&get, "<h1>not here</h1>\n"), "%s", get.body.p);
    cr_expect(response_field_is(&get, "Content-Type", "text/html; charset=utf-8"));
    cr_assert(fetch(&s, &head, "HEAD", "/none", NULL));
    cr_expect_eq(head.status, 404);
    response_field(&get, "Content-Length", length, sizeof(length));
    cr_expect(response_field_is(&head, "Content-Length", length), "%s", head.head.p);
    response_fini(&get);
    response_fini(&head);

    cr_expect(fetch(&s, &r, "GET", "/bare/", NULL) && r.status == 403);
    cr_expect(response_body_is(&r, "not yours\n"));
    cr_expect(response_field_is(&r, "Content-Type", "text/plain; charset=utf-8"));
    response_fini(&r);

    cr_expect(fetch(&s, &r, "POST", "/", "Content-Length: 0\r\n") && r.status == 405,
              "a page that is missing: the built-in one");
    cr_expect(r.body.n > 0);
    response_fini(&r);

    cr_expect(fetch(&s, &r, "GET", "/404.html", NULL) && r.status == 200, "by its own name");
    response_fini(&r);
    server_close(&s);
}

Test(sites, answer_conditions_and_ranges_of_an_error_with_the_error)
{
    static const char *const fields[] = {
        "If-None-Match: *\r\n",
        "Range: bytes=0-1\r\n",
        "If-Modified-Since: Fri, 31 Dec 2100 00:00:00 GMT\r\n",
        "If-Match: \"x\"\r\n",
    };
    struct response r;
    struct server s;

    server_open(&s);
    server_file(&s, "root/404.html", "gone");
    server_start(&s, "error_pages: {404: /404.html}\n");
    for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
        cr_expect(fetch(&s, &r, "GET", "/none", fields[i]) && r.status == 404 &&
                      response_body_is(&r, "gone"),
                  "RFC 9110 13.2.1: %s gave %d", fields[i], r.status);
        response_fini(&r);
    }
    server_close(&s);
}

Test(sites, merge_error_pages_with_their_parents)
{
    static const struct row rows[] = {
        { "of the server", "/none", "x", 404, "server 404" },
        { "of the site", "/none", "one.example", 404, "site 404" },
        { "of the route", "/route/none", "one.example", 404, "route 404" },
        { "the route keeps the server's others", "/route/bare/", "one.example", 403, "server 403" },
        { "the site keeps the server's others", "/bare/", "one.example", 403, "server 403" },
        { "a route without any", "/plain/none", "one.example", 404, "site 404" },
    };
    struct server s;

    server_open(&s);
    server_file(&s, "root/s404.html", "server 404");
    server_file(&s, "root/s403.html", "server 403");
    server_file(&s, "root/i404.html", "site 404");
    server_file(&s, "root/r404.html", "route 404");
    server_file(&s, "root/bare/x", "x");
    server_file(&s, "root/route/bare/x", "x");
    server_file(&s, "root/plain/x", "x");
    server_start(&s, "error_pages: {404: /s404.html, 403: /s403.html}\n"
                     "sites:\n"
                     "  - hosts: one.example\n"
                     "    error_pages: {404: /i404.html}\n"
                     "    routes:\n"
                     "      - path: /route\n"
                     "        error_pages: {404: /r404.html}\n"
                     "      - path: /plain\n"
                     "        charset: off\n");
    JUDGE(&s, rows);
    server_close(&s);
}

Test(sites, have_small_plain_pages_for_errors)
{
    static const struct {
        const char *method, *target, *words;
        int status;
    } rows[] = {
        { "GET", "/none", "404", 404 }, { "GET", "/bare/", "403", 403 },
        { "POST", "/", "405", 405 },    { "BREW", "/", "501", 501 },
        { "GET", "/%zz", "400", 400 },
    };
    struct response r;
    struct server s;
    char type[64];

    server_open(&s);
    server_file(&s, "root/bare/x", "x");
    server_start(&s, "");
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        cr_expect(fetch(&s, &r, rows[i].method, rows[i].target, NULL), "%s", r.failure);
        cr_expect(r.status == rows[i].status, "%s %s: %d", rows[i].method, rows[i].target,
                  r.status);
        response_field(&r, "Content-Type", type, sizeof(type));
        cr_expect(strncmp(type, "text/", 5) == 0, "%s", type);
        cr_expect(strstr(r.body.p, rows[i].words) != NULL && r.body.n < 2000, "%s", r.body.p);
        cr_expect_eq(response_field_count(&r, "ETag"), 0, "an error is no version of the file");
        cr_expect_eq(response_field_count(&r, "Last-Modified"), 0);
        cr_expect_eq(response_field_count(&r, "Date"), 1);
        response_fini(&r);
    }
    server_close(&s);
}

Test(sites, bound_bodies_by_route)
{
    struct response r;
    struct server s;

    server_open(&s);
    server_start(&s, "client_max_body_size: 10\nroutes:\n"
                     "  - path: /large\n    client_max_body_size: 100\n");
    cr_expect(fetch(&s, &r, "POST", "/", "Content-Length: 50\r\n") && r.status == 413, "%d",
              r.status);
    response_fini(&r);
    cr_expect(fetch(&s, &r, "POST", "/large/a",
                    "Content-Length: 10\r\nConnection: close\r\n\r\n0123456789") &&
                  r.status != 413,
              "%d", r.status);
    response_fini(&r);
    server_close(&s);
}
