/*
 * top_sample - what all workers had counted at one moment, and what happened between two of those.
 *
 * Pure: the shared block in, values out. CPU and memory alone come from /proc, by a call of their
 * own. Samples and rates are large, and mostly never touched: allocate them zeroed, once. A sample
 * is taken into again and again, as long as the block is the same one, whose names it borrows.
 */
#ifndef MASTER_TOP_SAMPLE_H
#define MASTER_TOP_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/proc_stat.h"
#include "common/shared.h"

enum top_state {
    TOP_NONE,     /* there should be a worker in the slot, and is none */
    TOP_STARTING, /* or it has not taken the newest config yet */
    TOP_SERVING,
    TOP_STUCK,   /* does nothing any more */
    TOP_LEAVING, /* finishes what it has, after an upgrade or with fewer workers */
};

struct top_slot {
    int32_t pid; /* 0: no worker */
    enum top_state state;
    uint32_t open;
    uint64_t accepted, received_bytes, sent_bytes;
    struct series_totals totals; /* of all routes */
    bool has_stat;
    struct proc_stat stat;
};

struct top_sample {
    uint64_t at_ns;      /* CLOCK_MONOTONIC; 0: not taken yet */
    uint64_t at_s;       /* since the epoch */
    uint64_t started_at; /* of the first master, like at_s */
    uint64_t generation, respawns;
    int32_t master_pid;
    unsigned worker_count;             /* that there should be */
    unsigned bank;                     /* of the master that serves */
    unsigned slot_count[SHARED_BANKS]; /* that were ever used: the first ones */
    struct top_slot slots[SHARED_BANKS][SHARED_SLOTS_MAX];
    const struct series_name *names[SERIES_MAX]; /* NULL: it was never asked for */
    struct series_totals routes[SERIES_MAX];     /* by series number */
};

void top_sample_take(struct top_sample *sample, const struct shared *shared, uint64_t at_ns,
                     uint64_t at_s);
/* Of the workers that can be seen from here. */
void top_sample_read_processes(struct top_sample *sample);

/* ---- between two samples ---- */

enum top_sort { TOP_BY_REQUESTS, TOP_BY_ERRORS, TOP_BY_P99, TOP_BY_BYTES, TOP_SORT_COUNT };

struct top_figures {
    double requests, body_bytes;       /* a second */
    double error_share, failure_share; /* 0 to 1: 4xx and 5xx, 5xx alone */
    uint64_t p50_ns, p99_ns;           /* 0: there was no request */
};

struct top_worker {
    unsigned slot; /* from 0; an upgrade's two workers have the same */
    int32_t pid;
    enum top_state state;
    uint32_t open;
    struct top_figures figures;
    double cpu_share; /* 1: one CPU; negative: not known */
    bool has_memory;
    uint64_t memory_bytes;
};

struct top_route {
    const char *site, *route; /* `route` NULL: of the whole site */
    uint64_t requests_ever;
    struct series_totals totals; /* of the interval */
    struct top_figures figures;
};

struct top_rates {
    double s; /* between the samples */
    uint64_t at_s, up_s, generation, respawns;
    int32_t master_pid;
    unsigned worker_count, serving_count;        /* that there should be, that there are */
    struct series_totals all;                    /* of the interval */
    double accepted, received_bytes, sent_bytes; /* a second */
    uint64_t open;
    unsigned row_count;
    struct top_worker workers[SERIES_SLOTS]; /* by slot */
    unsigned route_count, site_count;        /* with a request ever; sorted */
    struct top_route routes[SERIES_MAX], sites[SERIES_MAX];
};

/* Both of the same block, `from` before `to`. */
void top_rates_between(const struct top_sample *from, const struct top_sample *to,
                       enum top_sort sort, struct top_rates *out);
void top_rates_sort(struct top_rates *rates, enum top_sort sort);

#endif
