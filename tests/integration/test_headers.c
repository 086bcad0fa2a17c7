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
