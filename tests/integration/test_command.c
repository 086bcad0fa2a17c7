/* The command line, the verbs, scripts/remudactl and their exit codes. */
#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/integration/client.h"

TestSuite(command, .timeout = 60);

enum { OK = 0, FAILED = 1, USAGE = 2, NOT_RUNNING = 3 };

/* Runs `program` with these arguments, NULL at the end; the output must hold `words`. */
static void expect_run(const struct server *s, int exit_code, const char *words,
                       const char *program, ...)
{
    const char *argv[16] = { program };
    struct command c;
    va_list args;

    va_start(args, program);
    for (size_t i = 1; i < 15 && (argv[i] = va_arg(args, const char *)) != NULL; i++)
        ;
    va_end(args);
    command_run(&c, s, argv);
    cr_expect(c.exit_code == exit_code, "%s %s %s: exit code %d, expected %d: %s", program, argv[1],
              argv[2] ? argv[2] : "", c.exit_code, exit_code, c.output.p);
    cr_expect(strstr(c.output.p, words) != NULL, "%s %s: \"%s\" is not in: %s", program, argv[1],
              words, c.output.p);
    command_fini(&c);
}

Test(command, checks_a_config)
{
    const char *remuda = server_binary();
    struct server s;

    server_open(&s);
    server_config(&s, "");
    expect_run(&s, OK, "config.yaml: ok", remuda, "-t", "-c", s.config, NULL);
    server_config(&s, "wrokers: 2\nlisten: [127.0.0.1:99999]\n");
    expect_run(&s, FAILED, "config.yaml:4:1", remuda, "-t", "-c", s.config, NULL);
    expect_run(&s, FAILED, "config.yaml:5:10", remuda, "-t", "-c", s.config, NULL);
    expect_run(&s, FAILED, "No such file", remuda, "-t", "-c", server_path(&s, "none.yaml"), NULL);
    server_close(&s);
}

Test(command, opens_no_socket_for_a_check)
{
    const char *const argv[] = { "/usr/bin/strace", "-f", "-o", NULL, "-e", "trace=network",
                                 server_binary(),   "-t", "-c", NULL, NULL };
    const char *full[11];
    struct command c;
    struct server s;
    struct buf b;

    if (access(argv[0], X_OK) != 0)
        cr_skip_test("no strace");
    setenv("ASAN_OPTIONS", "detect_leaks=0", 1); /* it cannot look for leaks while traced */
    server_open(&s);
    server_config(&s, "");
    memcpy(full, argv, sizeof(full));
    full[3] = server_path(&s, "trace.txt");
    full[9] = s.config;
    command_run(&c, &s, full);
    b = file_read(server_path(&s, "trace.txt"));
    if (b.n == 0)
        cr_skip_test("strace may not trace here");
    cr_expect_eq(c.exit_code, OK, "%s", c.output.p);
    cr_expect(strstr(buf_cstr(&b), "socket(") == NULL && strstr(b.p, "bind(") == NULL, "%s", b.p);
    buf_fini(&b);
    command_fini(&c);
    server_close(&s);
}

Test(command, dumps_a_config_that_loads_to_the_same)
{
    const char *const remuda = server_binary();
    const char *argv[] = { remuda, "--dump", "-c", NULL, NULL };
    struct command first, second;
    struct server s;

    server_open(&s);
    server_config(&s, "keepalive_timeout: 5s\nroutes:\n  - path: /a\n    alias: other\n"
                      "    index: off\n");
    argv[3] = s.config;
    command_run(&first, &s, argv);
    cr_expect_eq(first.exit_code, OK, "%s", first.output.p);
    server_bytes(&s, "dumped.yaml", first.output.p, first.output.n);
    argv[3] = server_path(&s, "dumped.yaml");
    command_run(&second, &s, argv);
    cr_expect_eq(second.exit_code, OK, "%s", second.output.p);
    cr_expect_str_eq(first.output.p, second.output.p);
    command_fini(&first);
    command_fini(&second);

    argv[1] = "--full";
    command_run(&first, &s, argv);
    cr_expect_eq(first.exit_code, OK);
    server_bytes(&s, "full.yaml", first.output.p, first.output.n);
    cr_assert_eq(mkdir(server_path(&s, "www"), 0755), 0); /* what it says to serve */
    expect_run(&s, OK, "ok", remuda, "-t", "-c", server_path(&s, "full.yaml"), NULL);
    command_fini(&first);
    server_close(&s);
}

Test(command, tells_usage_and_version)
{
    const char *remuda = server_binary();
    struct server s;

    server_open(&s);
    expect_run(&s, OK, "remuda", remuda, "-V", NULL);
    expect_run(&s, OK, "-c", remuda, "-h", NULL);
    expect_run(&s, USAGE, "", remuda, "--no-such-option", NULL);
    expect_run(&s, USAGE, "", remuda, "-p", NULL);
    expect_run(&s, USAGE, "", remuda, "-p", "99999", NULL);
    server_config(&s, "");
    expect_run(&s, USAGE, "", remuda, "-c", s.config, "-s", "dance", NULL);
    expect_run(&s, FAILED, "", remuda, "-c", server_path(&s, "none.yaml"), NULL);
    expect_run(&s, FAILED, "", remuda, server_path(&s, "nofolder"), "-p", "1", NULL);
    server_close(&s);
}

Test(command, answers_the_verbs)
{
    const char *remuda = server_binary();
    struct server s;
    char pid[16];

    server_open(&s);
    server_start(&s, "");
    snprintf(pid, sizeof(pid), "%d", (int)s.pid);
    expect_run(&s, OK, pid, remuda, "-s", "status", "-c", s.config, NULL);
    expect_run(&s, OK, "2", remuda, "-s", "reload", "-c", s.config, NULL);
    expect_run(&s, OK, "", remuda, "-s", "reopen", "-c", s.config, NULL);
    expect_run(&s, OK, "", remuda, "-s", "stop", "-c", s.config, NULL);
    cr_expect_eq(server_wait_exit(&s, 1000), 0, "stop returns when the master has gone");
    expect_run(&s, NOT_RUNNING, "", remuda, "-s", "status", "-c", s.config, NULL);
    expect_run(&s, NOT_RUNNING, "", remuda, "-s", "stop", "-c", s.config, NULL);
    expect_run(&s, NOT_RUNNING, "", remuda, "-s", "reload", "-c", s.config, NULL);

    server_start(&s, "");
    expect_run(&s, OK, "", remuda, "-s", "quit", "-c", s.config, NULL);
    cr_expect_eq(server_wait_exit(&s, 1000), 0, "so does quit");
    server_close(&s);
}

static pid_t pid_in_file(const struct server *s)
{
    struct buf b = file_read(server_path(s, "config.pid"));
    pid_t pid = b.n > 0 ? (pid_t)atoi(buf_cstr(&b)) : 0;

    buf_fini(&b);
    return pid;
}

/* Learns the daemon's port; it is no child of ours, so s->pid stays 0. */
static void daemon_find(struct server *s)
{
    static const char listening[] = "listening on 127.0.0.1:";
    struct buf b = file_read(s->log);

    for (char *at = strstr(buf_cstr(&b), listening); at; at = strstr(at + 1, listening))
        s->port = (unsigned)strtoul(at + strlen(listening), NULL, 10);
    buf_fini(&b);
}

Test(command, runs_a_daemon)
{
    const char *remuda = server_binary();
    struct server s;
    pid_t pid;

    server_open(&s);
    server_config(&s, "");
    expect_run(&s, OK, "", remuda, "--daemon", "-c", s.config, NULL);
    daemon_find(&s);
    cr_expect_eq(fetch_status(&s, "/"), 200, "it serves once the command returns");
    pid = pid_in_file(&s);
    cr_expect(pid > 0 && getsid(pid) == pid, "a session of its own");
    expect_run(&s, FAILED, "", remuda, "--daemon", "-c", s.config, NULL);
    cr_expect_eq(fetch_status(&s, "/"), 200, "the second one is refused and harms nobody");
    expect_run(&s, OK, "", remuda, "-s", "stop", "-c", s.config, NULL);
    cr_expect(process_wait_gone(pid, 1000));
    expect_run(&s, FAILED, "", remuda, "--daemon", "-c", server_path(&s, "none.yaml"), NULL);
    server_close(&s);
}

Test(command, is_driven_by_remudactl)
{
    const char *ctl = server_ctl();
    struct server s;
    char json[256];
    pid_t pid;

    if (access(ctl, X_OK) != 0)
        cr_assert_fail("%s is not there: start the tests from the repository's root", ctl);
    setenv("REMUDA_BINARY", server_binary(), 1);
    server_open(&s);
    server_config(&s, "");
    expect_run(&s, OK, "ok", ctl, "-c", s.config, "test", NULL);
    expect_run(&s, NOT_RUNNING, "", ctl, "-c", s.config, "status", NULL);
    expect_run(&s, NOT_RUNNING, "", ctl, "-c", s.config, "reload", NULL);
    snprintf(json, sizeof(json), "{\"ok\":false,\"lines\":[\"remuda: not running with %s\"]}\n",
             s.config);
    expect_run(&s, NOT_RUNNING, json, ctl, "-j", "-c", s.config, "status", NULL);
    expect_run(&s, OK, "", ctl, "-c", s.config, "start", NULL);
    daemon_find(&s);
    cr_expect_eq(fetch_status(&s, "/"), 200, "start waits until it serves");
    pid = pid_in_file(&s);
    expect_run(&s, OK, "", ctl, "-c", s.config, "status", NULL);
    expect_run(&s, OK, "", ctl, "-c", s.config, "reload", NULL);
    cr_expect(server_wait_log(&s, 0, "reload: generation 2", DEADLINE_MS));
    cr_assert(rename(s.log, server_path(&s, "old.log")) == 0);
    expect_run(&s, OK, "", ctl, "-c", s.config, "reopen", NULL);
    cr_expect(file_wait_exists(s.log, true, 0));
    server_config(&s, "wrokers: 1\n");
    expect_run(&s, FAILED, "wrokers", ctl, "-c", s.config, "test", NULL);
    expect_run(&s, FAILED, "wrokers", ctl, "-c", s.config, "reload", NULL);
    cr_expect_eq(fetch_status(&s, "/"), 200);
    server_config(&s, "");
    expect_run(&s, OK, "", ctl, "-c", s.config, "stop", NULL);
    /* The kernel closes a dying process's sockets a moment before it is gone. */
    cr_expect(process_wait_gone(pid, 200), "stop waits until it has gone");
    expect_run(&s, NOT_RUNNING, "", ctl, "-c", s.config, "status", NULL);
    expect_run(&s, USAGE, "", ctl, "-c", s.config, "dance", NULL);
    expect_run(&s, USAGE, "", ctl, NULL);
    server_close(&s);
}

/* How often the log has this. */
static unsigned count_in_log(const struct server *s, const char *text)
{
    struct buf log = file_read(s->log);
    unsigned count = 0;

    for (const char *at = strstr(buf_cstr(&log), text); at != NULL; at = strstr(at + 1, text))
        count++;
    buf_fini(&log);
    return count;
}

#define MISSING "worker_connections is 1048576, but a worker may open only"

/* The log is written by a thread: what is told before the result is there with it. */
static unsigned missing_after_reload(struct server *s, const char *settings)
{
    size_t from = server_log_size(s);

    server_reload(s, settings);
    cr_assert(server_wait_log(s, from, "reload: generation", DEADLINE_MS));
    return count_in_log(s, MISSING);
}

Test(command, tells_at_the_start_what_it_serves_and_what_is_missing)
{
    static const char few[] = "worker_connections: 100\n";
    static const char many[] = "worker_connections: 1048576\n"; /* a million files are the most */
    struct server s;
    char line[160];

    server_open(&s);
    server_start(&s, few);
    snprintf(line, sizeof(line), "serves 127.0.0.1:%u: %s\n", s.port, server_path(&s, "root"));
    cr_expect_eq(count_in_log(&s, line), 1, "%s", line);
    cr_expect_eq(count_in_log(&s, "2 workers on "), 1);
    snprintf(line, sizeof(line), "error log %s, no access log\n", s.log);
    cr_expect_eq(count_in_log(&s, line), 1);
    cr_expect_eq(count_in_log(&s, "limits of each worker: 100 connections, "), 1);
    cr_expect_eq(count_in_log(&s, MISSING), 0);

    cr_expect_eq(missing_after_reload(&s, many), 1, "it is missing now");
    cr_expect_eq(missing_after_reload(&s, many), 1, "and that was said");
    cr_expect_eq(missing_after_reload(&s, few), 1);
    cr_expect_eq(missing_after_reload(&s, many), 2, "again after it was well");
    cr_expect_eq(count_in_log(&s, "limits of each worker: "), 1);
    server_close(&s);
}

Test(command, tells_who_serves_a_folder_where_it_is)
{
    struct server s;
    struct buf out;

    server_open(&s);
    server_spawn(&s, (const char *const[]){ "root", "-p", "0", "--workers", "1", NULL });
    cr_expect(server_wait_ready(&s, DEADLINE_MS));
    out = file_read(server_path(&s, "stdout.log"));
    cr_expect_not_null(strstr(buf_cstr(&out), "/root at\n    http://localhost:"), "%s", out.p);
    cr_expect_not_null(strstr(out.p, "\nwith 1 worker on "));
    cr_expect_not_null(strstr(out.p, "\nStop it with Ctrl-C.\n"));
    buf_fini(&out);
    server_close(&s);
}
