#include <criterion/criterion.h>
#include <stdio.h>
#include <time.h>

#include "tests/integration/client.h"

/* Field by field: "" means that there is none. */
static void expect(const struct server *s, const char *method, const char *target,
                   const char *fields, int status, const char *const (*want)[2])
{
    struct response r;

    for (int again = 0; again < 2; again++) { /* made, and from the ready head */
        fetch(s, &r, method, target, fields);
        cr_expect(r.status == status, "%s %s gave %d %s", method, target, r.status,
                  r.failure != NULL ? r.failure : "");
        for (size_t i = 0; want[i][0] != NULL; i++) {
            cr_expect(want[i][1][0] == '\0' ? response_field_count(&r, want[i][0]) == 0
                                            : response_field_is(&r, want[i][0], want[i][1]),
                      "%s %s, %s:\n%s", method, target, want[i][0], r.head.p);
            cr_expect_leq(response_field_count(&r, want[i][0]), 1, "%s %s, %s:\n%s", method, target,
                          want[i][0], r.head.p);
        }
        response_fini(&r);
    }
}
#define EXPECT(s, method, target, fields, status, ...)  \
    expect((s), (method), (target), (fields), (status), \
           (const char *const[][2]){ __VA_ARGS__, { NULL, NULL } })

Test(headers, are_merged_downwards_and_stand_in_every_answer)
{
    struct server s;

    server_open(&s);
    server_file(&s, "root/a/x.txt", "x");
    server_file(&s, "root/b/x.txt", "x");
    server_file(&s, "root/c/x.txt", "x");
    server_start(&s, "security_headers: basic\n"
                     "headers: {set: {X-One: server, X-Two: server}, add: {Link: l}}\n"
                     "routes:\n"
                     "  - path: /a\n"
                     "    headers: {set: {x-two: route, X-Frame-Options: DENY}}\n"
                     "  - path: /b\n"
                     "    server_header: off\n"
                     "    headers: {remove: [X-ONE, Referrer-Policy], set: {X-Three: b}}\n"
                     "  - {path: /c, headers: off, security_headers: off}\n"
                     "  - {path: /r, redirect: /x}\n");
    EXPECT(&s, "GET", "/", NULL, 200, { "X-One", "server" }, { "X-Two", "server" }, { "Link", "l" },
           { "X-Content-Type-Options", "nosniff" }, { "X-Frame-Options", "SAMEORIGIN" },
           { "Server", "remuda" });
    EXPECT(&s, "GET", "/a/x.txt", NULL, 200, { "X-One", "server" }, { "X-Two", "route" },
           { "X-Frame-Options", "DENY" });
    EXPECT(&s, "GET", "/b/x.txt", NULL, 200, { "X-One", "" }, { "X-Two", "server" },
           { "X-Three", "b" }, { "Referrer-Policy", "" }, { "Server", "" });
    EXPECT(&s, "GET", "/c/x.txt", NULL, 200, { "X-One", "" }, { "Link", "" },
           { "X-Frame-Options", "" });
    EXPECT(&s, "GET", "/a/none", NULL, 404, { "X-One", "server" }, { "X-Two", "route" });
    EXPECT(&s, "POST", "/a/x.txt", NULL, 405, { "X-Two", "route" });
    EXPECT(&s, "GET", "/a/x.txt", "Range: bytes=0-0\r\n", 206, { "X-Two", "route" });
    EXPECT(&s, "GET", "/a/x.txt", "If-None-Match: *\r\n", 304, { "X-Two", "route" });
    EXPECT(&s, "GET", "/r", NULL, 302, { "X-One", "server" }, { "Location", "/x" });
    EXPECT(&s, "GET", "/%zz", NULL, 400, { "X-One", "server" });
    server_close(&s);
}

/* How many lines of the field have this value. */
static unsigned line_count(const struct response *r, const char *line)
{
    char text[128];
    unsigned count = 0;

    snprintf(text, sizeof(text), "\r\n%s\r\n", line);
    for (const char *p = r->head.p; (p = strstr(p, text)) != NULL; p += 2)
        count++;
    return count;
}

Test(headers, are_added_beside_those_of_the_same_name)
{
    struct response r;
    struct server s;

    server_open(&s);
    server_file(&s, "root/a/x.txt", "x");
    server_start(&s, "headers: {add: {Link: one}}\n"
                     "routes:\n"
                     "  - {path: /a, headers: {add: {Link: [two, three]}}}\n");
    for (int again = 0; again < 2; again++) {
        fetch(&s, &r, "GET", "/a/x.txt", NULL);
        cr_expect_eq(response_field_count(&r, "Link"), 3, "%s", r.head.p);
        cr_expect(line_count(&r, "Link: one") == 1 && line_count(&r, "Link: two") == 1 &&
                  line_count(&r, "Link: three") == 1);
        response_fini(&r);
    }
    server_close(&s);
}

/* Ready heads are the routes' own: files that both sites have are not shared. */
Test(headers, name_what_routes_look_at)
{
    static const struct {
        const char *target, *fields, *line;
        unsigned lines;
    } rows[] = {
        { "http://a/x.txt", NULL, "Vary: X-Beta, X-Any", 1 },
        { "http://b/x.txt", NULL, "Vary: X-Beta, X-Any", 0 },
        { "http://a/m/x.txt", "X-Beta: 1\r\n", "Vary: X-Beta, X-Any", 1 },
        { "http://a/m/x.txt", NULL, "Vary: X-Beta, X-Any", 1 },
        { "http://a/m/none", NULL, "Vary: X-Beta, X-Any", 1 },
        { "http://a/m/x.txt", "If-None-Match: *\r\n", "Vary: X-Beta, X-Any", 1 },
        { "http://a/c/x.txt", NULL, "Vary: Origin", 1 },
        { "http://a/c/x.txt", NULL, "Vary: X-Beta, X-Any", 1 },
        { "http://b/v/x.txt", NULL, "Vary: Cookie", 1 },
    };
    struct response r;
    struct server s;

    server_open(&s);
    server_file(&s, "root/x.txt", "x");
    server_file(&s, "root/c/x.txt", "x");
    server_file(&s, "root/m/x.txt", "x");
    server_file(&s, "root/v/x.txt", "x");
    server_start(&s, "sites:\n"
                     "  - hosts: a\n"
                     "    routes:\n"
                     "      - {path: /m, request_headers: {X-Beta: '1'}}\n"
                     "      - {path: /c, cors: {origins: ['https://app.example']}}\n"
                     "      - {path: /, request_headers: {x-beta: '2', X-Any: '*'}}\n"
                     "  - hosts: b\n"
                     "    routes:\n"
                     "      - {path: /v, headers: {add: {Vary: Cookie}}}\n");
    for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
        size_t row = i % (sizeof(rows) / sizeof(rows[0]));

        fetch(&s, &r, "GET", rows[row].target, rows[row].fields);
        cr_expect_eq(line_count(&r, rows[row].line), rows[row].lines, "%s:\n%s", rows[row].target,
                     r.head.p);
        response_fini(&r);
    }
    server_close(&s);
}

static long seconds_ahead(const struct response *r)
{
    char date[64], expires[64];
    struct tm from = { 0 }, to = { 0 };

    response_field(r, "Date", date, sizeof(date));
    response_field(r, "Expires", expires, sizeof(expires));
    cr_assert_not_null(strptime(date, "%a, %d %b %Y %H:%M:%S GMT", &from), "%s", date);
    cr_assert_not_null(strptime(expires, "%a, %d %b %Y %H:%M:%S GMT", &to), "%s", expires);
    return (long)(timegm(&to) - timegm(&from));
}

Test(headers, say_by_type_how_long_files_may_be_kept)
{
    struct response r;
    struct server s;

    server_open(&s);
    server_file(&s, "root/a.png", "png");
    server_file(&s, "root/a.js", "js");
    server_file(&s, "root/a.zzz", "text");
    server_file(&s, "root/own/a.js", "js");
    server_start(&s, "expires: {text/html: off, image/*: 30d, default: 1h}\n"
                     "types: {ZZZ: application/x-zzz}\n"
                     "routes:\n"
                     "  - {path: /own, cache_control: public, expires: {default: 2m}}\n"
                     "  - {path: /own/none, headers: {set: {Cache-Control: no-store}}}\n");
    server_file(&s, "root/own/none/a.js", "js");
    EXPECT(&s, "GET", "/", NULL, 200, { "Cache-Control", "" }, { "Expires", "" });
    EXPECT(&s, "GET", "/a.png", NULL, 200, { "Cache-Control", "max-age=2592000" });
    EXPECT(&s, "GET", "/a.png", "If-None-Match: *\r\n", 304,
           { "Cache-Control", "max-age=2592000" });
    EXPECT(&s, "GET", "/a.zzz", NULL, 200, { "Cache-Control", "max-age=3600" },
           { "Content-Type", "application/x-zzz" });
    EXPECT(&s, "GET", "/own/a.js", NULL, 200, { "Cache-Control", "public, max-age=120" });
    EXPECT(&s, "GET", "/own/none/a.js", NULL, 200, { "Cache-Control", "no-store" });
    EXPECT(&s, "GET", "/none", NULL, 404, { "Cache-Control", "" }, { "Expires", "" });
    for (int i = 0; i < 3; i++) { /* the ready head's date moves on with the clock */
        fetch(&s, &r, "GET", i == 1 ? "/a.js?x" : "/a.js", i == 1 ? "Range: bytes=0-0\r\n" : NULL);
        cr_expect_eq(seconds_ahead(&r), 3600, "%s", r.head.p);
        response_fini(&r);
        pause_ms(1100);
    }
    server_close(&s);
}

Test(headers, say_one_thing_of_keeping)
{
    static const struct {
        const char *settings, *cache_control;
        bool has_expires;
    } rows[] = {
        { "cache_control: no-transform", "no-transform, max-age=60", true },
        { "cache_control: 'x=\"a, no-store\"'", "x=\"a, no-store\", max-age=60", true },
        { "cache_control: x-no-cache", "x-no-cache, max-age=60", true },
        { "cache_control: s-maxage=9", "s-maxage=9, max-age=60", true },
        { "cache_control: private", "private, max-age=60", false },
        { "cache_control: No-Store", "No-Store", false },
        { "cache_control: 'public , no-cache=\"a\"'", "public , no-cache=\"a\"", false },
        { "cache_control: 'public,MAX-AGE=5'", "public,MAX-AGE=5", false },
        { "headers: {set: {cache-control: public}}", "public", false },
        { "headers: {add: {cache-control: no-store}}", "no-store", false },
        { "headers: {add: {X-A: no-store}}", "max-age=60", true },
        { "headers: {remove: [Cache-Control]}", "", false },
    };
    struct buf config = { 0 };
    struct response r;
    struct server s;
    char path[32];

    server_open(&s);
    buf_add(&config, STR("expires: {default: 1m}\nroutes:\n"));
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(path, sizeof(path), "root/%u/x.txt", i);
        server_file(&s, path, "x");
        buf_printf(&config, "  - {path: /%u, %s}\n", i, rows[i].settings);
    }
    server_start(&s, buf_cstr(&config));
    buf_fini(&config);
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(path, sizeof(path), "/%u/x.txt", i);
        EXPECT(&s, "GET", path, NULL, 200, { "Cache-Control", rows[i].cache_control });
        fetch(&s, &r, "GET", path, NULL);
        cr_expect_eq(response_field_count(&r, "Expires"), rows[i].has_expires, "%s\n%s",
                     rows[i].settings, r.head.p);
        response_fini(&r);
    }
    server_close(&s);
}

Test(headers, tell_pages_of_other_origins_what_they_may)
{
    static const char origin[] = "Origin: https://app.example\r\n";
    static const char preflight[] = "Origin: https://app.example\r\n"
                                    "Access-Control-Request-Method: PUT\r\n";
    struct server s;

    server_open(&s);
    server_file(&s, "root/api/x.json", "{}");
    server_file(&s, "root/open/x.json", "{}");
    server_start(&s, "routes:\n"
                     "  - path: /api\n"
                     "    cors: {origins: ['https://app.example', 'http://localhost:3000'],\n"
                     "           methods: [GET, PUT], headers: [X-Token], expose: [X-Total],\n"
                     "           credentials: on, max_age: 1h}\n"
                     "  - {path: /open, cors: {origins: '*'}}\n");
    EXPECT(&s, "GET", "/api/x.json", origin, 200,
           { "Access-Control-Allow-Origin", "https://app.example" },
           { "Access-Control-Allow-Credentials", "true" }, { "Vary", "Origin" },
           { "Access-Control-Expose-Headers", "X-Total" });
    EXPECT(&s, "GET", "/api/x.json", NULL, 200, { "Access-Control-Allow-Origin", "" },
           { "Vary", "Origin" });
    EXPECT(&s, "GET", "/api/x.json", "Origin: https://app.example.evil\r\n", 200,
           { "Access-Control-Allow-Origin", "" }, { "Vary", "Origin" });
    EXPECT(&s, "GET", "/api/x.json",
           "Origin: https://app.example\r\nOrigin: https://app.example\r\n", 200,
           { "Access-Control-Allow-Origin", "" }, { "Vary", "Origin" });
    EXPECT(&s, "OPTIONS", "/api/x.json",
           "Origin: https://app.example\r\nOrigin: https://evil.example\r\n"
           "Access-Control-Request-Method: PUT\r\n",
           204, { "Access-Control-Allow-Origin", "" }, { "Access-Control-Allow-Methods", "" });
    EXPECT(&s, "GET", "/api/none", origin, 404,
           { "Access-Control-Allow-Origin", "https://app.example" });
    EXPECT(&s, "OPTIONS", "/api/x.json", preflight, 204,
           { "Access-Control-Allow-Origin", "https://app.example" },
           { "Access-Control-Allow-Methods", "GET, PUT" },
           { "Access-Control-Allow-Headers", "X-Token" }, { "Access-Control-Max-Age", "3600" },
           { "Access-Control-Allow-Credentials", "true" }, { "Vary", "Origin" });
    EXPECT(&s, "OPTIONS", "/api/x.json", origin, 204, { "Allow", "GET, HEAD, OPTIONS" },
           { "Access-Control-Allow-Methods", "" });
    EXPECT(&s, "OPTIONS", "/api/x.json",
           "Origin: https://evil.example\r\nAccess-Control-Request-Method: PUT\r\n", 204,
           { "Access-Control-Allow-Origin", "" }, { "Access-Control-Allow-Methods", "" });
    EXPECT(&s, "GET", "/open/x.json", "Origin: https://any.example\r\n", 200,
           { "Access-Control-Allow-Origin", "*" }, { "Access-Control-Allow-Credentials", "" },
           { "Vary", "" });
    EXPECT(&s, "GET", "/", origin, 200, { "Access-Control-Allow-Origin", "" }, { "Vary", "" });
    server_close(&s);
}

/* What is said of the origin is this client's own word, though others come before the answer. */
Test(headers, allow_the_origin_that_asked)
{
#define ORIGIN "http://o.example"
    static const struct {
        const char *why, *bytes, *then;
    } rows[] = {
        { "a body is waited for",
          "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-continue\r\n"
          "Origin: " ORIGIN "\r\n\r\n",
          "x" },
    };
    static const char other[] = "GET / HTTP/1.1\r\nHost: a\r\n"
                                "Cookie: SECRETSECRETSECRETSECRETSECRETSECRETSECRETSECRETSECRET"
                                "SECRETSECRETSECRETSECRETSECRETSECRETSECRETSECRETSECRET\r\n\r\n";
    struct server s;
    struct client c, d;
    struct response r;

    server_open(&s);
    server_start(&s, "workers: 1\ncors: {origins: ['" ORIGIN "']}\n");
    client_open(&d, &s);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        client_open(&c, &s);
        client_send_text(&c, rows[i].bytes);
        cr_assert(client_read(&c, &r, false) && r.status == 100, "%s", rows[i].why);
        response_fini(&r);
        client_send_text(&d, other);
        cr_assert(client_read(&d, &r, false) && r.status == 200);
        response_fini(&r);
        client_send_text(&c, rows[i].then);
        cr_expect(client_read(&c, &r, false), "%s: %s", rows[i].why, r.failure);
        cr_expect(response_field_is(&r, "Access-Control-Allow-Origin", ORIGIN), "%s: %s",
                  rows[i].why, r.head.p);
        response_fini(&r);
        client_close(&c);
    }
    client_close(&d);
    server_close(&s);
#undef ORIGIN
}
