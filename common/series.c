#include "common/series.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/siphash.h"

/* ---- names ---- */

/* Never 0. The block outlives processes, so the key is no secret: names are the operator's own. */
static uint64_t hash_name(struct str site, struct str route)
{
    uint64_t key[2] = { 0x72656d75, 0x6461 };

    key[0] = siphash(key, site).half[0];
    return siphash(key, route).half[0] | 1;
}

static unsigned next_number(unsigned number)
{
    return number + 1 < SERIES_MAX ? number + 1 : 1;
}

/* Where it is, or would be: numbers from 1 on are a table with linear probing that is never full. */
static unsigned find_place(const struct series *s, uint64_t hash)
{
    unsigned number = 1 + (unsigned)(hash % (SERIES_MAX - 1));

    for (;;) {
        uint64_t there = atomic_load_explicit(&s->names[number].hash, memory_order_acquire);

        if (there == hash || there == 0)
            return number;
        number = next_number(number);
    }
}

/* Whole, or cut where UTF-8 can be cut, with the hash behind it: two that are cut stay two. */
static void write_text(char to[SERIES_TEXT], struct str text, uint64_t hash)
{
    size_t n = text.n;

    if (n >= SERIES_TEXT) {
        n = SERIES_TEXT - sizeof("~01234567");
        while (n > 0 && ((unsigned char)text.p[n] & 0xc0) == 0x80)
            n--;
    }
    memcpy(to, text.p, n);
    to[n] = '\0';
    if (n < text.n)
        snprintf(to + n, SERIES_TEXT - n, "~%08" PRIx32, (uint32_t)(hash >> 32));
}

unsigned series_name_add(struct series *s, struct str site, struct str route)
{
    uint64_t hash = hash_name(site, route);
    unsigned number = find_place(s, hash);
    struct series_name *name = &s->names[number];

    if (atomic_load_explicit(&name->hash, memory_order_relaxed) == hash)
        return number;
    if (atomic_load_explicit(&s->name_count, memory_order_relaxed) == SERIES_NAMES_MAX)
        return 0;
    write_text(name->site, site, hash);
    write_text(name->route, route, hash);
    atomic_store_explicit(&name->hash, hash, memory_order_release);
    atomic_fetch_add_explicit(&s->name_count, 1, memory_order_relaxed);
    return number;
}

unsigned series_name_find(const struct series *s, struct str site, struct str route)
{
    uint64_t hash = hash_name(site, route);
    unsigned number = find_place(s, hash);

    return atomic_load_explicit(&s->names[number].hash, memory_order_relaxed) == hash ? number : 0;
}

const struct series_name *series_name(const struct series *s, unsigned number)
{
    static const struct series_name other = { 0, "other", "other" };

    if (number == 0)
        return &other;
    return atomic_load_explicit(&s->names[number].hash, memory_order_acquire) != 0
               ? &s->names[number]
               : NULL;
}

/* ---- records ---- */

/* 0: none is left. */
static uint32_t allocate(struct series *s)
{
    uint32_t used = atomic_load_explicit(&s->record_count, memory_order_relaxed);

    do
        if (used >= SERIES_RECORDS - SERIES_SLOTS)
            return 0;
    while (!atomic_compare_exchange_weak(&s->record_count, &used, used + 1));
    return SERIES_SLOTS + used;
}

struct series_record *series_record(struct series *s, unsigned slot, unsigned number)
{
    _Atomic uint32_t *index = &s->index[slot][number];
    uint32_t place = atomic_load_explicit(index, memory_order_relaxed);

    if (place == 0 && number != 0) {
        place = allocate(s);
        atomic_store_explicit(index, place, memory_order_relaxed);
    }
    return &s->records[place != 0 ? place : slot];
}

/* ---- latencies ---- */

uint64_t latency_bucket_end_ns(unsigned bucket)
{
    if (bucket >= LATENCY_BUCKETS - 1)
        return UINT64_MAX;
    return ((uint64_t)(4 + bucket % 4 + 1) << (bucket / 4 + 8 - 2)) - LATENCY_FIRST;
}

/* ---- sums ---- */

static uint64_t load(const _Atomic uint64_t *value)
{
    return atomic_load_explicit(value, memory_order_relaxed);
}

static void add_record(const struct series_record *r, struct series_totals *to)
{
    for (int i = 0; i < RESPONSE_CLASSES; i++)
        to->responses[i] += load(&r->responses[i]);
    to->body_bytes += load(&r->body_bytes);
    to->latency_ns += load(&r->latency_ns);
    for (int i = 0; i < LATENCY_BUCKETS; i++)
        to->latency[i] += load(&r->latency[i]);
}

static bool has_any(const struct series_record *r)
{
    for (int i = 0; i < RESPONSE_CLASSES; i++)
        if (load(&r->responses[i]) > 0)
            return true;
    return false;
}

bool series_add(const struct series *s, unsigned slot, unsigned number, struct series_totals *to)
{
    uint32_t place = atomic_load_explicit(&s->index[slot][number], memory_order_relaxed);

    if (place == 0 && (number != 0 || !has_any(&s->records[slot])))
        return false;
    add_record(&s->records[place != 0 ? place : slot], to);
    return true;
}

void series_add_all(const struct series *s, unsigned slot, struct series_totals *to)
{
    for (unsigned number = 0; number < SERIES_MAX; number++)
        series_add(s, slot, number, to);
}

void series_join(struct series_totals *a, const struct series_totals *b)
{
    for (int i = 0; i < RESPONSE_CLASSES; i++)
        a->responses[i] += b->responses[i];
    a->body_bytes += b->body_bytes;
    a->latency_ns += b->latency_ns;
    for (int i = 0; i < LATENCY_BUCKETS; i++)
        a->latency[i] += b->latency[i];
}

void series_subtract(struct series_totals *a, const struct series_totals *b)
{
    for (int i = 0; i < RESPONSE_CLASSES; i++)
        a->responses[i] -= b->responses[i];
    a->body_bytes -= b->body_bytes;
    a->latency_ns -= b->latency_ns;
    for (int i = 0; i < LATENCY_BUCKETS; i++)
        a->latency[i] -= b->latency[i];
}

uint64_t series_requests(const struct series_totals *t)
{
    uint64_t sum = 0;

    for (int i = 0; i < RESPONSE_CLASSES; i++)
        sum += t->responses[i];
    return sum;
}

uint64_t series_below(const struct series_totals *t, unsigned bucket)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i <= bucket; i++)
        sum += t->latency[i];
    return sum;
}

uint64_t series_quantile_ns(const struct series_totals *t, double share)
{
    uint64_t count = series_below(t, LATENCY_BUCKETS - 1), below = 0;
    unsigned bucket = 0;

    if (count == 0)
        return 0;
    while (bucket < LATENCY_BUCKETS - 1 &&
           ((below += t->latency[bucket]) == 0 || (double)below < share * (double)count))
        bucket++;
    if (bucket == 0)
        return latency_bucket_end_ns(0) / 2;
    if (bucket == LATENCY_BUCKETS - 1)
        return latency_bucket_end_ns(bucket - 1);
    return (latency_bucket_end_ns(bucket - 1) + latency_bucket_end_ns(bucket)) / 2;
}
