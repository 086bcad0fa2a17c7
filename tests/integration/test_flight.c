/* What the log tells of a worker that a signal ended: the requests that it had, and no secrets. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/client.h"

TestSuite(flight, .timeout = 60);

enum { BIG = 32 << 20, SOON_MS = 1000 * SLOWNESS };

/* A download that its client does not read on. */
static void begin_download(struct client *c, const struct server *s, const char *target)
{
    char request[256];

    snprintf(request, sizeof(request),
             "GET %s HTTP/1.1\r\nHost: slow.example\r\nAuthorization: Basic c2VjcmV0\r\n"
             "Cookie: a=c2VjcmV0\r\n\r\n",
             target);
    client_open(c, s);
    cr_assert(client_send_text(c, request));
    cr_assert(client_receive(c, DEADLINE_MS));
}

static void expect_no_secret(const struct server *s)
{
    struct buf log = file_read(s->log);

    cr_expect_null(strstr(buf_cstr(&log), "c2Vj"), "%s", log.p);
    cr_expect_null(strstr(buf_cstr(&log), "Authorization"), "%s", log.p);
    cr_expect_null(strstr(buf_cstr(&log), "Cookie"), "%s", log.p);
    buf_fini(&log);
}

/* A worker that broke is what server_close() takes for a fault. */
static void close_broken(struct server *s)
{
    server_stop(s);
    cr_assert_eq(truncate(s->log, 0), 0);
    server_close(s);
}

static void kill_in_a_request(int signal)
{
    struct client slow, other;
    struct server s;
    char line[160];
    pid_t pid;

    server_open(&s);
    server_blob(&s, "root/big", BIG, 1);
    server_start(&s, "workers: 1\nlog_level: notice\n");
    begin_download(&slow, &s, "/big?culprit");
    pid = client_worker(&slow, &s);
    cr_assert_gt(pid, 0);
    client_open(&other, &s);
    for (int i = 0; i < 30; i++) { /* that were answered behind it */
        struct response r;

        cr_assert(client_ask(&other, &r, "GET", i % 2 == 0 ? "/" : "/none",
                             "Authorization: Basic c2VjcmV0\r\n"));
        response_fini(&r);
    }
    if (signal == SIGKILL)
        kill(pid, SIGSTOP);
    kill(pid, signal);
    snprintf(line, sizeof(line),
             "worker 1 (pid %d): under way: GET /big?culprit HTTP/1.1, host slow.example, from "
             "127.0.0.1, began ",
             (int)pid);
    cr_expect(server_wait_log(&s, 0, line, SOON_MS));
    cr_expect(server_wait_log(&s, 0, "answered:  GET /none HTTP/1.1, host ", SOON_MS));
    cr_expect(server_wait_log(&s, 0, ", from 127.0.0.1: 404, ", SOON_MS));
    cr_expect(signal == SIGKILL || server_wait_log(&s, 0, "its stack:\n", SOON_MS));
    expect_no_secret(&s);
    cr_expect(server_wait_workers(&s, 1, pid, DEADLINE_MS));
    client_close(&slow);
    client_close(&other);
    close_broken(&s);
}

Test(flight, tells_the_request_that_a_killed_worker_had)
{
    kill_in_a_request(SIGKILL);
}

Test(flight, tells_the_request_that_an_aborted_worker_had)
{
    kill_in_a_request(SIGABRT);
}

/* The sanitizer catches this one itself, and ends the worker in order. */
#if !defined(__SANITIZE_ADDRESS__)
Test(flight, tells_the_request_that_a_broken_worker_had)
{
    kill_in_a_request(SIGSEGV);
}
#endif

/* What its predecessor in the slot did is none of the next worker's. */
Test(flight, tells_of_each_worker_its_own)
{
    struct client slow;
    struct server s;
    size_t from;
    pid_t first, second;

    server_open(&s);
    server_blob(&s, "root/big", BIG, 1);
    server_start(&s, "workers: 1\n");
    begin_download(&slow, &s, "/big");
    first = client_worker(&slow, &s);
    pause_ms(1100); /* one that dies young is replaced after a pause */
    kill(first, SIGKILL);
    cr_assert(server_wait_log(&s, 0, "GET /big HTTP/1.1", DEADLINE_MS));
    client_close(&slow);
    cr_assert_eq(fetch_status(&s, "/second"), 404);
    cr_assert(server_wait_workers(&s, 1, first, DEADLINE_MS));
    from = server_log_size(&s);
    begin_download(&slow, &s, "/big?again");
    second = client_worker(&slow, &s);
    kill(second, SIGKILL);
    cr_expect(server_wait_log(&s, from, "under way: GET /big?again HTTP/1.1", DEADLINE_MS));
    cr_expect(server_wait_log(&s, from, "answered:  GET /second HTTP/1.1", DEADLINE_MS));
    cr_expect_not(server_wait_log(&s, from, "GET /big HTTP/1.1", 0));
    client_close(&slow);
    close_broken(&s);
}

/* Two processes of one slot, of which one still finishes, keep apart. */
Test(flight, tells_apart_who_leaves_a_slot_and_who_came)
{
    struct client slow, of_heir;
    struct response r;
    struct server s;
    bool by_heir;
    pid_t old;
    char line[96];

    server_open(&s);
    server_blob(&s, "root/big", BIG, 1);
    server_start(&s, "workers: 1\nworker_rlimit_nofile: 1024\n");
    begin_download(&slow, &s, "/big");
    old = client_worker(&slow, &s);
    server_reload(&s, "workers: 1\nworker_rlimit_nofile: 2048\n");
    cr_assert_eq(kill(old, 0), 0, "it finishes its download");
    do { /* the old one may take some more before it hears that it shall leave */
        client_open(&of_heir, &s);
        cr_assert(client_ask(&of_heir, &r, "GET", "/", NULL));
        response_fini(&r);
        by_heir = client_worker(&of_heir, &s) != old;
        if (!by_heir)
            client_close(&of_heir);
    } while (!by_heir);
    for (int i = 0; i < 200; i++) {
        cr_assert(client_ask(&of_heir, &r, "GET", "/of-the-heir", NULL));
        response_fini(&r);
    }
    kill(old, SIGKILL);
    snprintf(line, sizeof(line), "worker 1 (pid %d): under way: GET /big HTTP/1.1", (int)old);
    cr_expect(server_wait_log(&s, 0, line, DEADLINE_MS));
    cr_expect_not(server_wait_log(&s, 0, "of-the-heir", 0));
    client_close(&slow);
    client_close(&of_heir);
    close_broken(&s);
}

/* Whatever a client sends instead of a request, or of which only a part came, its fields stay away. */
Test(flight, tells_no_field_of_what_is_no_request)
{
    static const char *const parts[] = {
        "GET /part HTTP/1.1\r\nHost: part.example\r\nAuthorization: Basic c2Vj",
        "Authorization: Basic c2VjcmV0\r\n\r\n",
        "token=c2VjcmV0&user=me\r\n\r\n",
        "GET /whole HTTP/1.1\r\nAuthorization: Basic c2VjcmV0\r\nHost: whole.example\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: post.example\r\nContent-Length: 900\r\n\r\nc2VjcmV0",
    };
    struct client clients[sizeof(parts) / sizeof(*parts)];
    struct server s;
    pid_t pid[SERVER_WORKERS_MAX];

    server_open(&s);
    server_start(&s, "workers: 1\n");
    cr_assert_eq(server_workers(&s, pid), 1);
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        client_open(&clients[i], &s);
        client_send_text(&clients[i], parts[i]);
        cr_assert_eq(fetch_status(&s, "/"), 200, "it was read by then, mostly");
    }
    kill(pid[0], SIGKILL);
    cr_expect(server_wait_log(&s, 0, "answered:  GET / HTTP/1.1", DEADLINE_MS));
    cr_expect(server_wait_log(&s, 0, "host post.example", DEADLINE_MS));
    expect_no_secret(&s);
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
        client_close(&clients[i]);
    close_broken(&s);
}

/* --single has no one left who could tell, and shares nothing. */
Test(flight, works_behind_ipv6_and_unix_sockets)
{
    struct client c;
    struct server s;
    struct response r;
    char config[160];
    pid_t pid[SERVER_WORKERS_MAX];

    server_open(&s);
    snprintf(config, sizeof(config), "workers: 1\nlisten: ['127.0.0.1:0', 'unix:%s/s']\n", s.dir);
    server_start(&s, config);
    cr_assert_eq(server_workers(&s, pid), 1);
    cr_assert(client_open_unix(&c, server_path(&s, "s")));
    cr_assert(client_ask(&c, &r, "GET", "/by-unix", NULL));
    response_fini(&r);
    kill(pid[0], SIGKILL);
    cr_expect(server_wait_log(&s, 0, "GET /by-unix HTTP/1.1, host ", DEADLINE_MS));
    cr_expect(server_wait_log(&s, 0, ", from unix:: 404", DEADLINE_MS));
    client_close(&c);
    close_broken(&s);
}
