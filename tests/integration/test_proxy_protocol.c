/* Connections that a load balancer brings, with its word on whose they are. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/client.h"

TestSuite(proxy_protocol, .timeout = 40);

#define PROXIED "listen: {address: '127.0.0.1:0', proxy_protocol: on}\n"
#define GET     "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define V1      "PROXY TCP4 192.0.2.7 198.51.100.1 4660 80\r\n"

static const char v2[] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0f\xc0\0\2\7\xc6\x33\x64\1\x12\x34\0\x50"
                         "\4\0\0" GET;
static const char v2_local[] = "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0" GET;

static int status_of(const struct server *s, const char *bytes, size_t n, size_t piece_max)
{
    struct client c;
    struct response r;
    int status;

    client_open(&c, s);
    client_send_cut(&c, bytes, n, piece_max, 1, piece_max < n ? 500 : 0);
    client_read(&c, &r, false);
    status = r.status;
    response_fini(&r);
    client_close(&c);
    return status;
}

Test(proxy_protocol, tells_the_client_for_the_whole_connection)
{
    struct server s;
    struct client c;

    server_open(&s);
    server_start(&s, PROXIED "trusted_proxies: 127.0.0.1\n"
                             "access: [{deny: 192.0.2.0/24}]\n"
                             "access_log: access.log\naccess_log_buffer: 0\n");
    client_open(&c, &s);
    client_send_text(&c, V1 GET GET);
    for (int i = 0; i < 3; i++) {
        struct response r;

        if (i == 2) /* what a client writes counts for nothing: it is no proxy of ours */
            client_send_text(&c, "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.1.1.1\r\n\r\n");
        cr_expect(client_read(&c, &r, false), "%d: %s", i, r.failure);
        cr_expect_eq(r.status, 403);
        response_fini(&r);
    }
    client_close(&c);
    cr_expect(file_wait(server_path(&s, "access.log"), 0, "192.0.2.7 - - [", DEADLINE_MS));

    cr_expect_eq(status_of(&s, V1 GET, strlen(V1 GET), 3), 403, "byte by byte");
    cr_expect_eq(status_of(&s, v2, sizeof(v2) - 1, sizeof(v2)), 403, "version 2");
    cr_expect_eq(status_of(&s, v2, sizeof(v2) - 1, 2), 403, "version 2, byte by byte");
    cr_expect_eq(status_of(&s, v2_local, sizeof(v2_local) - 1, 100), 200, "a health check");
    cr_expect_eq(status_of(&s, "PROXY UNKNOWN\r\n" GET, 15 + strlen(GET), 1000), 200);
    server_close(&s);
}

Test(proxy_protocol, is_asked_of_trusted_proxies_and_of_nobody_else)
{
    static const struct {
        const char *why, *text;
    } rows[] = {
        { "a request without a header", GET },
        { "a header that is none", "PROXY TCP9 1 2 3 4\r\n" GET },
        { "a second header is no request", V1 V1 GET },
    };
    struct server s;
    struct client c;

    server_open(&s);
    server_start(&s, PROXIED "trusted_proxies: 127.0.0.1\n");
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        client_open(&c, &s);
        client_send_text(&c, rows[i].text);
        client_read_to_end(&c, DEADLINE_MS);
        cr_expect(c.end == CLIENT_FIN || c.end == CLIENT_RST, "%s", rows[i].why);
        cr_expect(i == 2 ? strstr(buf_cstr(&c.in), " 400 ") != NULL : c.in.n == 0, "%s: %s",
                  rows[i].why, buf_cstr(&c.in));
        client_close(&c);
    }

    server_reload(&s, PROXIED "trusted_proxies: 10.0.0.0/8\n");
    client_open(&c, &s);
    client_send_text(&c, V1 GET);
    client_read_to_end(&c, DEADLINE_MS);
    cr_expect(c.end == CLIENT_FIN || c.end == CLIENT_RST, "not a trusted proxy");
    cr_expect_eq(c.in.n, 0);
    client_close(&c);

    /* Without the switch the same listener speaks plain HTTP. */
    server_reload(&s, "listen: 127.0.0.1:0\n");
    cr_expect_eq(fetch_status(&s, "/"), 200);
    cr_expect_eq(status_of(&s, V1 GET, strlen(V1 GET), 1000), 400);
    server_close(&s);
}

Test(proxy_protocol, is_waited_for_no_longer_than_a_head)
{
    struct server s;
    struct client c;
    uint64_t began;

    server_open(&s);
    server_start(&s, PROXIED "trusted_proxies: 127.0.0.1\nclient_header_timeout: 300ms\n"
                             "defer_accept: off\n");
    client_open(&c, &s);
    began = now_ms();
    client_send_cut(&c, "PROXY TCP4 192.0.2.7", 20, 1, 1, 20000);
    client_read_to_end(&c, DEADLINE_MS);
    cr_expect(c.end == CLIENT_FIN || c.end == CLIENT_RST);
    cr_expect_eq(c.in.n, 0);
    cr_expect_lt(now_ms() - began, 3000 * SLOWNESS);
    client_close(&c);
    server_close(&s);
}
