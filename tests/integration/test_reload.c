/* Reload in place: same workers, same connections, the new config from the next request on. */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/integration/load.h"

TestSuite(reload, .timeout = 60);

/* The port of the newest "listening on" line with this prefix; 0: none. */
static unsigned listening_port(const struct server *s, const char *prefix)
{
    struct buf b = file_read(s->log);
    unsigned port = 0;

    for (char *at = b.n ? strstr(buf_cstr(&b), prefix) : NULL; at; at = strstr(at + 1, prefix))
        port = (unsigned)strtoul(at + strlen(prefix), NULL, 10);
    buf_fini(&b);
    return port;
}

static bool same_pids(const struct server *s, const pid_t *before, size_t count)
{
    pid_t after[SERVER_WORKERS_MAX];

    if (server_workers(s, after) != count)
        return false;
    for (size_t i = 0; i < count; i++) {
        bool found = false;

        for (size_t k = 0; k < count; k++)
            found = found || after[k] == before[i];
        if (!found)
            return false;
    }
    return true;
}

/* One GET on a connection that is open already. */
static bool still_serves(struct client *c, const char *target, const char *body)
{
    struct response r;
    bool is_so =
        client_ask(c, &r, "GET", target, NULL) && r.status == 200 && response_body_is(&r, body);

    response_fini(&r);
    return is_so;
}

Test(reload, keeps_workers_and_connections)
{
    pid_t before[SERVER_WORKERS_MAX];
    struct client idle, c;
    struct server s;
    unsigned port;

    server_open(&s);
    server_start(&s, "");
    port = s.port;
    cr_assert_eq(server_workers(&s, before), 2);
    client_open(&idle, &s);
    cr_assert(still_serves(&idle, "/", "hello\n"));

    server_signal(&s, SIGHUP);
    cr_expect(server_wait_log(&s, 0, "reload: generation 2 runs in 2 workers", DEADLINE_MS));
    cr_expect(same_pids(&s, before, 2), "HUP replaced workers");
    cr_expect(client_is_quiet(&idle), "the idle connection was touched");
    cr_expect(still_serves(&idle, "/", "hello\n"));

    server_reload(&s, "");
    cr_expect(server_wait_log(&s, 0, "reload: generation 3 runs in 2 workers", DEADLINE_MS));
    cr_expect(same_pids(&s, before, 2));
    cr_expect(still_serves(&idle, "/", "hello\n"));
    cr_expect(client_open_port(&c, port) && still_serves(&c, "/", "hello\n"),
              "port 0 was chosen once");
    client_close(&c);
    client_close(&idle);
    server_close(&s);
}

Test(reload, loses_nothing_under_load)
{
    static struct load load;
    pid_t before[SERVER_WORKERS_MAX];
    struct server s;
    unsigned done;

    server_open(&s);
    server_file(&s, "other/index.html", "hello\n");
    server_start(&s, "");
    cr_assert_eq(server_workers(&s, before), 2);
    load_start(&load, &s, LOAD_KEEP_ALIVE, "/", 50);
    for (unsigned i = 0; i < 10; i++) {
        server_reload(&s, i % 2 == 0 ? "root: other\n" : "root: root\n");
        cr_expect(load_go_on(&load, 200), "it stands still after reload %u", i);
    }
    load_stop(&load);
    done = load.done;
    cr_expect_eq(load.failed, 0, "%u of %u failed: %s", load.failed, done, load.failure);
    cr_expect(same_pids(&s, before, 2));
    server_close(&s);
}

Test(reload, loses_no_new_connection_under_load)
{
    static struct load load;
    struct server s;

    server_open(&s);
    server_start(&s, "");
    load_start(&load, &s, LOAD_CONNECT_EACH, "/", 16);
    for (unsigned i = 0; i < 10; i++) {
        server_reload(&s, "");
        cr_expect(load_go_on(&load, 50));
    }
    load_stop(&load);
    cr_expect_eq(load.failed, 0, "%u of %u failed: %s", load.failed, load.done, load.failure);
    server_close(&s);
}

Test(reload, finishes_downloads_with_the_old_root)
{
    enum { SIZE = 20000000 };
    struct response r;
    struct client c;
    struct server s;

    server_open(&s);
    server_blob(&s, "root/big.bin", SIZE, 1);
    server_file(&s, "other/big.bin", "new");
    server_start(&s, "");
    client_open(&c, &s);
    client_send_text(&c, "GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    cr_assert(client_receive(&c, DEADLINE_MS));
    for (unsigned i = 0; i < 3; i++)
        server_reload(&s, "root: other\n");
    cr_expect(client_read(&c, &r, false), "%s", r.failure);
    cr_expect(response_body_is_pattern(&r, 0, SIZE, 1));
    response_fini(&r);
    cr_expect(still_serves(&c, "/big.bin", "new"), "the next request sees the new root");
    client_close(&c);
    server_close(&s);
}

Test(reload, changes_what_the_next_request_of_a_live_connection_sees)
{
    struct response r;
    struct client c;
    struct server s;

    server_open(&s);
    server_file(&s, "other/index.html", "other");
    server_file(&s, "other/sub/404.html", "gone");
    server_start(&s, "");
    client_open(&c, &s);
    cr_assert(still_serves(&c, "/", "hello\n"));

    server_reload(&s, "root: other\n");
    cr_expect(still_serves(&c, "/", "other"), "root");

    server_reload(&s, "routes:\n  - path: /r\n    alias: other\n");
    cr_expect(still_serves(&c, "/r/", "other"), "routes");
    cr_expect(still_serves(&c, "/", "hello\n"));

    server_reload(&s, "sites:\n  - hosts: localhost\n    root: other\n");
    cr_expect(still_serves(&c, "/", "other"), "sites");

    server_reload(&s, "root: other\nerror_pages: {404: /sub/404.html}\nserver_header: off\n");
    cr_expect(client_ask(&c, &r, "GET", "/none", NULL) && response_body_is(&r, "gone"));
    cr_expect_eq(response_field_count(&r, "Server"), 0, "server_header");
    response_fini(&r);

    server_reload(&s, "access_log: access.log\naccess_log_buffer: 0\n");
    cr_expect(still_serves(&c, "/?logged", "hello\n"));
    cr_expect(file_wait(server_path(&s, "access.log"), 0, "/?logged", DEADLINE_MS), "access_log");

    server_reload(&s, "client_max_body_size: 10\n");
    cr_expect(client_ask(&c, &r, "POST", "/", "Content-Length: 11\r\n") && r.status == 413,
              "client_max_body_size: %d", r.status);
    response_fini(&r);
    client_close(&c);
    server_close(&s);
}

Test(reload, changes_limits_and_timeouts)
{
    struct response r;
    struct client c, idle;
    struct server s;
    char target[3000];

    server_open(&s);
    server_start(&s, "");
    client_open(&c, &s);
    client_open(&idle, &s);
    cr_assert(still_serves(&c, "/", "hello\n"));
    cr_assert(still_serves(&idle, "/", "hello\n"));

    server_reload(&s, "request_line_max: 2KiB\nkeepalive_timeout: 500ms\n");
    cr_expect(still_serves(&idle, "/", "hello\n"));
    memset(target, 'a', sizeof(target));
    target[0] = '/';
    target[sizeof(target) - 1] = '\0';
    cr_expect(client_ask(&c, &r, "GET", target, NULL) && r.status == 414, "%d", r.status);
    response_fini(&r);
    client_close(&c);
    cr_expect_eq(client_read_to_end(&idle, DEADLINE_MS), CLIENT_FIN, "keepalive_timeout");
    client_close(&idle);

    server_reload(&s, "keepalive_requests: 2\n");
    client_open(&c, &s);
    cr_expect(still_serves(&c, "/", "hello\n"));
    cr_expect(still_serves(&c, "/", "hello\n"));
    cr_expect_eq(client_read_to_end(&c, DEADLINE_MS), CLIENT_FIN, "keepalive_requests");
    client_close(&c);
    server_close(&s);
}

Test(reload, opens_new_addresses_and_closes_removed_ones)
{
    struct client old, c;
    struct server s;
    char config[256];
    unsigned second = server_free_port(), first;

    server_open(&s);
    server_start(&s, "");
    first = s.port;
    client_open(&old, &s);
    cr_assert(still_serves(&old, "/", "hello\n"));

    snprintf(config, sizeof(config), "listen: [\"127.0.0.1:0\", \"127.0.0.1:%u\", \"unix:%s\"]\n",
             second, server_path(&s, "http.sock"));
    server_reload(&s, config);
    snprintf(config, sizeof(config), "listening on 127.0.0.1:%u", second);
    cr_expect(server_wait_log(&s, 0, config, DEADLINE_MS));
    cr_expect_eq(listening_port(&s, "listening on 127.0.0.1:"), second);
    cr_expect(client_open_port(&c, second) && still_serves(&c, "/", "hello\n"), "the new address");
    client_close(&c);
    cr_expect(client_open_unix(&c, server_path(&s, "http.sock")) &&
                  still_serves(&c, "/", "hello\n"),
              "the new Unix socket");
    client_close(&c);
    cr_expect(client_open_port(&c, first) && still_serves(&c, "/", "hello\n"), "the first stays");
    client_close(&c);

    snprintf(config, sizeof(config), "listen: 127.0.0.1:%u\n", second);
    server_reload(&s, config);
    cr_expect(!client_open_port(&c, first) && errno == ECONNREFUSED, "the removed address");
    client_close(&c);
    cr_expect(!client_open_unix(&c, server_path(&s, "http.sock")), "the removed Unix socket");
    client_close(&c);
    cr_expect(client_open_port(&c, second) && still_serves(&c, "/", "hello\n"));
    client_close(&c);
    cr_expect(still_serves(&old, "/", "hello\n"), "a connection outlives its address");
    client_close(&old);
    server_close(&s);
}

Test(reload, changes_the_number_of_workers)
{
    static struct load load;
    pid_t before[SERVER_WORKERS_MAX], after[SERVER_WORKERS_MAX];
    struct server s;
    size_t kept = 0;

    server_open(&s);
    server_start(&s, "workers: 1\n");
    cr_assert_eq(server_workers(&s, before), 1);
    load_start(&load, &s, LOAD_CONNECT_EACH, "/", 8);
    server_reload(&s, "workers: 4\n");
    cr_expect(server_wait_workers(&s, 4, 0, DEADLINE_MS), "growing");
    cr_expect_eq(server_workers(&s, after), 4);
    for (size_t i = 0; i < 4; i++)
        kept += after[i] == before[0];
    cr_expect_eq(kept, 1, "the first worker stays");
    cr_expect(load_go_on(&load, 300));
    load_stop(&load);
    cr_expect_eq(load.failed, 0, "growing loses nobody: %s", load.failure);

    server_reload(&s, "workers: 2\n");
    cr_expect(server_wait_workers(&s, 2, 0, DEADLINE_MS), "shrinking");
    for (unsigned i = 0; i < 50; i++)
        cr_expect_eq(fetch_status(&s, "/"), 200);
    server_close(&s);
}

/* Whatever is wrong, nothing changes, and the operator is told all of it. */
static void judge_bad(struct server *s, struct client *live, const pid_t *pids, const char *config,
                      const char *const words[])
{
    struct buf output;
    size_t log_at = server_log_size(s);

    server_config(s, config);
    cr_expect_eq(server_verb(s, "reload", &output), 1, "%s: %s", config, buf_cstr(&output));
    for (size_t i = 0; words[i] != NULL; i++)
        cr_expect(strstr(buf_cstr(&output), words[i]) != NULL, "%s: \"%s\" is not in: %s", config,
                  words[i], output.p);
    buf_fini(&output);
    cr_expect(server_wait_log(s, log_at, "reload failed", DEADLINE_MS), "%s", config);
    cr_expect(same_pids(s, pids, 2), "%s", config);
    cr_expect(still_serves(live, "/", "hello\n"), "%s", config);
    cr_expect_eq(fetch_status(s, "/"), 200, "%s", config);
}

Test(reload, changes_nothing_when_the_config_is_bad)
{
    static const char *const all_errors[] = { "config.yaml:5:1",  "wrokers",        "workers",
                                              "config.yaml:6:20", "config.yaml:8:", NULL };
    static const char *const syntax[] = { "config.yaml:", "error", NULL };
    static const char *const no_root[] = { "nowhere", NULL };
    static const char *const no_log[] = { "nofolder", NULL };
    static const char *const taken[] = { "in use", NULL };
    pid_t pids[SERVER_WORKERS_MAX];
    struct client live, other;
    struct server s, neighbour;
    char config[128];

    server_open(&s);
    server_start(&s, "");
    server_open(&neighbour);
    server_start(&neighbour, "");
    cr_assert_eq(server_workers(&s, pids), 2);
    client_open(&live, &s);
    cr_assert(still_serves(&live, "/", "hello\n"));

    judge_bad(&s, &live, pids, "wrokers: 3\nkeepalive_timeout: soon\nsites:\n- root: root\n",
              all_errors);
    judge_bad(&s, &live, pids, "sites: [\n", syntax);
    judge_bad(&s, &live, pids, "root: nowhere\n", no_root);
    judge_bad(&s, &live, pids, "access_log: nofolder/access.log\n", no_log);
    snprintf(config, sizeof(config), "listen: [\"127.0.0.1:0\", \"127.0.0.1:%u\"]\n",
             neighbour.port);
    judge_bad(&s, &live, pids, config, taken);

    server_reload(&s, "");
    cr_expect(still_serves(&live, "/", "hello\n"), "a good one works again");
    cr_expect(client_open_port(&other, neighbour.port) && still_serves(&other, "/", "hello\n"));
    client_close(&other);
    client_close(&live);
    server_close(&neighbour);
    server_close(&s);
}

Test(reload, survives_a_storm)
{
    static struct load load;
    pid_t before[SERVER_WORKERS_MAX];
    struct server s;

    server_open(&s);
    server_file(&s, "last/index.html", "last");
    server_start(&s, "");
    cr_assert_eq(server_workers(&s, before), 2);
    load_start(&load, &s, LOAD_KEEP_ALIVE, "/index.html", 8);
    for (unsigned i = 0; i < 100; i++) {
        server_config(&s, i % 3 == 0 ? "wrokers: 2\n" : "");
        server_signal(&s, SIGHUP);
        if (i % 10 == 9)
            cr_expect(load_go_on(&load, 20));
    }
    server_config(&s, "root: last\n"); /* the newest config wins, whatever was under way */
    server_signal(&s, SIGHUP);
    cr_expect(fetch_until(&s, "/", 200, "last", DEADLINE_MS));
    load_stop(&load);
    cr_expect_eq(load.failed, 0, "%u failed: %s", load.failed, load.failure);
    cr_expect(same_pids(&s, before, 2));
    server_close(&s);
}

static void *reload_run(void *context)
{
    return (void *)(intptr_t)server_verb(context, "reload", NULL);
}

Test(reload, answers_everyone_who_asks_at_once)
{
    enum { COUNT = 8 };
    pthread_t threads[COUNT];
    struct server s;
    void *exit_code;

    server_open(&s);
    server_start(&s, "");
    for (unsigned i = 0; i < COUNT; i++)
        cr_assert(pthread_create(&threads[i], NULL, reload_run, &s) == 0);
    for (unsigned i = 0; i < COUNT; i++) {
        pthread_join(threads[i], &exit_code);
        cr_expect((intptr_t)exit_code == 0, "exit code %d", (int)(intptr_t)exit_code);
    }
    cr_expect_eq(fetch_status(&s, "/"), 200);
    server_close(&s);
}

/* A worker that cannot answer must not leave the others half-way for ever. */
Test(reload, says_so_when_a_worker_dies_meanwhile)
{
    pid_t pids[SERVER_WORKERS_MAX];
    struct server s;
    size_t log_at;

    server_open(&s);
    server_file(&s, "other/index.html", "other");
    server_start(&s, "");
    cr_assert_eq(server_workers(&s, pids), 2);
    kill(pids[1], SIGSTOP);
    log_at = server_log_size(&s);
    server_config(&s, "root: other\n");
    server_signal(&s, SIGHUP);
    pause_ms(50); /* the stopped worker makes no event */
    kill(pids[1], SIGKILL);
    cr_expect(server_wait_log(&s, log_at, "reload", DEADLINE_MS));
    cr_expect(server_wait_workers(&s, 2, pids[1], DEADLINE_MS));
    server_reload(&s, "root: other\n");
    for (unsigned i = 0; i < 20; i++)
        cr_expect(fetch_until(&s, "/", 200, "other", 0), "every worker runs the new generation");
    server_close(&s);
}

/* A client of the control socket that waits as long as it takes; its end is "ok GENERATION". */
static unsigned ask_for_generation(const struct server *s)
{
    static const char line[] = "reload\n";
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    unsigned long generation = 0;
    char answer[512] = "";
    size_t n = 0;
    ssize_t got;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/config.sock", s->dir);
    if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0 &&
        send(fd, line, sizeof(line) - 1, MSG_NOSIGNAL) == sizeof(line) - 1)
        while ((got = recv(fd, answer + n, sizeof(answer) - 1 - n, 0)) > 0)
            n += (size_t)got;
    close(fd);
    if (strstr(answer, "ok generation ") == answer)
        generation = strtoul(answer + strlen("ok generation "), NULL, 10);
    return (unsigned)generation;
}

enum { STORM_CLIENTS = 200, STORM_RELOADS = 3 };

struct storm_client {
    const struct server *server;
    unsigned generations[STORM_RELOADS];
};

static void *storm_run(void *context)
{
    struct storm_client *c = context;

    for (unsigned i = 0; i < STORM_RELOADS; i++)
        c->generations[i] = ask_for_generation(c->server);
    return NULL;
}

/* The control socket takes 64 at a time and its backlog 64 more: the others wait outside. */
Test(reload, answers_a_storm_in_order)
{
    static struct storm_client clients[STORM_CLIENTS];
    pthread_t threads[STORM_CLIENTS];
    struct server s;
    unsigned last = 0;

    server_open(&s);
    server_start(&s, "");
    for (unsigned i = 0; i < STORM_CLIENTS; i++) {
        clients[i].server = &s;
        cr_assert(pthread_create(&threads[i], NULL, storm_run, &clients[i]) == 0);
    }
    for (unsigned i = 0; i < STORM_CLIENTS; i++) {
        const unsigned *generations = clients[i].generations;

        pthread_join(threads[i], NULL);
        for (unsigned k = 0; k < STORM_RELOADS; k++) {
            cr_expect_gt(generations[k], k > 0 ? generations[k - 1] : 1,
                         "client %u: answer %u is %u", i, k, generations[k]);
            last = generations[k] > last ? generations[k] : last;
        }
    }
    cr_expect_lt(last, STORM_CLIENTS * STORM_RELOADS / 2,
                 "%u reloads: those who wait share the next one", last);
    cr_expect_eq(ask_for_generation(&s), last + 1, "the newest was told to somebody");
    cr_expect_eq(fetch_status(&s, "/"), 200);
    server_close(&s);
}

static void control_line(struct client *c, const struct server *s, const char *line)
{
    cr_assert(client_open_unix(c, server_path(s, "config.sock")));
    cr_assert(client_send_text(c, line));
}

/* The master reads them in the order of their connections: who has an answer is behind all before. */
static void control_wait(const struct server *s)
{
    struct client c;

    control_line(&c, s, "status\n");
    cr_assert_eq(client_read_to_end(&c, DEADLINE_MS), CLIENT_FIN);
    client_close(&c);
}

Test(reload, goes_on_without_a_worker_that_dies_in_the_middle)
{
    pid_t pids[SERVER_WORKERS_MAX];
    struct client asker, live;
    struct server s;
    uint64_t start;

    server_open(&s);
    server_file(&s, "other/index.html", "other");
    server_start(&s, "");
    cr_assert_eq(server_workers(&s, pids), 2);
    for (;;) {
        client_open(&live, &s);
        cr_assert(still_serves(&live, "/", "hello\n"));
        if (client_worker(&live, &s) == pids[0])
            break;
        client_close(&live);
    }
    kill(pids[1], SIGSTOP);
    server_config(&s, "root: other\n");
    start = now_ms();
    control_line(&asker, &s, "reload\n");
    control_wait(&s);
    cr_expect(still_serves(&live, "/", "hello\n"), "nobody switches before all are ready");
    kill(pids[1], SIGKILL);

    cr_expect_eq(client_read_to_end(&asker, DEADLINE_MS), CLIENT_FIN);
    buf_cstr(&asker.in);
    cr_expect_eq(strncmp(asker.in.p, "ok generation 2 runs in 2 workers\nroot: ", 40), 0, "%s",
                 asker.in.p);
    cr_expect_lt(now_ms() - start, 5000, "nobody waited for the dead one's answer");
    cr_expect(still_serves(&live, "/", "other"), "the worker that lived has switched");
    for (unsigned i = 0; i < 20; i++)
        cr_expect(fetch_until(&s, "/", 200, "other", 0), "and so has the one that replaced it");
    client_close(&asker);
    client_close(&live);
    server_close(&s);
}

Test(reload, of_a_worker_that_does_not_answer_changes_nothing)
{
    pid_t pids[SERVER_WORKERS_MAX];
    struct buf output;
    struct server s;

    server_open(&s);
    server_file(&s, "other/index.html", "other");
    server_start(&s, "worker_stuck_timeout: off\n");
    cr_assert_eq(server_workers(&s, pids), 2);
    kill(pids[1], SIGSTOP);
    server_config(&s, "root: other\nworker_stuck_timeout: off\n");
    cr_expect_eq(server_verb(&s, "reload", &output), 1, "%s", buf_cstr(&output));
    cr_expect_not_null(strstr(buf_cstr(&output), "has not answered within 10 s"), "%s", output.p);
    buf_fini(&output);
    kill(pids[1], SIGCONT);
    for (unsigned i = 0; i < 20; i++)
        cr_expect(fetch_until(&s, "/", 200, "hello\n", 0), "every worker runs the old generation");
    server_reload(&s, "root: other\nworker_stuck_timeout: off\n");
    for (unsigned i = 0; i < 20; i++)
        cr_expect(fetch_until(&s, "/", 200, "other", 0));
    server_close(&s);
}

/* What runs is still not what the file says, with however many workers. */
Test(reload, that_failed_is_not_forgotten_for_another_number_of_workers)
{
    struct buf status;
    struct server s;

    server_open(&s);
    server_start(&s, "workers: 2\n");
    server_config(&s, "wrokers: 2\n");
    cr_assert_eq(server_verb(&s, "reload", NULL), 1);
    cr_assert_eq(server_verb(&s, "set workers 1", NULL), 0);
    cr_assert_eq(server_verb(&s, "status", &status), 0);
    cr_expect_not_null(strstr(buf_cstr(&status), ", failed: "), "%s", buf_cstr(&status));
    buf_fini(&status);
    server_close(&s);
}
