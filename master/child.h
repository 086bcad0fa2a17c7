/*
 * child - what a forked process does to become a worker: lets go of the master's things, takes
 * its place, CPU and user, and runs worker_new() on a loop of its own.
 */
#ifndef MASTER_CHILD_H
#define MASTER_CHILD_H

#include "common/bundle.h"

struct master;

/* Takes the bundle, the channel and, to free it, the master's copy. */
_Noreturn void child_main(struct master *m, unsigned slot, unsigned flight, struct bundle *b,
                          int channel_fd);

#endif
