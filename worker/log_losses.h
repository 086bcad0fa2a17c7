/*
 * log_losses - what a worker's logs could not write: counted in the shared block, told in the error
 * log at once, and then every ten seconds while it goes on.
 */
#ifndef WORKER_LOG_LOSSES_H
#define WORKER_LOG_LOSSES_H

#include <stdint.h>

#include "common/log_writer.h"
#include "common/shared.h"

struct log_losses_told {
    struct log_losses waiting; /* of access logs, not told yet */
    uint64_t told_ms;          /* 0: never */
};

/* Counts what was lost since the last time, and returns that of access logs. */
struct log_losses log_losses_count(struct shared_slot *counters);

void log_losses_look(struct log_losses_told *told, struct shared_slot *counters, uint64_t now_ms);

#endif
