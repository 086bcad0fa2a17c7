#include "master/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/log.h"
#include "common/now.h"

static void on_watchdog(struct ev_loop *loop, ev_timer *w, int revents)
{
    notify_send(w->data, "WATCHDOG=1");
}

void notify_init(struct notify *n)
{
    n->fd = -1;
    ev_timer_init(&n->watchdog, on_watchdog, 0., 0.);
    n->watchdog.data = n;
}

void notify_open(struct notify *n)
{
    const char *name = getenv("NOTIFY_SOCKET");
    size_t length = name != NULL ? strlen(name) : 0;

    if (length == 0)
        return;
    /* "@": an abstract one (unix(7)). Other families are for guests of virtual machines. */
    if ((name[0] != '/' && name[0] != '@') || length >= sizeof(n->to.sun_path)) {
        log_warn("NOTIFY_SOCKET %s: not a Unix socket's path; nobody is notified", name);
        return;
    }
    memset(&n->to, 0, sizeof(n->to));
    n->to.sun_family = AF_UNIX;
    memcpy(n->to.sun_path, name, length);
    if (name[0] == '@')
        n->to.sun_path[0] = '\0';
    n->to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (n->fd < 0)
        log_warn("NOTIFY_SOCKET %s: %s", name, strerror(errno));
}

static bool get_number(const char *name, uint64_t *number)
{
    const char *value = getenv(name);

    return value != NULL && str_to_u64(str_of(value), number);
}

/* WATCHDOG_PID missing: whoever sees it is meant (sd_watchdog_enabled(3)). */
static bool is_watched(uint64_t *usec)
{
    uint64_t pid;

    if (!get_number("WATCHDOG_USEC", usec) || *usec == 0)
        return false;
    return getenv("WATCHDOG_PID") == NULL ||
           (get_number("WATCHDOG_PID", &pid) && pid == (uint64_t)getpid());
}

void notify_watch(struct notify *n, struct ev_loop *loop)
{
    uint64_t usec;

    if (n->fd < 0 || !is_watched(&usec))
        return;
    ev_timer_stop(loop, &n->watchdog);
    ev_timer_set(&n->watchdog, (double)usec / 2e6, (double)usec / 2e6);
    ev_timer_start(loop, &n->watchdog);
}

void notify_unwatch(struct notify *n, struct ev_loop *loop)
{
    ev_timer_stop(loop, &n->watchdog);
}

void notify_send(struct notify *n, const char *format, ...)
{
    struct buf text = { 0 };
    va_list args;

    if (n->fd < 0)
        return;
    va_start(args, format);
    buf_vprintf(&text, format, args);
    va_end(args);
    if (sendto(n->fd, text.p, text.n, MSG_NOSIGNAL | MSG_DONTWAIT, (const struct sockaddr *)&n->to,
               n->to_len) < 0)
        log_info("the service manager does not hear \"%s\": %m", buf_cstr(&text));
    buf_fini(&text);
}

void notify_reloading(struct notify *n)
{
    notify_send(n, "RELOADING=1\nMONOTONIC_USEC=%llu\nSTATUS=reloading",
                (unsigned long long)monotonic_us());
}

void notify_pass(void)
{
    const char *watched = getenv("WATCHDOG_PID");
    char pid[16];

    /* fork(2) has made us another already: whether the parent was watched is what its id says. */
    snprintf(pid, sizeof(pid), "%d", (int)getppid());
    if (watched == NULL || strcmp(watched, pid) != 0)
        return;
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    setenv("WATCHDOG_PID", pid, 1);
}

void notify_fini(struct notify *n)
{
    if (n->fd >= 0)
        close(n->fd);
    n->fd = -1;
}
