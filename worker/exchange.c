#include "worker/exchange.h"

#include <stdlib.h>

#include "common/xmalloc.h"
#include "worker/acceptor.h"
#include "worker/basic_auth.h"
#include "worker/conn.h"
#include "worker/generation.h"
#include "worker/http1_parse.h"
#include "worker/internal.h"

struct exchange *exchange_new(struct worker *w)
{
    struct exchange *x = w->exchanges_free;

    if (x != NULL) {
        w->exchanges_free = x->next_free;
        w->exchanges_free_count--;
    } else {
        x = xmalloc(sizeof(*x));
        pool_init(&x->pool);
        response_init(&x->res);
    }
    x->conn = NULL;
    x->remote = NULL;
    x->clock = &w->clock;
    x->counters = w->counters;
    x->shared = w->shared;
    x->offload = w->offload;
    x->auth = w->auth;
    x->limits = &w->shared->limits;
    x->ledger = w->ledger;
    x->held = LIMITS_UNCOUNTED;
    x->auth_verdict = AUTH_NONE;
    x->user = STR_NONE;
    x->ids = &w->ids;
    x->request_id = STR_NONE;
    x->background = w->background;
    x->passwords = w->passwords;
    x->gen = generation_get(w->gen);
    x->route = NULL;
    x->head = NULL;
    x->head_n = 0;
    x->is_settled = x->is_awake = false;
    x->has_groups = false;
    x->resume = NULL;
    x->holder = NULL;
    x->body_left = 0;
    x->chunked = NULL;
    x->is_repeatable = false;
    x->ticket_count = 0;
    x->part_at = 0;
    x->body_bytes = 0;
    return x;
}

void exchange_free(struct worker *w, struct exchange *x)
{
    if (x->holder != NULL)
        *x->holder = NULL;
    if (x->held >= 0)
        limits_release(x->limits, x->ledger, x->held);
    response_reset(&x->res);
    pool_reset(&x->pool);
    generation_put(&x->gen);
    if (w->exchanges_free_count >= EXCHANGES_KEPT) {
        free(x);
        return;
    }
    x->next_free = w->exchanges_free;
    w->exchanges_free = x;
    w->exchanges_free_count++;
}

void exchange_suspend(struct exchange *x, const char *awaited, void (*resume)(struct exchange *x),
                      struct exchange **holder)
{
    exchange_settle(x);
    *holder = x;
    x->holder = holder;
    x->is_awake = false;
    x->awaited = awaited;
    x->resume = resume;
}

void exchange_wake(struct exchange *x)
{
    *x->holder = NULL;
    x->holder = NULL;
    x->is_awake = true;
    conn_wake(x->conn);
}

struct lookup exchange_find(struct exchange *x, struct str path, bool *is_hit)
{
    struct file_cache *cache = x->gen->cache;
    struct file_ticket ticket;
    struct lookup found = file_cache_find(cache, x->route->docroot, path, x->clock->now_ms, is_hit);

    ticket = file_cache_ticket(cache);
    if (x->ticket_count == EXCHANGE_TICKETS || ticket.stale_ms == 0)
        x->is_repeatable = false;
    else
        x->tickets[x->ticket_count++] = ticket;
    return found;
}

unsigned exchange_listen(const struct exchange *x)
{
    return listener_index(x->conn->listener, x->gen);
}

/* Of the request's body, what was read. */
static uint64_t request_body_bytes(const struct exchange *x)
{
    if (x->chunked != NULL)
        return x->chunked->body_bytes;
    return x->req.framing == BODY_FRAMING_LENGTH ? x->req.content_length - x->body_left : 0;
}

struct access_log_entry exchange_log_entry(const struct exchange *x, unsigned status,
                                           uint64_t body_bytes)
{
    return (struct access_log_entry){
        .peer = x->remote,
        .fd = x->conn->io.fd,
        .connection_requests = x->conn->request_count,
        .status = status,
        .req = &x->req,
        .user = x->user,
        .request_id = x->request_id,
        .body_bytes = body_bytes,
        .request_bytes = x->head_n + request_body_bytes(x),
        .site = x->route->site,
        .route = x->route->config,
    };
}

void exchange_settle(struct exchange *x)
{
    struct str head = { x->head, x->head_n };

    if (x->is_settled)
        return;
    x->is_repeatable = false;
    head = pool_str(&x->pool, head);
    request_move(&x->req, x->head, x->head_n, head.p);
    for (int i = 0; x->has_groups && i < REGEX_GROUPS; i++)
        str_move(&x->groups[i], x->head, x->head_n, head.p);
    x->head = head.p;
    x->is_settled = true;
}
