/*
 * acceptor - the listening sockets of this worker's slot: accepts, and makes room when there is none.
 */
#ifndef WORKER_ACCEPTOR_H
#define WORKER_ACCEPTOR_H

#include <ev.h>
#include <stdbool.h>

#include "common/address.h"
#include "common/list.h"

struct generation;
struct inbox_message;
struct protocol;
struct transport;
struct worker;

/* Lives until it is closed and the last connection that it accepted is gone. */
struct listener {
    unsigned refs;
    struct list link; /* in worker->listeners */
    ev_io io;         /* owns the socket */
    struct worker *worker;
    const struct transport *transport; /* of the connections that it accepts */
    const struct protocol *protocol;
    unsigned slot;          /* whose it is: ours, or one that we adopted it from */
    struct address address; /* as configured: tells one from another at a reload */
    bool is_wanted;         /* scratch of listeners_update() */
    uint8_t expected;       /* connections that a wake-up is likely to bring: see on_acceptable() */
    uint8_t streak;         /* wake-ups in a row that brought one */
    uint64_t indexed_for;   /* generation that `index` is for; 0: none */
    unsigned index;
};

static inline struct listener *listener_get(struct listener *l)
{
    l->refs++;
    return l;
}
void listener_put(struct listener **l);

/* Its place in the generation's config->listens; their number: it has none any more. */
unsigned listener_index(struct listener *l, const struct generation *gen);

/*
 * Listens on these and no others: takes new sockets over (sets their fd to -1), keeps those whose
 * address it has, and drains and closes the rest.
 */
void listeners_update(struct worker *w, struct address *addresses, int *fds, size_t count);

/*
 * Accepts from another slot's sockets too (takes them over, sets their fd to -1), until they are
 * released or a reload takes their address away: that slot's worker leaves, or does nothing.
 */
void listeners_adopt(struct worker *w, unsigned slot, struct address *addresses, int *fds,
                     size_t count);
/* Serves what the kernel has queued for them, then closes them. */
void listeners_release(struct worker *w, unsigned slot);

/* Serves what the kernel has queued, then closes them all. */
void listeners_close(struct worker *w);

/* Serves what a sibling gave, if need be by an address that we do not listen on. */
void acceptor_serve(struct worker *w, const struct inbox_message *m, int fd);

/* Whether one more may come of those that wait at `fd`. False: accepting pauses, or none waits. */
bool acceptor_has_place(struct worker *w, int fd);

/* After a call that failed for want of descriptors or memory. False: accepting pauses. */
bool acceptor_make_room(struct worker *w, int error);

/* Gives up idle connections and cached files until so many descriptors are free, if it can. */
void acceptor_free_descriptors(struct worker *w, size_t count);

/* Stop and go on accepting; the kernel queues meanwhile. */
void listeners_pause(struct worker *w);
void listeners_resume(struct worker *w);

#endif
