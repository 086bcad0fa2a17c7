/*
 * load_histogram - counts of latencies, log-linear: a bucket is at most 1/128 of its values wide, so
 * that its middle is within 0.4 % of each of them, from nanoseconds to hours.
 */
#ifndef REMUDA_BENCH_LOAD_HISTOGRAM_H
#define REMUDA_BENCH_LOAD_HISTOGRAM_H

#include <stdint.h>

enum {
    HISTOGRAM_STEPS_LOG = 7,
    HISTOGRAM_STEPS = 1 << HISTOGRAM_STEPS_LOG, /* buckets of an octave */
    HISTOGRAM_BUCKETS = (64 - HISTOGRAM_STEPS_LOG) * HISTOGRAM_STEPS + HISTOGRAM_STEPS,
};

struct histogram {
    uint64_t buckets[HISTOGRAM_BUCKETS];
    uint64_t count;
    uint64_t max; /* ns */
    double sum;   /* ns */
};

/* `count` latencies of `ns`. */
void histogram_add(struct histogram *h, uint64_t ns, uint64_t count);

/* The latency in us that the given share (0 to 1) of all does not exceed; 0 when there is none. */
double histogram_at(const struct histogram *h, double share);

#endif
