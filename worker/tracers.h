/*
 * tracers - who follows this worker's requests: `remudactl trace`, see master/trace.h.
 *
 * Each is the control client's own socket, that the master passed on, and to which every worker writes
 * its lines itself: one send(2), which takes a whole line or nothing. A line that finds no room is
 * dropped and counted, and the next one tells how many were. Nobody waits, and nothing is gathered.
 *
 * While there are some, no request is answered as before (recall.h) without being parsed.
 */
#ifndef WORKER_TRACERS_H
#define WORKER_TRACERS_H

#include <stdint.h>

#include "worker/trace_filter.h"

struct exchange;
struct message;
struct worker;

enum { TRACERS_MAX = 8 };

struct tracer {
    uint64_t number;
    int fd; /* owned */
    bool wants_json;
    struct trace_filter filter;
    uint64_t dropped; /* lines, since the last one that arrived */
};

/* Part of the worker. */
struct tracers {
    unsigned count;
    struct tracer all[TRACERS_MAX];
};

/* A TRACE: its text is "text " or "json " and a filter. Takes the descriptor. */
void tracers_add(struct worker *w, struct message *m);
/* An UNTRACE: the one with this number, or all of them (0). */
void tracers_remove(struct worker *w, uint64_t number);

/* A request was answered. */
void tracers_tell(struct worker *w, const struct exchange *x, unsigned status, uint64_t body_bytes);

#endif
