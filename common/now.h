/*
 * now - what the clocks show, in one number. A system call or not is up to the vDSO, vdso(7); who
 * needs it for each request reads worker/ticks.h or worker/clock.h.
 */
#ifndef COMMON_NOW_H
#define COMMON_NOW_H

#include <stdint.h>
#include <time.h>

static inline uint64_t now_of(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* CLOCK_MONOTONIC: since some time in the past. */
static inline uint64_t monotonic_ns(void)
{
    return now_of(CLOCK_MONOTONIC);
}

static inline uint64_t monotonic_us(void)
{
    return monotonic_ns() / 1000;
}

static inline uint64_t monotonic_ms(void)
{
    return monotonic_ns() / 1000000;
}

/* CLOCK_REALTIME: since the epoch. */
static inline uint64_t wall_ms(void)
{
    return now_of(CLOCK_REALTIME) / 1000000;
}

#endif
