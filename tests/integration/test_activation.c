/* Listening sockets that somebody else has opened: sd_listen_fds(3). */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/integration/client.h"

TestSuite(activation, .timeout = 60);

static const char request[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/* Blocking, as a service manager gives them; the port in *port. */
static int listen_tcp(unsigned *port)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t n = sizeof(in);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    cr_assert(bind(fd, (struct sockaddr *)&in, n) == 0 && listen(fd, 64) == 0);
    cr_assert(getsockname(fd, (struct sockaddr *)&in, &n) == 0);
    *port = ntohs(in.sin_port);
    return fd;
}

static int listen_unix(const char *path)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
    cr_assert(bind(fd, (struct sockaddr *)&un, sizeof(un)) == 0 && listen(fd, 64) == 0);
    return fd;
}

/* As systemd starts it; `is_meant` false: LISTEN_PID is another's. */
static void spawn_with(struct server *s, const int *fds, unsigned count, bool is_meant)
{
    const char *log = s->log, *out = server_path(s, "stdout.log"), *binary = server_binary();
    char number[16];

    s->log_start = server_log_size(s);
    s->pid = fork();
    cr_assert(s->pid >= 0);
    if (s->pid > 0)
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setsid();
    if (chdir(s->dir) != 0)
        _exit(126);
    dup2(open("/dev/null", O_RDONLY), 0);
    dup2(open(out, O_WRONLY | O_CREAT | O_APPEND, 0644), 1);
    dup2(open(log, O_WRONLY | O_CREAT | O_APPEND, 0644), 2);
    for (unsigned i = 0; i < count; i++) /* out of the way of each other's numbers */
        dup2(fds[i], 200 + (int)i);
    for (unsigned i = 0; i < count; i++)
        dup2(200 + (int)i, 3 + (int)i);
    close_range(3 + count, ~0u, 0);
    snprintf(number, sizeof(number), "%d", is_meant ? (int)getpid() : 1);
    setenv("LISTEN_PID", number, 1);
    snprintf(number, sizeof(number), "%u", count);
    setenv("LISTEN_FDS", number, 1);
    execl(binary, binary, "-c", s->config, (char *)NULL);
    _exit(127);
}

Test(activation, serves_what_is_given_and_opens_what_is_missing)
{
    struct client early, c;
    struct response r;
    struct server s;
    char config[256];
    unsigned port;
    int fds[2];

    server_open(&s);
    fds[0] = listen_tcp(&port);
    fds[1] = listen_unix(server_path(&s, "given.sock"));
    cr_assert(client_open_port(&early, port));
    cr_assert(client_send_text(&early, request));
    snprintf(config, sizeof(config),
             "listen: [\"127.0.0.1:%u\", \"unix:%s/given.sock\", \"unix:%s/own.sock\"]\n", port,
             s.dir, s.dir);
    server_config(&s, config);
    spawn_with(&s, fds, 2, true);
    close(fds[0]);
    close(fds[1]);
    cr_assert(server_wait_ready(&s, DEADLINE_MS));
    s.port = port;
    cr_expect(client_read(&early, &r, false) && r.status == 200, "what waited is served: %s",
              r.failure);
    response_fini(&r);
    client_close(&early);
    for (unsigned i = 0; i < 20; i++)
        cr_expect_eq(fetch_status(&s, "/"), 200);
    for (unsigned i = 0; i < 2; i++) {
        cr_assert(client_open_unix(&c, server_path(&s, i == 0 ? "given.sock" : "own.sock")));
        cr_expect(client_ask(&c, &r, "GET", "/", NULL) && r.status == 200, "%s", r.failure);
        response_fini(&r);
        client_close(&c);
    }
    snprintf(config + strlen(config), sizeof(config) - strlen(config), "workers: 4\n");
    server_reload(&s, config);
    cr_expect(server_wait_workers(&s, 4, 0, DEADLINE_MS));
    for (unsigned i = 0; i < 20; i++)
        cr_expect_eq(fetch_status(&s, "/"), 200);
    server_stop(&s);
    cr_expect(access(server_path(&s, "given.sock"), F_OK) == 0, "its opener's file stays");
    cr_expect(access(server_path(&s, "own.sock"), F_OK) != 0);
    server_close(&s);
}

Test(activation, is_refused_when_it_does_not_fit_the_config)
{
    struct server s;
    char expected[128], config[64];
    unsigned port, other;
    int fds[3], ends[2];

    server_open(&s);
    fds[0] = listen_tcp(&port);
    fds[1] = listen_tcp(&other);
    cr_assert(pipe(ends) == 0);
    fds[2] = ends[0];
    snprintf(config, sizeof(config), "listen: 127.0.0.1:%u\n", port);
    server_config(&s, config);
    spawn_with(&s, fds, 3, true);
    cr_expect_eq(server_wait_exit(&s, DEADLINE_MS), 1 << 8);
    snprintf(expected, sizeof(expected), "descriptor 4 (127.0.0.1:%u) is not among", other);
    cr_expect(server_wait_log(&s, 0, expected, 0), "what is left over is named");
    cr_expect(server_wait_log(&s, 0, "descriptor 5 is no listening stream socket", 0));
    server_close(&s);
}

Test(activation, is_not_for_another_process)
{
    struct server s;
    unsigned port;
    int fd;

    server_open(&s);
    fd = listen_tcp(&port);
    server_config(&s, "");
    spawn_with(&s, &fd, 1, false);
    cr_assert(server_wait_ready(&s, DEADLINE_MS));
    cr_expect_neq(s.port, port);
    cr_expect_eq(fetch_status(&s, "/"), 200);
    server_close(&s);
}

Test(activation, passes_on_in_an_upgrade)
{
    struct server s;
    char config[128];
    unsigned port;
    struct buf b;
    int fds[2];

    prctl(PR_SET_CHILD_SUBREAPER, 1);
    server_open(&s);
    fds[0] = listen_tcp(&port);
    fds[1] = listen_unix(server_path(&s, "given.sock"));
    snprintf(config, sizeof(config), "listen: [\"127.0.0.1:%u\", \"unix:%s/given.sock\"]\n", port,
             s.dir);
    server_config(&s, config);
    spawn_with(&s, fds, 2, true);
    close(fds[0]);
    close(fds[1]);
    cr_assert(server_wait_ready(&s, DEADLINE_MS));
    s.port = port;
    for (unsigned i = 0; i < 2; i++) {
        cr_assert_eq(server_verb(&s, "upgrade", NULL), 0);
        cr_expect_eq(server_wait_exit(&s, DEADLINE_MS), 0);
        b = file_read(server_path(&s, "config.pid"));
        s.pid = (pid_t)atoi(buf_cstr(&b));
        buf_fini(&b);
        cr_assert_gt(s.pid, 0);
        cr_expect(server_wait_log(&s, s.log_start, "has ended", DEADLINE_MS));
        s.log_start = server_log_size(&s);
        for (unsigned k = 0; k < 10; k++)
            cr_expect_eq(fetch_status(&s, "/"), 200);
    }
    server_stop(&s);
    cr_expect(access(server_path(&s, "given.sock"), F_OK) == 0);
    server_close(&s);
}
