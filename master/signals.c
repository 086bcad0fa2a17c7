#include "master/signals.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

static void on_readable(struct ev_loop *loop, ev_io *w, int revents)
{
    struct signals *s = w->data;
    struct signalfd_siginfo info;

    while (s->io.fd >= 0 && read(s->io.fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        s->on_signal(s->data, &info);
}

int signals_open(struct signals *s, struct ev_loop *loop, const int *numbers,
                 void (*on_signal)(void *data, const struct signalfd_siginfo *info), void *data)
{
    sigset_t set;
    int fd;

    sigemptyset(&set);
    for (; *numbers != 0; numbers++)
        sigaddset(&set, *numbers);
    if (sigprocmask(SIG_SETMASK, &set, NULL) < 0)
        return -1;
    fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0)
        return -1;
    s->data = data;
    s->on_signal = on_signal;
    ev_io_init(&s->io, on_readable, fd, EV_READ);
    s->io.data = s;
    ev_io_start(loop, &s->io);
    return 0;
}

void signals_close(struct signals *s, struct ev_loop *loop)
{
    if (s->io.fd < 0)
        return;
    if (loop != NULL)
        ev_io_stop(loop, &s->io);
    close(s->io.fd);
    s->io.fd = -1;
}
