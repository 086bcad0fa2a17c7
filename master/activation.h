/*
 * activation - listening sockets that a service manager has opened for us (sd_listen_fds(3)):
 * LISTEN_FDS of them from descriptor 3 on, if LISTEN_PID is us.
 */
#ifndef MASTER_ACTIVATION_H
#define MASTER_ACTIVATION_H

#include <stdbool.h>
#include <stddef.h>

#include "common/address.h"
#include "common/buf.h"

enum { ACTIVATION_FIRST_FD = 3, ACTIVATION_MAX = 1024 };

struct activation {
    size_t count;
    int fds[ACTIVATION_MAX]; /* -1: taken; the others are owned */
};

/*
 * Before anything is opened, and before a fork makes us another. The environment forgets it; the
 * descriptors become close-on-exec and non-blocking.
 */
void activation_take(struct activation *a);

/*
 * The address at which the socket listens, as address_parse() makes it. False: `why`, words that go
 * on from the descriptor's number, says why it cannot be served.
 */
bool activation_address(int fd, struct address *address, struct buf *why);

/* Closes what nobody took. */
void activation_fini(struct activation *a);

#endif
