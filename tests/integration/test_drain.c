/* Workers that are told to finish: who is in the middle of something is answered once more. */
#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

#include "tests/integration/client.h"

TestSuite(drain, .timeout = 60);

enum { COUNT = 32 };

static struct client clients[COUNT];

static void ask_all(bool expects_close)
{
    struct response r;

    for (size_t i = 0; i < COUNT; i++) {
        cr_expect(client_ask(&clients[i], &r, "GET", "/", NULL), "client %zu: %s", i, r.failure);
        cr_expect_eq(response_field_is(&r, "Connection", "close"), expects_close, "client %zu", i);
        response_fini(&r);
    }
}

static void drain_by(int signal, const char *words)
{
    struct server s;
    size_t from;

    server_open(&s);
    server_start(&s, "");
    for (size_t i = 0; i < COUNT; i++)
        client_open(&clients[i], &s);
    ask_all(false);
    from = server_log_size(&s);
    server_signal(&s, signal);
    cr_assert(server_wait_log(&s, from, words, DEADLINE_MS));
    pause_ms(50); /* the workers have heard of it, too */
    ask_all(true);
    for (size_t i = 0; i < COUNT; i++) {
        cr_expect_eq(client_read_to_end(&clients[i], DEADLINE_MS), CLIENT_FIN);
        client_close(&clients[i]);
    }
    if (signal == SIGQUIT)
        cr_expect_eq(server_wait_exit(&s, DEADLINE_MS), 0);
    else
        cr_expect(server_wait_workers(&s, 0, 0, DEADLINE_MS), "workers are left");
    server_close(&s);
}

/* Its next request may be on its way: closed at once, the connection would lose it. */
Test(drain, answers_a_busy_connection_once_more_on_quit)
{
    drain_by(SIGQUIT, "quitting");
}

Test(drain, answers_a_busy_connection_once_more_on_winch)
{
    drain_by(SIGWINCH, "draining");
}

Test(drain, ends_a_silent_connection_at_once)
{
    struct client c;
    struct response r;
    struct server s;
    uint64_t start;

    server_open(&s);
    server_start(&s, "");
    client_open(&c, &s);
    cr_assert(client_ask(&c, &r, "GET", "/", NULL));
    response_fini(&r);
    pause_ms(700);
    start = now_ms();
    server_signal(&s, SIGQUIT);
    cr_expect_eq(client_read_to_end(&c, DEADLINE_MS), CLIENT_FIN);
    cr_expect_lt(now_ms() - start, 300 * SLOWNESS);
    cr_expect_eq(server_wait_exit(&s, DEADLINE_MS), 0);
    client_close(&c);
    server_close(&s);
}
