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

/*
 * The answer to an error: the page that the route names for this status, else the built-in one.
 * Fields added before (Allow, Content-Range) stay.
 */
void exchange_error(struct exchange *x, unsigned status);

#endif
