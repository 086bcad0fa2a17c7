#include "worker/ticks.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

enum { LEARN_NS = 50000000, FORGET_S = 60 };

static uint64_t monotonic_ns(void)
{
    static const struct ticks none = { 0, 0, 0 };

    return ticks_now(&none);
}

#if defined(__x86_64__)
/* Whether the counter runs at one rate, whatever the processor does (CPUID 80000007h, EDX bit 8). */
static int is_invariant(void)
{
    unsigned a, b, c, d;

    return __get_cpuid(0x80000007, &a, &b, &c, &d) && (d >> 8 & 1);
}

static uint64_t counter(void)
{
    return __builtin_ia32_rdtsc();
}
#else
static int is_invariant(void)
{
    return 0;
}

static uint64_t counter(void)
{
    return 0;
}
#endif

void ticks_init(struct ticks *t)
{
    t->rate = 0;
    t->base_count = is_invariant() ? counter() : 0;
    t->base_ns = monotonic_ns();
}

void ticks_adjust(struct ticks *t)
{
    uint64_t count, ns, counts;

    if (t->base_count == 0)
        return;
    count = counter();
    ns = monotonic_ns() - t->base_ns;
    counts = count - t->base_count;
    if (ns < LEARN_NS)
        return;
    /* A machine that slept, or moved to another: its counter tells nothing about the time before. */
    t->rate = ns < (uint64_t)FORGET_S * 1000000000 && counts <= UINT32_MAX * (uint64_t)FORGET_S &&
                      counts > 0
                  ? (uint64_t)(((unsigned __int128)ns << 32) / counts)
                  : 0;
    t->base_count = count;
    t->base_ns += ns;
}
