/*
 * Answers that are given again (recall.h), and who gets them: whoever asks with the same bytes by
 * the same address under the same config, wherever these bytes begin and end in the stream.
 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <crypt.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/client.h"

TestSuite(recall_clients, .timeout = 40);

enum { LONG_AGO = 1500000000, OFTEN = 5 };

#define ONE       "workers: 1\n"
#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

static void old_file(const struct server *s, const char *name, const char *text)
{
    server_file(s, name, text);
    server_set_mtime(s, name, LONG_AGO);
}

/* The status, 0: none; the body is this unless NULL. */
static int ask(struct client *c, const char *bytes, const char *body)
{
    struct response r;
    int status;

    client_send_text(c, bytes);
    status = client_read(c, &r, strncmp(bytes, "HEAD", 4) == 0) ? r.status : 0;
    if (body != NULL)
        cr_expect(response_body_is(&r, body), "%s, not %s, for %s", r.body.p, body, bytes);
    response_fini(&r);
    return status;
}

static void expect_often(struct client *c, const char *bytes, int status, const char *body)
{
    for (int i = 0; i < OFTEN; i++)
        cr_assert_eq(ask(c, bytes, body), status, "%d. time: %s", i, bytes);
}

static void open_from(struct client *c, const struct server *s, const char *from)
{
    struct sockaddr_in sa = { .sin_family = AF_INET };

    *c = (struct client){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
    inet_pton(AF_INET, from, &sa.sin_addr);
    cr_assert_eq(bind(c->fd, (struct sockaddr *)&sa, sizeof(sa)), 0, "bind %s: %m", from);
    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sa.sin_port = htons((uint16_t)s->port);
    cr_assert_eq(connect(c->fd, (struct sockaddr *)&sa, sizeof(sa)), 0, "connect: %m");
}

/* As many times as it takes to be recalled, each on a connection of its own. */
static void expect_from(const struct server *s, const char *from, const char *bytes, int status)
{
    struct client c;

    for (int i = 0; i < OFTEN; i++) {
        open_from(&c, s, from);
        cr_expect_eq(ask(&c, bytes, NULL), status, "%s: %s", from, bytes);
        client_close(&c);
    }
}

static size_t lines_of(const struct server *s, const char *text)
{
    struct buf b = file_read(server_path(s, "access.log"));
    size_t count = 0;

    for (const char *at = buf_cstr(&b); (at = strstr(at, text)) != NULL; at++)
        count++;
    buf_fini(&b);
    return count;
}

/* A thread of the server writes them. */
static void expect_lines(const struct server *s, const char *text, size_t count)
{
    uint64_t end = now_ms() + DEADLINE_MS;

    while (lines_of(s, text) < count && now_ms() < end)
        pause_ms(2);
    cr_expect_eq(lines_of(s, text), count, "%s", text);
}

#define LOG "access_log: access.log\naccess_log_buffer: 0\n"

/* ---- who asks ---- */

Test(recall_clients, are_told_apart_by_rules)
{
    struct server s;

    server_open(&s);
    old_file(&s, "root/in/a.txt", "in");
    server_start(&s, ONE "routes:\n  - {path: /in, access: [{deny: 127.0.1.0/24}]}\n");
    for (int i = 0; i < 2; i++) {
        expect_from(&s, "127.0.0.1", GET("/in/a.txt"), 200);
        expect_from(&s, "127.0.1.1", GET("/in/a.txt"), 403);
        expect_from(&s, "127.0.1.1", GET("/"), 200);
        expect_from(&s, "127.0.0.1", GET("/"), 200);
    }
    server_close(&s);
}

Test(recall_clients, are_told_apart_by_proxies)
{
#define FOR "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.7\r\n\r\n"
    struct server s;

    server_open(&s);
    server_start(&s, ONE LOG "trusted_proxies: 127.0.0.1\n");
    for (int i = 0; i < 2; i++) {
        expect_from(&s, "127.0.0.1", FOR, 200);
        expect_from(&s, "127.0.1.1", FOR, 200);
    }
    server_reload(&s, ONE LOG); /* now it is just a field */
    expect_from(&s, "127.0.0.1", FOR, 200);
    server_reload(&s, ONE LOG "trusted_proxies: 127.0.0.1\naccess: [{deny: 192.0.2.7}]\n");
    expect_from(&s, "127.0.0.1", FOR, 403);
    expect_from(&s, "127.0.1.1", FOR, 200);
    expect_lines(&s, "192.0.2.7 - - [", 3 * OFTEN);
    expect_lines(&s, "127.0.1.1 - - [", 3 * OFTEN);
    expect_lines(&s, "127.0.0.1 - - [", OFTEN);
    server_close(&s);
#undef FOR
}

Test(recall_clients, are_told_apart_by_a_balancers_word)
{
    struct server s;
    struct client c;
    char bytes[256];

    server_open(&s);
    server_start(&s, "listen: {address: '127.0.0.1:0', proxy_protocol: on}\n" ONE LOG
                     "trusted_proxies: 127.0.0.1\n");
    for (int i = 0; i < 2 * OFTEN; i++) {
        client_open(&c, &s);
        snprintf(bytes, sizeof(bytes), "PROXY TCP4 192.0.2.%d 198.51.100.1 4660 80\r\n", 8 + i % 2);
        client_send_text(&c, bytes);
        for (int j = 0; j < 2; j++)
            cr_expect_eq(ask(&c, GET("/"), "hello\n"), 200);
        client_close(&c);
    }
    expect_lines(&s, "192.0.2.8 - - [", 2 * OFTEN);
    expect_lines(&s, "192.0.2.9 - - [", 2 * OFTEN);
    server_close(&s);
}

Test(recall_clients, are_logged_each_under_its_address)
{
    struct server s;

    server_open(&s);
    server_start(&s, ONE LOG);
    for (int i = 0; i < 3; i++) {
        expect_from(&s, "127.0.0.1", GET("/"), 200);
        expect_from(&s, "127.0.1.1", GET("/"), 200);
    }
    expect_lines(&s, "127.0.0.1 - - [", 3 * OFTEN);
    expect_lines(&s, "127.0.1.1 - - [", 3 * OFTEN);
    expect_lines(&s, "] \"GET / HTTP/1.1\" 200 6 \"-\" \"-\"\n", 6 * OFTEN);
    server_close(&s);
}

Test(recall_clients, need_their_password_each_time)
{
#define AS(user) "GET /in/ HTTP/1.1\r\nHost: a\r\n" user "\r\n"
#define RIGHT    "Authorization: Basic YW5uYTph\r\n" /* anna:a */
#define WRONG    "Authorization: Basic YW5uYTpi\r\n" /* anna:b */
    static const char config[] = ONE "auth_basic_user_file: users\n"
                                     "routes:\n  - {path: /in, auth_basic: in}\n";
    static struct crypt_data data;
    char setting[CRYPT_GENSALT_OUTPUT_SIZE], users[512];
    struct server s;
    struct client c;

    server_open(&s);
    old_file(&s, "root/in/index.html", "in");
    cr_assert_not_null(crypt_gensalt_rn("$5$", 1000, NULL, 0, setting, sizeof(setting)));
    snprintf(users, sizeof(users), "anna:%s\n", crypt_r("a", setting, &data));
    server_file(&s, "users", users);
    server_start(&s, config);
    client_open(&c, &s);
    expect_often(&c, AS(""), 401, NULL);
    expect_often(&c, AS(RIGHT), 200, "in");
    expect_often(&c, AS(WRONG), 401, NULL);
    expect_often(&c, AS(""), 401, NULL);
    memcpy(users, "bert", 4);
    server_file(&s, "users", users);
    server_reload(&s, config);
    expect_often(&c, AS(RIGHT), 401, NULL);
    client_close(&c);
    server_close(&s);
#undef AS
#undef RIGHT
#undef WRONG
}

Test(recall_clients, are_counted_by_limits_each_time)
{
    struct server s;
    struct client c;
    int admitted = 0;

    server_open(&s);
    old_file(&s, "root/in/a.txt", "in");
    server_start(&s, ONE "routes:\n  - {path: /in, limit_req: {rate: 1/m, burst: 9}}\n");
    client_open(&c, &s);
    for (int i = 0; i < 30; i++)
        admitted += ask(&c, GET("/in/a.txt"), NULL) == 200;
    cr_expect_eq(admitted, 10);
    expect_often(&c, GET("/"), 200, "hello\n");
    expect_often(&c, GET("/in/a.txt"), 429, NULL);
    client_close(&c);
    server_close(&s);
}

/* ---- where it is asked ---- */

Test(recall_clients, get_the_site_that_they_name)
{
#define BY(host) "GET /a.txt HTTP/1.1\r\nHost: " host "\r\n\r\n"
    struct server s;
    struct client c;

    server_open(&s);
    old_file(&s, "one/a.txt", "one");
    old_file(&s, "two/a.txt", "two");
    old_file(&s, "root/a.txt", "none");
    server_start(&s, ONE "sites:\n  - {hosts: one, root: one}\n  - {hosts: two, root: two}\n");
    client_open(&c, &s);
    for (int i = 0; i < 2; i++) {
        expect_often(&c, BY("one"), 200, "one");
        expect_often(&c, BY("two"), 200, "two");
        expect_often(&c, BY("Two"), 200, "two");
        expect_often(&c, BY("two:80"), 200, "two");
        expect_often(&c, "GET http://one/a.txt HTTP/1.1\r\nHost: two\r\n\r\n", 200, "one");
    }
    client_close(&c);
    server_close(&s);
#undef BY
}

Test(recall_clients, get_the_site_of_the_address_that_they_ask)
{
    struct server s;
    struct client c[3];
    unsigned port = server_free_port();
    char config[512];

    server_open(&s);
    old_file(&s, "one/a.txt", "one");
    old_file(&s, "two/a.txt", "two");
    old_file(&s, "three/a.txt", "three");
    snprintf(config, sizeof(config),
             ONE "listen: ['127.0.0.1:0', '127.0.0.1:%u', 'unix:%s']\n"
                 "sites:\n"
                 "  - {hosts: a, root: one, listen: '127.0.0.1:0'}\n"
                 "  - {hosts: a, root: two, listen: '127.0.0.1:%u'}\n"
                 "  - {hosts: a, root: three, listen: 'unix:%s'}\n",
             port, server_path(&s, "socket"), port, server_path(&s, "socket"));
    server_start(&s, config);
    client_open(&c[0], &s);
    cr_assert(client_open_port(&c[1], port));
    cr_assert(client_open_unix(&c[2], server_path(&s, "socket")));
    for (int i = 0; i < 3; i++) {
        expect_often(&c[0], GET("/a.txt"), 200, "one");
        expect_often(&c[1], GET("/a.txt"), 200, "two");
        expect_often(&c[2], GET("/a.txt"), 200, "three");
    }
    for (int i = 0; i < 3; i++)
        client_close(&c[i]);
    server_close(&s);
}

/* What no file decides is made anew each time, and comes out the same. */
Test(recall_clients, get_what_the_config_says)
{
    struct server s;
    struct client c;
    struct response r;
    char first[4096] = "";

    server_open(&s);
    old_file(&s, "root/list/x", "");
    server_start(&s, ONE "routes:\n"
                         "  - {path: /said, respond: {status: 203, body: 'said so'}}\n"
                         "  - {path: /moved, redirect: {to: 'http://$host/x', status: 307}}\n"
                         "  - {path: /list, listing: on}\n"
                         "  - {path: /status, status_page: on}\n");
    client_open(&c, &s);
    expect_often(&c, GET("/said"), 203, "said so");
    expect_often(&c, GET("/list/"), 200, NULL);
    expect_often(&c, "OPTIONS / HTTP/1.1\r\nHost: a\r\n\r\n", 204, "");
    expect_often(&c, "DELETE / HTTP/1.1\r\nHost: a\r\n\r\n", 405, NULL);
    for (int i = 0; i < OFTEN; i++) {
        client_send_text(&c, i % 2 ? GET("/moved") : "GET /moved HTTP/1.1\r\nHost: b\r\n\r\n");
        cr_assert(client_read(&c, &r, false));
        cr_expect_eq(r.status, 307);
        cr_expect(response_field_is(&r, "Location", i % 2 ? "http://a/x" : "http://b/x"));
        response_fini(&r);
        client_send_text(&c, GET("/status"));
        cr_assert(client_read(&c, &r, false));
        cr_expect_str_neq(r.body.p, first, "it counts");
        snprintf(first, sizeof(first), "%s", r.body.p);
        response_fini(&r);
    }
    client_close(&c);
    server_close(&s);
}

Test(recall_clients, get_parts_with_a_boundary_of_their_own)
{
    struct server s;
    struct client c;
    struct response r;
    char first[256] = "", type[256];

    server_open(&s);
    old_file(&s, "root/a.txt", "abcdef");
    server_start(&s, ONE);
    client_open(&c, &s);
    for (int i = 0; i < OFTEN; i++) {
        client_send_text(&c, "GET /a.txt HTTP/1.1\r\nHost: a\r\nRange: bytes=0-0,5-5\r\n\r\n");
        cr_assert(client_read(&c, &r, false));
        cr_assert_eq(r.status, 206);
        response_field(&r, "Content-Type", type, sizeof(type));
        cr_expect_str_neq(type, first);
        strcpy(first, type);
        cr_expect_not_null(strstr(r.body.p, strstr(type, "=") + 1), "%s in %s", type, r.body.p);
        response_fini(&r);
    }
    client_close(&c);
    server_close(&s);
}

/* ---- how long a connection stays, and what a reload changes ---- */

Test(recall_clients, are_told_when_the_connection_ends)
{
    static const char *const closing[] = { "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
                                           "GET / HTTP/1.0\r\n\r\n", "GET /none HTTP/1.0\r\n\r\n" };
    struct server s;
    struct client c;
    struct response r;

    server_open(&s);
    server_start(&s, ONE "keepalive_requests: 6\n");
    for (int i = 0; i < 3 * OFTEN; i++) {
        client_open(&c, &s);
        client_send_text(&c, closing[i % 3]);
        cr_assert(client_read(&c, &r, false));
        cr_expect(response_field_is(&r, "Connection", "close"));
        cr_expect_eq(client_read_to_end(&c, DEADLINE_MS), CLIENT_FIN);
        response_fini(&r);
        client_close(&c);
    }
    for (int i = 0; i < 3; i++) {
        client_open(&c, &s);
        for (int j = 1; j <= 6; j++) {
            client_send_text(&c, GET("/"));
            cr_assert(client_read(&c, &r, false), "%d: %s", j, r.failure);
            cr_expect_eq(response_field_is(&r, "Connection", "close"), j == 6, "%d", j);
            response_fini(&r);
        }
        cr_expect_eq(client_read_to_end(&c, DEADLINE_MS), CLIENT_FIN);
        client_close(&c);
    }
    server_close(&s);
}

Test(recall_clients, see_a_reload_at_once)
{
    static const char allowed[] = ONE "root: two\nheaders: {set: {X-Two: '2'}}\n";
    struct server s;
    struct client c;
    struct response r;

    server_open(&s);
    old_file(&s, "root/a.txt", "one");
    old_file(&s, "two/a.txt", "two");
    server_start(&s, ONE);
    client_open(&c, &s);
    for (int i = 0; i < 2; i++) {
        expect_often(&c, GET("/a.txt"), 200, "one");
        server_reload(&s, allowed);
        for (int j = 0; j < OFTEN; j++) {
            client_send_text(&c, GET("/a.txt"));
            cr_assert(client_read(&c, &r, false));
            cr_expect(response_body_is(&r, "two") && response_field_is(&r, "X-Two", "2"), "%s",
                      r.head.p);
            response_fini(&r);
        }
        server_reload(&s, ONE "access: [{deny: all}]\n");
        expect_often(&c, GET("/a.txt"), 403, NULL);
        server_reload(&s, ONE "limit_req: {rate: 1/m, burst: 0}\n");
        ask(&c, GET("/a.txt"), NULL);
        expect_often(&c, GET("/a.txt"), 429, NULL);
        server_reload(&s, ONE "recall_memory: 0\n");
        expect_often(&c, GET("/a.txt"), 200, "one");
        server_reload(&s, ONE);
        expect_often(&c, GET("/a.txt"), 200, "one");
    }
    server_reload(&s, ONE "request_line_max: 64\n");
    expect_often(&c, GET("/a.txt"), 200, "one");
    server_reload(&s, ONE "keepalive_requests: 1\n");
    client_send_text(&c, GET("/a.txt"));
    cr_assert(client_read(&c, &r, false));
    cr_expect(response_field_is(&r, "Connection", "close"));
    response_fini(&r);
    cr_expect_eq(client_read_to_end(&c, DEADLINE_MS), CLIENT_FIN);
    client_close(&c);
    server_close(&s);
}

/* ---- where the bytes begin and end ---- */

enum { KINDS = 24, PIPE_MAX = 64 };

/* Pairs of the same length, others as long as two together, and some without end. */
static size_t make_request(char *p, size_t size, unsigned kind)
{
    int pad = kind < 12 ? (int)(kind / 2) : 1 + (int)kind * 11;

    return (size_t)snprintf(p, size, "GET /f%02u HTTP/1.1\r\nHost: a\r\nX: %0*u\r\n\r\n", kind,
                            pad + 1, kind % 2);
}

static void make_files(const struct server *s)
{
    char name[32], text[32];

    for (unsigned i = 0; i < KINDS; i++) {
        snprintf(name, sizeof(name), "root/f%02u", i);
        snprintf(text, sizeof(text), "file %u", i);
        if (i % 5 != 0)
            old_file(s, name, text);
    }
    server_blob(s, "root/f07", 9000, 7);
    server_set_mtime(s, "root/f07", LONG_AGO);
}

static void expect_kind(struct client *c, unsigned kind)
{
    struct response r;
    char text[32];

    snprintf(text, sizeof(text), "file %u", kind);
    cr_assert(client_read(c, &r, false), "%u: %s", kind, r.failure);
    cr_assert_eq(r.status, kind % 5 == 0 ? 404 : 200, "%u: %d", kind, r.status);
    if (kind == 7)
        cr_assert(response_body_is_pattern(&r, 0, 9000, 7));
    else if (kind % 5 != 0)
        cr_assert(response_body_is(&r, text), "%u: %s", kind, r.body.p);
    response_fini(&r);
}

/* Now and then one that is not known, with a body that looks like one that is. */
static void ask_pipeline(struct client *c, unsigned *seed, unsigned count, unsigned kinds)
{
    unsigned asked[PIPE_MAX];
    char bytes[512];
    struct buf b = { 0 };

    for (unsigned i = 0; i < count; i++) {
        asked[i] = (unsigned)rand_r(seed) % kinds;
        make_request(bytes, sizeof(bytes), asked[i]);
        if (rand_r(seed) % 50 == 0) {
            buf_printf(&b, "GET /f01 HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n",
                       strlen(bytes));
            asked[i] = 1;
        }
        buf_printf(&b, "%s", bytes);
    }
    client_send_cut(c, b.p, b.n, rand_r(seed) % 2 ? b.n : 700, *seed, 0);
    for (unsigned i = 0; i < count; i++)
        expect_kind(c, asked[i]);
    cr_expect(client_is_quiet(c));
    buf_fini(&b);
}

Test(recall_clients, get_the_answers_of_a_pipeline_in_order)
{
    struct server s;
    struct client c;
    unsigned seed = 7;

    server_open(&s);
    make_files(&s);
    server_start(&s, ONE);
    client_open(&c, &s);
    for (unsigned kinds = 2; kinds <= KINDS; kinds++)
        for (unsigned i = 0; i < 6; i++)
            ask_pipeline(&c, &seed, 1 + 20 * (i % 4), kinds);
    client_close(&c);
    server_close(&s);
}

Test(recall_clients, may_send_a_request_in_two_pieces)
{
    struct server s;
    struct client c;
    char bytes[512], other[512];
    size_t n, other_n;

    server_open(&s);
    make_files(&s);
    server_start(&s, ONE);
    client_open(&c, &s);
    n = make_request(bytes, sizeof(bytes), 1);
    other_n = make_request(other, sizeof(other), 2);
    expect_often(&c, bytes, 200, "file 1");
    expect_often(&c, other, 200, "file 2");
    for (size_t at = 1; at < n; at++) {
        client_send(&c, bytes, at);
        usleep(200);
        client_send(&c, bytes + at, n - at);
        expect_kind(&c, 1);
    }
    /* Behind a whole one, of the same and of another kind. */
    for (size_t at = 1; at < other_n; at++) {
        memcpy(bytes + n, other, at);
        client_send(&c, bytes, n + at);
        expect_kind(&c, 1);
        client_send(&c, other + at, other_n - at);
        expect_kind(&c, 2);
    }
    cr_expect(client_is_quiet(&c));
    client_half_close(&c);
    cr_expect_eq(client_read_to_end(&c, DEADLINE_MS), CLIENT_FIN);
    client_close(&c);
    server_close(&s);
}

Test(recall_clients, may_send_bodies)
{
    static const char with_body[] = "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 27\r\n\r\n";
    static const char chunked[] = "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    static const char posted[] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 27\r\n\r\n";
    struct server s;
    struct client c;
    char bytes[512];

    server_open(&s);
    server_start(&s, ONE);
    client_open(&c, &s);
    cr_assert_eq(strlen(GET("/")), 27);
    expect_often(&c, GET("/"), 200, "hello\n");
    snprintf(bytes, sizeof(bytes), "%s%s", with_body, GET("/"));
    expect_often(&c, bytes, 200, "hello\n");
    snprintf(bytes, sizeof(bytes), "%s1b\r\n%s\r\n0\r\n\r\n", chunked, GET("/"));
    expect_often(&c, bytes, 200, "hello\n");
    snprintf(bytes, sizeof(bytes), "%s%s", posted, GET("/"));
    expect_often(&c, bytes, 405, NULL);
    for (int i = 0; i < OFTEN; i++) { /* the body comes by itself */
        client_send_text(&c, with_body);
        usleep(200);
        cr_expect_eq(ask(&c, GET("/"), "hello\n"), 200);
    }
    expect_often(&c, GET("/"), 200, "hello\n");
    cr_expect(client_is_quiet(&c), "as many answers as requests");
    client_close(&c);
    server_close(&s);
}

Test(recall_clients, get_right_answers_where_few_are_kept)
{
    struct server s;
    struct client c;
    char name[32], bytes[128], text[32];

    server_open(&s);
    for (unsigned i = 0; i < 60; i++) {
        snprintf(name, sizeof(name), "root/n%u", i);
        snprintf(text, sizeof(text), "number %u", i);
        old_file(&s, name, text);
    }
    server_start(&s, ONE "recall_memory: 4KiB\n");
    client_open(&c, &s);
    for (unsigned i = 0; i < 1500; i++) {
        unsigned which = i % 3 == 0 ? 0 : i / 7 % 60;

        snprintf(bytes, sizeof(bytes), "GET /n%u HTTP/1.1\r\nHost: a\r\n\r\n", which);
        snprintf(text, sizeof(text), "number %u", which);
        cr_assert_eq(ask(&c, bytes, text), 200);
    }
    client_close(&c);
    server_close(&s);
}
