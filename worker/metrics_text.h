/*
 * metrics_text - metrics for people at a terminal: a figure a line, then a table of the workers and
 * one of the routes.
 */
#ifndef WORKER_METRICS_TEXT_H
#define WORKER_METRICS_TEXT_H

#include "common/buf.h"
#include "worker/metrics.h"

void metrics_text_write(const struct metrics *m, struct buf *out);

#endif
