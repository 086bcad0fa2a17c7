/*
 * explain - what one request would get, and why, without a server: no socket is bound and nothing
 * that runs is asked.
 *
 * A worker of its own in this process answers the request as any worker would, over a socket pair,
 * so the explanation cannot differ from the live answer; an observer sees where it went.
 */
#ifndef WORKER_EXPLAIN_H
#define WORKER_EXPLAIN_H

#include <stdbool.h>
#include <stdio.h>

#include "common/bundle.h"
#include "common/str.h"

struct explain_request {
    const char *url;           /* "http://host/path?query" or "/path" */
    const char *method;        /* NULL: GET */
    const char *const *fields; /* "Name: value" */
    size_t field_count;
    bool is_head_only; /* print the response's head alone, as it would be sent */
};

/* Logs of the bundle are taken. False: *why is a text that the caller frees. */
bool explain(struct bundle *bundle, const struct explain_request *ask, FILE *out, char **why);

#endif
