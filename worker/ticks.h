/*
 * ticks - a clock that is precise and costs ten nanoseconds: the processor's counter (x86, when it is
 * invariant), put into CLOCK_MONOTONIC's time by what both showed before. clock_gettime(2) takes more
 * than twice as long without entering the kernel, and a request takes two thousand.
 *
 * Between two calls of ticks_adjust() it drifts by some parts in a million: it is for durations, not
 * for deadlines. A counter that jumps (a machine that slept, or moved to another) is not believed:
 * what it shows is used for a few seconds only after both clocks were compared, and when they part
 * they are compared anew.
 */
#ifndef WORKER_TICKS_H
#define WORKER_TICKS_H

#include <stdint.h>

#include "common/now.h"

struct ticks {
    uint64_t base_ns;
    uint64_t base_count; /* 0: there is no such counter */
    uint64_t rate;       /* nanoseconds in 2^32 counts; 0: not known */
    uint64_t limit;      /* counts behind the base from which on CLOCK_MONOTONIC is asked */
};

/* For the first moments, and for good on other processors, it is CLOCK_MONOTONIC. */
void ticks_init(struct ticks *t);

/* Now and then, once a second or so: learns, and corrects, the rate. */
void ticks_adjust(struct ticks *t);
/* The pure part: that both clocks show this at the same moment. */
void ticks_compare(struct ticks *t, uint64_t count, uint64_t ns);

/* Nanoseconds of CLOCK_MONOTONIC. May step back by a little after ticks_adjust(). */
static inline uint64_t ticks_now(const struct ticks *t)
{
#if defined(__x86_64__)
    uint64_t count = __builtin_ia32_rdtsc() - t->base_count;

    if (count < t->limit) /* one that went backwards is a very large number */
        return t->base_ns + (uint64_t)(((unsigned __int128)count * t->rate) >> 32);
#endif
    return monotonic_ns();
}

#endif
