/*
 * notify - tells the service manager how we are: sd_notify(3)'s protocol, datagrams of lines to the
 * socket that NOTIFY_SOCKET names, and its watchdog. Without such a socket nothing happens.
 */
#ifndef MASTER_NOTIFY_H
#define MASTER_NOTIFY_H

#include <ev.h>
#include <sys/socket.h>
#include <sys/un.h>

struct notify {
    int fd; /* owned; -1: nobody wants to hear */
    struct sockaddr_un to;
    socklen_t to_len;
    ev_timer watchdog; /* active between notify_watch() and notify_unwatch() */
};

void notify_init(struct notify *n);

/* Looks at the environment. A socket that cannot be spoken to is logged and left alone. */
void notify_open(struct notify *n);

/* WATCHDOG=1 twice in each WATCHDOG_USEC, if the manager wants that of this process. */
void notify_watch(struct notify *n, struct ev_loop *loop);
void notify_unwatch(struct notify *n, struct ev_loop *loop);

/* One datagram. Never blocks; a manager that does not read is not waited for. */
void notify_send(struct notify *n, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* RELOADING=1, with the time that tells the manager which READY=1 ends it. */
void notify_reloading(struct notify *n);

/* In a child before exec(2): the watchdog is now asked of it. */
void notify_pass(void);

void notify_fini(struct notify *n);

#endif
