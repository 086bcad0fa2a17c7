/*
 * metrics - what the shared block says at one moment: of the server, each worker, each route. Pure
 * but for metrics_add_processes().
 *
 *     struct metrics m;
 *     metrics_take(&m, shared, now_ms);
 *     metrics_add_processes(&m);       // CPU time and memory, if they are wanted
 *     metrics_prometheus_write(&m, false, &out);
 *     metrics_fini(&m);
 *
 * How much it is follows from the config alone: one row for each slot that ever had a worker and for
 * each series (common/series.h). At their most, 768 routes of 8 workers in two banks, that is 12 MB
 * to read, some milliseconds: not for a loop that has HTTP clients (status_metrics.c asks the helper
 * thread; the master's, for the verb `metrics`, has none). Workers count on meanwhile, so rows agree in themselves and not to the last request with
 * each other.
 */
#ifndef WORKER_METRICS_H
#define WORKER_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/proc_stat.h"
#include "common/shared.h"

/* A slot, with what all its workers counted, in both banks. */
struct metrics_worker {
    unsigned number; /* as the log has it: from 1 */
    pid_t pid;       /* 0: there is none now */
    uint64_t generation;
    uint64_t started_at; /* seconds since the epoch */
    bool is_stuck;
    uint64_t counters[COUNTER_COUNT];
    uint64_t open; /* connections */
    uint64_t requests;
    bool has_process;         /* the kernel told of it */
    struct proc_stat process; /* of the one that `pid` names */
};

struct metrics_route {
    struct str site, route; /* borrowed from the shared block */
    struct series_totals totals;
};

struct metrics {
    uint64_t now_ms;     /* since the epoch */
    uint64_t started_at; /* seconds since the epoch */
    uint64_t generation, respawns;
    uint64_t reloads, reloads_failed, reloaded_at;
    bool is_reload_failed;
    unsigned processes; /* workers that are there, those that leave too */
    uint64_t counters[COUNTER_COUNT];
    uint64_t open;
    struct series_totals totals;
    struct metrics_worker *workers; /* by number; owned */
    size_t worker_count;
    struct metrics_route *routes; /* by site and route; owned */
    size_t route_count;
};

void metrics_take(struct metrics *m, const struct shared *shared, uint64_t now_ms);
/* Asks /proc; what it does not tell is left out. */
void metrics_add_processes(struct metrics *m);
void metrics_fini(struct metrics *m);

uint64_t metrics_uptime_s(const struct metrics *m);
/* Of the routes, the next after `at` of another site; route_count: there is none. */
size_t metrics_next_site(const struct metrics *m, size_t at);

#endif
