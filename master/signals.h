/*
 * signals - read from a signalfd by the loop, so that a handler never interrupts anything. They
 * are blocked from before the first fork on: nothing can be lost on the way to a child either.
 */
#ifndef MASTER_SIGNALS_H
#define MASTER_SIGNALS_H

#include <ev.h>
#include <sys/signalfd.h>

struct signals {
    ev_io io; /* its fd is owned; -1: not open */
    void *data;
    void (*on_signal)(void *data, const struct signalfd_siginfo *info);
};

/* A list that ends with 0. -1: errno. */
int signals_open(struct signals *s, struct ev_loop *loop, const int *numbers,
                 void (*on_signal)(void *data, const struct signalfd_siginfo *info), void *data);
void signals_close(struct signals *s, struct ev_loop *loop);

#endif
