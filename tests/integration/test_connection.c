/* The life of a connection: persistence, pipelines, deadlines, limits and how it ends. */
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "tests/integration/client.h"

TestSuite(connection, .timeout = 40);

#define BIG 20971520

Test(connection, serves_many_requests)
{
    struct response r;
    struct client c;
    struct server s;

    server_open(&s);
    server_start(&s, "");
    client_open(&c, &s);
    for (unsigned i = 0; i < 2000; i++) {
        cr_assert(client_ask(&c, &r, "GET", "/", NULL) && r.status == 200, "request %u: %s", i,
                  r.failure);
        cr_assert(response_body_is(&r, "hello\n"));
        response_fini(&r);
    }
    client_close(&c);
    server_close(&s);
}

/*
 * A pipeline of `count` requests of every kind, bodies that look like requests among them. The
 * answers must come in order, each the right one.
 */
static void pipeline_add(struct buf *b, unsigned i)
{
    switch (i % 8) {
    case 0:
        buf_printf(b, "GET /f%u.txt HTTP/1.1\r\nHost: a\r\n\r\n", i % 10);
        break;
    case 1:
        buf_printf(b, "HEAD /f%u.txt HTTP/1.1\r\nHost: a\r\nX: %u\r\n\r\n", i % 10, i);
        break;
    case 2:
        buf_printf(b, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 27\r\n\r\n"
                      "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        break;
    case 3:
        buf_printf(b, "GET /none HTTP/1.1\r\nHost: a\r\n\r\n");
        break;
    case 4:
        buf_printf(
            b, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
               "1b\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n\r\n5;x=y\r\nhello\r\n0\r\nT: t\r\n\r\n");
        break;
    case 5:
        buf_printf(b, "HEAD /none HTTP/1.1\r\nHost: a\r\n\r\n");
        break;
    case 6:
        buf_printf(b, "GET /f%u.txt HTTP/1.1\r\nHost: a\r\nRange: bytes=0-0\r\n\r\n", i % 10);
        break;
    default:
        buf_printf(b, "GET /middle.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    }
}

static void pipeline_judge(struct client *c, unsigned i)
{
    static const int statuses[] = { 200, 200, 405, 404, 405, 404, 206, 200 };
    struct response r;
    char body[16];

    cr_assert(client_read(c, &r, i % 8 == 1 || i % 8 == 5), "answer %u: %s\n%s", i, r.failure,
              r.head.p);
    cr_assert(r.status == statuses[i % 8], "answer %u: %d", i, r.status);
    snprintf(body, sizeof(body), i % 8 == 6 ? "%u" : "%ufile", i % 10);
    if (i % 8 == 0 || i % 8 == 6)
        cr_assert(response_body_is(&r, body), "answer %u: %s", i, r.body.p);
    if (i % 8 == 7)
        cr_assert(response_body_is_pattern(&r, 0, 30000, 3), "answer %u", i);
    response_fini(&r);
}

static void pipeline_server(struct server *s)
{
    char name[32], body[16];

    server_open(s);
    server_blob(s, "root/middle.bin", 30000, 3);
    for (unsigned i = 0; i < 10; i++) {
        snprintf(name, sizeof(name), "root/f%u.txt", i);
        snprintf(body, sizeof(body), "%ufile", i);
        server_file(s, name, body);
    }
    server_start(s, "");
}

Test(connection, answers_a_pipeline_of_1000_in_one_write)
{
    enum { COUNT = 1000 };
    struct buf b = { 0 };
    struct client c;
    struct server s;

    pipeline_server(&s);
    for (unsigned i = 0; i < COUNT; i++)
        pipeline_add(&b, i);
    client_open(&c, &s);
    client_send(&c, b.p, b.n);
    for (unsigned i = 0; i < COUNT; i++)
        pipeline_judge(&c, i);
    cr_expect(client_is_quiet(&c), "more answers than requests");
    client_close(&c);
    buf_fini(&b);
    server_close(&s);
}

Test(connection, answers_a_pipeline_wherever_it_is_cut)
{
    static const size_t pieces[] = { 1, 3, 50, 1000, 5000 };
    struct client c;
    struct server s;

    pipeline_server(&s);
    for (unsigned seed = 0; seed < 5; seed++) {
        unsigned count = pieces[seed] < 10 ? 64 : 1000;
        struct buf b = { 0 };

        for (unsigned i = 0; i < count; i++)
            pipeline_add(&b, i);
        client_open(&c, &s);
        client_send_cut(&c, b.p, b.n, pieces[seed], seed + 1, 0);
        for (unsigned i = 0; i < count; i++)
            pipeline_judge(&c, i);
        client_close(&c);
        buf_fini(&b);
    }
    server_close(&s);
}

/* A peer that pipelines without reading must not make the server hoard answers. */
Test(connection, bounds_a_pipeliner_that_does_not_read)
{
    static const char request[] = "GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n";
    pid_t pids[SERVER_WORKERS_MAX];
    struct buf b = { 0 };
    struct client c;
    struct server s;
    size_t before, after;

    server_open(&s);
    server_blob(&s, "root/big.bin", 1000000, 1);
    server_start(&s, "workers: 1\n");
    cr_assert_eq(fetch_status(&s, "/big.bin"), 200);
    cr_assert_eq(server_workers(&s, pids), 1);
    before = process_rss_bytes(pids[0]);
    for (unsigned i = 0; i < 1000; i++)
        buf_add(&b, STR(request));
    client_open(&c, &s);
    cr_expect(send(c.fd, b.p, b.n, MSG_DONTWAIT | MSG_NOSIGNAL) > 0);
    for (unsigned i = 0; i < 20; i++) /* others are served meanwhile */
        cr_expect_eq(fetch_status(&s, "/"), 200);
    after = process_rss_bytes(pids[0]);
    cr_expect(after < before + 8000000 * SLOWNESS, "%zu -> %zu bytes", before, after);
    client_reset(&c);
    cr_expect_eq(fetch_status(&s, "/"), 200);
    buf_fini(&b);
    server_close(&s);
}

Test(connection, serves_a_slow_reader_and_others_meanwhile)
{
    struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    struct response r;
    struct client c;
    struct server s;

    server_open(&s);
    server_blob(&s, "root/big.bin", BIG, 1);
    server_start(&s, "workers: 1\n");
    sa.sin_port = htons((uint16_t)s.port);
    cr_assert(client_open_to(&c, (struct sockaddr *)&sa, sizeof(sa), 4096));
    client_send_text(&c, "GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    for (unsigned i = 0; i < 200; i++) {
        client_receive(&c, DEADLINE_MS);
        cr_expect_eq(fetch_status(&s, "/"), 200);
    }
    cr_expect(client_read(&c, &r, false), "%s", r.failure);
    cr_expect(response_body_is_pattern(&r, 0, BIG, 1));
    response_fini(&r);
    cr_expect(client_ask(&c, &r, "GET", "/", NULL) && r.status == 200, "and stays open");
    response_fini(&r);
    client_close(&c);
    server_close(&s);
}

/* RFC 9112, 9.6: a client that is done sending still wants its answers. */
Test(connection, answers_a_half_closed_client_in_full)
{
    static const char small[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    struct response r;
    struct client c;
    struct server s;

    server_open(&s);
    server_blob(&s, "root/big.bin", BIG, 1);
    server_start(&s, "");
    client_open(&c, &s);
    for (unsigned i = 0; i < 10; i++)
        client_send_text(&c, small);
    client_send_text(&c, "GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    client_half_close(&c);
    for (unsigned i = 0; i < 10; i++) {
        cr_expect(client_read(&c, &r, false) && r.status == 200, "answer %u: %s", i, r.failure);
        response_fini(&r);
    }
    cr_expect(client_read(&c, &r, false), "%s", r.failure);
    cr_expect(response_body_is_pattern(&r, 0, BIG, 1));
    response_fini(&r);
    cr_expect_eq(client_read_to_end(&c, DEADLINE_MS), CLIENT_FIN, "then it closes");
    client_close(&c);

    client_open(&c, &s); /* half a request and no more: nothing to answer, or 400 */
    client_send(&c, small, 10);
    client_half_close(&c);
    cr_expect_eq(client_read_to_end(&c, DEADLINE_MS), CLIENT_FIN);
    client_close(&c);
    server_close(&s);
}

Test(connection, survives_clients_that_vanish)
{
    static const char *const sent[] = {
        "",
        "G",
        "GET / HTTP/1.1\r\n",
        "GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nx",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe",
    };
    pid_t before[SERVER_WORKERS_MAX], after[SERVER_WORKERS_MAX];
    struct client c;
    struct server s;

    server_open(&s);
    server_blob(&s, "root/big.bin", 1000000, 1);
    server_start(&s, "workers: 1\n");
    cr_assert_eq(server_workers(&s, before), 1);
    for (unsigned i = 0; i < 60; i++) {
        client_open(&c, &s);
        client_send_text(&c, sent[i % 6]);
        if (i % 12 < 6)
            client_reset(&c);
        else
            client_close(&c);
    }
    cr_expect_eq(fetch_status(&s, "/"), 200);
    cr_expect(server_workers(&s, after) == 1 && after[0] == before[0], "the worker was replaced");
    server_close(&s);
}

/* The connection's end must come between these. */
static void expect_end(struct client *c, uint64_t start, unsigned min_ms, unsigned max_ms,
                       const char *what)
{
    enum client_end end = client_read_to_end(c, max_ms * SLOWNESS);
    unsigned took = (unsigned)(now_ms() - start);

    cr_expect(end == CLIENT_FIN || end == CLIENT_RST, "%s: still open after %u ms", what, took);
    cr_expect(took >= min_ms, "%s: closed after %u ms already", what, took);
}

Test(connection, ends_slow_heads)
{
    uint64_t start;
    struct response r;
    struct client c, drip;
    struct server s;

    server_open(&s);
    server_start(&s, "client_header_timeout: 1s\ndefer_accept: off\n");
    client_open(&c, &s);
    start = now_ms();
    client_send_text(&c, "GET / HTTP/1.1\r\nHost:");
    cr_expect(client_read(&c, &r, false) ? r.status == 408 : r.status == 0, "%d %s", r.status,
              r.failure);
    response_fini(&r);
    expect_end(&c, start, 900, 4000, "half a head");
    client_close(&c);

    client_open(&drip, &s); /* the deadline is absolute: a byte now and then does not move it */
    start = now_ms();
    client_send_text(&drip, "GET / HTTP/1.1\r\n");
    while (now_ms() < start + 4000 * SLOWNESS && client_send_text(&drip, "X: y\r\n") &&
           !client_receive(&drip, 100) && drip.end == CLIENT_TIMEOUT)
        ;
    expect_end(&drip, start, 900, 4000, "a dripping head");
    client_close(&drip);

    client_open(&c, &s);
    start = now_ms();
    expect_end(&c, start, 900, 4000, "no byte at all");
    client_close(&c);

    client_open(&c, &s); /* a head in time, byte by byte */
    client_send_cut(&c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27, 1, 1, 10000);
    cr_expect(client_read(&c, &r, false) && r.status == 200, "%d %s", r.status, r.failure);
    response_fini(&r);
    client_close(&c);
    server_close(&s);
}

Test(connection, ends_idle_connections)
{
    uint64_t start;
    struct response r;
    struct client c;
    struct server s;

    server_open(&s);
    server_start(&s, "keepalive_timeout: 700ms\n");
    client_open(&c, &s);
    cr_assert(client_ask(&c, &r, "GET", "/", NULL));
    response_fini(&r);
    pause_ms(300);
    cr_assert(client_ask(&c, &r, "GET", "/", NULL), "each request begins it anew: %s", r.failure);
    response_fini(&r);
    start = now_ms();
    expect_end(&c, start, 600, 3000, "idle");
    cr_expect_eq(c.end, CLIENT_FIN);
    cr_expect_eq(c.in.n - c.taken, 0, "an idle connection ends without a word");
    client_close(&c);
    server_close(&s);
}

Test(connection, ends_slow_bodies)
{
    uint64_t start;
    struct client c;
    struct server s;

    server_open(&s);
    server_start(&s, "client_body_timeout: 1s\nmin_rate: 1000\n");
    client_open(&c, &s);
    start = now_ms();
    client_send_text(&c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
    while (now_ms() < start + 6000 * SLOWNESS && client_send_text(&c, "x") &&
           (client_receive(&c, 50) || c.end == CLIENT_TIMEOUT))
        ;
    expect_end(&c, start, 0, 6000, "a dripping body");
    client_close(&c);
    server_close(&s);
}

Test(connection, ends_responses_that_nobody_reads)
{
    struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    struct client c;
    struct server s;

    server_open(&s);
    server_blob(&s, "root/big.bin", BIG, 1);
    server_start(&s, "send_timeout: 1s\nmin_rate: 100000\naccess_log: access.log\n"
                     "access_log_buffer: 0\n");
    sa.sin_port = htons((uint16_t)s.port);
    cr_assert(client_open_to(&c, (struct sockaddr *)&sa, sizeof(sa), 4096));
    client_send_text(&c, "GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    cr_expect(file_wait(server_path(&s, "access.log"), 0, "GET /big.bin", 8000 * SLOWNESS),
              "the response never ends");
    cr_expect(!file_wait(server_path(&s, "access.log"), 0, "200 20971520 ", 0),
              "the log claims that all was sent");
    client_close(&c);
    server_close(&s);
}

Test(connection, counts_the_requests_of_a_connection)
{
    struct response r;
    struct client c;
    struct server s;

    server_open(&s);
    server_start(&s, "keepalive_requests: 3\n");
    client_open(&c, &s);
    for (unsigned i = 1; i <= 3; i++) {
        cr_expect(client_ask(&c, &r, "GET", "/", NULL) && r.status == 200);
        cr_expect(response_field_is(&r, "Connection", "close") == (i == 3), "request %u: %s", i,
                  r.head.p);
        response_fini(&r);
    }
    cr_expect_eq(client_read_to_end(&c, DEADLINE_MS), CLIENT_FIN);
    client_close(&c);

    client_open(&c, &s); /* what is pipelined behind the last one is not answered */
    for (unsigned i = 0; i < 6; i++)
        client_send_text(&c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    for (unsigned i = 0; i < 3; i++) {
        cr_expect(client_read(&c, &r, false), "%s", r.failure);
        response_fini(&r);
    }
    cr_expect_eq(client_read_to_end(&c, DEADLINE_MS), CLIENT_FIN);
    cr_expect_eq(c.in.n, c.taken, "a fourth answer");
    client_close(&c);
    server_close(&s);
}

/* At the limit the longest idle connection makes room for a new one. */
Test(connection, closes_idle_connections_to_make_room)
{
    enum { LIMIT = 8, COUNT = 20 };
    struct client c[COUNT];
    struct response r;
    struct server s;
    unsigned closed = 0;

    server_open(&s);
    server_start(&s, "workers: 1\nworker_connections: 8\n");
    for (unsigned i = 0; i < COUNT; i++) {
        client_open(&c[i], &s);
        cr_expect(client_ask(&c[i], &r, "GET", "/", NULL) && r.status == 200, "client %u: %s", i,
                  r.failure);
        response_fini(&r);
    }
    cr_expect_eq(client_read_to_end(&c[0], DEADLINE_MS), CLIENT_FIN, "the oldest goes first");
    cr_expect(client_ask(&c[COUNT - 1], &r, "GET", "/", NULL), "the newest stays: %s", r.failure);
    response_fini(&r);
    for (unsigned i = 0; i < COUNT; i++) {
        closed += c[i].end == CLIENT_FIN || !client_is_quiet(&c[i]);
        client_close(&c[i]);
    }
    cr_expect(closed >= COUNT - LIMIT, "%u are closed, at most %d may be open", closed, LIMIT);
    server_close(&s);
}

Test(connection, never_closes_busy_connections_to_make_room)
{
    enum { LIMIT = 4 };
    struct client c[LIMIT], late;
    struct response r;
    struct server s;

    server_open(&s);
    server_start(&s, "workers: 1\nworker_connections: 4\n");
    for (unsigned i = 0; i < LIMIT; i++) {
        client_open(&c[i], &s);
        client_send_text(&c[i], "GET / HTTP/1.1\r\n");
    }
    pause_ms(100); /* their bytes have arrived; the server makes no event of it */
    client_open(&late, &s);
    client_send_text(&late, "GET / HTTP/1.1\r\nHost: late\r\n\r\n");
    for (unsigned i = 0; i < LIMIT; i++) {
        client_send_text(&c[i], "Host: a\r\nConnection: close\r\n\r\n");
        cr_expect(client_read(&c[i], &r, false) && r.status == 200, "client %u: %d %s", i, r.status,
                  r.failure);
        response_fini(&r);
        client_close(&c[i]);
    }
    cr_expect(!client_read(&late, &r, false) || r.status == 200 || r.status == 503, "%d", r.status);
    response_fini(&r);
    client_close(&late);
    cr_expect(fetch_until(&s, "/", 200, "hello\n", DEADLINE_MS), "afterwards all is well");
    server_close(&s);
}

/* Unread input makes the kernel send RST at close, which can overtake the answer. */
Test(connection, delivers_an_error_in_spite_of_a_large_unread_body)
{
    enum { BODY = 3000000 };
    char *body = malloc(BODY);
    struct response r;
    struct client c;
    struct server s;

    memset(body, 'x', BODY);
    server_open(&s);
    server_start(&s, "client_max_body_size: 1000\n");
    for (unsigned i = 0; i < 20; i++) {
        client_open(&c, &s);
        client_send_text(&c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n");
        cr_expect(client_send(&c, body, BODY), "the connection broke while sending");
        cr_expect(client_read(&c, &r, false) && r.status == 413, "%d %s", r.status, r.failure);
        response_fini(&r);
        cr_expect_eq(client_read_to_end(&c, DEADLINE_MS), CLIENT_FIN);
        client_close(&c);
    }
    free(body);
    server_close(&s);
}

Test(connection, lingers_only_so_long)
{
    uint64_t start;
    struct client c;
    struct server s;

    server_open(&s);
    server_start(&s, "lingering_time: 1s\nlingering_timeout: 500ms\n");
    client_open(&c, &s);
    client_send_text(&c, "GET / HTTP/9.9\r\n\r\n");
    start = now_ms();
    /* In spite of the FIN this client sends on for ever; a write fails once the server is gone. */
    while (now_ms() < start + 8000 * SLOWNESS && client_send_text(&c, "more and more\r\n"))
        pause_ms(20);
    cr_expect(now_ms() < start + 8000 * SLOWNESS, "it lingers for ever");
    client_close(&c);
    server_close(&s);
}

Test(connection, bounds_the_memory_of_unfinished_heads)
{
    enum { COUNT = 200, HEAD = 30000 };
    static struct client c[COUNT];
    pid_t pids[SERVER_WORKERS_MAX];
    struct buf b = { 0 };
    struct server s;
    size_t before, after;

    server_open(&s);
    server_start(&s, "workers: 1\n");
    cr_assert_eq(fetch_status(&s, "/"), 200);
    cr_assert_eq(server_workers(&s, pids), 1);
    before = process_rss_bytes(pids[0]);
    buf_printf(&b, "GET / HTTP/1.1\r\nHost: a\r\n");
    while (b.n < HEAD)
        buf_printf(&b, "X-%zu: %0990d\r\n", b.n, 0);
    for (unsigned i = 0; i < COUNT; i++) {
        client_open(&c[i], &s);
        client_send(&c[i], b.p, b.n);
    }
    cr_assert_eq(fetch_status(&s, "/"), 200);
    after = process_rss_bytes(pids[0]);
    cr_expect(after - before < (size_t)COUNT * 80000 * SLOWNESS, "%zu -> %zu bytes", before, after);
    for (unsigned i = 0; i < COUNT; i++)
        client_close(&c[i]);
    cr_expect_eq(fetch_status(&s, "/"), 200);
    buf_fini(&b);
    server_close(&s);
}
