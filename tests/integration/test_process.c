/* Master and workers: death and respawn, the signals, the ways to start and to stop. */
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/load.h"

TestSuite(process, .timeout = 60);

static const char request[] = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

static bool serves(struct client *c)
{
    struct response r;
    bool is_so =
        client_ask(c, &r, "GET", "/", NULL) && r.status == 200 && response_body_is(&r, "hello\n");

    response_fini(&r);
    return is_so;
}

Test(process, loses_only_the_connections_of_a_killed_worker)
{
    enum { COUNT = 40 };
    static struct client c[COUNT];
    pid_t pids[SERVER_WORKERS_MAX], owner[COUNT];
    unsigned lost = 0, kept = 0;
    struct server s;

    server_open(&s);
    server_start(&s, "");
    cr_assert_eq(server_workers(&s, pids), 2);
    for (unsigned i = 0; i < COUNT; i++) {
        client_open(&c[i], &s);
        cr_assert(serves(&c[i]));
    }
    /* Only now: the worker that hands a connection over closes its own copy a moment later. */
    for (unsigned i = 0; i < COUNT; i++) {
        owner[i] = client_worker(&c[i], &s);
        cr_assert(owner[i] == pids[0] || owner[i] == pids[1], "whose is connection %u?", i);
    }
    kill(pids[0], SIGKILL);
    cr_expect(server_wait_log(&s, 0, "ended: signal 9", DEADLINE_MS));
    cr_expect(server_wait_workers(&s, 2, pids[0], DEADLINE_MS), "no new worker");
    for (unsigned i = 0; i < COUNT; i++) {
        if (owner[i] == pids[0])
            lost += client_read_to_end(&c[i], DEADLINE_MS) != CLIENT_TIMEOUT;
        else
            kept += serves(&c[i]);
        client_close(&c[i]);
    }
    cr_expect_eq(lost + kept, COUNT, "%u lost, %u kept", lost, kept);
    server_close(&s);
}

/* The kernel's queue belongs to the master's socket: a crash must not reset what waits there. */
Test(process, serves_what_waited_for_a_killed_worker)
{
    enum { COUNT = 200 };
    static struct client c[COUNT];
    pid_t pids[SERVER_WORKERS_MAX];
    struct response r;
    struct server s;
    unsigned served = 0;

    server_open(&s);
    server_start(&s, "");
    cr_assert_eq(server_workers(&s, pids), 2);
    process_freeze(pids[0]);
    process_freeze(pids[1]);
    for (unsigned i = 0; i < COUNT; i++) {
        client_open(&c[i], &s);
        client_send_text(&c[i], request);
    }
    kill(pids[0], SIGKILL);
    kill(pids[1], SIGKILL);
    for (unsigned i = 0; i < COUNT; i++) {
        served += client_read(&c[i], &r, false) && r.status == 200;
        response_fini(&r);
        client_close(&c[i]);
    }
    cr_expect_eq(served, COUNT);
    server_close(&s);
}

Test(process, goes_on_under_load_when_workers_are_killed)
{
    enum { CLIENTS = 16, KILLS = 4 };
    static struct load load;
    pid_t pids[SERVER_WORKERS_MAX];
    struct server s;

    server_open(&s);
    server_start(&s, "");
    load_start(&load, &s, LOAD_CONNECT_EACH, "/", CLIENTS);
    for (unsigned i = 0; i < KILLS; i++) {
        cr_assert(server_wait_workers(&s, 2, 0, DEADLINE_MS));
        cr_assert_eq(server_workers(&s, pids), 2);
        kill(pids[i % 2], SIGKILL);
        cr_expect(server_wait_workers(&s, 2, pids[i % 2], DEADLINE_MS));
        cr_expect(load_go_on(&load, 100), "it stands still after kill %u", i);
    }
    load_stop(&load);
    cr_expect(load.failed <= CLIENTS * KILLS, "%u failed: more than were under way", load.failed);
    server_close(&s);
}

Test(process, waits_longer_before_each_respawn_of_a_dying_worker)
{
    pid_t pids[SERVER_WORKERS_MAX], last = 0;
    uint64_t end = now_ms() + 3000;
    struct server s;
    unsigned killed = 0;

    server_open(&s);
    server_start(&s, "workers: 1\n");
    while (now_ms() < end) {
        if (server_workers(&s, pids) == 1 && pids[0] != last) {
            last = pids[0];
            kill(last, SIGKILL);
            killed++;
        }
        pause_ms(1);
    }
    cr_expect(killed >= 2 && killed <= 40, "%u workers in three seconds", killed);
    cr_expect(fetch_until(&s, "/", 200, NULL, DEADLINE_MS), "it recovers");
    server_close(&s);
}

Test(process, ends_the_workers_with_the_master)
{
    pid_t pids[SERVER_WORKERS_MAX];
    struct client c;
    struct server s;

    server_open(&s);
    server_start(&s, "");
    cr_assert_eq(server_workers(&s, pids), 2);
    client_open(&c, &s); /* a busy worker goes too */
    cr_assert(serves(&c));
    server_signal(&s, SIGKILL);
    cr_expect(server_wait_exit(&s, DEADLINE_MS) != -1);
    cr_expect(process_wait_gone(pids[0], 3000) && process_wait_gone(pids[1], 3000));
    client_close(&c);

    server_start(&s, ""); /* a stale pid file and socket do not stop the next one */
    cr_expect_eq(fetch_status(&s, "/"), 200);
    server_close(&s);
}

Test(process, finishes_what_is_under_way_on_quit)
{
    enum { SIZE = 20000000 };
    struct client busy, idle, late;
    struct response r;
    struct server s;
    uint64_t end;

    server_open(&s);
    server_blob(&s, "root/big.bin", SIZE, 1);
    server_start(&s, "");
    client_open(&idle, &s);
    cr_assert(serves(&idle));
    client_open(&busy, &s);
    client_send_text(&busy, "GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    cr_assert(client_receive(&busy, DEADLINE_MS));
    server_signal(&s, SIGQUIT);
    cr_expect_eq(client_read_to_end(&idle, DEADLINE_MS), CLIENT_FIN, "idle connections end");
    for (end = now_ms() + DEADLINE_MS; client_open_port(&late, s.port) && now_ms() < end;) {
        client_close(&late);
        pause_ms(5);
    }
    cr_expect_eq(late.fd, -1, "new ones are not refused");
    cr_expect(client_read(&busy, &r, false), "%s", r.failure);
    cr_expect(response_body_is_pattern(&r, 0, SIZE, 1));
    response_fini(&r);
    cr_expect_eq(client_read_to_end(&busy, DEADLINE_MS), CLIENT_FIN);
    cr_expect_eq(server_wait_exit(&s, DEADLINE_MS), 0);
    cr_expect(!file_wait_exists(server_path(&s, "config.pid"), true, 0), "the pid file is left");
    client_close(&idle);
    client_close(&busy);
    server_close(&s);
}

Test(process, answers_a_busy_client_once_more_on_quit)
{
    struct response r;
    struct client c;
    struct server s;

    server_open(&s);
    server_start(&s, "");
    client_open(&c, &s);
    cr_assert(serves(&c));
    server_signal(&s, SIGQUIT);
    cr_assert(server_wait_log(&s, 0, "quitting", DEADLINE_MS));
    pause_ms(200); /* every worker has heard of it */
    cr_expect(client_ask(&c, &r, "GET", "/", NULL), "%s", r.failure);
    cr_expect_eq(r.status, 200);
    cr_expect(response_field_is(&r, "Connection", "close"));
    response_fini(&r);
    client_close(&c);
    cr_expect_eq(server_wait_exit(&s, DEADLINE_MS), 0);
    server_close(&s);
}

Test(process, ends_a_graceful_stop_in_time)
{
    struct client busy;
    struct server s;

    server_open(&s);
    server_blob(&s, "root/big.bin", 20000000, 1);
    server_start(&s, "worker_shutdown_timeout: 500ms\n");
    client_open(&busy, &s);
    client_send_text(&busy, "GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    cr_assert(client_receive(&busy, DEADLINE_MS)); /* and reads no more */
    server_signal(&s, SIGQUIT);
    cr_expect_eq(server_wait_exit(&s, 5000 * SLOWNESS), 0);
    client_close(&busy);
    server_close(&s);
}

Test(process, stops_fast_on_term_and_int)
{
    static const int signals[] = { SIGTERM, SIGINT };
    struct client busy;
    struct server s;

    server_open(&s);
    server_blob(&s, "root/big.bin", 20000000, 1);
    for (unsigned i = 0; i < 2; i++) {
        server_start(&s, "");
        client_open(&busy, &s);
        client_send_text(&busy, "GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n");
        cr_assert(client_receive(&busy, DEADLINE_MS));
        server_signal(&s, signals[i]);
        cr_expect_eq(server_wait_exit(&s, 2000 * SLOWNESS), 0, "signal %d", signals[i]);
        cr_expect(client_read_to_end(&busy, DEADLINE_MS) != CLIENT_TIMEOUT);
        client_close(&busy);
    }
    server_close(&s);
}

Test(process, drains_its_workers_on_winch_and_starts_them_on_hup)
{
    struct client c;
    struct server s;

    server_open(&s);
    server_start(&s, "");
    client_open(&c, &s);
    cr_assert(serves(&c));
    server_signal(&s, SIGWINCH);
    cr_expect_eq(client_read_to_end(&c, DEADLINE_MS), CLIENT_FIN);
    client_close(&c);
    cr_expect(server_wait_workers(&s, 0, 0, DEADLINE_MS), "workers are left");
    cr_expect(process_state(s.pid) != 0, "the master stays");
    server_signal(&s, SIGHUP);
    cr_expect(server_wait_workers(&s, 2, 0, DEADLINE_MS), "HUP starts workers again");
    cr_expect(fetch_until(&s, "/", 200, "hello\n", 2000));
    server_close(&s);
}

Test(process, keeps_a_pid_file_and_refuses_a_second_master)
{
    const char *const again[] = { server_binary(), "-c", NULL, NULL };
    const char *argv[4];
    struct command command;
    struct server s;
    struct buf b;

    server_open(&s);
    server_start(&s, "");
    b = file_read(server_path(&s, "config.pid"));
    cr_expect(b.n > 0 && atoi(buf_cstr(&b)) == s.pid, "config.pid: %s", buf_cstr(&b));
    buf_fini(&b);

    memcpy(argv, again, sizeof(argv));
    argv[2] = s.config;
    command_run(&command, &s, argv);
    cr_expect_eq(command.exit_code, 1, "%d: %s", command.exit_code, command.output.p);
    cr_expect(command.output.n > 0 || server_log_size(&s) > 0);
    command_fini(&command);
    cr_expect_eq(fetch_status(&s, "/"), 200, "the first one goes on");
    b = file_read(server_path(&s, "config.pid"));
    cr_expect(b.n > 0 && atoi(buf_cstr(&b)) == s.pid, "its pid file too");
    buf_fini(&b);
    cr_expect_eq(server_verb(&s, "status", NULL), 0, "its control socket too");
    server_stop(&s);
    cr_expect(!file_wait_exists(server_path(&s, "config.pid"), true, 0));
    cr_expect(!file_wait_exists(server_path(&s, "config.sock"), true, 0));
    server_close(&s);
}

Test(process, says_which_address_is_taken)
{
    const char *argv[] = { server_binary(), "-c", NULL, NULL };
    struct command command;
    struct server s, second;
    char config[128], address[64];

    server_open(&s);
    server_start(&s, "");
    server_open(&second);
    snprintf(address, sizeof(address), "127.0.0.1:%u", s.port);
    snprintf(config, sizeof(config), "error_log: stderr\nlisten: %s\n", address);
    server_config(&second, config);
    argv[2] = second.config;
    command_run(&command, &second, argv);
    cr_expect_eq(command.exit_code, 1);
    cr_expect(strstr(command.output.p, address) != NULL &&
                  strstr(command.output.p, "in use") != NULL,
              "%s", command.output.p);
    command_fini(&command);
    cr_expect_eq(fetch_status(&s, "/"), 200);
    server_close(&second);
    server_close(&s);
}

Test(process, serves_from_one_process_with_single)
{
    const char *const argv[] = { "--single", "-c", NULL, NULL };
    const char *full[4];
    pid_t pids[SERVER_WORKERS_MAX];
    struct server s;

    server_open(&s);
    memcpy(full, argv, sizeof(full));
    full[2] = s.config;
    server_config(&s, "");
    server_spawn(&s, full);
    cr_assert(server_wait_ready(&s, DEADLINE_MS));
    cr_expect_eq(server_workers(&s, pids), 0);
    for (unsigned i = 0; i < 20; i++)
        cr_expect_eq(fetch_status(&s, "/"), 200);
    server_file(&s, "other/index.html", "other");
    server_reload(&s, "root: other\n");
    cr_expect(fetch_until(&s, "/", 200, "other", 0));
    server_signal(&s, SIGQUIT);
    cr_expect_eq(server_wait_exit(&s, DEADLINE_MS), 0);
    server_close(&s);
}

Test(process, listens_on_ipv6_and_unix_sockets)
{
    struct sockaddr_in6 sa = { .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback };
    char config[128], *at;
    struct client c;
    struct server s;
    struct buf b;
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool has_ipv6 = fd >= 0 && bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0;

    close(fd);
    server_open(&s);
    snprintf(config, sizeof(config), "listen: [\"127.0.0.1:0\", %s\"unix:%s\"]\n",
             has_ipv6 ? "\"[::1]:0\", " : "", server_path(&s, "http.sock"));
    server_start(&s, config);
    cr_expect(client_open_unix(&c, server_path(&s, "http.sock")) && serves(&c));
    client_close(&c);
    b = file_read(s.log);
    at = strstr(buf_cstr(&b), "listening on [::1]:");
    cr_expect(has_ipv6 == (at != NULL), "%s", b.p);
    if (at != NULL) {
        sa.sin6_port = htons((uint16_t)strtoul(at + strlen("listening on [::1]:"), NULL, 10));
        cr_expect(client_open_to(&c, (struct sockaddr *)&sa, sizeof(sa), 0) && serves(&c));
        client_close(&c);
    }
    buf_fini(&b);
    server_signal(&s, SIGKILL); /* leaves the socket file behind */
    server_wait_exit(&s, DEADLINE_MS);
    server_start(&s, config);
    cr_expect(client_open_unix(&c, server_path(&s, "http.sock")) && serves(&c), "a stale socket");
    client_close(&c);
    server_stop(&s);
    cr_expect(!file_wait_exists(server_path(&s, "http.sock"), true, 0), "the socket file is left");
    server_close(&s);
}

Test(process, serves_a_folder_without_any_config_within_a_second)
{
    const char *argv[] = { NULL, "-p", NULL, NULL };
    char port[16];
    struct server s;
    uint64_t start;
    struct buf b;

    server_open(&s);
    s.port = server_free_port();
    snprintf(port, sizeof(port), "%u", s.port);
    argv[0] = server_path(&s, "root");
    argv[2] = port;
    start = now_ms();
    server_spawn(&s, argv);
    server_wait_ready(&s, DEADLINE_MS);
    s.port = (unsigned)atoi(port);
    cr_expect_eq(fetch_status(&s, "/"), 200);
    cr_expect(now_ms() - start < 1000 * SLOWNESS, "%u ms", (unsigned)(now_ms() - start));
    cr_expect_eq(fetch_status(&s, "/../config.yaml"), 404);
    b = file_read(server_path(&s, "stdout.log"));
    cr_expect(b.n > 0 && strstr(buf_cstr(&b), port) != NULL && strstr(b.p, "root") != NULL,
              "it says what it serves and where: %s", buf_cstr(&b));
    buf_fini(&b);
    server_signal(&s, SIGINT);
    cr_expect_eq(server_wait_exit(&s, DEADLINE_MS), 0);
    server_close(&s);
}

/* The same with the folder as current folder and nothing on the command line but the port. */
Test(process, serves_the_current_folder)
{
    const char *argv[] = { "-p", NULL, NULL };
    char port[16];
    struct server s;

    server_open(&s);
    server_file(&s, "index.html", "current");
    snprintf(port, sizeof(port), "%u", server_free_port());
    argv[1] = port;
    server_spawn(&s, argv);
    server_wait_ready(&s, DEADLINE_MS);
    s.port = (unsigned)atoi(port);
    cr_expect(fetch_until(&s, "/", 200, "current", 0));
    server_close(&s);
}

static int count_descriptors(const struct server *s, pid_t worker)
{
    char command[128];
    const char *const argv[] = { "/bin/sh", "-c", command, NULL };
    struct command c;
    int count;

    snprintf(command, sizeof(command), "ls /proc/%d/fd /proc/%d/fd | wc -l", (int)worker,
             (int)s->pid);
    command_run(&c, s, argv);
    count = atoi(c.output.p);
    command_fini(&c);
    return count;
}

Test(process, leaks_no_descriptor_to_its_workers_or_over_reloads)
{
    pid_t pids[SERVER_WORKERS_MAX];
    uint64_t end;
    struct server s;
    int before, after;

    server_open(&s);
    server_start(&s, "workers: 1\naccess_log: access.log\n");
    cr_assert_eq(server_workers(&s, pids), 1);
    server_reload(&s, "workers: 1\naccess_log: access.log\n");
    cr_expect_eq(fetch_status(&s, "/"), 200);
    before = count_descriptors(&s, pids[0]);
    for (unsigned i = 0; i < 10; i++)
        server_reload(&s, "workers: 1\naccess_log: access.log\n");
    cr_expect_eq(fetch_status(&s, "/"), 200);
    end = now_ms() + DEADLINE_MS; /* logs are closed by a thread */
    do
        after = count_descriptors(&s, pids[0]);
    while (after > before + 2 && now_ms() < end);
    cr_expect_leq(after, before + 2, "%d -> %d", before, after);
    server_close(&s);
}

/* The process's share of all pages that it has in memory. */
static unsigned long pss_kb(pid_t pid)
{
    unsigned long kb = 0;
    struct buf text;
    char path[64];
    const char *at;

    snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
    text = file_read(path);
    buf_add_char(&text, '\0');
    at = strstr(text.p, "\nPss:");
    cr_assert_not_null(at, "%s", path);
    cr_assert_eq(sscanf(at, " Pss: %lu kB", &kb), 1);
    buf_fini(&text);
    return kb;
}

Test(process, needs_little_memory_before_it_has_files)
{
    enum { MOST_KB = 4096 };
    pid_t pids[SERVER_WORKERS_MAX];
    unsigned long master, worker;
    struct server s;

    if (SLOWNESS > 1)
        cr_skip_test("what a sanitizer needs is not ours");
    server_open(&s);
    server_start(&s, "workers: 1\n");
    cr_assert_eq(server_workers(&s, pids), 1);
    master = pss_kb(s.pid);
    worker = pss_kb(pids[0]);
    cr_expect_leq(master + worker, MOST_KB, "master %lu KB, worker %lu KB", master, worker);
    server_close(&s);
}
