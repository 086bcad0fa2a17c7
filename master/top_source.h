/*
 * top_source - the shared block of the server that runs now, to look at. It is asked for once; later
 * only when another master serves, or none: over an upgrade the block stays the same, after a
 * restart there is a new one.
 */
#ifndef MASTER_TOP_SOURCE_H
#define MASTER_TOP_SOURCE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/buf.h"
#include "common/shared.h"
#include "master/args.h"

struct top_source {
    const struct args *args;
    const struct shared *shared; /* NULL: none yet; stays when the server has ended */
    dev_t dev;                   /* of the block's file, which tell it from another */
    ino_t ino;
    int32_t master_pid;
    char version[32];
    uint64_t asked_ms;
    bool is_unseen;        /* the master's process is not to be seen from here, as in a container */
    enum exit_code result; /* of the last time that we asked */
    struct buf why;        /* one line; empty: all is well */
};

enum top_look {
    TOP_SAME, /* the block that it was */
    TOP_NEW,  /* another; names of the former are gone */
    TOP_LOST, /* no server: `why` and `result` tell */
};

/* Unless `is_forced` it asks no more often than twice a second. */
enum top_look top_source_look(struct top_source *s, uint64_t now_ms, bool is_forced);
void top_source_fini(struct top_source *s);

#endif
