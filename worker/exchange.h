/*
 * exchange - one request and its response, with the memory they need.
 *
 * HTTP/1 has one under way for a connection, HTTP/2 will have one for each stream. They come from
 * a lookaside list of the worker, so that the one that a cached request uses is always the same,
 * warm in the cache. An exchange holds its generation: a reload in the middle of it does not move
 * the ground under its feet.
 */
#ifndef WORKER_EXCHANGE_H
#define WORKER_EXCHANGE_H

#include "common/pool.h"
#include "worker/request.h"
#include "worker/response.h"

struct clock;
struct conn;
struct generation;
struct live_route;
struct shared_slot;

struct exchange {
    struct exchange *next_free;     /* in the lookaside list */
    struct conn *conn;              /* borrowed */
    const struct clock *clock;      /* of this turn; borrowed from the worker */
    struct shared_slot *counters;   /* the worker's */
    struct generation *gen;         /* one reference */
    const struct live_route *route; /* where the request went; part of gen; NULL: not routed */
    const char *head;               /* the request's bytes, for views in `req`; input or pool */
    size_t head_n;
    bool is_settled; /* head is in the pool: the input may go */
    struct response res;
    struct pool pool;
    struct request req; /* last: its field array is large and mostly cold */
};

/* Copies the head into the pool, so that the exchange outlives the input it was parsed from. */
void exchange_settle(struct exchange *x);

#endif
