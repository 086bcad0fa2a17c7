/*
 * recall - answers to requests that came before, byte for byte the same, to be given again without
 * parsing, routing, looking up and composing.
 *
 * Browsers, load balancers and monitors repeat themselves: equal bytes have equal meaning, so the
 * answer is the same for as long as what it rests on is true, which its tickets tell without a
 * look-up (file_cache.h). Only the bytes of a whole head are compared, all of them, and only answers
 * that follow from them and the generation alone are kept (exchange.h): what depends on the client's
 * address, on a user, on time or chance never comes here.
 *
 * A head is kept when it is seen for the second time, so that requests that never come again cost
 * no copy. Bounded in bytes; what was not asked for lately goes first.
 */
#ifndef WORKER_RECALL_H
#define WORKER_RECALL_H

#include <stdbool.h>
#include <stdint.h>

#include "worker/compose.h"
#include "worker/exchange.h"

struct listener;
struct recall;

enum { RECALL_HEAD_MAX = 4096 }; /* bytes of the longest head that is kept */

struct recalled {
    const struct listener *listener; /* where it came in: sites may depend on it */
    const struct live_route *route;
    size_t request_n;         /* bytes of the request's head */
    struct str head;          /* of the response, with holes */
    struct composed composed; /* where they are */
    const char *body;         /* `length` bytes: own, or the file's; p NULL: none is sent */
    off_t first, length;
    struct file *file; /* body from `first` on is of it; borrowed from the cache while the tickets
                          are true; NULL: of none */
    const struct file *used; /* counts as used; borrowed likewise; NULL: none */
    size_t bytes_n;          /* all that is allocated for it */
    unsigned status;
    struct str log_kept; /* see log_line_keep(); p NULL: the route has no log */
    unsigned ticket_count;
    struct file_ticket tickets[EXCHANGE_TICKETS];
    struct list in_answers;
    uint64_t hash;
    bool closes;    /* the connection, after it: the request says so */
    bool is_recent; /* asked for since it was last spared */
    char bytes[];   /* the request, the response's head, body, log_kept */
};

/* For one generation: answers borrow of it. NULL for 0 bytes: nothing is ever recalled. */
struct recall *recall_new(uint64_t bytes_max);
void recall_free(struct recall **recall);

/*
 * The answer to the request that `input` begins with; NULL: it is not known, or not true any more.
 * Valid until the next call. *key belongs into the exchange, if there has to be one. *hint is of the
 * connection: where its last request was found, for clients that repeat themselves; any value does.
 */
struct recalled *recall_find(struct recall *recall, const struct listener *listener,
                             struct str input, const struct file_cache *cache, uint64_t now_ms,
                             uint32_t *hint, struct recall_key *key);

/*
 * Remembers the answer to `x`, which is repeatable and has this response head, unless it is seen for
 * the first time.
 */
void recall_keep(struct recall *recall, const struct listener *listener, const struct exchange *x,
                 const char *head, const struct composed *composed, bool sends_body);

struct recall_stats {
    uint64_t bytes, hits;
    size_t count;
};
struct recall_stats recall_stats(const struct recall *recall);

#endif
