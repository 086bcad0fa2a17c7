/* A new binary takes over the sockets of a running server; a broken one changes nothing. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/integration/load.h"

TestSuite(upgrade, .timeout = 90);

static pid_t pid_in_file(const struct server *s, const char *name)
{
    struct buf b = file_read(server_path(s, name));
    pid_t pid = b.n > 0 ? (pid_t)atoi(buf_cstr(&b)) : 0;

    buf_fini(&b);
    return pid;
}

/* The test process becomes the parent of masters whose former one has ended. */
static void open_with_copy(struct server *s)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    server_open(s);
    server_copy_binary(s);
}

static void replace_binary(const struct server *s, const char *script)
{
    server_file(s, "remuda", script);
    cr_assert(chmod(server_path(s, "remuda"), 0755) == 0);
}

/* Runs the verb with a binary that works, whatever the server's is now. */
static int verb(const struct server *s, const char *name, char *answer, size_t room)
{
    const char *const argv[] = { server_path(s, "speaker"), "-s", name, "-c", s->config, NULL };
    struct command c;

    command_run(&c, s, argv);
    snprintf(answer, room, "%.*s", (int)c.output.n, c.output.n > 0 ? c.output.p : "");
    command_fini(&c);
    return c.exit_code;
}

static void keep_speaker(const struct server *s)
{
    cr_assert(link(server_path(s, "remuda"), server_path(s, "speaker")) == 0);
}

/* After a verb that said "ok": the former master ends, and `s` is about the new one. */
static void follow(struct server *s)
{
    pid_t heir = pid_in_file(s, "config.pid");

    cr_assert(heir > 0 && heir != s->pid, "the pid file tells of the new master");
    cr_expect_eq(server_wait_exit(s, DEADLINE_MS), 0, "the former master ends");
    s->pid = heir;
}

static void upgrade(struct server *s)
{
    struct buf output;
    int exit_code = server_verb(s, "upgrade", &output);

    cr_assert_eq(exit_code, 0, "upgrade: exit code %d: %s", exit_code, buf_cstr(&output));
    buf_fini(&output);
    follow(s);
}

Test(upgrade, loses_nothing_under_load)
{
    static struct load kept, fresh;
    struct server s;

    open_with_copy(&s);
    server_start(&s, "");
    load_start(&kept, &s, LOAD_KEEP_ALIVE, "/", 50);
    load_start(&fresh, &s, LOAD_CONNECT_EACH, "/", 8);
    for (unsigned i = 0; i < 3; i++) {
        upgrade(&s);
        cr_expect(load_go_on(&kept, 200) && load_go_on(&fresh, 50), "it stands still after %u", i);
    }
    load_stop(&kept);
    load_stop(&fresh);
    cr_expect_eq(kept.failed, 0, "%u of %u failed: %s", kept.failed, kept.done, kept.failure);
    cr_expect_eq(fresh.failed, 0, "%u of %u failed: %s", fresh.failed, fresh.done, fresh.failure);
    server_close(&s);
}

Test(upgrade, loses_nothing_of_many_workers_with_another_user_and_a_unix_socket)
{
    static struct load kept, fresh;
    struct stat before, after;
    struct client c;
    struct server s;
    char config[256];

    open_with_copy(&s);
    snprintf(config, sizeof(config), "workers: 4\nlisten: [127.0.0.1:0, \"unix:%s/s.sock\"]\n%s",
             s.dir, geteuid() == 0 ? "user: nobody\n" : "");
    server_start(&s, config);
    cr_assert(stat(server_path(&s, "s.sock"), &before) == 0);
    load_start(&kept, &s, LOAD_KEEP_ALIVE, "/", 16);
    load_start(&fresh, &s, LOAD_CONNECT_EACH, "/", 8);
    server_signal(&s, SIGUSR2);
    cr_assert(server_wait_log(&s, 0, "the former master", DEADLINE_MS));
    follow(&s);
    cr_expect(load_go_on(&kept, 100) && load_go_on(&fresh, 50));
    load_stop(&kept);
    load_stop(&fresh);
    cr_expect_eq(kept.failed, 0, "%u of %u failed: %s", kept.failed, kept.done, kept.failure);
    cr_expect_eq(fresh.failed, 0, "%u of %u failed: %s", fresh.failed, fresh.done, fresh.failure);
    cr_assert(stat(server_path(&s, "s.sock"), &after) == 0, "the socket's file stays");
    cr_expect_eq(before.st_ino, after.st_ino);
    cr_assert(client_open_unix(&c, server_path(&s, "s.sock")));
    client_close(&c);
    server_stop(&s);
    cr_expect(!file_wait_exists(server_path(&s, "s.sock"), true, 0), "until the heir ends");
    cr_expect(!file_wait_exists(server_path(&s, "config.sock"), true, 0));
    cr_expect(!file_wait_exists(server_path(&s, "config.pid"), true, 0));
    server_close(&s);
}

Test(upgrade, finishes_a_download_that_the_former_master_began)
{
    enum { SIZE = 20000000 };
    struct response r;
    struct client c;
    struct server s;

    open_with_copy(&s);
    server_blob(&s, "root/big.bin", SIZE, 1);
    server_start(&s, "");
    client_open(&c, &s);
    client_send_text(&c, "GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    cr_assert(client_receive(&c, DEADLINE_MS));
    cr_assert_eq(server_verb(&s, "upgrade", NULL), 0);
    cr_expect_eq(fetch_status(&s, "/"), 200, "the new one serves meanwhile");
    cr_expect_eq(server_verb(&s, "upgrade", NULL), 1, "one after the other");
    cr_expect(client_read(&c, &r, false), "%s", r.failure);
    cr_expect(response_body_is_pattern(&r, 0, SIZE, 1));
    response_fini(&r);
    client_close(&c);
    follow(&s);
    server_close(&s);
}

/* More than an inbox holds at once; some have asked, some have said nothing yet. */
static void pass_idle_on(const char *before, const char *after)
{
    enum { ASKED = 400, COUNT = 450 };
    static struct client clients[COUNT];
    struct server s;

    open_with_copy(&s);
    server_start(&s, before);
    clients_open(clients, COUNT, ASKED, &s);
    server_config(&s, after);
    for (unsigned i = 0; i < 2; i++) {
        upgrade(&s);
        cr_assert(server_wait_log(&s, s.log_start, "has ended", DEADLINE_MS));
        s.log_start = server_log_size(&s);
    }
    clients_go_on(clients, COUNT);
    server_close(&s);
}

Test(upgrade, passes_idle_connections_on)
{
    pass_idle_on("workers: 4\n", "workers: 4\n");
}

Test(upgrade, passes_idle_connections_on_from_one_worker_to_another)
{
    pass_idle_on("workers: 1\n", "workers: 1\n");
}

Test(upgrade, passes_idle_connections_on_from_many_workers_to_few)
{
    pass_idle_on("workers: 8\nconnection_balance: off\n", "workers: 2\n");
}

Test(upgrade, passes_idle_connections_on_from_few_workers_to_many)
{
    pass_idle_on("workers: 1\n", "workers: 3\n");
}

/* Each connection's worker, by the master's list. */
static unsigned open_of_worker(const struct server *s, unsigned number)
{
    struct buf output;
    char words[32];
    unsigned open = 0;
    const char *at;

    cr_assert_eq(server_verb(s, "status", &output), 0);
    snprintf(words, sizeof(words), "\nworker %u: serving", number);
    at = strstr(buf_cstr(&output), words);
    if (at != NULL && (at = strstr(at, " up ")) != NULL && (at = strchr(at, ',')) != NULL)
        sscanf(at, ", %u connections", &open);
    buf_fini(&output);
    return open;
}

Test(upgrade, deals_idle_connections_over_all_new_workers)
{
    enum { COUNT = 200 };
    static struct client clients[COUNT];
    struct server s;

    open_with_copy(&s);
    server_start(&s, "workers: 1\n");
    clients_open(clients, COUNT, COUNT, &s);
    server_config(&s, "workers: 4\n");
    upgrade(&s);
    cr_assert(server_wait_log(&s, s.log_start, "has ended", DEADLINE_MS));
    for (unsigned i = 1; i <= 4; i++) {
        unsigned open = open_of_worker(&s, i);

        cr_expect(open > 30 && open < 70, "worker %u has %u", i, open);
    }
    clients_go_on(clients, COUNT);
    server_close(&s);
}

/* A worker of the former master that is stopped holds its connections; what waits for it is served. */
Test(upgrade, serves_what_waits_for_a_worker_that_is_stuck)
{
    enum { COUNT = 40 };
    static struct client clients[COUNT];
    pid_t pids[SERVER_WORKERS_MAX];
    struct response r;
    struct server s;
    char config[160], path[96];

    open_with_copy(&s);
    snprintf(path, sizeof(path), "%s/web.sock", s.dir);
    /* One queue for both workers: the other one deals. */
    snprintf(config, sizeof(config), "workers: 2\nlisten: unix:%s\nworker_stuck_timeout: 3s\n",
             path);
    server_start(&s, config);
    cr_assert_eq(server_workers(&s, pids), 2);
    process_freeze(pids[1]);
    for (size_t i = 0; i < COUNT; i++) {
        cr_assert(client_open_unix(&clients[i], path));
        client_send_text(&clients[i], "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    cr_assert_eq(server_verb(&s, "upgrade", NULL), 0);
    for (size_t i = 0; i < COUNT; i++) {
        uint64_t start = now_ms();

        cr_expect(client_read(&clients[i], &r, false), "client %zu: %s", i, r.failure);
        cr_expect_lt(now_ms() - start, 1000 * SLOWNESS, "client %zu", i);
        response_fini(&r);
        client_close(&clients[i]);
    }
    /* And it is aborted as any other, so that the former master can end. */
    cr_expect(server_wait_log(&s, s.log_start, "worker_stuck_timeout: worker 2", DEADLINE_MS));
    follow(&s);
    cr_assert_eq(truncate(s.log, 0), 0); /* no other test has such an end there */
    server_close(&s);
}

/* That a worker was stuck is told of nobody who comes after it. */
Test(upgrade, forgets_who_was_stuck)
{
    enum { COUNT = 20 };
    static struct client clients[COUNT];
    pid_t pids[SERVER_WORKERS_MAX];
    struct server s;

    open_with_copy(&s);
    server_start(&s, "workers: 1\n");
    cr_assert_eq(server_workers(&s, pids), 1);
    clients_open(clients, COUNT, COUNT, &s);
    process_freeze(pids[0]);
    cr_assert(server_wait_log(&s, s.log_start, "does nothing", DEADLINE_MS));
    cr_assert_eq(server_verb(&s, "upgrade", NULL), 0);
    kill(pids[0], SIGCONT);
    follow(&s);
    cr_assert(server_wait_log(&s, s.log_start, "has ended", DEADLINE_MS));
    s.log_start = server_log_size(&s);
    upgrade(&s); /* in that worker's bank */
    cr_assert(server_wait_log(&s, s.log_start, "has ended", DEADLINE_MS));
    clients_go_on(clients, COUNT);
    server_close(&s);
}

/* Whoever is left of a smaller number of workers has heirs too, when it is done. */
Test(upgrade, passes_on_what_a_leaving_worker_had_under_way)
{
    enum { SIZE = 8000000, COUNT = 6 };
    static struct client clients[COUNT];
    struct response r;
    struct server s;

    open_with_copy(&s);
    server_blob(&s, "root/big.bin", SIZE, 1);
    server_start(&s, "workers: 2\n");
    for (size_t i = 0; i < COUNT; i++) {
        client_open(&clients[i], &s);
        client_send_text(&clients[i], "GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n");
        cr_assert(client_receive(&clients[i], DEADLINE_MS));
    }
    server_reload(&s, "workers: 2\nworker_rlimit_nofile: 5000\n");
    cr_assert_eq(server_verb(&s, "upgrade", NULL), 0);
    for (size_t i = 0; i < COUNT; i++) {
        cr_expect(client_read(&clients[i], &r, false), "%s", r.failure);
        cr_expect(!response_field_is(&r, "Connection", "close"), "it was composed before");
        response_fini(&r);
    }
    follow(&s);
    clients_go_on(clients, COUNT);
    server_close(&s);
}

/* Who follows requests sees those of both masters' workers. */
Test(upgrade, goes_on_with_a_trace)
{
    struct client c;
    struct server s;

    open_with_copy(&s);
    server_start(&s, "workers: 1\n");
    cr_assert(client_open_unix(&c, server_path(&s, "config.sock")));
    cr_assert(client_send_text(&c, "json trace path=/t*\n"));
    while (strchr(buf_cstr(&c.in), '\n') == NULL)
        cr_assert(client_receive(&c, DEADLINE_MS));
    for (unsigned i = 0; i < 2; i++) {
        char target[16];

        upgrade(&s);
        cr_assert(server_wait_log(&s, s.log_start, "has ended", DEADLINE_MS));
        s.log_start = server_log_size(&s);
        snprintf(target, sizeof(target), "/t%u", i);
        cr_expect_eq(fetch_status(&s, "/other"), 404);
        cr_expect_eq(fetch_status(&s, target), 404);
        while (strstr(buf_cstr(&c.in), target) == NULL)
            cr_assert(client_receive(&c, DEADLINE_MS), "%s", buf_cstr(&c.in));
    }
    cr_expect_null(strstr(buf_cstr(&c.in), "/other"));
    client_close(&c);
    server_close(&s);
}

static size_t count_fds(pid_t pid)
{
    char path[64];
    size_t count = 0;
    DIR *d;

    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    d = opendir(path);
    while (d != NULL && readdir(d) != NULL)
        count++;
    if (d != NULL)
        closedir(d);
    return count;
}

Test(upgrade, counts_on_and_leaves_nothing_open)
{
    struct server s;
    size_t fds = 0;

    open_with_copy(&s);
    server_start(&s, "routes:\n  - path: /status\n    status_page: on\n  - path: /\n");
    for (unsigned i = 0; i < 20; i++)
        cr_assert_eq(fetch_status(&s, "/"), 200);
    for (unsigned i = 0; i < 3; i++) {
        upgrade(&s);
        cr_assert(server_wait_log(&s, s.log_start, "has ended", DEADLINE_MS));
        cr_expect(server_wait_workers(&s, 2, 0, DEADLINE_MS));
        cr_expect_geq(status_figure(&s, "requests"), 20 + i);
        cr_expect_leq(status_figure(&s, "connections_open"), 2);
        cr_expect_eq(status_figure(&s, "workers"), 2);
        cr_expect_eq(status_figure(&s, "generation"), i + 2);
        s.log_start = server_log_size(&s);
        if (i > 0)
            cr_expect_leq(count_fds(s.pid), fds, "%zu, before %zu", count_fds(s.pid), fds);
        fds = count_fds(s.pid);
    }
    server_reload(&s, "");
    cr_expect_eq(fetch_status(&s, "/"), 200);
    server_close(&s);
}

/* A rotation that is half done when the upgrade comes. */
Test(upgrade, goes_on_with_a_log_that_was_moved_away)
{
    struct server s;

    open_with_copy(&s);
    server_start(&s, "access_log: access.log\naccess_log_buffer: 0\n");
    cr_assert_eq(fetch_status(&s, "/?before"), 200);
    cr_assert_eq(rename(server_path(&s, "access.log"), server_path(&s, "access.log.1")), 0);
    upgrade(&s);
    cr_expect_eq(fetch_status(&s, "/?after"), 200);
    cr_expect(file_wait(server_path(&s, "access.log.1"), 0, "/?after", DEADLINE_MS));
    cr_expect_neq(access(server_path(&s, "access.log"), F_OK), 0, "nobody asked for a new one");
    cr_expect_eq(server_verb(&s, "reopen", NULL), 0);
    cr_expect_eq(fetch_status(&s, "/?reopened"), 200);
    cr_expect(file_wait(server_path(&s, "access.log"), 0, "/?reopened", DEADLINE_MS));
    server_close(&s);
}

Test(upgrade, keeps_a_number_of_workers_that_was_set_by_hand)
{
    struct server s;

    open_with_copy(&s);
    server_start(&s, "workers: 1\n");
    cr_assert_eq(server_verb(&s, "set workers 3", NULL), 0);
    for (unsigned i = 0; i < 2; i++) {
        upgrade(&s);
        cr_expect(server_wait_workers(&s, 3, 0, DEADLINE_MS), "upgrade %u", i + 1);
        cr_assert(server_wait_log(&s, s.log_start, "has ended", DEADLINE_MS));
        s.log_start = server_log_size(&s);
    }
    server_reload(&s, "workers: 1\n");
    cr_expect(server_wait_workers(&s, 1, 0, DEADLINE_MS), "until the next reload");
    server_close(&s);
}

Test(upgrade, takes_the_config_as_it_is_now)
{
    struct client c;
    struct server s;
    char config[512];

    open_with_copy(&s);
    snprintf(config, sizeof(config), "workers: 4\nlisten: [127.0.0.1:0, \"unix:%s/old.sock\"]\n",
             s.dir);
    server_start(&s, config);
    snprintf(config, sizeof(config),
             "workers: 2\nlisten: [127.0.0.1:0, \"unix:%s/new.sock\"]\n"
             "pid_file: %s/other.pid\ncontrol_socket: %s/other.sock\n",
             s.dir, s.dir, s.dir);
    server_signal(&s, SIGWINCH); /* drained or not is the same */
    cr_assert(server_wait_workers(&s, 0, 0, DEADLINE_MS));
    server_config(&s, config);
    server_signal(&s, SIGUSR2);
    cr_assert_eq(server_wait_exit(&s, DEADLINE_MS), 0);
    s.pid = pid_in_file(&s, "other.pid");
    cr_assert_gt(s.pid, 0);
    cr_expect(server_wait_workers(&s, 2, 0, DEADLINE_MS));
    cr_expect(access(server_path(&s, "config.pid"), F_OK) != 0, "the former pid file goes");
    cr_expect(access(server_path(&s, "config.sock"), F_OK) != 0, "and the control socket");
    cr_expect(access(server_path(&s, "old.sock"), F_OK) != 0, "and what is not listened on");
    cr_assert(client_open_unix(&c, server_path(&s, "new.sock")));
    client_close(&c);
    cr_expect_eq(server_verb(&s, "status", NULL), 0);
    for (unsigned i = 0; i < 20; i++)
        cr_expect_eq(fetch_status(&s, "/"), 200);
    server_close(&s);
}

Test(upgrade, works_for_a_daemon)
{
    const char *argv[] = { NULL, "-c", NULL, "--daemon", NULL };
    struct command c;
    struct server s;
    pid_t first, second;

    server_open(&s);
    server_copy_binary(&s);
    server_config(&s, "");
    argv[0] = "./remuda"; /* by a path of the folder, which a daemon leaves */
    argv[2] = "config.yaml";
    command_run(&c, &s, argv);
    cr_assert_eq(c.exit_code, 0, "%s", buf_cstr(&c.output));
    command_fini(&c);
    first = pid_in_file(&s, "config.pid");
    cr_assert_eq(server_verb(&s, "upgrade", NULL), 0);
    second = pid_in_file(&s, "config.pid");
    cr_expect_neq(first, second);
    cr_expect(process_wait_gone(first, DEADLINE_MS));
    cr_expect_eq(server_verb(&s, "status", NULL), 0);
    cr_expect_eq(server_verb(&s, "stop", NULL), 0);
    cr_expect(process_wait_gone(second, DEADLINE_MS));
    server_close(&s);
}

Test(upgrade, leaves_the_old_one_serving_when_the_new_one_is_broken)
{
    static const struct {
        const char *why, *script, *words;
    } rows[] = {
        { "it says why and ends", "#!/bin/sh\necho 'libfoo.so.9: no such file' >&2\nexit 3\n",
          "libfoo.so.9: no such file" },
        { "it ends without a word", "#!/bin/sh\nexit 3\n", "exit code 3 before it served" },
        { "it dies", "#!/bin/sh\nkill -9 $$\n", "ended by signal 9" },
        { "it is nothing to execute", "no program\n", "Exec format error" },
    };
    char answer[1024], config[128];
    struct client c;
    struct server s;
    pid_t before[SERVER_WORKERS_MAX];

    open_with_copy(&s);
    keep_speaker(&s);
    server_start(&s, "");
    cr_assert_eq(server_workers(&s, before), 2);
    client_open(&c, &s);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        replace_binary(&s, rows[i].script);
        cr_expect_eq(verb(&s, "upgrade", answer, sizeof(answer)), 1, "%s", rows[i].why);
        cr_expect(strstr(answer, rows[i].words) != NULL, "%s: %s", rows[i].why, answer);
        cr_expect(server_wait_log(&s, 0, rows[i].words, DEADLINE_MS), "the log tells too");
    }
    cr_assert(unlink(server_path(&s, "remuda")) == 0);
    cr_expect_eq(verb(&s, "upgrade", answer, sizeof(answer)), 1);
    cr_expect(strstr(answer, "No such file") != NULL, "%s", answer);

    cr_assert(link(server_path(&s, "speaker"), server_path(&s, "remuda")) == 0);
    server_config(&s, "nonsense: 1\n");
    cr_expect_eq(verb(&s, "upgrade", answer, sizeof(answer)), 1);
    cr_expect(strstr(answer, "nonsense") != NULL && strstr(answer, "config.yaml:") != NULL, "%s",
              answer);
    server_config(&s, "access_log: /nowhere/access.log\n");
    cr_expect_eq(verb(&s, "upgrade", answer, sizeof(answer)), 1);
    cr_expect(strstr(answer, "/nowhere/access.log") != NULL, "%s", answer);
    snprintf(config, sizeof(config), "listen: [127.0.0.1:0, \"unix:/nowhere/s.sock\"]\n");
    server_config(&s, config);
    cr_expect_eq(verb(&s, "upgrade", answer, sizeof(answer)), 1);
    cr_expect(strstr(answer, "/nowhere/s.sock") != NULL, "%s", answer);

    cr_expect(client_is_quiet(&c), "connections live on");
    client_close(&c);
    cr_expect_eq(pid_in_file(&s, "config.pid"), s.pid);
    cr_expect(server_wait_workers(&s, 2, 0, DEADLINE_MS));
    cr_expect_eq(fetch_status(&s, "/"), 200);
    server_config(&s, "");
    cr_expect_eq(verb(&s, "upgrade", answer, sizeof(answer)), 0, "a good one can: %s", answer);
    follow(&s);
    server_close(&s);
}

struct asker {
    const struct server *s;
    const char *name;
    char answer[512];
    int exit_code;
    pthread_t thread;
};

static void *ask(void *context)
{
    struct asker *a = context;

    a->exit_code = verb(a->s, a->name, a->answer, sizeof(a->answer));
    return NULL;
}

static void asker_start(struct asker *a, const struct server *s, const char *name)
{
    *a = (struct asker){ .s = s, .name = name };
    cr_assert(pthread_create(&a->thread, NULL, ask, a) == 0);
}

Test(upgrade, answers_everyone_who_asks_meanwhile)
{
    struct asker first, second, reload;
    struct server s;

    open_with_copy(&s);
    keep_speaker(&s);
    server_start(&s, "");
    replace_binary(&s, "#!/bin/sh\nsleep 1\nexit 5\n");
    asker_start(&first, &s, "upgrade");
    cr_assert(server_wait_log(&s, 0, "remuda started", DEADLINE_MS));
    asker_start(&second, &s, "upgrade");
    asker_start(&reload, &s, "reload");
    pthread_join(first.thread, NULL);
    pthread_join(reload.thread, NULL);
    pthread_join(second.thread, NULL);
    cr_expect_eq(first.exit_code, 1);
    cr_expect(strstr(first.answer, "exit code 5") != NULL, "%s", first.answer);
    cr_expect_eq(second.exit_code, 1, "the next one after it: %s", second.answer);
    cr_expect_eq(reload.exit_code, 0, "%s", reload.answer);
    cr_expect_eq(fetch_status(&s, "/"), 200);
    server_close(&s);
}

Test(upgrade, passes_on_what_is_asked_in_the_middle)
{
    struct asker first, second, reload;
    struct server s;
    char script[256];

    open_with_copy(&s);
    keep_speaker(&s);
    server_start(&s, "");
    snprintf(script, sizeof(script), "#!/bin/sh\nsleep 1\nexec %s \"$@\"\n",
             server_path(&s, "speaker"));
    replace_binary(&s, script);
    asker_start(&first, &s, "upgrade");
    cr_assert(server_wait_log(&s, 0, "remuda started", DEADLINE_MS));
    asker_start(&second, &s, "upgrade");
    asker_start(&reload, &s, "reload");
    server_signal(&s, SIGHUP);
    pthread_join(first.thread, NULL);
    pthread_join(second.thread, NULL);
    pthread_join(reload.thread, NULL);
    cr_expect_eq(first.exit_code, 0, "%s", first.answer);
    cr_expect_eq(second.exit_code, 1);
    cr_expect(strstr(second.answer, "upgraded meanwhile") != NULL, "%s", second.answer);
    cr_expect_eq(reload.exit_code, 1);
    cr_expect(strstr(reload.answer, "upgraded meanwhile") != NULL, "%s", reload.answer);
    follow(&s);
    cr_expect(server_wait_log(&s, 0, "reload: generation 3 runs", DEADLINE_MS),
              "HUP is for the server that goes on");
    server_close(&s);
}

static void end_in_the_middle(int signal)
{
    struct asker asker;
    struct server s;
    char script[256];

    open_with_copy(&s);
    keep_speaker(&s);
    server_start(&s, "");
    snprintf(script, sizeof(script), "#!/bin/sh\necho $$ >%s\nexec sleep 20\n",
             server_path(&s, "heir.pid"));
    replace_binary(&s, script);
    asker_start(&asker, &s, "upgrade");
    cr_assert(file_wait(server_path(&s, "heir.pid"), 0, "\n", DEADLINE_MS));
    server_signal(&s, signal);
    cr_expect_eq(server_wait_exit(&s, DEADLINE_MS), 0);
    pthread_join(asker.thread, NULL);
    cr_expect_eq(asker.exit_code, 1);
    cr_expect(strstr(asker.answer, "stopping") != NULL, "%s", asker.answer);
    cr_expect(process_wait_gone(pid_in_file(&s, "heir.pid"), DEADLINE_MS));
    cr_expect(access(server_path(&s, "config.pid"), F_OK) != 0);
    snprintf(script, sizeof(script), "%s/speaker", s.dir);
    cr_assert(rename(script, server_path(&s, "remuda")) == 0);
    server_start(&s, ""); /* nothing is left that would keep the next one from it */
    server_close(&s);
}

Test(upgrade, is_dropped_by_a_stop_in_the_middle)
{
    end_in_the_middle(SIGTERM);
}

Test(upgrade, is_dropped_by_a_graceful_stop_in_the_middle)
{
    end_in_the_middle(SIGQUIT);
}

Test(upgrade, is_not_for_a_single_process)
{
    const char *argv[] = { "-c", NULL, "--single", NULL };
    struct buf output;
    struct server s;

    server_open(&s);
    server_config(&s, "");
    argv[1] = s.config;
    server_spawn(&s, argv);
    cr_assert(server_wait_ready(&s, DEADLINE_MS));
    cr_expect_eq(server_verb(&s, "upgrade", &output), 1);
    cr_expect(strstr(buf_cstr(&output), "--single") != NULL, "%s", buf_cstr(&output));
    buf_fini(&output);
    cr_expect_eq(fetch_status(&s, "/"), 200);
    server_close(&s);
}
