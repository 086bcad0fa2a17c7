#include "worker/clock.h"

#include <string.h>

static void format_second(struct clock *clock)
{
    char text[CLOCK_LOG_N + 8];
    struct tm tm;

    http_date_write(clock->date, clock->now);
    localtime_r(&clock->now, &tm);
    strftime(text, sizeof(text), "%d/%b/%Y:%H:%M:%S %z", &tm);
    memcpy(clock->log_time, text, CLOCK_LOG_N);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S%z", &tm);
    memcpy(clock->iso_time, text, CLOCK_ISO_N - 3);
    clock->iso_time[CLOCK_ISO_N - 3] = ':'; /* which strftime() does without */
    memcpy(&clock->iso_time[CLOCK_ISO_N - 2], &text[CLOCK_ISO_N - 3], 2);
}

void clock_update(struct clock *clock, double realtime)
{
    struct timespec monotonic;
    time_t now = (time_t)realtime;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &monotonic);
    clock->now_ms = (uint64_t)monotonic.tv_sec * 1000 + (uint64_t)monotonic.tv_nsec / 1000000;
    clock->epoch_ms = (uint64_t)(realtime * 1000);
    if (now != clock->now) {
        clock->now = now;
        format_second(clock);
    }
}
