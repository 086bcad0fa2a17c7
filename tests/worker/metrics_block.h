/*
 * metrics_block - a shared block for the tests of metrics, filled by hand.
 */
#ifndef TESTS_WORKER_METRICS_BLOCK_H
#define TESTS_WORKER_METRICS_BLOCK_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/shared.h"
#include "worker/metrics.h"

struct block {
    struct shared *shared;
    int fd;
};

static inline void block_open(struct block *b)
{
    b->fd = -1;
    b->shared = shared_new(&b->fd);
    cr_assert_not_null(b->shared);
    b->shared->started_at = 1;
    b->shared->generation = 1;
}

static inline void block_close(struct block *b)
{
    shared_free(&b->shared, &b->fd);
}

static inline void block_worker(struct block *b, unsigned bank, unsigned slot, pid_t pid,
                                uint64_t generation)
{
    shared_bank(b->shared, bank)[slot].pid = pid;
    shared_bank(b->shared, bank)[slot].generation = generation;
}

/* Each with 10 bytes. */
static inline void block_requests(struct block *b, unsigned bank, unsigned slot, const char *site,
                                  const char *route, unsigned status, unsigned count, uint64_t ns)
{
    unsigned number = series_name_add(&b->shared->series, str_of(site), str_of(route));
    struct series_record *r =
        series_record(&b->shared->series, bank * SHARED_SLOTS_MAX + slot, number);

    for (unsigned i = 0; i < count; i++) {
        series_count(r, status, 10);
        series_count_latency(r, ns);
    }
}

/* As large as it can be: all names, of `length` bytes each, in eight workers of both banks. */
static inline void block_fill(struct block *b, int length)
{
    char site[SERIES_TEXT], route[SERIES_TEXT];

    for (unsigned bank = 0; bank < SHARED_BANKS; bank++)
        for (unsigned slot = 0; slot < 8; slot++)
            block_worker(b, bank, slot, bank == 0 ? 0 : 100, 1);
    for (unsigned i = 0; i < SERIES_NAMES_MAX; i++) {
        snprintf(site, sizeof(site), "%0*u.example", length > 8 ? length - 8 : 1, i / 16);
        snprintf(route, sizeof(route), "/%0*u", length > 1 ? length - 1 : 1, i);
        for (unsigned bank = 0; bank < SHARED_BANKS; bank++)
            for (unsigned slot = 0; slot < 8; slot++)
                block_requests(b, bank, slot, site, route, 200, 1, 50000 + 997 * i);
    }
}

#endif
