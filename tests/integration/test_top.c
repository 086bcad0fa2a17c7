/* `remuda -s top`: the block that it looks at, frames for a pipe, and the view on a terminal. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fd_pass.h"
#include "common/shared.h"
#include "tests/integration/client.h"

TestSuite(top, .timeout = 60);

/* What the verb hands out; -1: nothing. */
static int ask_shared(const struct server *s)
{
    struct client c;
    char text[256];
    int fd = -1;
    bool is_cut;

    cr_assert(client_open_unix(&c, server_path(s, "config.sock")));
    client_send_text(&c, "shared\n");
    while (poll(&(struct pollfd){ .fd = c.fd, .events = POLLIN }, 1, DEADLINE_MS) < 0)
        ;
    cr_assert_gt(fd_pass_receive_one(c.fd, text, sizeof(text), &fd, 0, &is_cut), 3);
    cr_expect_eq(strncmp(text, "ok ", 3), 0);
    client_close(&c);
    return fd;
}

Test(top, is_handed_a_block_that_cannot_be_written)
{
    const struct shared *shared;
    struct server s;
    int fd;

    server_open(&s);
    server_start(&s, "");
    fd = ask_shared(&s);
    cr_assert_geq(fd, 0);
    shared = shared_open_readonly(fd);
    cr_assert_not_null(shared);
    cr_expect_eq(atomic_load(&shared->master_pid), s.pid);
    cr_expect_eq(atomic_load(&shared->worker_count), 2);
    cr_expect_eq(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
    cr_expect_eq(errno, EACCES);
    cr_expect_lt(write(fd, "x", 1), 0);
    shared_close_readonly(&shared);
    close(fd);
    server_close(&s);
}

/* The block has the heads of requests, with their passwords. */
Test(top, is_not_for_whom_the_group_lets_in)
{
    struct server s;
    int status = -1;
    pid_t pid;

    if (geteuid() != 0)
        cr_skip_test("needs another user");
    server_open(&s);
    server_start(&s, "control_socket_mode: 0666\n");
    cr_assert_eq(chmod(s.dir, 0755), 0);
    pid = fork();
    if (pid == 0) {
        struct client c;

        if (setuid(65534) != 0 || !client_open_unix(&c, server_path(&s, "config.sock")))
            _exit(2);
        client_send_text(&c, "shared\n");
        client_read_to_end(&c, DEADLINE_MS);
        _exit(str_starts(buf_str(&c.in), STR("error only root")) ? 0 : 3);
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_expect_eq(status, 0, "exit code %d", WEXITSTATUS(status));
    server_close(&s);
}

static int run_top(const struct server *s, const char *count, const char *interval,
                   struct buf *output)
{
    const char *const argv[] = { server_binary(), "-c", s->config, "-s", "top", "-n",
                                 count,           "-i", interval,  NULL };
    struct command c;
    int result;

    command_run(&c, s, argv);
    buf_add(output, buf_str(&c.output));
    result = c.exit_code;
    command_fini(&c);
    return result;
}

/* A process that asks until it is killed: top looks only at what happens meanwhile. */
static pid_t keep_asking(const struct server *s)
{
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    for (;;) {
        fetch_status(s, "/api/none");
        fetch_status(s, "/index.html");
    }
}

static void stop_asking(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

/* Of the first line that has the word, the figure at this place from the line's end. */
static double figure(const struct buf *text, const char *word, unsigned from_end)
{
    const char *at = memmem(text->p, text->n, word, strlen(word));
    const char *end = at != NULL ? strchr(at, '\n') : NULL;

    cr_assert(end != NULL, "no %s in %s", word, text->p);
    for (;;) {
        while (end > at && end[-1] == ' ')
            end--;
        while (end > at && end[-1] != ' ')
            end--;
        if (from_end-- == 0)
            return strtod(end, NULL);
    }
}

Test(top, prints_frames_for_a_pipe)
{
    struct server s;
    struct buf out = { 0 };
    pid_t pid;

    server_open(&s);
    server_start(&s, "routes: [{path: /api}]\n");
    pid = keep_asking(&s);
    cr_expect_eq(run_top(&s, "2", "500ms", &out), 0, "%s", buf_cstr(&out));
    stop_asking(pid);
    cr_expect_null(strchr(buf_cstr(&out), '\033'));
    cr_expect_gt(figure(&out, "* /api ", 4), 0, "requests: %s", out.p);
    cr_expect_eq(figure(&out, "* /api ", 3), 100, "errors: %s", out.p);
    cr_expect_eq(figure(&out, "* / ", 3), 0, "errors: %s", out.p);
    cr_expect(strstr(out.p, "workers 2/2") != NULL, "%s", out.p);
    cr_expect(strstr(out.p, "\n\nremuda ") != NULL, "a second frame: %s", out.p);
    buf_fini(&out);
    server_close(&s);
}

Test(top, shows_the_worker_that_follows_a_dead_one)
{
    struct server s;
    struct buf out = { 0 };
    pid_t pids[SERVER_WORKERS_MAX];
    char pid[16];

    server_open(&s);
    server_start(&s, "");
    cr_assert_eq(server_workers(&s, pids), 2);
    kill(pids[0], SIGKILL);
    cr_assert(server_wait_workers(&s, 2, pids[0], DEADLINE_MS));
    cr_assert_eq(server_workers(&s, pids), 2);
    cr_expect_eq(run_top(&s, "1", "100ms", &out), 0);
    for (int i = 0; i < 2; i++) {
        snprintf(pid, sizeof(pid), " %d ", (int)pids[i]);
        cr_expect(strstr(buf_cstr(&out), pid) != NULL, "%s in %s", pid, out.p);
    }
    cr_expect(strstr(out.p, "respawned 1") != NULL, "%s", out.p);
    buf_fini(&out);
    server_close(&s);
}

Test(top, says_that_nothing_runs)
{
    struct server s;
    struct buf out = { 0 };

    server_open(&s);
    server_config(&s, "");
    cr_expect_eq(run_top(&s, "1", "100ms", &out), 3);
    cr_expect(strstr(buf_cstr(&out), "not running with") != NULL, "%s", out.p);
    buf_fini(&out);
    server_close(&s);
}

/* Stands for a server of another version: gives out a block, once, that is not laid out as ours. */
static pid_t be_another_version(const struct server *s)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    struct shared *block;
    int memfd, listener = socket(AF_UNIX, SOCK_STREAM, 0), fd;
    char line[64];
    pid_t pid;

    snprintf(un.sun_path, sizeof(un.sun_path), "%s", server_path(s, "config.sock"));
    cr_assert_eq(bind(listener, (struct sockaddr *)&un, sizeof(un)), 0);
    cr_assert_eq(listen(listener, 1), 0);
    pid = fork();
    if (pid == 0) {
        block = shared_new(&memfd);
        block->layout++;
        fd = accept(listener, NULL, NULL);
        while (recv(fd, line, sizeof(line), 0) < 0)
            ;
        fd_pass_send_one(fd, "ok 9.8.7\n", 9, memfd, 0);
        _exit(0);
    }
    close(listener);
    return pid;
}

Test(top, refuses_a_server_that_counts_in_another_way)
{
    struct server s;
    struct buf out = { 0 };
    pid_t pid;

    server_open(&s);
    server_config(&s, "");
    pid = be_another_version(&s);
    cr_expect_eq(run_top(&s, "1", "100ms", &out), 1);
    cr_expect(strstr(buf_cstr(&out), "the server is remuda 9.8.7 and counts in another way") !=
                  NULL,
              "%s", out.p);
    waitpid(pid, NULL, 0);
    buf_fini(&out);
    server_close(&s);
}

/* ---- on a terminal ---- */

struct screen {
    pid_t pid;
    int fd;
    struct buf seen;
    size_t taken;
};

static struct screen screen_open(const struct server *s)
{
    struct winsize size = { .ws_row = 20, .ws_col = 90 };
    struct screen t = { .fd = -1 };

    t.pid = forkpty(&t.fd, NULL, NULL, &size);
    cr_assert_geq(t.pid, 0);
    if (t.pid == 0) {
        setenv("TERM", "xterm", 1);
        execl(server_binary(), "remuda", "-c", s->config, "-s", "top", "-i", "200ms", (char *)NULL);
        _exit(127);
    }
    return t;
}

/* Something that is drawn after what was waited for last. */
static void screen_wait(struct screen *t, const char *words)
{
    uint64_t end = now_ms() + DEADLINE_MS;
    const char *at = NULL;

    while (now_ms() < end) {
        if (t->seen.n > t->taken)
            at = memmem(t->seen.p + t->taken, t->seen.n - t->taken, words, strlen(words));
        if (at != NULL) {
            t->taken = (size_t)(at - t->seen.p) + strlen(words);
            return;
        }
        if (poll(&(struct pollfd){ .fd = t->fd, .events = POLLIN }, 1, 100) > 0) {
            ssize_t n = read(t->fd, buf_reserve(&t->seen, 4096), 4096);

            if (n <= 0)
                break;
            t->seen.n += (size_t)n;
        }
    }
    cr_assert(false, "no \"%s\" in: %s", words, buf_cstr(&t->seen) + t->taken);
}

static void screen_close(struct screen *t, int exit_code)
{
    int status;

    screen_wait(t, "\033[?25h\033[?1049l"); /* the cursor and the former screen are back */
    cr_assert_eq(waitpid(t->pid, &status, 0), t->pid);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == exit_code, "status %x", (unsigned)status);
    close(t->fd);
    buf_fini(&t->seen);
}

static void screen_type(struct screen *t, const char *keys)
{
    cr_assert_eq(write(t->fd, keys, strlen(keys)), (ssize_t)strlen(keys));
}

Test(top, obeys_keys_and_gives_the_terminal_back)
{
    struct server s;
    struct screen t;

    server_open(&s);
    server_start(&s, "");
    cr_assert_eq(fetch_status(&s, "/"), 200);
    t = screen_open(&s);
    screen_wait(&t, "\033[?1049h");
    screen_wait(&t, "workers 2/2");
    screen_wait(&t, "req/s*");
    screen_type(&t, "s");
    screen_wait(&t, "errors*");
    screen_type(&t, "\033[C");
    screen_wait(&t, "p99*");
    screen_type(&t, "\033[D\033[D");
    screen_wait(&t, "req/s*");
    screen_type(&t, "+");
    screen_wait(&t, "every 0.5s");
    screen_type(&t, "-");
    screen_wait(&t, "every 0.2s");
    screen_type(&t, "h");
    screen_wait(&t, "this help, and back");
    screen_type(&t, "hp");
    screen_wait(&t, "paused");
    screen_type(&t, "pq");
    screen_close(&t, 0);
    server_close(&s);
}

Test(top, gives_the_terminal_back_when_it_is_told_to_end)
{
    static const int signals[] = { SIGTERM, SIGHUP, SIGINT };
    struct server s;

    server_open(&s);
    server_start(&s, "");
    for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
        struct screen t = screen_open(&s);

        screen_wait(&t, "workers 2/2");
        kill(t.pid, signals[i]);
        screen_close(&t, 0);
    }
    server_close(&s);
}

Test(top, looks_on_over_a_restart_and_an_upgrade)
{
    struct server s;
    struct screen t;
    char pid[32];

    server_open(&s);
    server_start(&s, "workers: 1\n");
    t = screen_open(&s);
    screen_wait(&t, "workers 1/1");
    server_stop(&s);
    screen_wait(&t, "not running with");
    screen_wait(&t, "trying again");
    server_start(&s, "workers: 3\n");
    screen_wait(&t, "workers 3/3");
    cr_expect_eq(server_verb(&s, "upgrade", NULL), 0);
    screen_wait(&t, "generation 2");
    snprintf(pid, sizeof(pid), "pid %d ", (int)s.pid);
    cr_expect_null(strstr(buf_cstr(&t.seen) + t.taken, pid), "the new master's");
    screen_wait(&t, "workers 3/3");
    screen_type(&t, "q");
    screen_close(&t, 0);
    server_verb(&s, "stop", NULL); /* the heir is no child of ours */
    server_close(&s);
}
