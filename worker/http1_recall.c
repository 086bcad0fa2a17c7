#include "worker/http1_recall.h"

#include "common/put.h"
#include "worker/account.h"
#include "worker/conn.h"
#include "worker/generation.h"
#include "worker/internal.h"
#include "worker/out.h"

static void write_again(struct worker *w, const struct recalled *e)
{
    char *head = out_tail(w->out), *p = put_str(head, e->head);
    bool is_small = e->length <= OUT_COPY_MAX;

    compose_date(head, &e->composed, w->clock.date, w->clock.now);
    if (is_small)
        p = put_str(p, (struct str){ e->body, (size_t)e->length });
    out_commit(w->out, (size_t)(p - head));
    if (!is_small)
        out_add_file(w->out, e->file, e->first, (size_t)e->length);
}

static void account(struct conn *c, const struct recalled *e)
{
    struct worker *w = c->worker;

    account_request(w, e->route->series, flight_entry(w->flight, w->flight->current), e->status,
                    (uint64_t)e->length);
    flight_take(w->flight);
    if (e->log_kept.p != NULL)
        account_entry(w, e->route->log, w->turn_ns,
                      &(struct access_log_entry){
                          .peer = &c->peer.sa,
                          .fd = c->io.fd,
                          .connection_requests = c->request_count,
                          .status = e->status,
                          .kept = e->log_kept,
                      });
}

bool http1_answer_again(struct conn *c, bool may_stay, struct recall_key *key, enum need *need)
{
    struct worker *w = c->worker;
    struct file_cache *cache = w->gen->cache;
    /* What a new client asks first, others ask first too. */
    uint32_t *hint = c->request_count == 0 ? &w->first_hint : &c->recall_hint;
    struct recalled *e =
        recall_find(w->recall, c->listener, conn_input(c), cache, w->clock.now_ms, hint, key);

    if (e == NULL || (!may_stay && !e->closes))
        return false;
    if (!out_has_room(w->out, e->head.n + OUT_COPY_MAX)) {
        *need = NEED_FLUSH;
        return true;
    }
    for (unsigned i = 0; i < e->ticket_count; i++)
        file_cache_touch(cache, &e->tickets[i], i + 1 == e->ticket_count ? e->used : NULL);
    counter_add(w->counters, COUNTER_FILE_CACHE_HITS, e->ticket_count);
    counter_add(w->counters, COUNTER_REQUESTS_RECALLED, 1);
    write_again(w, e);
    conn_consume(c, e->request_n);
    c->request_count++;
    c->is_new_wait = true;
    c->must_close = e->closes;
    c->must_linger = e->closes && conn_input(c).n > 0;
    account(c, e);
    *need = w->out->used >= OUT_BATCH_BYTES ? NEED_FLUSH : NEED_NOTHING;
    return true;
}

/* Whether its bytes alone, and not who sent them, decided the answer. */
static bool can_repeat(const struct conn *c)
{
    const struct exchange *x = c->x;

    return x->is_repeatable && x->request_id.p == NULL && x->gen == c->worker->gen &&
           x->route->access == NULL && x->gen->config->trusted_proxies.count == 0 &&
           x->req.framing == BODY_FRAMING_NONE && x->res.source == NULL && x->res.part_count == 0 &&
           c->must_close == !x->req.keep_alive;
}

void http1_remember(struct conn *c, const char *head, const struct composed *composed,
                    bool sends_body)
{
    struct worker *w = c->worker;

    if (w->recall != NULL && can_repeat(c))
        recall_keep(w->recall, c->listener, c->x, head, composed, sends_body);
}
