/*
 * account - what is counted and logged of each request that was answered.
 */
#ifndef WORKER_ACCOUNT_H
#define WORKER_ACCOUNT_H

#include "worker/generation.h"
#include "worker/internal.h"

static inline void account_status(struct worker *w, unsigned status)
{
    static const enum counter by_class[6] = {
        COUNTER_RESPONSES_5XX, COUNTER_RESPONSES_1XX, COUNTER_RESPONSES_2XX,
        COUNTER_RESPONSES_3XX, COUNTER_RESPONSES_4XX, COUNTER_RESPONSES_5XX,
    };

    counter_add(w->counters, COUNTER_REQUESTS, 1);
    counter_add(w->counters, by_class[status / 100 % 6], 1);
}

/* Where requests that went to `to` are logged; NULL: nowhere. */
static inline struct access_log *account_log(const struct live_route *to)
{
    return to != NULL ? to->log : NULL;
}

/* The entry's time is filled in here. */
static inline void account_entry(struct worker *w, struct access_log *log,
                                 struct access_log_entry *entry)
{
    entry->time = (struct str){ w->clock.log_time, CLOCK_LOG_N };
    access_log_add(log, entry, w->clock.now_ms);
}

#endif
