/*
 * metrics_json - metrics as one JSON document: figures of the server at the top, one object for each
 * worker in "per_worker", and "sites" with their "routes". Times are in seconds. Of a latency's
 * "buckets" those stand that hold something: [where it ends, how many], null for the last one.
 */
#ifndef WORKER_METRICS_JSON_H
#define WORKER_METRICS_JSON_H

#include "common/buf.h"
#include "worker/metrics.h"

void metrics_json_write(const struct metrics *m, struct buf *out);

#endif
