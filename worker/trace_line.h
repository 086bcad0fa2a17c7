/*
 * trace_line - a request that was answered, as one line for people or as JSON. Pure.
 *
 *     00:38:19.123 worker 2 192.0.2.7 GET example.org /a?b 404 153 0.213ms (* /)
 *
 * What clients sent is escaped: a line stays one line, and a terminal obeys none of it.
 */
#ifndef WORKER_TRACE_LINE_H
#define WORKER_TRACE_LINE_H

#include "common/buf.h"
#include "worker/trace_filter.h"

enum { TRACE_TEXT_MAX = 1024 }; /* bytes of a client's text that are shown */

/* `dropped`: lines before it that did not arrive; they are told. */
void trace_line_text(const struct trace_request *r, uint64_t dropped, struct buf *out);
void trace_line_json(const struct trace_request *r, uint64_t dropped, struct buf *out);

#endif
