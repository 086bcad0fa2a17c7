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

#include <sys/socket.h>

#include "common/pool.h"
#include "common/regex.h"
#include "worker/file_cache.h"
#include "worker/log_line.h"
#include "worker/request.h"
#include "worker/response.h"

struct basic_auth;
struct clock;
struct conn;
struct generation;
struct http1_chunked;
struct limits;
struct live_route;
struct offload;
struct request_ids;
struct shared;
struct shared_slot;

enum { EXCHANGE_TICKETS = 2 }; /* what was asked for, and the page for an error */

/* What recall_find() hashed of the input: of the first n bytes. */
struct recall_key {
    uint64_t hash;
    size_t n;
};

struct exchange {
    struct exchange *next_free;     /* in the lookaside list */
    struct conn *conn;              /* borrowed */
    const struct sockaddr *remote;  /* the client, who may stand behind proxies; conn's or pool's */
    const struct clock *clock;      /* of this turn; borrowed from the worker */
    struct shared_slot *counters;   /* the worker's */
    const struct shared *shared;    /* of all workers */
    struct offload *offload;        /* the worker's helper thread */
    struct offload *background;     /* the one for work that nobody waits for */
    struct offload *passwords;      /* the one that hashes them */
    struct basic_auth *auth;        /* the worker's */
    struct limits *limits;          /* of all workers */
    int ledger;                     /* of this worker in `limits` */
    int held;                       /* place in `limits` that it counts in; negative: none */
    uint64_t began_ns;              /* the turn in which its head was complete; see ticks.h */
    uint64_t flight;                /* its entry in the flight recorder */
    struct generation *gen;         /* one reference */
    const struct live_route *route; /* where the request went; part of gen; NULL: not routed */
    const char *head;               /* the request's bytes, for views in `req`; input or pool */
    size_t head_n;
    bool is_settled;                    /* head is in the pool: the input may go */
    bool is_awake;                      /* what it was suspended for is there */
    void (*resume)(struct exchange *x); /* goes on with the answer; NULL: it is not suspended */
    const char *awaited;                /* while it is: "waiting for ..." */
    struct exchange **holder;           /* who will wake it; NULL: nobody */
    uint64_t body_left;                 /* of the request's, BODY_FRAMING_LENGTH */
    struct http1_chunked *chunked;      /* BODY_FRAMING_CHUNKED: in the pool; else NULL */
    uint8_t auth_verdict;               /* enum auth_verdict */
    struct request_ids *ids;            /* the worker's */
    struct str request_id;              /* in the pool; p NULL: none */
    struct str user;                    /* who it says it comes from; in the pool; p NULL: nobody */
    void (*next)(struct exchange *x);   /* behind the access stage */
                                        /*
     * The answer follows from the bytes of the request, the generation, and what the tickets stand
     * for, from nothing else: given these it may be given again (recall.h). The handler says so.
     */
    bool is_repeatable;
    unsigned ticket_count;
    struct file_ticket tickets[EXCHANGE_TICKETS];
    struct recall_key recall_key;
    unsigned part_at;    /* parts of res that are in the output */
    uint64_t body_bytes; /* of res.source that are in the output */
    struct response res;
    struct pool pool;
    bool has_groups;
    struct str groups[REGEX_GROUPS]; /* of the route's expression: views into req.path */
    struct request req;              /* last: its field array is large and mostly cold */
};

/*
 * The answer needs something that is made elsewhere: the handler returns with no answer, and the
 * exchange stands still until exchange_wake(), after which `resume` goes on (and may suspend
 * again). Views of the request may move here: take them anew afterwards. *holder is where the one
 * who will wake it keeps it; it becomes NULL if the exchange ends first.
 * `awaited` says for people what it is: "waiting for a password check".
 */
void exchange_suspend(struct exchange *x, const char *awaited, void (*resume)(struct exchange *x),
                      struct exchange **holder);
void exchange_wake(struct exchange *x);

/* Which of the generation's addresses the request came in by; the number of them: by none. */
unsigned exchange_listen(const struct exchange *x);

/* Looks a path up below the route's folder; the answer rests on it. */
struct lookup exchange_find(struct exchange *x, struct str path, bool *is_hit);

/* What the log of its route is told of it, but for the time. `body_bytes`: of the response. */
struct access_log_entry exchange_log_entry(const struct exchange *x, unsigned status,
                                           uint64_t body_bytes);

/* Copies the head into the pool, so that the exchange outlives the input it was parsed from. */
void exchange_settle(struct exchange *x);

#endif
