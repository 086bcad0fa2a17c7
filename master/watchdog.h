/*
 * watchdog - sees workers that do nothing any more: stopped, or in a loop without end.
 *
 * Each turn of a worker's loop leaves a heartbeat in the shared block, and an idle one turns once a
 * second. The watchdog looks some ten times a second. A worker whose heartbeat stands still while
 * connections wait for it, or for longer than an idle one's, is stuck: a sibling adopts its listeners
 * and its inbox (master/adoption.h) until it goes on. After `worker_stuck_timeout` it is aborted, so that its
 * stack is in the log, then killed, and replaced as any worker that died. One that leaves is watched
 * as well, for its own sake.
 */
#ifndef MASTER_WATCHDOG_H
#define MASTER_WATCHDOG_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

struct master;

/* Part of a slot, and of a process that leaves. */
struct watched {
    uint64_t heartbeat; /* as it was at the last look */
    bool was_waiting;   /* so was somebody, for this worker */
    bool is_aborted;
    uint64_t stuck_since_ms; /* CLOCK_MONOTONIC; 0: it is well */
};

void watchdog_init(struct master *m);
void watchdog_start(struct master *m);
void watchdog_stop(struct master *m);

#endif
