/*
 * clock - the time of this turn of the loop, and its texts, formatted once a second.
 */
#ifndef WORKER_CLOCK_H
#define WORKER_CLOCK_H

#include <stdint.h>
#include <time.h>

#include "worker/http_date.h"

enum {
    CLOCK_LOG_N = 26, /* "21/Nov/2026:20:58:24 +0000" */
    CLOCK_ISO_N = 25, /* "2026-11-21T20:58:24+00:00" */
};

struct clock {
    uint64_t now_ms;            /* CLOCK_MONOTONIC, coarse: a tick of the kernel */
    uint64_t epoch_ms;          /* milliseconds since the epoch */
    time_t now;                 /* seconds since the epoch */
    char date[HTTP_DATE_N];     /* for the Date field; no NUL */
    char log_time[CLOCK_LOG_N]; /* for the access log, local time; no NUL */
    char iso_time[CLOCK_ISO_N]; /* the same (RFC 3339); no NUL */
};

/* `realtime` in seconds since the epoch: ev_now(). */
void clock_update(struct clock *clock, double realtime);

#endif
