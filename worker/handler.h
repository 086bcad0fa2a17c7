/*
 * handler - the seam behind which answers are made. A handler reads x->req, fills x->res and knows
 * no protocol. What it does not answer itself it gives to exchange_error().
 */
#ifndef WORKER_HANDLER_H
#define WORKER_HANDLER_H

#include "worker/exchange.h"

struct handler {
    const char *name;
    void (*handle)(struct exchange *x); /* answers, or exchange_suspend()s */
};

/*
 * The whole way from a parsed request to its response: whom it is for, whether it may, and the
 * handler's answer. Protocols call this and nothing behind it. Afterwards either x->res has a
 * status or x->resume is set.
 */
void exchange_answer(struct exchange *x);

/* Files below the route's docroot: GET, HEAD, OPTIONS. */
extern const struct handler static_files;

/* Somewhere else, by the route's template: every method but CONNECT and TRACE. */
extern const struct handler redirect;
/* A fixed response: the same methods; OPTIONS tells them. */
extern const struct handler respond;
/* What all workers have counted: GET, HEAD, OPTIONS. */
extern const struct handler status_metrics;

/*
 * Answers a request whose method the handler does not: OPTIONS by `allowed`, what nobody knows by
 * 501, the rest by 405 (RFC 9110, 9.1, 9.3.7, 15.5.6).
 */
void exchange_refuse_method(struct exchange *x, struct str allowed);

/*
 * The answer to an error: the page that the route names for this status, else the built-in one.
 * Fields added before (Allow, Content-Range) stay.
 */
void exchange_error(struct exchange *x, unsigned status);

#endif
