/*
 * inbox - where a worker slot is handed connections: those that a sibling has just accepted, and
 * those that were idle with one that leaves.
 *
 * A SOCK_SEQPACKET pair that the master makes once for a slot and keeps while the slot exists, as
 * it keeps the listening sockets: what waits in it outlives a worker that dies. The slot's worker
 * has the taking end, its siblings and those who leave the giving end. Neither side ever blocks.
 */
#ifndef COMMON_INBOX_H
#define COMMON_INBOX_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/address.h"

/* Siblings that one worker can hand to: enough choice, and few descriptors with 1,024 workers. */
enum { INBOX_PEERS_MAX = 15 };

/*
 * Of a connection of which nothing is under way. The two ends may be two binaries, but of one layout
 * of the shared block (shared_layout()).
 */
struct inbox_message {
    uint64_t number;          /* tells it from every other message */
    struct address listen;    /* that it came in by, as configured */
    struct sockaddr_in6 peer; /* or a sockaddr_in; of a Unix socket's peer the family alone */
    bool has_proxy_protocol;  /* it begins with a PROXY header */
    uint32_t request_count;   /* that were answered on it; 0: nobody has read from it yet */
};

/* Close-on-exec. -1: errno of socketpair(2). */
int inbox_open(int *give_fd, int *take_fd);

/* `fd` stays the caller's, who closes it after 0. -1: errno; EAGAIN: full. */
int inbox_give(int give_fd, const struct inbox_message *m, int fd);

/*
 * 1: got one, *fd is the caller's. 0: every giving end is closed. -1: errno; EAGAIN: empty; EMFILE:
 * no descriptor is free, and what would have come waits on. Several processes may take from one.
 */
int inbox_take(int take_fd, struct inbox_message *m, int *fd);

#endif
