/* Logs on a disk that is full, or that stalls: the service goes on, and what is lost is counted. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/integration/client.h"

TestSuite(log_stall, .timeout = 60);

enum { AGENT_BYTES = 2000, PIPE_BYTES = 4096 };

/* A FIFO whose reader does not read yet: a write to it waits, as one to a stalled disk does. */
static int fifo_open(const struct server *s, const char *name)
{
    int fd;

    cr_assert_eq(mkfifo(server_path(s, name), 0644), 0);
    fd = open(server_path(s, name), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    cr_assert_geq(fd, 0);
    cr_assert_gt(fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES), 0);
    return fd;
}

/* What comes until nothing has come for `quiet_ms`, or `text` has. */
static void fifo_read(int fd, struct buf *b, const char *text, int quiet_ms)
{
    struct pollfd readable = { .fd = fd, .events = POLLIN };

    while (poll(&readable, 1, quiet_ms) == 1) {
        ssize_t n = read(fd, buf_reserve(b, PIPE_BYTES), PIPE_BYTES);

        if (n > 0)
            b->n += (size_t)n;
        if (n == 0 || (text != NULL && strstr(buf_cstr(b), text) != NULL))
            return;
    }
}

/* Each has a line of the same length. */
static void ask_often(struct client *c, unsigned count, uint64_t each_ms)
{
    char fields[AGENT_BYTES + 32] = "User-Agent: ";
    size_t n = strlen(fields);

    memset(fields + n, 'a', AGENT_BYTES);
    memcpy(fields + n + AGENT_BYTES, "\r\n", 3);
    for (unsigned i = 0; i < count; i++) {
        uint64_t start = now_ms();
        struct response r;

        cr_assert(client_ask(c, &r, "GET", "/", fields) && r.status == 200, "request %u: %s", i,
                  r.failure);
        cr_assert_lt(now_ms() - start, each_ms, "request %u waited", i);
        response_fini(&r);
    }
}

#define STATUS "routes: [{path: /status, status_page: on, access_log: off}]\n"

static uint64_t lines_in(const struct buf *b)
{
    uint64_t count = 0;

    for (size_t i = 0; i < b->n; i++)
        count += b->p[i] == '\n';
    return count;
}

Test(log_stall, serves_on_when_the_access_log_stalls)
{
    struct buf got = { 0 };
    uint64_t dropped, line;
    struct client c;
    struct server s;
    int fd;

    server_open(&s);
    fd = fifo_open(&s, "access.fifo");
    server_start(&s, "workers: 1\naccess_log: access.fifo\naccess_log_buffer: 8KiB\n"
                     "access_log_flush: 10ms\nlog_queue: 64KiB\n" STATUS);
    client_open(&c, &s);
    ask_often(&c, 500, 1000 * SLOWNESS);
    cr_expect(server_wait_log(&s, 0, "are lost: the disk does not keep up", DEADLINE_MS));
    cr_expect_gt(status_figure(&s, "log_bytes_dropped"), 100 * AGENT_BYTES);
    /* The disk comes back: what waited is written whole, and what was lost is all that is missing. */
    fifo_read(fd, &got, NULL, 1000 * SLOWNESS);
    dropped = status_figure(&s, "log_bytes_dropped");
    cr_assert(got.n > 0 && got.p[got.n - 1] == '\n');
    line = (uint64_t)((char *)memchr(got.p, '\n', got.n) + 1 - got.p);
    cr_expect_eq(got.n, line * lines_in(&got), "lines are whole");
    cr_expect_eq(got.n + dropped, 500 * line, "%zu bytes and %llu dropped", got.n,
                 (unsigned long long)dropped);
    ask_often(&c, 3, 1000 * SLOWNESS);
    got.n = 0;
    fifo_read(fd, &got, NULL, 1000 * SLOWNESS);
    cr_expect_eq(got.n, 3 * line);
    cr_expect_eq(status_figure(&s, "log_bytes_dropped"), dropped);
    client_close(&c);
    close(fd);
    buf_fini(&got);
    server_close(&s);
}

/* With an error log that nobody reads but `said`, up to its being ready. The reading end. */
static int start_stalled(struct server *s, const char *settings, struct buf *said)
{
    const char *const argv[] = { "-c", "config.yaml", NULL };
    char config[512];
    int fd = fifo_open(s, "error.fifo");

    s->port = server_free_port();
    snprintf(config, sizeof(config),
             "listen: 127.0.0.1:%u\nworkers: 1\nlog_level: debug\nerror_log: error.fifo\n%s" STATUS,
             s->port, settings);
    server_config(s, config);
    server_spawn(s, argv);
    fifo_read(fd, said, "ready: ", DEADLINE_MS);
    cr_assert_not_null(strstr(buf_cstr(said), "ready: "), "%s", buf_cstr(said));
    return fd;
}

/* Each verb, with a write that does not return in master and workers. */
Test(log_stall, keeps_no_verb_from_being_obeyed)
{
    static const int ends[] = { SIGTERM, SIGQUIT };

    for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
        struct buf said = { 0 };
        struct client c;
        struct server s;
        uint64_t start;
        int access_fd, error_fd;

        server_open(&s);
        access_fd = fifo_open(&s, "access.fifo");
        error_fd = start_stalled(
            &s, "access_log: access.fifo\naccess_log_buffer: 0\nlog_queue: 64KiB\n", &said);
        client_open(&c, &s);
        ask_often(&c, 100, 1000 * SLOWNESS);
        client_close(&c);
        /* Debug lines of as many reloads fill the master's pipe. */
        for (unsigned n = 0; n < 60; n++) {
            start = now_ms();
            cr_assert_eq(server_verb(&s, n % 4 == 3 ? "reopen" : "reload", NULL), 0, "verb %u", n);
            cr_assert_lt(now_ms() - start, 3000 * SLOWNESS, "verb %u", n);
        }
        cr_expect_eq(fetch_status(&s, "/"), 200);
        start = now_ms();
        server_signal(&s, ends[i]);
        cr_expect_eq(server_wait_exit(&s, DEADLINE_MS), 0, "signal %d", ends[i]);
        cr_expect_lt(now_ms() - start, 4000 * SLOWNESS, "a second each");
        close(access_fd);
        close(error_fd);
        buf_fini(&said);
        server_close(&s);
    }
}

static void quarrel(const struct server *s, unsigned count)
{
    while (count-- > 0) {
        struct client c;

        client_open(&c, s);
        client_send_text(&c, "nonsense\r\n\r\n");
        client_read_to_end(&c, DEADLINE_MS);
        client_close(&c);
    }
}

Test(log_stall, the_error_log_says_what_it_lost)
{
    static const char told[] = " of this log could not be written\n";
    struct buf got = { 0 };
    struct server s;
    int fd;

    server_open(&s);
    fd = start_stalled(&s, "log_queue: 64KiB\n", &got);
    /* Lines of a peer's mistakes: 100 bytes, a thousand times. */
    quarrel(&s, 1500);
    for (uint64_t end = now_ms() + DEADLINE_MS;
         status_figure(&s, "log_lines_dropped") == 0 && now_ms() < end;)
        pause_ms(20);
    cr_assert_gt(status_figure(&s, "log_lines_dropped"), 0);
    got.n = 0;
    fifo_read(fd, &got, told, DEADLINE_MS);
    cr_assert_not_null(strstr(buf_cstr(&got), told), "%zu bytes", got.n);
    buf_fini(&got);
    close(fd);
    server_close(&s);
}

Test(log_stall, a_worker_that_crashes_ends_all_the_same)
{
    pid_t pids[SERVER_WORKERS_MAX], first;
    struct buf got = { 0 };
    struct server s;
    uint64_t end;
    int fd;

    server_open(&s);
    fd = start_stalled(&s, "worker_stuck_timeout: off\n", &got);
    quarrel(&s, 100); /* now the pipe is full */
    cr_assert_eq(server_workers(&s, pids), 1);
    first = pids[0];
    cr_assert_eq(kill(first, SIGABRT), 0); /* a SEGV is the sanitizer's, where there is one */
    for (end = now_ms() + DEADLINE_MS;
         (server_workers(&s, pids) != 1 || pids[0] == first) && now_ms() < end;)
        pause_ms(10);
    cr_expect_eq(server_workers(&s, pids), 1);
    cr_expect_neq(pids[0], first, "it waits for its log");
    status_figure(&s, "requests");
    buf_fini(&got);
    close(fd);
    server_close(&s);
}

/* A file system of 64 KiB at `tiny`, which only this process and its server see. */
static void tiny_disk(const struct server *s)
{
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        cr_skip_test("no mount namespace: %s", strerror(errno));
    cr_assert_eq(mkdir(server_path(s, "tiny"), 0777), 0);
    if (mount("tmpfs", server_path(s, "tiny"), "tmpfs", 0, "size=64k,mode=0777") != 0)
        cr_skip_test("no tmpfs: %s", strerror(errno));
}

static uint64_t size_of(const struct server *s, const char *name)
{
    struct stat st;

    cr_assert_eq(stat(server_path(s, name), &st), 0);
    return (uint64_t)st.st_size;
}

Test(log_stall, serves_on_when_the_disk_is_full_and_logs_again_when_it_is_not)
{
    uint64_t line, dropped, deadline;
    struct client c;
    struct server s;
    struct buf log;

    server_open(&s);
    tiny_disk(&s);
    server_start(&s, "workers: 1\naccess_log: tiny/access.log\naccess_log_buffer: 8KiB\n"
                     "access_log_flush: 10ms\n" STATUS);
    client_open(&c, &s);
    ask_often(&c, 1, 1000 * SLOWNESS);
    cr_assert(file_wait(server_path(&s, "tiny/access.log"), 0, "\n", DEADLINE_MS));
    line = size_of(&s, "tiny/access.log");
    ask_often(&c, 199, 1000 * SLOWNESS);
    cr_expect(server_wait_log(&s, 0, "are lost: No space left on device", DEADLINE_MS));
    deadline = now_ms() + DEADLINE_MS;
    do
        dropped = status_figure(&s, "log_bytes_dropped");
    while (size_of(&s, "tiny/access.log") + dropped != 200 * line && now_ms() < deadline);
    cr_expect_eq(size_of(&s, "tiny/access.log") + dropped, 200 * line, "%llu dropped",
                 (unsigned long long)dropped);
    cr_expect_eq(size_of(&s, "tiny/access.log") % line, 0, "lines are whole");
    /* Room is made as logrotate(8) does it. */
    cr_assert_eq(truncate(server_path(&s, "tiny/access.log"), 0), 0);
    ask_often(&c, 3, 1000 * SLOWNESS);
    for (deadline = now_ms() + DEADLINE_MS;
         size_of(&s, "tiny/access.log") < 3 * line && now_ms() < deadline;)
        pause_ms(5);
    log = file_read(server_path(&s, "tiny/access.log"));
    cr_expect_eq(lines_in(&log) - (log.p[0] == '\n'), 3, "whole lines again");
    cr_expect_eq(status_figure(&s, "log_bytes_dropped"), dropped);
    buf_fini(&log);
    client_close(&c);
    server_stop(&s);
    umount(server_path(&s, "tiny"));
    server_close(&s);
}
