/*
 * transport - the seam between a connection and its socket: plain TCP or Unix today, TLS later.
 *
 * All functions return what their system call returns, with errno; EAGAIN means wait, and so does a
 * write or send_file of less than it was asked for.
 */
#ifndef WORKER_TRANSPORT_H
#define WORKER_TRANSPORT_H

#include <stdbool.h>
#include <sys/types.h>
#include <sys/uio.h>

struct conn;

struct transport {
    const char *name;
    /* Sets c->is_drained when there is no more to be had now, so that nobody asks in vain. */
    ssize_t (*read)(struct conn *c, void *into, size_t n);
    /* has_more: something follows at once, so a short packet may wait for it. */
    ssize_t (*write)(struct conn *c, struct iovec *iov, int count, bool has_more);
    ssize_t (*send_file)(struct conn *c, int fd, off_t offset, size_t n);
    int (*shut_write)(struct conn *c);
    void (*close)(struct conn *c);
};

extern const struct transport transport_plain;

#endif
