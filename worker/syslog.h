/*
 * syslog - lines to a syslog daemon, each a datagram (RFC 5424 by RFC 5426, or a Unix socket).
 *
 * The socket is not connected: a daemon that is started anew is found again by the next send, and
 * what nobody takes is told at once. Nothing here waits.
 */
#ifndef WORKER_SYSLOG_H
#define WORKER_SYSLOG_H

#include "common/address.h"
#include "common/str.h"

struct syslog_result {
    size_t sent, dropped; /* bytes; what is left waits for room */
    int error;            /* errno: nobody takes them; 0: someone does */
};

/* Whole lines; the LF that ends each is not sent. */
struct syslog_result syslog_send(int fd, const struct address *to, struct str lines);

#endif
