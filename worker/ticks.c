#include "worker/ticks.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

enum {
    LEARN_NS = 50000000, /* both clocks must have gone on for so long */
    TRUST_S = 4,         /* behind the last comparison */
    LOOKS = 4,           /* at both clocks at once; the one that took the shortest time counts */
};

/* The rate may differ from the former one by its 1024th part; it is the same quartz. */
enum { AGREE_SHIFT = 10 };

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

/* The same moment by both clocks. Who is interrupted between the two looks again. */
static void look(uint64_t *count, uint64_t *ns)
{
    uint64_t best = UINT64_MAX;

    for (int i = 0; i < LOOKS; i++) {
        uint64_t before = counter(), now_ns = monotonic_ns(), took = counter() - before;

        if (took >= best)
            continue;
        best = took;
        *count = before + took / 2;
        *ns = now_ns;
    }
}

void ticks_init(struct ticks *t)
{
    *t = (struct ticks){ 0 };
    if (is_invariant())
        look(&t->base_count, &t->base_ns);
}

/* 0: this cannot be. */
static uint64_t rate_of(uint64_t ns, uint64_t counts)
{
    unsigned __int128 rate = counts > 0 ? ((unsigned __int128)ns << 32) / counts : 0;

    /* From 1/16 to 16 counts in a nanosecond. */
    return rate >= 1u << 28 && rate <= (uint64_t)1 << 36 ? (uint64_t)rate : 0;
}

static int agree(uint64_t rate, uint64_t former)
{
    uint64_t apart = rate > former ? rate - former : former - rate;

    return former == 0 || apart <= former >> AGREE_SHIFT;
}

void ticks_compare(struct ticks *t, uint64_t count, uint64_t ns)
{
    uint64_t rate;

    if (ns - t->base_ns < LEARN_NS)
        return;
    rate = rate_of(ns - t->base_ns, count - t->base_count);
    t->rate = agree(rate, t->rate) ? rate : 0;
    t->limit = t->rate != 0 ? (((uint64_t)TRUST_S * 1000000000) << 32) / t->rate : 0;
    t->base_count = count;
    t->base_ns = ns;
}

void ticks_adjust(struct ticks *t)
{
    uint64_t count, ns;

    if (t->base_count == 0)
        return;
    look(&count, &ns);
    ticks_compare(t, count, ns);
}
