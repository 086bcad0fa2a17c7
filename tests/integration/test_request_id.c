/* Request ids: made, taken, told with every answer, and in the error log. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/integration/client.h"

TestSuite(request_id, .timeout = 40);

#define SENT "X-Request-ID: from.before~1\r\n"

/* The answer's id; "" for none. */
static const char *id_of(const struct response *r)
{
    static char value[256];

    response_field(r, "X-Request-ID", value, sizeof(value));
    return value;
}

static void expect_made(const struct response *r, const char *why)
{
    const char *id = id_of(r);

    cr_expect_eq(strlen(id), 32, "%s: \"%s\"", why, id);
    cr_expect_eq(strspn(id, "0123456789abcdef"), strlen(id), "%s: \"%s\"", why, id);
    cr_expect_eq(response_field_count(r, "X-Request-ID"), 1, "%s", why);
}

static const char routes[] =
    "workers: 1\nrequest_id: on\nerror_pages: {404: /index.html}\nroutes:\n"
    "  - {path: /off, request_id: off, redirect: /x}\n"
    "  - {path: /any, request_id: any, respond: {body: fine}}\n"
    "  - {path: /trusted, request_id: trusted, respond: {body: fine}}\n"
    "  - {path: /to, redirect: /}\n"
    "  - {path: /removed, respond: 204, headers: {remove: [X-Request-ID]}}\n"
    "  - {path: /set, respond: 204, headers: {set: {X-Request-ID: fixed}}}\n";

static const struct {
    const char *why, *method, *target, *fields;
    int status;
} rows[] = {
    { "a file", "GET", "/", NULL, 200 },
    { "HEAD", "HEAD", "/", NULL, 200 },
    { "304", "GET", "/", "If-None-Match: *\r\n", 304 },
    { "206", "GET", "/", "Range: bytes=0-1\r\n", 206 },
    { "a redirect", "GET", "/to", NULL, 302 },
    { "404 with a page", "GET", "/none", NULL, 404 },
    { "405", "POST", "/", NULL, 405 },
    { "400 of a path", "GET", "/%zz", NULL, 400 },
    { "what is sent is not taken", "GET", "/", SENT, 200 },
    { "nor from who is not trusted", "GET", "/trusted", SENT, 200 },
    { "too long", "GET", "/any",
      "X-Request-ID: 0123456789012345678901234567890123456789012345678901234567890123456789"
      "0123456789012345678901234567890123456789012345678901234567890\r\n",
      200 },
    { "a byte that is not good", "GET", "/any", "X-Request-ID: a b\r\n", 200 },
    { "two of them", "GET", "/any", SENT SENT, 200 },
    { "empty", "GET", "/any", "X-Request-ID:\r\n", 200 },
};

Test(request_id, comes_with_every_answer_and_never_again)
{
    char last[256] = "";
    struct response r;
    struct client c;
    struct server s;

    server_open(&s);
    server_start(&s, routes);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        cr_expect(fetch(&s, &r, rows[i].method, rows[i].target, rows[i].fields), "%s: %s",
                  rows[i].why, r.failure);
        cr_expect_eq(r.status, rows[i].status, "%s: %d", rows[i].why, r.status);
        expect_made(&r, rows[i].why);
        response_fini(&r);
    }
    /* The same bytes, which are recalled without ids. */
    client_open(&c, &s);
    for (int i = 0; i < 5; i++) {
        cr_assert(client_ask(&c, &r, "GET", "/", NULL));
        expect_made(&r, "again");
        cr_expect_str_neq(id_of(&r), last);
        snprintf(last, sizeof(last), "%s", id_of(&r));
        response_fini(&r);
    }
    client_send_text(&c, "GET / HTTP/1.1\r\nno colon\r\n\r\n");
    cr_expect(client_read(&c, &r, false), "%s", r.failure);
    cr_expect_eq(r.status, 400);
    expect_made(&r, "a request that cannot be parsed");
    response_fini(&r);
    client_close(&c);
    server_close(&s);
}

static void expect_id(const struct server *s, const char *target, const char *id)
{
    struct response r;

    cr_expect(fetch(s, &r, "GET", target, SENT), "%s", r.failure);
    cr_expect_str_eq(id_of(&r), id, "%s", target);
    response_fini(&r);
}

Test(request_id, follows_the_route)
{
    struct server s;
    char config[1024];

    server_open(&s);
    server_start(&s, routes);
    expect_id(&s, "/any", "from.before~1");
    expect_id(&s, "/off", "");
    expect_id(&s, "/removed", "");
    expect_id(&s, "/set", "fixed");
    snprintf(config, sizeof(config), "trusted_proxies: [127.0.0.0/8]\n%s", routes);
    server_reload(&s, config);
    expect_id(&s, "/trusted", "from.before~1");
    server_reload(&s, "");
    expect_id(&s, "/", "");
    server_close(&s);
}

Test(request_id, stands_in_the_error_log)
{
    char text[300];
    struct response r;
    struct client c;
    struct server s;

    server_open(&s);
    server_start(&s, "workers: 1\nlog_level: info\nrequest_id: on\n");
    client_open(&c, &s);
    client_send_text(&c, "nonsense\r\n\r\n");
    cr_assert(client_read(&c, &r, false));
    snprintf(text, sizeof(text), ", id: %s\n", id_of(&r));
    cr_expect(server_wait_log(&s, 0, text, DEADLINE_MS), "%s", text);
    response_fini(&r);
    client_close(&c);
    server_close(&s);
}
