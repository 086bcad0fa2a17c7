/* The number of workers changes while clients come and stay, and none of them notices. */
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/integration/client.h"
#include "tests/integration/load.h"

TestSuite(workers, .timeout = 60);

#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

/* The config with another number of workers, taken by a reload. */
static void change_workers(const struct server *s, unsigned count, const char *rest)
{
    char config[256];

    snprintf(config, sizeof(config), "workers: %u\n%s", count, rest);
    server_reload(s, config);
    cr_assert(server_wait_workers(s, count, 0, DEADLINE_MS), "%u workers", count);
}

/* The same by the control socket, which leaves the config alone. */
static void set_workers(const struct server *s, unsigned count)
{
    char verb[32];
    struct buf output;

    snprintf(verb, sizeof(verb), "set workers %u", count);
    cr_expect_eq(server_verb(s, verb, &output), 0, "%s", buf_cstr(&output));
    buf_fini(&output);
    cr_assert(server_wait_workers(s, count, 0, DEADLINE_MS), "%u workers", count);
}

static void expect_no_loss(struct load *load, const char *who)
{
    load_stop(load);
    cr_expect_eq(atomic_load(&load->failed), 0, "%s: %u lost, the first: %s", who,
                 atomic_load(&load->failed), load->failure);
    cr_expect_gt(atomic_load(&load->done), 0);
}

/* The port in the log's line "listening on HOST:PORT". */
static in_port_t port_of(const struct server *s, const char *line)
{
    struct buf log = file_read(s->log);
    const char *at = strstr(buf_cstr(&log), line);
    unsigned long port = at != NULL ? strtoul(at + strlen(line), NULL, 10) : 0;

    buf_fini(&log);
    return htons((uint16_t)port);
}

/* Each address has a group of sockets of its own; a Unix socket is one for all workers. */
Test(workers, become_fewer_at_several_addresses)
{
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback };
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000002) };
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    struct load loads[3];
    struct server s;
    char rest[200];

    server_open(&s);
    snprintf(un.sun_path, sizeof(un.sun_path), "%s", server_path(&s, "http.sock"));
    snprintf(rest, sizeof(rest), "listen: ['127.0.0.1:0', '127.0.0.2:0', '[::1]:0', 'unix:%s']\n",
             un.sun_path);
    server_start(&s, rest);
    in.sin_port = port_of(&s, "listening on 127.0.0.2:");
    in6.sin6_port = port_of(&s, "listening on [::1]:");
    load_start_to(&loads[0], (struct sockaddr *)&in, sizeof(in), LOAD_CONNECT_EACH, "/", 8);
    load_start_to(&loads[1], (struct sockaddr *)&in6, sizeof(in6), LOAD_CONNECT_EACH, "/", 8);
    load_start_to(&loads[2], (struct sockaddr *)&un, sizeof(un), LOAD_CONNECT_EACH, "/", 8);
    for (unsigned count = 6; count > 0; count /= 2) {
        change_workers(&s, count, rest);
        for (size_t i = 0; i < 3; i++)
            cr_expect(load_go_on(&loads[i], 100));
    }
    expect_no_loss(&loads[0], "127.0.0.2");
    expect_no_loss(&loads[1], "::1");
    expect_no_loss(&loads[2], "Unix socket");
    server_close(&s);
}

static void change_under_load(const char *rest)
{
    static const unsigned counts[] = { 2, 8, 1, 4, 3 };
    struct server s;
    struct load new, staying;
    char config[256];

    server_open(&s);
    snprintf(config, sizeof(config), "workers: 8\n%s", rest);
    server_start(&s, config);
    load_start(&new, &s, LOAD_CONNECT_EACH, "/", 16);
    load_start(&staying, &s, LOAD_KEEP_ALIVE, "/", 50);
    for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
        cr_assert(load_go_on(&new, 200) && load_go_on(&staying, 200));
        if (i % 2 == 0)
            set_workers(&s, counts[i]);
        else
            change_workers(&s, counts[i], rest);
    }
    cr_expect(load_go_on(&new, 200) && load_go_on(&staying, 200));
    expect_no_loss(&new, "new connections");
    expect_no_loss(&staying, "keep-alive connections");
    server_close(&s);
}

Test(workers, become_fewer_and_more_and_nobody_is_reset)
{
    change_under_load("");
}

Test(workers, become_fewer_and_nobody_is_reset_without_balance)
{
    change_under_load("connection_balance: off\n");
}

#define STATUS "routes: [{path: /status, status_page: on}]\n"

/* The connections of 8 workers, once one of them is left. */
static void leave_with_idle(size_t count, const char *settings)
{
    static struct client clients[700];
    struct server s;
    char config[128];

    snprintf(config, sizeof(config), "workers: 8\n%s", settings);
    server_open(&s);
    server_start(&s, config);
    clients_open(clients, count, count, &s);
    pause_ms(600);
    change_workers(&s, 1, settings);
    clients_go_on(clients, count);
    server_close(&s);
}

/*
 * A connection that idles goes to a worker that stays: it is neither closed nor told to close. More
 * than an inbox holds at once, and idle for longer than a drain waits for those who have no heir.
 */
Test(workers, that_leave_pass_their_idle_connections_on)
{
    leave_with_idle(700, "");
}

Test(workers, that_leave_pass_their_idle_connections_on_without_balance)
{
    leave_with_idle(100, "connection_balance: off\n");
}

/* Who is at the descriptor limit makes room for what the master sends. */
Test(workers, that_leave_pass_them_on_at_their_descriptor_limit)
{
    enum { MOST = 400 };
    static struct client clients[MOST];
    unsigned long before, left;
    struct server s;

    server_open(&s);
    server_start(&s, "workers: 3\nworker_rlimit_nofile: 120\n" STATUS);
    clients_open(clients, MOST, MOST, &s);
    before = status_figure(&s, "connections_open");
    cr_expect_lt(before, MOST, "they have no room for all");
    server_reload(&s, "workers: 3\nworker_rlimit_nofile: 1000\n" STATUS);
    for (unsigned i = 1; i <= 3; i++) {
        char words[32];

        snprintf(words, sizeof(words), "worker %u (pid", i);
        cr_expect(server_wait_log(&s, 0, words, DEADLINE_MS), "worker %u ends", i);
    }
    left = status_figure(&s, "connections_open");
    cr_expect_gt(left, before / 2, "%lu of %lu", left, before);
    for (size_t i = 0; i < MOST; i++)
        client_close(&clients[i]);
    server_close(&s);
}

/* With TCP_DEFER_ACCEPT a client that says nothing yet stands half-way in its slot's queue. */
Test(workers, that_leave_lose_no_connection_that_has_said_nothing)
{
    enum { COUNT = 64 };
    static struct client clients[COUNT];
    struct server s;

    server_open(&s);
    server_start(&s, "workers: 8\n");
    clients_open(clients, COUNT, 0, &s);
    change_workers(&s, 2, "");
    clients_go_on(clients, COUNT);
    server_close(&s);
}

Test(workers, that_an_operator_set_stay_until_the_next_reload)
{
    const char *const workers_ctl[] = { server_ctl(),    "-c",      "config.yaml", "-b",
                                        server_binary(), "workers", "3",           NULL };
    const char *const wrong_ctl[] = { server_ctl(),    "-c",      "config.yaml", "-b",
                                      server_binary(), "workers", "many",        NULL };
    struct command c;
    struct server s;
    struct buf output;

    server_open(&s);
    server_start(&s, "workers: 2\n");
    command_run(&c, &s, workers_ctl);
    cr_expect_eq(c.exit_code, 0, "%s", buf_cstr(&c.output));
    cr_expect_not_null(strstr(buf_cstr(&c.output), "runs in 3 workers"), "%s", buf_cstr(&c.output));
    command_fini(&c);
    cr_expect(server_wait_workers(&s, 3, 0, DEADLINE_MS));
    command_run(&c, &s, wrong_ctl);
    cr_expect_eq(c.exit_code, 2);
    command_fini(&c);
    cr_expect_eq(server_verb(&s, "set workers 0", &output), 1);
    cr_expect_not_null(strstr(buf_cstr(&output), "from 1 to 1024"), "%s", buf_cstr(&output));
    buf_fini(&output);
    server_file(&s, "config.yaml", "broken: {\n"); /* is nobody's business here */
    set_workers(&s, 1);
    server_reload(&s, "workers: 2\n");
    cr_expect(server_wait_workers(&s, 2, 0, DEADLINE_MS));
    server_close(&s);
}
