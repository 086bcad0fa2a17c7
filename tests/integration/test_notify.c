/* What a service manager hears: sd_notify(3)'s lines, and the watchdog's. */
#include <criterion/criterion.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/integration/client.h"

TestSuite(notify, .timeout = 60);

struct manager {
    int fd;
    char text[1024]; /* the last message */
    pid_t sender;
};

/* Listens where the next server will look; '@' makes an abstract name of it. */
static void manager_open(struct manager *m, const struct server *s, bool is_abstract)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    socklen_t length;
    int one = 1;

    snprintf(un.sun_path, sizeof(un.sun_path), "%s%s/notify", is_abstract ? "@" : "", s->dir);
    setenv("NOTIFY_SOCKET", un.sun_path, 1);
    length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(un.sun_path));
    if (is_abstract)
        un.sun_path[0] = '\0';
    m->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    cr_assert(bind(m->fd, (struct sockaddr *)&un, length) == 0);
    cr_assert(setsockopt(m->fd, SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)) == 0);
}

static bool hear(struct manager *m, unsigned ms)
{
    struct pollfd p = { .fd = m->fd, .events = POLLIN };
    struct iovec iov = { .iov_base = m->text, .iov_len = sizeof(m->text) - 1 };
    union {
        char bytes[CMSG_SPACE(sizeof(struct ucred))];
        struct cmsghdr align;
    } control;
    struct msghdr msg = { .msg_iov = &iov,
                          .msg_iovlen = 1,
                          .msg_control = control.bytes,
                          .msg_controllen = sizeof(control.bytes) };
    struct ucred cred = { .pid = 0 };
    ssize_t n;

    m->text[0] = '\0';
    if (poll(&p, 1, (int)ms) != 1 || (n = recvmsg(m->fd, &msg, MSG_DONTWAIT)) < 0)
        return false;
    m->text[n] = '\0';
    if (CMSG_FIRSTHDR(&msg) != NULL)
        memcpy(&cred, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(cred));
    m->sender = cred.pid;
    return true;
}

/* The next message that is no mere WATCHDOG=1. */
static bool hear_news(struct manager *m)
{
    uint64_t end = now_ms() + DEADLINE_MS;

    while (now_ms() < end)
        if (hear(m, DEADLINE_MS) && strcmp(m->text, "WATCHDOG=1") != 0)
            return true;
    return false;
}

static bool has_line(const struct manager *m, const char *line)
{
    const char *at = strstr(m->text, line);

    return at != NULL && (at == m->text || at[-1] == '\n') &&
           (at[strlen(line)] == '\0' || at[strlen(line)] == '\n');
}

static void tells_of_its_life(bool is_abstract)
{
    struct manager m;
    struct server s;
    char mainpid[32];
    const char *at;

    server_open(&s);
    manager_open(&m, &s, is_abstract);
    server_start(&s, "");
    snprintf(mainpid, sizeof(mainpid), "MAINPID=%d", (int)s.pid);
    cr_assert(hear_news(&m));
    cr_expect(has_line(&m, "READY=1") && has_line(&m, mainpid), "%s", m.text);
    cr_expect(strstr(m.text, "STATUS=generation 1, 2 workers") != NULL, "%s", m.text);

    server_reload(&s, "");
    cr_assert(hear_news(&m));
    cr_expect(has_line(&m, "RELOADING=1"), "%s", m.text);
    cr_assert((at = strstr(m.text, "MONOTONIC_USEC=")) != NULL);
    cr_expect(now_ms() - strtoull(at + 15, NULL, 10) / 1000 < DEADLINE_MS, "%s", m.text);
    cr_assert(hear_news(&m));
    cr_expect(has_line(&m, "READY=1"), "%s", m.text);
    cr_expect(strstr(m.text, "generation 2") != NULL, "%s", m.text);

    server_config(&s, "nonsense: 1\n");
    cr_expect_eq(server_verb(&s, "reload", NULL), 1);
    cr_assert(hear_news(&m) && has_line(&m, "RELOADING=1"), "%s", m.text);
    cr_assert(hear_news(&m));
    cr_expect(has_line(&m, "READY=1"), "it serves on: %s", m.text);

    server_stop(&s);
    cr_assert(hear_news(&m));
    cr_expect(has_line(&m, "STOPPING=1"), "%s", m.text);
    cr_expect(!hear(&m, 0), "%s", m.text);
    close(m.fd);
    server_close(&s);
}

Test(notify, tells_of_its_life)
{
    tells_of_its_life(false);
}

Test(notify, speaks_to_an_abstract_socket)
{
    tells_of_its_life(true);
}

Test(notify, feeds_the_watchdog_while_the_master_is_well)
{
    struct manager m;
    struct server s;

    server_open(&s);
    manager_open(&m, &s, false);
    setenv("WATCHDOG_USEC", "200000", 1);
    server_start(&s, "");
    cr_assert(hear_news(&m));
    for (unsigned i = 0; i < 3; i++) {
        uint64_t before = now_ms();

        cr_expect(hear(&m, 1000 * SLOWNESS) && strcmp(m.text, "WATCHDOG=1") == 0, "%s", m.text);
        cr_expect_leq(now_ms() - before, 190 * SLOWNESS, "in half of the time");
    }
    kill(s.pid, SIGSTOP);
    while (process_state(s.pid) != 'T')
        pause_ms(1);
    while (hear(&m, 0))
        ;
    cr_expect(!hear(&m, 400), "one that stands still says nothing: %s", m.text);
    kill(s.pid, SIGCONT);
    cr_expect(hear(&m, DEADLINE_MS));
    server_stop(&s);

    setenv("WATCHDOG_PID", "1", 1);
    server_start(&s, "");
    cr_assert(hear_news(&m) && has_line(&m, "STOPPING=1"));
    cr_assert(hear_news(&m) && has_line(&m, "READY=1"));
    cr_expect(!hear(&m, 300), "another process is meant: %s", m.text);
    server_stop(&s);
    close(m.fd);
    server_close(&s);
}

Test(notify, names_the_new_master_after_an_upgrade)
{
    struct manager m;
    struct server s;
    char mainpid[32];
    struct buf b;
    pid_t heir;

    prctl(PR_SET_CHILD_SUBREAPER, 1);
    server_open(&s);
    manager_open(&m, &s, false);
    setenv("WATCHDOG_USEC", "200000", 1);
    server_start(&s, "");
    cr_assert(hear_news(&m));
    cr_assert_eq(server_verb(&s, "upgrade", NULL), 0);
    b = file_read(server_path(&s, "config.pid"));
    heir = (pid_t)atoi(buf_cstr(&b));
    buf_fini(&b);
    cr_assert(hear_news(&m));
    snprintf(mainpid, sizeof(mainpid), "MAINPID=%d", (int)heir);
    cr_expect(has_line(&m, mainpid) && m.sender == s.pid, "only the former is believed: %s (%d)",
              m.text, (int)m.sender);
    cr_expect(!has_line(&m, "STOPPING=1"), "the service goes on");
    cr_assert(hear_news(&m));
    cr_expect(has_line(&m, "READY=1") && m.sender == heir, "%s (%d)", m.text, (int)m.sender);
    cr_expect(hear(&m, DEADLINE_MS) && m.sender == heir, "%s (%d)", m.text, (int)m.sender);
    cr_expect(has_line(&m, "WATCHDOG=1"), "%s", m.text);
    cr_expect_eq(server_wait_exit(&s, DEADLINE_MS), 0);
    s.pid = heir;
    server_stop(&s);
    cr_assert(hear_news(&m));
    cr_expect(has_line(&m, "STOPPING=1") && m.sender == heir, "%s", m.text);
    close(m.fd);
    server_close(&s);
}
