/*
 * trace_filter - which requests an operator wants to follow. Pure.
 *
 *     host=*.example.org path=/downloads status=404,5xx slower=200ms
 *
 * Words in any order, each at most once; a request must meet all of them. A list, where commas are
 * allowed, is met by any of its items. The master parses what the operator typed, to tell what is wrong
 * with it; each worker parses the same text again, to use it.
 */
#ifndef WORKER_TRACE_FILTER_H
#define WORKER_TRACE_FILTER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "common/buf.h"
#include "common/str.h"

/* A request that was answered. Texts are as the client sent them; p NULL: there is none. */
struct trace_request {
    uint64_t time_ms; /* since the epoch */
    unsigned worker;  /* from 1 */
    const struct sockaddr *client;
    struct str method, host, target;
    struct str path; /* of the target: decoded and clean */
    unsigned status;
    uint64_t body_bytes, took_ns;
    struct str site, route; /* see route_series.h; p NULL: not routed */
};

struct trace_filter {
    char *text;                                    /* owned; the views are of it */
    struct str host, method, path, status, client; /* lists, but for the path; p NULL: any */
    struct str slower, limit;
    uint64_t lines_max; /* for who shows them; 0: no bound */
};

/* False: `why` says what is wrong, and what would be right. Free it with _fini() in any case. */
bool trace_filter_parse(struct str text, struct trace_filter *filter, struct buf *why);
void trace_filter_fini(struct trace_filter *filter);

bool trace_filter_has(const struct trace_filter *filter, const struct trace_request *r);

#endif
