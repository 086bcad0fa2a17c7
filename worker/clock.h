/*
 * clock - the time of this turn of the loop, and its texts, formatted once a second.
 */
#ifndef WORKER_CLOCK_H
#define WORKER_CLOCK_H

#include <stdint.h>
#include <time.h>

#include "worker/http_date.h"

enum { CLOCK_LOG_N = 26 }; /* "21/Nov/2026:20:58:24 +0000" */

struct clock {
    uint64_t now_ms;            /* CLOCK_MONOTONIC, coarse: a tick of the kernel */
    time_t now;                 /* seconds since the epoch */
    char date[HTTP_DATE_N];     /* for the Date field; no NUL */
    char log_time[CLOCK_LOG_N]; /* for the access log, local time; no NUL */
};

/* `realtime` in seconds since the epoch: ev_now(). */
void clock_update(struct clock *clock, double realtime);

#endif
