/*
 * count - adding to a counter in shared memory that has a single writer: no locked instruction is
 * needed, only that readers in other processes never see half of a number. What the compiler makes of
 * a load, an addition and a store is three instructions; a request has eight counters.
 */
#ifndef COMMON_COUNT_H
#define COMMON_COUNT_H

#include <stdatomic.h>
#include <stdint.h>

static inline void count_add(_Atomic uint64_t *counter, uint64_t n)
{
#if defined(__x86_64__)
    __asm__("addq %1, %0" : "+m"(*counter) : "er"(n) : "cc");
#else
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
                          memory_order_relaxed);
#endif
}

#endif
