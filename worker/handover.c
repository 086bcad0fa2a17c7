#include "worker/handover.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/inbox.h"
#include "common/list.h"
#include "common/log.h"
#include "common/now.h"
#include "common/xmalloc.h"
#include "worker/acceptor.h"
#include "worker/conn.h"
#include "worker/generation.h"
#include "worker/internal.h"
#include "worker/proxy_protocol.h"

enum {
    LEAD_SHARE = 16,    /* of the least load: a lead of one part is let be */
    STUCK_MS = 100,     /* a worker that leaves its inbox alone for so long is given no more */
    TURN_TAKES = 64,    /* in one wake-up */
    QUIT_TAKES = 65536, /* more than any inbox holds */
};

int handover_choose(const int32_t loads[], size_t count, uint32_t own, uint32_t most, bool is_full)
{
    int best = HANDOVER_NOT;

    for (size_t i = 0; i < count; i++)
        if (loads[i] >= 0 && (uint32_t)loads[i] < most && (best < 0 || loads[i] < loads[best]))
            best = (int)i;
    if (best < 0 || is_full)
        return best;
    return own > (uint32_t)loads[best] + (uint32_t)loads[best] / LEAD_SHARE ? best : HANDOVER_NOT;
}

/* ---- giving ---- */

/* Whether it leaves alone what it was given. One that is idle shows no heartbeat, and is well. */
static bool is_stuck(const struct worker *w, const struct shared_slot *s)
{
    uint64_t since = atomic_load_explicit(&s->assigned_ms, memory_order_relaxed), heartbeat;

    if (atomic_load_explicit(&s->is_stuck, memory_order_relaxed))
        return true;
    if (atomic_load_explicit(&s->assigned, memory_order_relaxed) <= 0 ||
        w->clock.now_ms <= since + STUCK_MS)
        return false;
    heartbeat = atomic_load_explicit(&s->heartbeat_ms, memory_order_relaxed);
    return w->clock.now_ms > heartbeat + STUCK_MS;
}

static int32_t load_of(const struct worker *w, const struct shared_slot *s)
{
    if (atomic_load_explicit(&s->takes, memory_order_relaxed) != w->gen->number || is_stuck(w, s))
        return HANDOVER_LOAD_NONE;
    return (int32_t)slot_load(s);
}

static int choose(const struct worker *w, bool is_full)
{
    const struct handover *h = &w->handover;
    int32_t loads[INBOX_PEERS_MAX], assigned;
    uint32_t own = (uint32_t)w->conn_count;

    assigned = atomic_load_explicit(&w->counters->assigned, memory_order_relaxed);
    own += assigned > 0 ? (uint32_t)assigned : 0;
    if (own < HANDOVER_FLOOR && !is_full)
        return HANDOVER_NOT;
    for (size_t i = 0; i < h->peer_count; i++)
        loads[i] = load_of(w, &w->slots[h->peers[i].slot]);
    return handover_choose(loads, h->peer_count, own, (uint32_t)w->gen->config->worker_connections,
                           is_full);
}

static bool is_full(const struct worker *w)
{
    return w->conn_count >= w->gen->config->worker_connections;
}

bool handover_is_possible(struct worker *w)
{
    return handover_has_peers(w) && choose(w, true) != HANDOVER_NOT;
}

static void write_message(struct inbox_message *m, const struct listener *l, const union peer *peer,
                          const struct protocol *protocol)
{
    struct worker *w = l->worker;

    memset(m, 0, sizeof(*m)); /* the gaps too: it leaves the process */
    m->number = (uint64_t)shared_number(w->shared, w->counters) << 48 |
                (++w->handover.given & ((UINT64_C(1) << 48) - 1));
    m->listen = l->address;
    memcpy(&m->peer, peer, sizeof(*peer));
    m->has_proxy_protocol = protocol == &proxy_protocol;
}

/*
 * `generation`: that it must run; 0: any. False: EAGAIN, it takes none, or its inbox is full; else
 * errno of inbox_give().
 */
static bool give_to(struct worker *w, struct shared_slot *s, int inbox,
                    const struct inbox_message *m, int fd, uint64_t generation)
{
    uint64_t takes;

    if (atomic_load_explicit(&s->assigned, memory_order_relaxed) <= 0)
        atomic_store_explicit(&s->assigned_ms, w->clock.now_ms, memory_order_relaxed);
    atomic_fetch_add(&s->assigned, 1);
    takes = atomic_load(&s->takes);
    errno = EAGAIN;
    if (takes == 0 || (generation != 0 && takes != generation) || inbox_give(inbox, m, fd) < 0) {
        atomic_fetch_sub(&s->assigned, 1);
        return false;
    }
    counter_add(w->counters, COUNTER_CONNECTIONS_HANDED_OVER, 1);
    return true;
}

bool handover_give(struct listener *l, int fd, const union peer *peer)
{
    struct worker *w = l->worker;
    const struct bundle_peer *to;
    struct inbox_message m;
    int chosen;

    chosen = choose(w, is_full(w));
    if (chosen == HANDOVER_NOT)
        return false;
    to = &w->handover.peers[chosen];
    write_message(&m, l, peer, l->protocol);
    if (!give_to(w, &w->slots[to->slot], to->fd, &m, fd, w->gen->number))
        return false;
    close(fd);
    return true;
}

static void close_taker(struct inbox_taker *t)
{
    if (t->io.fd < 0)
        return;
    ev_io_stop(t->worker->loop, &t->io);
    close(t->io.fd);
    t->io.fd = -1;
}

static void forget(struct bundle_peer *peers, size_t *count)
{
    for (size_t i = 0; i < *count; i++)
        close(peers[i].fd);
    *count = 0;
}

/* Who has our slot already, and its inbox. */
static bool has_successor(const struct worker *w)
{
    const struct handover *h = &w->handover;

    for (size_t i = 0; i < h->heir_count; i++)
        if (&h->heir_slots[h->heirs[i].slot] == w->counters)
            return true;
    return false;
}

void handover_name_heirs(struct worker *w, struct bundle *heirs, unsigned bank)
{
    struct handover *h = &w->handover;

    forget(h->heirs, &h->heir_count);
    memcpy(h->heirs, heirs->peers, heirs->peer_count * sizeof(*h->heirs));
    h->heir_count = heirs->peer_count;
    heirs->peer_count = 0; /* the worker's now */
    h->heir_slots = shared_bank(w->shared, bank);
    if (has_successor(w))
        close_taker(&h->inbox); /* what we took there we would give back */
}

/* The one with the least load; of another generation too, for what comes next is a new request. */
static struct bundle_peer *choose_heir(struct worker *w)
{
    struct handover *h = &w->handover;
    struct bundle_peer *best = NULL;
    unsigned least = 0;

    for (size_t i = 0; i < h->heir_count; i++) {
        const struct shared_slot *s = &h->heir_slots[h->heirs[i].slot];
        unsigned load = slot_load(s);

        if (is_stuck(w, s) || atomic_load(&s->takes) == 0 || (best != NULL && load >= least))
            continue;
        best = &h->heirs[i];
        least = load;
    }
    return best;
}

enum handover_moved handover_move(struct conn *c)
{
    struct worker *w = c->worker;
    struct handover *h = &w->handover;
    struct bundle_peer *to;
    struct inbox_message m;

    write_message(&m, c->listener, &c->peer, c->protocol);
    m.request_count = c->request_count;
    while ((to = choose_heir(w)) != NULL) {
        if (give_to(w, &h->heir_slots[to->slot], to->fd, &m, c->io.fd, 0)) {
            conn_close(&c, CLOSE_MOVED);
            return HANDOVER_MOVED;
        }
        if (errno != EPIPE)
            return HANDOVER_LATER;
        /* It was killed with its master, and nobody took back its word. */
        close(to->fd);
        *to = h->heirs[--h->heir_count];
    }
    return HANDOVER_NOBODY;
}

/* ---- taking ---- */

static bool has_inbox(const struct worker *w)
{
    return w->handover.inbox.io.fd >= 0;
}

/* One whose givers are all gone is closed, and stays until it is released. */
static void start_taker(struct inbox_taker *t)
{
    if (t->io.fd >= 0)
        ev_io_start(t->worker->loop, &t->io);
}

static void take(struct inbox_taker *t, const struct inbox_message *m, int fd)
{
    struct worker *w = t->worker;

    counter_add(w->counters, COUNTER_CONNECTIONS_TAKEN_OVER, 1);
    w->handover.is_taking = true;
    acceptor_serve(w, m, fd);
    w->handover.is_taking = false;
    /* Only now: it was counted all the time. */
    atomic_fetch_sub(&w->slots[t->slot].assigned, 1);
}

/* One connection. False: there is none, or no place for it. */
static bool take_one(struct inbox_taker *t)
{
    struct worker *w = t->worker;
    struct inbox_message m;
    int fd, got;

    if (!acceptor_has_place(w, t->io.fd))
        return false;
    got = inbox_take(t->io.fd, &m, &fd);
    if (got == 1) {
        take(t, &m, fd);
        return true;
    }
    if (got < 0 && errno == EAGAIN)
        return false;
    if (got < 0 && errno != EPROTO)
        return acceptor_make_room(w, errno);
    if (got < 0) {
        log_error("inbox: a message that makes no sense");
        return true;
    }
    close_taker(t); /* every sibling is gone, and so is the master */
    return false;
}

/* Until nothing is there nor on its way. */
static void drain(struct worker *w)
{
    struct inbox_taker *own = &w->handover.inbox;

    for (int i = 0; i < QUIT_TAKES && own->io.fd >= 0 && take_one(own); i++)
        continue;
    if (own->io.fd >= 0 && atomic_load(&w->counters->assigned) <= 0)
        close_taker(own);
}

static void on_given(struct ev_loop *loop, ev_io *io, int events)
{
    struct inbox_taker *t = CONTAINER_OF(io, struct inbox_taker, io);

    for (int i = 0; i < TURN_TAKES && t->io.fd >= 0 && take_one(t); i++)
        continue;
    if (t->worker->is_quitting)
        drain(t->worker);
}

static void taker_init(struct inbox_taker *t, struct worker *w, unsigned slot, int fd)
{
    t->worker = w;
    t->slot = slot;
    list_init(&t->link);
    ev_io_init(&t->io, on_given, fd, EV_READ);
}

/* ---- another slot's inbox ---- */

void handover_adopt(struct worker *w, unsigned slot, int fd)
{
    struct inbox_taker *t = xcalloc(1, sizeof(*t));

    handover_release(w, slot);
    taker_init(t, w, slot, fd);
    list_append(&w->handover.adopted, &t->link);
    if (!w->is_accept_paused)
        start_taker(t);
}

void handover_release(struct worker *w, unsigned slot)
{
    LIST_EACH_SAFE (at, after, &w->handover.adopted) {
        struct inbox_taker *t = CONTAINER_OF(at, struct inbox_taker, link);

        if (t->slot != slot)
            continue;
        close_taker(t);
        list_remove(&t->link);
        free(t);
    }
}

static void release_all(struct worker *w)
{
    while (!list_is_empty(&w->handover.adopted))
        handover_release(w, CONTAINER_OF(w->handover.adopted.next, struct inbox_taker, link)->slot);
}

/* ---- life ---- */

void handover_init(struct worker *w)
{
    list_init(&w->handover.adopted);
    taker_init(&w->handover.inbox, w, w->slot, -1);
    w->handover.given = monotonic_us(); /* no worker before us in the slot had such numbers */
    atomic_store(&w->counters->open, 0);
}

/* Siblings see it at once; see the top of the header. */
static void set_taking(struct worker *w, bool is_taking)
{
    atomic_store(&w->counters->takes, is_taking && has_inbox(w) ? w->gen->number : 0);
}

void handover_update(struct worker *w, struct bundle *bundle)
{
    forget(w->handover.peers, &w->handover.peer_count);
    for (size_t i = 0; i < bundle->peer_count; i++)
        w->handover.peers[i] = bundle->peers[i];
    w->handover.peer_count = bundle->peer_count;
    bundle->peer_count = 0; /* the worker's now */
    /* One that it has is the same as the bundle's, and may hold connections. */
    if (!has_inbox(w) && bundle->has_inbox) {
        ev_io_set(&w->handover.inbox.io, bundle->inbox_fd, EV_READ);
        bundle->has_inbox = false;
    }
    handover_tell_load(w);
    if (!w->is_accept_paused)
        handover_resume(w);
}

void handover_tell_load(struct worker *w)
{
    if (!w->is_quitting) /* then another may have the slot */
        atomic_store_explicit(&w->counters->open, (uint32_t)w->conn_count, memory_order_relaxed);
}

void handover_pause(struct worker *w)
{
    if (!has_inbox(w))
        return;
    set_taking(w, false);
    ev_io_stop(w->loop, &w->handover.inbox.io);
    LIST_EACH (at, &w->handover.adopted)
        ev_io_stop(w->loop, &CONTAINER_OF(at, struct inbox_taker, link)->io);
}

void handover_resume(struct worker *w)
{
    if (!has_inbox(w))
        return;
    start_taker(&w->handover.inbox);
    LIST_EACH (at, &w->handover.adopted)
        start_taker(CONTAINER_OF(at, struct inbox_taker, link));
    set_taking(w, true);
}

void handover_quit(struct worker *w)
{
    if (has_inbox(w))
        set_taking(w, false);
    release_all(w);
    drain(w);
}

bool handover_is_over(const struct worker *w)
{
    return !has_inbox(w);
}

/*
 * A process that dies between the steps of a hand-over leaves `assigned` wrong for ever. What is
 * really on its way is taken within a turn of the loop; what still stands after a whole tick in
 * which nothing was taken is nobody's.
 */
void handover_tick(struct worker *w)
{
    struct handover *h = &w->handover;
    uint64_t taken = counter_read(w->counters, COUNTER_CONNECTIONS_TAKEN_OVER);
    int32_t assigned = atomic_load(&w->counters->assigned);
    bool is_stale = assigned != 0 && assigned == h->assigned_before && taken == h->taken_before;

    handover_tell_load(w);
    h->assigned_before = assigned;
    h->taken_before = taken;
    if (!has_inbox(w))
        return;
    /* Whom we replace said that the slot takes none, maybe after we said that it does. */
    if (!w->is_quitting && !w->is_accept_paused)
        set_taking(w, true);
    if (w->is_quitting) {
        w->is_accept_paused = false; /* there may be a place again: trying tells */
        drain(w);
    }
    if (is_stale && !w->is_accept_paused)
        atomic_compare_exchange_strong(&w->counters->assigned, &assigned, 0);
}

void handover_fini(struct worker *w)
{
    forget(w->handover.peers, &w->handover.peer_count);
    forget(w->handover.heirs, &w->handover.heir_count);
    release_all(w);
    close_taker(&w->handover.inbox);
}
