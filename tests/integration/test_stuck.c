/* A worker that does nothing any more: its connections are served, and it is replaced. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/client.h"

TestSuite(stuck, .timeout = 60);

#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

enum { COUNT = 64, WAIT_MS = 1000 };

static struct client clients[COUNT];

/* A new connection, answered; how long that took. */
static unsigned time_one(const struct server *s, struct client *c)
{
    uint64_t start = now_ms();
    struct response r;

    client_open(c, s);
    client_send_text(c, GET);
    cr_expect(client_read(c, &r, false), "%s", r.failure);
    cr_expect_eq(r.status, 200);
    response_fini(&r);
    return (unsigned)(now_ms() - start);
}

static void expect_answers(struct client *c)
{
    struct response r;

    cr_expect(client_ask(c, &r, "GET", "/", NULL), "%s", r.failure);
    response_fini(&r);
}

static void freeze_and_connect(const char *config)
{
    pid_t pids[SERVER_WORKERS_MAX];
    struct server s;
    size_t from;

    server_open(&s);
    server_start(&s, config);
    cr_assert_eq(server_workers(&s, pids), 2);
    process_freeze(pids[0]);
    from = server_log_size(&s);
    for (size_t i = 0; i < COUNT; i++) {
        unsigned ms = time_one(&s, &clients[i]);

        cr_expect_lt(ms, WAIT_MS * SLOWNESS, "connection %zu waited %u ms", i, ms);
    }
    cr_expect(server_wait_log(&s, 0, "a sibling accepts its connections", DEADLINE_MS));
    kill(pids[0], SIGCONT);
    cr_expect(server_wait_log(&s, from, "goes on", DEADLINE_MS));
    for (size_t i = 0; i < COUNT; i++) {
        expect_answers(&clients[i]);
        client_close(&clients[i]);
    }
    for (size_t i = 0; i < COUNT; i++) {
        time_one(&s, &clients[i]);
        client_close(&clients[i]);
    }
    cr_expect(server_wait_workers(&s, 2, 0, 0), "nobody was replaced");
    server_close(&s);
}

Test(stuck, worker_of_two_lets_no_new_connection_wait)
{
    freeze_and_connect("workers: 2\n");
}

Test(stuck, worker_lets_nobody_wait_without_balance)
{
    freeze_and_connect("workers: 2\nconnection_balance: off\n");
}

/* Connections that it was dealt just before wait in its inbox: a sibling has those, too. */
Test(stuck, worker_gives_up_its_inbox)
{
    pid_t pids[SERVER_WORKERS_MAX];
    struct server s;
    char config[160];

    server_open(&s);
    snprintf(config, sizeof(config), "workers: 2\nlisten: 'unix:%s/web.sock'\n", s.dir);
    server_start(&s, config);
    cr_assert_eq(server_workers(&s, pids), 2);
    process_freeze(pids[1]);
    for (size_t i = 0; i < COUNT; i++) {
        cr_assert(client_open_unix(&clients[i], server_path(&s, "web.sock")));
        client_send_text(&clients[i], GET);
    }
    for (size_t i = 0; i < COUNT; i++) {
        struct response r;

        cr_expect(client_read(&clients[i], &r, false), "client %zu: %s", i, r.failure);
        response_fini(&r);
        client_close(&clients[i]);
    }
    cr_expect_eq(process_state(pids[1]), 'T');
    kill(pids[1], SIGCONT);
    server_close(&s);
}

/* The log of an aborted worker is what server_close() takes for a fault. */
static void forget_abort(struct server *s)
{
    server_stop(s);
    cr_assert_eq(truncate(s->log, 0), 0);
}

Test(stuck, worker_is_replaced_and_leaves_its_stack)
{
    pid_t pids[SERVER_WORKERS_MAX];
    struct server s;

    server_open(&s);
    server_start(&s, "workers: 2\nworker_stuck_timeout: 300ms\n");
    cr_assert_eq(server_workers(&s, pids), 2);
    process_freeze(pids[0]);
    for (size_t i = 0; i < COUNT; i++) {
        cr_expect_lt(time_one(&s, &clients[i]), WAIT_MS * SLOWNESS);
        client_close(&clients[i]);
    }
    cr_expect(server_wait_log(&s, 0, "is aborted", DEADLINE_MS));
    cr_expect(server_wait_log(&s, 0, "signal 6, its stack:\n", DEADLINE_MS));
    cr_expect(server_wait_log(&s, 0, "(+0x", DEADLINE_MS));
    cr_expect(process_wait_gone(pids[0], DEADLINE_MS));
    cr_expect(server_wait_workers(&s, 2, pids[0], DEADLINE_MS));
    for (size_t i = 0; i < COUNT; i++) {
        cr_expect_lt(time_one(&s, &clients[i]), WAIT_MS * SLOWNESS);
        client_close(&clients[i]);
    }
    forget_abort(&s);
    server_close(&s);
}

/* The only one has no sibling, and is replaced all the same. */
Test(stuck, worker_that_is_alone_is_replaced)
{
    pid_t pids[SERVER_WORKERS_MAX];
    struct server s;

    server_open(&s);
    server_start(&s, "workers: 1\nworker_stuck_timeout: 300ms\n");
    cr_assert_eq(server_workers(&s, pids), 1);
    process_freeze(pids[0]);
    time_one(&s, &clients[0]);
    client_close(&clients[0]);
    cr_expect(process_wait_gone(pids[0], DEADLINE_MS));
    forget_abort(&s);
    server_close(&s);
}
