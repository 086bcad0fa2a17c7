/* load_histogram - see the header. */
#include "bench/load_histogram.h"

/* Below 2 * STEPS each value has its own bucket, above each octave has STEPS of them. */
void histogram_add(struct histogram *h, uint64_t ns, uint64_t count)
{
    unsigned shift = 0;

    if (ns >= 2 * HISTOGRAM_STEPS)
        shift = (unsigned)(63 - __builtin_clzll(ns)) - HISTOGRAM_STEPS_LOG;
    h->buckets[shift * HISTOGRAM_STEPS + (ns >> shift)] += count;
    h->count += count;
    h->sum += (double)ns * (double)count;
    if (ns > h->max)
        h->max = ns;
}

static double middle_of(unsigned bucket)
{
    unsigned shift = bucket < 2 * HISTOGRAM_STEPS ? 0 : bucket / HISTOGRAM_STEPS - 1;
    uint64_t first = (uint64_t)(bucket - shift * HISTOGRAM_STEPS) << shift;

    return (double)first + (double)((UINT64_C(1) << shift) - 1) / 2;
}

double histogram_at(const struct histogram *h, double share)
{
    double wanted = share * (double)h->count;
    double max = (double)h->max;
    uint64_t seen = 0;

    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->buckets[i];
        if (seen > 0 && (double)seen >= wanted)
            return (middle_of(i) < max ? middle_of(i) : max) / 1e3;
    }
    return max / 1e3;
}
