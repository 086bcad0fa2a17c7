#include "worker/acceptor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/inbox.h"
#include "common/log.h"
#include "common/xmalloc.h"
#include "config/config.h"
#include "worker/calls.h"
#include "worker/conn.h"
#include "worker/generation.h"
#include "worker/handover.h"
#include "worker/internal.h"
#include "worker/proxy_protocol.h"
#include "worker/transport.h"

enum {
    TURN_ACCEPTS = 64, /* in one wake-up of one listener */
    STREAK = 8,        /* wake-ups that brought one before more are expected */
    WARN_EACH_MS = 10000,
    DRAIN_ACCEPTS = 65536, /* of a listener that is given up: more than any backlog */
};

/* Out of descriptors or memory: old idle connections go first, then cached files. */
static bool make_room(struct worker *w)
{
    return conn_evict(w) || file_cache_shed(w->gen->cache) > 0;
}

/* New connections wait in the kernel until one of ours ends. Says so, but not each time. */
static void pause_full(struct worker *w, const char *why)
{
    listeners_pause(w);
    if (w->accept_warned_ms > 0 && w->clock.now_ms - w->accept_warned_ms < WARN_EACH_MS)
        return;
    w->accept_warned_ms = w->clock.now_ms;
    log_warn("%s, and none of %zu connections is idle: new ones wait", why, w->conn_count);
}

/* Of one connection only, which is gone: the next one may be well (accept(2)). */
static bool is_peers_error(int error)
{
    switch (error) {
    case EINTR:
    case ECONNABORTED:
    case EPERM: /* a firewall's word */
    case EPROTO:
    case ENOPROTOOPT:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENONET:
    case EOPNOTSUPP:
        return true;
    default:
        return false;
    }
}

static bool is_for_want_of_room(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

bool acceptor_make_room(struct worker *w, int error)
{
    if (make_room(w))
        return true;
    pause_full(w, strerror(error));
    return false;
}

void acceptor_free_descriptors(struct worker *w, size_t count)
{
    int probes[CHANNEL_FDS_MAX];
    size_t free_count = 0;

    while (free_count < count && free_count < CHANNEL_FDS_MAX &&
           (probes[free_count] = fcntl(w->channel_fd, F_DUPFD_CLOEXEC, 0)) >= 0)
        free_count++;
    for (size_t i = 0; i < free_count; i++)
        close(probes[i]);
    while (free_count++ < count && make_room(w))
        continue;
}

/* Nobody is evicted for a client that is not there. */
static bool is_anybody_waiting(int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };

    return poll(&p, 1, 0) == 1;
}

static bool is_full(const struct worker *w)
{
    return w->conn_count >= w->gen->config->worker_connections;
}

static bool evict_or_pause(struct worker *w)
{
    if (conn_evict(w))
        return true;
    pause_full(w, "worker_connections is reached");
    return false;
}

bool acceptor_has_place(struct worker *w, int fd)
{
    return !is_full(w) || (is_anybody_waiting(fd) && evict_or_pause(w));
}

/* Whether one more may be accepted: there is a place, here or at a sibling. */
static bool may_accept(struct listener *l)
{
    struct worker *w = l->worker;

    return !is_full(w) ||
           (is_anybody_waiting(l->io.fd) && (handover_is_possible(w) || evict_or_pause(w)));
}

/*
 * Where it is served best. False: here, but nobody else comes: the sibling that had a place could
 * not have it after all.
 */
static bool place(struct listener *l, int fd, const union peer *peer)
{
    struct worker *w = l->worker;
    bool is_room_left = true;

    if (handover_give(l, fd, peer))
        return true;
    if (is_full(w))
        is_room_left = evict_or_pause(w);
    conn_open(l, fd, peer, l->protocol, 0);
    handover_tell_load(w);
    return is_room_left;
}

/* One connection. False: nothing more to accept now. */
static bool accept_one(struct listener *l)
{
    struct worker *w = l->worker;
    union peer peer;
    socklen_t n = sizeof(peer);
    int fd, error;

    if (!may_accept(l))
        return false;
    memset(&peer, 0, sizeof(peer));
    fd = call_accept(l->io.fd, &peer.sa, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        if (handover_has_peers(w))
            return place(l, fd, &peer);
        conn_open(l, fd, &peer, l->protocol, 0);
        return true;
    }
    error = errno;
    if (error == EAGAIN)
        return false;
    if (is_peers_error(error) || (is_for_want_of_room(error) && make_room(w)))
        return true;
    pause_full(w, strerror(error));
    return false;
}

/*
 * Takes as many as the last wake-ups brought: to hear each time that there are no more is a system
 * call for nothing where they come one by one, and what is left wakes us again.
 */
static void on_acceptable(struct ev_loop *loop, ev_io *io, int events)
{
    struct listener *l = CONTAINER_OF(io, struct listener, io);
    unsigned taken = 0;

    while (taken < l->expected && accept_one(l))
        taken++;
    if (taken < l->expected) {
        l->expected = taken > 0 ? (uint8_t)taken : 1;
        l->streak = 0;
    } else if (l->expected > 1 || ++l->streak == STREAK) {
        l->expected = l->expected < TURN_ACCEPTS / 2 ? l->expected * 2 : TURN_ACCEPTS;
        l->streak = 0;
    }
}

/* What the kernel has queued for a listener would be reset with it: serve it first. */
static void drain_and_free(struct listener *l)
{
    struct worker *w = l->worker;

    for (int i = 0; i < DRAIN_ACCEPTS && accept_one(l); i++)
        continue;
    ev_io_stop(w->loop, &l->io);
    close(l->io.fd);
    list_remove(&l->link);
    listener_put(&l);
}

void listener_put(struct listener **lp)
{
    struct listener *l = *lp;

    *lp = NULL;
    if (--l->refs == 0)
        free(l);
}

unsigned listener_index(struct listener *l, const struct generation *gen)
{
    const struct config *config = gen->config;

    if (l->indexed_for == gen->number)
        return l->index;
    for (l->index = 0; l->index < config->listen_count; l->index++)
        if (address_eq(&config->listens[l->index].address, &l->address))
            break;
    l->indexed_for = gen->number;
    return l->index;
}

static struct listener *find(struct worker *w, unsigned slot, const struct address *address)
{
    LIST_EACH (at, &w->listeners) {
        struct listener *l = CONTAINER_OF(at, struct listener, link);

        if (l->slot == slot && address_eq(&l->address, address))
            return l;
    }
    return NULL;
}

/* What is spoken first on connections to this address. */
static const struct protocol *protocol_of(const struct worker *w, const struct address *address)
{
    const struct config *config = w->gen->config;

    for (size_t i = 0; i < config->listen_count; i++)
        if (address_eq(&config->listens[i].address, address))
            return config->listens[i].has_proxy_protocol ? &proxy_protocol : &http1;
    return &http1;
}

/* In no list yet. */
static struct listener *listener_new(struct worker *w, const struct address *address,
                                     const struct protocol *protocol, int fd)
{
    struct listener *l = xcalloc(1, sizeof(*l));

    l->refs = 1;
    l->worker = w;
    l->transport = &transport_plain;
    l->protocol = protocol;
    l->slot = w->slot;
    l->address = *address;
    l->is_wanted = true;
    l->expected = 1;
    list_init(&l->link);
    ev_io_init(&l->io, on_acceptable, fd, EV_READ);
    return l;
}

/* In the middle of a reload a sibling may have had an address that we do not know, or not yet. */
void acceptor_serve(struct worker *w, const struct inbox_message *m, int fd)
{
    const struct protocol *protocol = m->has_proxy_protocol ? &proxy_protocol : &http1;
    struct listener *l = find(w, w->slot, &m->listen);
    union peer peer;

    memcpy(&peer, &m->peer, sizeof(peer));
    l = l != NULL ? listener_get(l) : listener_new(w, &m->listen, protocol, -1);
    conn_open(l, fd, &peer, protocol, m->request_count);
    handover_tell_load(w);
    listener_put(&l);
}

static void add(struct worker *w, unsigned slot, const struct address *address, int fd)
{
    struct listener *l = listener_new(w, address, protocol_of(w, address), fd);

    l->slot = slot;
    list_append(&w->listeners, &l->link);
    if (!w->is_accept_paused)
        ev_io_start(w->loop, &l->io);
}

void listeners_update(struct worker *w, struct address *addresses, int *fds, size_t count)
{
    LIST_EACH (at, &w->listeners) {
        CONTAINER_OF(at, struct listener, link)->is_wanted = false;
    }
    for (size_t i = 0; i < count; i++) {
        if (find(w, w->slot, &addresses[i]) == NULL) {
            add(w, w->slot, &addresses[i], fds[i]);
            fds[i] = -1;
        }
        /* What was adopted at the same address stays too. */
        LIST_EACH (at, &w->listeners) {
            struct listener *l = CONTAINER_OF(at, struct listener, link);

            if (!address_eq(&l->address, &addresses[i]))
                continue;
            l->is_wanted = true;
            l->protocol = protocol_of(w, &addresses[i]);
        }
    }
    LIST_EACH_SAFE (at, after, &w->listeners) {
        struct listener *l = CONTAINER_OF(at, struct listener, link);

        if (!l->is_wanted)
            drain_and_free(l);
    }
}

void listeners_adopt(struct worker *w, unsigned slot, struct address *addresses, int *fds,
                     size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (find(w, slot, &addresses[i]) != NULL)
            continue;
        add(w, slot, &addresses[i], fds[i]);
        fds[i] = -1;
    }
}

void listeners_release(struct worker *w, unsigned slot)
{
    LIST_EACH_SAFE (at, after, &w->listeners) {
        struct listener *l = CONTAINER_OF(at, struct listener, link);

        if (l->slot == slot && slot != w->slot)
            drain_and_free(l);
    }
}

void listeners_close(struct worker *w)
{
    LIST_EACH_SAFE (at, after, &w->listeners) {
        drain_and_free(CONTAINER_OF(at, struct listener, link));
    }
}

void listeners_pause(struct worker *w)
{
    w->is_accept_paused = true;
    handover_pause(w);
    LIST_EACH (at, &w->listeners) {
        ev_io_stop(w->loop, &CONTAINER_OF(at, struct listener, link)->io);
    }
}

void listeners_resume(struct worker *w)
{
    w->is_accept_paused = false;
    handover_resume(w);
    LIST_EACH (at, &w->listeners) {
        ev_io_start(w->loop, &CONTAINER_OF(at, struct listener, link)->io);
    }
}
