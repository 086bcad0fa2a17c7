/*
 * account - what is counted, recorded and logged of each request that was answered.
 *
 * Its latency runs from the turn of the loop in which its head was complete, so that it includes
 * the wait behind others, to the moment when its connection was left alone again: its answer is with
 * the kernel then, or all that the kernel has no room for is gathered and waits. Files that are not in
 * memory are not gathered, so the latency of a long download is that of its client. One look at the
 * clock serves all requests of a pipeline.
 */
#ifndef WORKER_ACCOUNT_H
#define WORKER_ACCOUNT_H

#include "worker/generation.h"
#include "worker/internal.h"

/* `seen`: its entry in the flight recorder, or one that takes its place. */
static inline void account_request(struct worker *w, struct series_record *series,
                                   struct flight_entry *seen, unsigned status, uint64_t body_bytes)
{
    struct unsettled *u = &w->unsettled[w->unsettled_count];

    series_count(series, status, body_bytes);
    u->series = series;
    u->seen = seen;
    seen->status = (uint16_t)status;
    seen->body_bytes = body_bytes;
    if (++w->unsettled_count == UNSETTLED_MAX)
        account_settle(w);
}

/* The worker leaves a connection alone, or one has ended. */
static inline void account_rest(struct worker *w)
{
    w->flight->current = 0;
    if (w->unsettled_count > 0)
        account_settle(w);
}

/* Where requests that went to `to` are logged; NULL: nowhere. */
static inline struct access_log *account_log(const struct live_route *to)
{
    return to != NULL ? to->log : NULL;
}

/* The entry's times are filled in here. */
static inline void account_entry(struct worker *w, struct access_log *log, uint64_t began_ns,
                                 struct access_log_entry *entry)
{
    entry->clock = &w->clock;
    if (access_log_needs_duration(log)) {
        uint64_t now_ns = ticks_now(&w->ticks);

        entry->duration_ns = now_ns > began_ns ? now_ns - began_ns : 0;
    }
    access_log_add(log, entry);
}

#endif
