/*
 * metrics_prometheus - metrics in Prometheus' text format 0.0.4, or as OpenMetrics 1.0.
 *
 * Names start with remuda_, units are seconds and bytes. The histogram's bounds are ends of the
 * buckets that workers count in (common/series.h), some of them: its counts are exact, not shared
 * out. They are 2^15 to 2^35 ns, but for the 257 ns that latency_bucket() is shifted by; quantiles
 * closer than that stand in the JSON form, which has all buckets.
 */
#ifndef WORKER_METRICS_PROMETHEUS_H
#define WORKER_METRICS_PROMETHEUS_H

#include "common/buf.h"
#include "worker/metrics.h"

void metrics_prometheus_write(const struct metrics *m, bool is_openmetrics, struct buf *out);

#endif
