/*
 * heritage - all that a worker inherits from the master at fork, in one place. Whatever is not
 * here, the worker must not use.
 */
#ifndef COMMON_HERITAGE_H
#define COMMON_HERITAGE_H

#include <stdbool.h>

#include "common/bundle.h"
#include "common/shared.h"

struct heritage {
    unsigned slot;             /* from 0 */
    unsigned slot_count;       /* workers that the config asks for */
    int channel_fd;            /* to the master; owned by the worker */
    struct shared *shared;     /* mapped; the worker writes only its own slot */
    struct shared_slot *slots; /* the bank in it where its slot and its siblings' are */
    unsigned flight;           /* its flight recorder in `shared`: its own, unlike the slot */
    struct bundle *bundle;     /* the current generation; borrowed until worker_new() returns */
    int log_level;  /* instead of the config's, until the next COMMIT; -1: the config's */
    bool is_single; /* runs inside the master: no privileges to drop, no process to end */
};

#endif
