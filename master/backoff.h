/*
 * backoff - how long a slot waits before it gets a new worker. The first that dies is replaced at
 * once; one that dies young, again and again, must not turn the machine into a fork loop.
 */
#ifndef MASTER_BACKOFF_H
#define MASTER_BACKOFF_H

#include <stdint.h>

enum { BACKOFF_YOUNG_MS = 1000, BACKOFF_FIRST_MS = 100, BACKOFF_LAST_MS = 10000 };

struct backoff {
    unsigned delay_ms; /* the last one; 0: the worker before lived long */
};

/* The wait before the next start, after a worker that lived so long. */
static inline unsigned backoff_next(struct backoff *b, uint64_t lived_ms)
{
    if (lived_ms >= BACKOFF_YOUNG_MS)
        b->delay_ms = 0;
    else if (b->delay_ms == 0)
        b->delay_ms = BACKOFF_FIRST_MS;
    else if (b->delay_ms < BACKOFF_LAST_MS / 2)
        b->delay_ms *= 2;
    else
        b->delay_ms = BACKOFF_LAST_MS;
    return b->delay_ms;
}

#endif
