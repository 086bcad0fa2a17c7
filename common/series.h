/*
 * series - what is counted of each route, by each worker: answers by class of status, bytes, and how
 * long they took, as a histogram. Part of the shared block, so it goes on over a crash, a reload and
 * an upgrade; what a site, a worker or the whole server did are sums over it.
 *
 * A series has a name, which the master gives (series_name_add()) before a worker hears of the config
 * that has the route, and a number that it keeps for as long as the block lives. Each slot has a
 * record of its own for each series, allocated once, with a single writer and no locks. Nothing that
 * a client sends makes a series: their number is bounded by the config, and by SERIES_MAX. What does
 * not fit is counted in number 0, "other".
 */
#ifndef COMMON_SERIES_H
#define COMMON_SERIES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/count.h"
#include "common/str.h"

enum {
    SERIES_MAX = 1024,      /* numbers: 0 is "other" */
    SERIES_NAMES_MAX = 768, /* given: a hash table wants room */
    SERIES_RECORDS = 65536, /* of all slots */
    SERIES_SLOTS = 2048,    /* shared.h has as many */
    SERIES_TEXT = 112,      /* bytes of a name's part, with its NUL */
    RESPONSE_CLASSES = 10,  /* by the first digit of the status */
    LATENCY_FIRST = 256,    /* ns that are added to all, so that the first ones are no exception */
    LATENCY_BUCKETS = 116,  /* four in each doubling, up to 137 s */
};

struct series_record {
    _Alignas(64) _Atomic uint64_t responses[RESPONSE_CLASSES];
    _Atomic uint64_t body_bytes; /* of the answers' bodies, as far as they were sent */
    _Atomic uint64_t latency_ns; /* sum */
    _Atomic uint64_t latency[LATENCY_BUCKETS];
};

struct series_name {
    _Atomic uint64_t hash; /* 0: free; written last */
    char site[SERIES_TEXT], route[SERIES_TEXT];
};

struct series {
    _Atomic uint32_t name_count;
    _Atomic uint32_t record_count; /* given, behind the first ones */
    struct series_name names[SERIES_MAX];
    _Atomic uint32_t index[SERIES_SLOTS][SERIES_MAX]; /* places in `records`; 0: none of its own */
    struct series_record records[SERIES_RECORDS];     /* the first ones: number 0 of each slot */
};

/*
 * The master's: the number of the series, which is new or not. What is too long is cut, and told apart
 * by a hash. 0: the table is full.
 */
unsigned series_name_add(struct series *s, struct str site, struct str route);
/* A worker's; 0: it has no number. */
unsigned series_name_find(const struct series *s, struct str site, struct str route);
/* NULL: nobody has that number; 0 is "other". */
const struct series_name *series_name(const struct series *s, unsigned number);

/* The slot's record; allocated if need be, number 0's if none is left. Its worker alone calls this. */
struct series_record *series_record(struct series *s, unsigned slot, unsigned number);

/* Bucket of a latency, and where a bucket ends (its latencies are below it; UINT64_MAX: the last). */
static inline unsigned latency_bucket(uint64_t ns)
{
    uint64_t from_zero = ns + LATENCY_FIRST;
    unsigned zeros = (unsigned)__builtin_clzll(from_zero);
    unsigned bucket = (55 - zeros) * 4 + (unsigned)(from_zero >> (61 - zeros)) - 4;

    return bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1;
}
uint64_t latency_bucket_end_ns(unsigned bucket);

/* `status` has three digits. */
static inline void series_count(struct series_record *r, unsigned status, uint64_t body_bytes)
{
    count_add(&r->responses[status / 100], 1);
    count_add(&r->body_bytes, body_bytes);
}

static inline void series_count_latency(struct series_record *r, uint64_t ns)
{
    count_add(&r->latency[latency_bucket(ns)], 1);
    count_add(&r->latency_ns, ns);
}

/* Sums, for who reads. */
struct series_totals {
    uint64_t responses[RESPONSE_CLASSES];
    uint64_t body_bytes, latency_ns;
    uint64_t latency[LATENCY_BUCKETS];
};

/* Adds what a slot counted for one series. False: nothing was ever counted. */
bool series_add(const struct series *s, unsigned slot, unsigned number, struct series_totals *to);
/* The same for all series. */
void series_add_all(const struct series *s, unsigned slot, struct series_totals *to);
/* a + b. */
void series_join(struct series_totals *a, const struct series_totals *b);
/* a - b, for what happened between two looks. */
void series_subtract(struct series_totals *a, const struct series_totals *b);

uint64_t series_requests(const struct series_totals *t);
/* How many took less than the end of this bucket. */
uint64_t series_below(const struct series_totals *t, unsigned bucket);
/* The latency below which a share of 0 to 1 lies, in the middle of its bucket. 0: there were none. */
uint64_t series_quantile_ns(const struct series_totals *t, double share);

#endif
