/* Who may ask: networks and methods. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/client.h"

TestSuite(access, .timeout = 40);

/* From one of the loopback's many addresses. */
static void open_from(struct client *c, const struct server *s, const char *from)
{
    struct sockaddr_in sa = { .sin_family = AF_INET };

    *c = (struct client){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .port = s->port };
    cr_assert_geq(c->fd, 0);
    inet_pton(AF_INET, from, &sa.sin_addr);
    cr_assert_eq(bind(c->fd, (struct sockaddr *)&sa, sizeof(sa)), 0, "bind %s: %m", from);
    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sa.sin_port = htons((uint16_t)s->port);
    cr_assert_eq(connect(c->fd, (struct sockaddr *)&sa, sizeof(sa)), 0, "connect: %m");
}

static int status_from(const struct server *s, const char *from, const char *target)
{
    struct client c;
    struct response r;
    int status;

    open_from(&c, s, from);
    client_ask(&c, &r, "GET", target, NULL);
    status = r.status;
    response_fini(&r);
    client_close(&c);
    return status;
}

static const char networks[] =
    "error_pages: {403: /no.html}\n"
    "access: [{deny: 127.0.0.9}, {allow: 127.0.0.0/28}, {deny: 127.0.1.0/24}]\n"
    "routes:\n"
    "  - {path: /closed, access: [{deny: all}]}\n"
    "  - {path: /open, access: off}\n"
    "  - {path: /own, access: [{allow: 127.0.0.9}, {deny: 127.0.0.0/8}]}\n"
    "  - {path: /socket, access: [{allow: unix}, {deny: all}]}\n"
    "  - {path: /six, access: [{allow: '::1'}, {deny: all}]}\n";

Test(access, is_by_the_first_network_that_has_the_client)
{
    static const struct {
        const char *why, *from, *target;
        int status;
    } rows[] = {
        { "allowed network", "127.0.0.1", "/", 200 },
        { "an earlier rule wins over a later one", "127.0.0.9", "/", 403 },
        { "denied network", "127.0.1.3", "/", 403 },
        { "no rule fits", "127.0.2.1", "/", 200 },
        { "a route's rules replace its site's: closed", "127.0.0.1", "/closed/a.txt", 403 },
        { "whether there is a file is not told", "127.0.0.1", "/closed/none", 403 },
        { "off in a route", "127.0.0.9", "/open/a.txt", 200 },
        { "own rules, allowed", "127.0.0.9", "/own/a.txt", 200 },
        { "own rules, denied", "127.0.0.1", "/own/a.txt", 403 },
        { "TCP is no Unix socket", "127.0.0.1", "/socket/a.txt", 403 },
        { "IPv4 is not ::1", "127.0.0.1", "/six/a.txt", 403 },
        { "dots and percent signs do not lead around a rule", "127.0.0.1",
          "/open/../%63losed/a.txt", 403 },
        { "nor do slashes", "127.0.0.1", "//closed//a.txt", 403 },
    };
    struct server s;

    server_open(&s);
    server_file(&s, "root/no.html", "not for you");
    for (const char *const *name =
             (const char *const[]){ "closed", "open", "own", "socket", "six", NULL };
         *name != NULL; name++) {
        char path[64];

        snprintf(path, sizeof(path), "root/%s/a.txt", *name);
        server_file(&s, path, "a");
    }
    server_start(&s, networks);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        cr_expect_eq(status_from(&s, rows[i].from, rows[i].target), rows[i].status, "%s",
                     rows[i].why);
    server_close(&s);
}

Test(access, knows_unix_sockets_and_ipv6_and_answers_with_the_error_page)
{
    struct server s;
    struct client c;
    struct response r;
    char config[1024];
    struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback };

    server_open(&s);
    server_file(&s, "root/no.html", "not for you");
    server_file(&s, "root/socket/a.txt", "a");
    server_file(&s, "root/six/a.txt", "a");
    snprintf(config, sizeof(config), "listen: ['127.0.0.1:0', '[::1]:%u', 'unix:%s']\n%s",
             server_free_port(), server_path(&s, "web.sock"), networks);
    six.sin6_port = htons((uint16_t)strtoul(strstr(config, "[::1]:") + 6, NULL, 10));
    server_start(&s, config);

    cr_assert(client_open_unix(&c, server_path(&s, "web.sock")));
    client_ask(&c, &r, "GET", "/socket/a.txt", NULL);
    cr_expect_eq(r.status, 200);
    response_fini(&r);
    client_ask(&c, &r, "GET", "/six/a.txt", NULL);
    cr_expect_eq(r.status, 403);
    cr_expect(response_body_is(&r, "not for you"));
    response_fini(&r);
    client_close(&c);

    cr_assert(client_open_to(&c, (struct sockaddr *)&six, sizeof(six), 0), "%m");
    client_ask(&c, &r, "GET", "/six/a.txt", NULL);
    cr_expect_eq(r.status, 200);
    response_fini(&r);
    client_ask(&c, &r, "GET", "/socket/a.txt", NULL);
    cr_expect_eq(r.status, 403);
    response_fini(&r);
    client_close(&c);
    server_close(&s);
}

Test(access, is_for_the_methods_that_are_allowed)
{
    static const struct {
        const char *why, *method, *target;
        int status;
        const char *allow;
    } rows[] = {
        { "named", "GET", "/", 200, "" },
        { "GET brings HEAD", "HEAD", "/", 200, "" },
        { "not named: 405 with Allow (RFC 9110, 15.5.6)", "OPTIONS", "/", 405, "GET, HEAD" },
        { "not named", "DELETE", "/", 405, "GET, HEAD" },
        { "no method at all: 501 (RFC 9110, 9.1)", "BREW", "/", 501, "" },
        { "case matters (RFC 9110, 9.1)", "get", "/", 501, "" },
        { "a route's own: OPTIONS alone", "OPTIONS", "/o", 204, "GET, HEAD, OPTIONS" },
        { "a route's own: no GET", "GET", "/o", 405, "OPTIONS, BREW" },
        { "allowed, but the handler does not know it", "BREW", "/o", 501, "" },
        { "off in a route", "OPTIONS", "/all", 204, "GET, HEAD, OPTIONS" },
    };
    struct server s;

    server_open(&s);
    server_start(&s, "allowed_methods: [GET]\n"
                     "routes:\n"
                     "  - {path: /o, allowed_methods: [OPTIONS, BREW]}\n"
                     "  - {path: /all, allowed_methods: off}\n");
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct response r;
        char allow[64];

        fetch(&s, &r, rows[i].method, rows[i].target, NULL);
        response_field(&r, "Allow", allow, sizeof(allow));
        cr_expect_eq(r.status, rows[i].status, "%s: %d", rows[i].why, r.status);
        cr_expect_str_eq(allow, rows[i].allow, "%s", rows[i].why);
        response_fini(&r);
    }
    server_close(&s);
}

static int status_by(const struct server *s, const char *target, const char *fields)
{
    struct response r;
    int status;

    fetch(s, &r, "GET", target, fields);
    status = r.status;
    response_fini(&r);
    return status;
}

Test(access, and_the_log_go_by_the_client_behind_trusted_proxies)
{
    struct server s;
    struct client c;
    struct response r;

    server_open(&s);
    server_start(&s, "workers: 1\n" /* two of them write in any order */
                     "trusted_proxies: [127.0.0.0/24, 10.0.0.0/8]\n"
                     "access: [{deny: 192.0.2.0/24}, {deny: '2001:db8::/32'}]\n"
                     "access_log: access.log\naccess_log_buffer: 0\n");
    cr_expect_eq(status_by(&s, "/", NULL), 200);
    cr_expect_eq(status_by(&s, "/", "X-Forwarded-For: 192.0.2.7\r\n"), 403);
    cr_expect_eq(status_by(&s, "/", "X-Forwarded-For: 192.0.2.7, 198.51.100.1\r\n"), 200);
    cr_expect_eq(status_by(&s, "/", "X-Forwarded-For: 192.0.2.7, 10.1.2.3\r\n"), 403);
    cr_expect_eq(status_by(&s, "/", "X-Forwarded-For: [2001:db8::7]:99\r\n"), 403);
    cr_expect_eq(status_by(&s, "/", "X-Forwarded-For: unknown\r\n"), 200);
    cr_expect_eq(status_by(&s, "/", "Forwarded: for=192.0.2.7\r\n"), 200, "not the chosen field");
    cr_expect(file_wait(server_path(&s, "access.log"), 0, "\n192.0.2.7 - - [", DEADLINE_MS));
    cr_expect(file_wait(server_path(&s, "access.log"), 0, "\n198.51.100.1 - - [", DEADLINE_MS));
    cr_expect(file_wait(server_path(&s, "access.log"), 0, "\n2001:db8::7 - - [", DEADLINE_MS));

    /* Of one request only: the next one on the connection is judged anew. */
    client_open(&c, &s);
    client_ask(&c, &r, "GET", "/", "X-Forwarded-For: 192.0.2.7\r\n");
    cr_expect_eq(r.status, 403);
    response_fini(&r);
    client_ask(&c, &r, "GET", "/", NULL);
    cr_expect_eq(r.status, 200);
    response_fini(&r);
    client_close(&c);

    /* From a peer that is not trusted the field is just a field. */
    open_from(&c, &s, "127.0.1.1");
    client_ask(&c, &r, "GET", "/", "X-Forwarded-For: 192.0.2.7\r\n");
    cr_expect_eq(r.status, 200);
    response_fini(&r);
    client_close(&c);

    server_reload(&s, "trusted_proxies: 127.0.0.1\nreal_ip_header: Forwarded\n"
                      "access: [{deny: 192.0.2.0/24}, {deny: '2001:db8::/32'}]\n");
    cr_expect_eq(status_by(&s, "/", "Forwarded: for=\"[2001:db8::7]:99\";proto=http\r\n"), 403);
    cr_expect_eq(status_by(&s, "/", "Forwarded: for=\"evil\r\nForwarded: for=192.0.2.1\r\n"), 403);
    cr_expect_eq(status_by(&s, "/", "X-Forwarded-For: 192.0.2.7\r\n"), 200);
    server_close(&s);
}

Test(access, is_checked_before_a_preflight_is_answered)
{
    static const char preflight[] = "OPTIONS %s HTTP/1.1\r\nHost: a\r\nOrigin: http://o.example\r\n"
                                    "Access-Control-Request-Method: GET\r\n\r\n";
    static const struct {
        const char *target;
        int status;
    } rows[] = { { "/open", 204 }, { "/closed", 403 }, { "/few", 204 }, { "/few", 429 } };
    struct server s;

    server_open(&s);
    server_start(&s, "workers: 1\ncors: {origins: '*'}\nroutes:\n"
                     "  - {path: /closed, access: [{deny: all}]}\n"
                     "  - {path: /few, limit_req: {rate: 1/m, burst: 0}}\n");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct client c;
        struct response r;
        char text[256];

        snprintf(text, sizeof(text), preflight, rows[i].target);
        client_open(&c, &s);
        client_send_text(&c, text);
        cr_expect(client_read(&c, &r, false), "%s", r.failure);
        cr_expect_eq(r.status, rows[i].status, "%s: %d", rows[i].target, r.status);
        response_fini(&r);
        client_close(&c);
    }
    server_close(&s);
}
