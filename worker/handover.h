/*
 * handover - new connections go to the worker that has the fewest.
 *
 * The kernel deals connections to the slots by a hash of their addresses, which with 64 of them
 * leaves one worker of eight with nearly twice its share. So a worker that has more than a sibling
 * passes on what it just accepted, before anything is read from it, through the sibling's inbox
 * (common/inbox.h). That costs a new connection some system calls now and then, and a request
 * nothing. Below HANDOVER_FLOOR connections nobody looks: short ones, which are answered and closed
 * as they are accepted, never get there.
 *
 * What may go wrong ends in one of two ways: the worker serves the connection itself, or it waits
 * in an inbox that outlives the one it was for.
 *
 * The order of things at the end of a worker: the giver raises the sibling's `assigned`, then looks
 * whether it still `takes`; the one that goes stops taking, then waits for `assigned` to become 0.
 * So either the giver sees that, or the other waits for what is on its way.
 */
#ifndef WORKER_HANDOVER_H
#define WORKER_HANDOVER_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/bundle.h"
#include "common/list.h"

struct conn;
struct listener;
struct shared_slot;
struct worker;
union peer;

enum {
    HANDOVER_FLOOR = 8,      /* connections below which nobody looks at the others */
    HANDOVER_NOT = -1,       /* no sibling: we keep it */
    HANDOVER_LOAD_NONE = -1, /* of a sibling that takes none */
};

/* An inbox that it takes from. */
struct inbox_taker {
    struct list link; /* in handover.adopted, but for its own */
    ev_io io;         /* owns the descriptor; -1: none */
    struct worker *worker;
    unsigned slot; /* whose it is */
};

/* Part of the worker. */
struct handover {
    struct inbox_taker inbox; /* its own */
    struct list adopted;      /* struct inbox_taker: of slots whose workers are stuck */
    size_t peer_count;
    struct bundle_peer peers[INBOX_PEERS_MAX]; /* descriptors owned */
    size_t heir_count;                         /* of a worker that leaves */
    struct bundle_peer heirs[INBOX_PEERS_MAX]; /* likewise */
    struct shared_slot *heir_slots;            /* the bank that is theirs */
    uint64_t given;                            /* the last message's number */
    bool is_taking; /* what is driven now was just taken: the giver may still have a copy open */
    /* what on_tick() saw last time */
    uint64_t taken_before;
    int32_t assigned_before;
};

/*
 * The sibling to give a new connection to, when we have `own` others: the one with the least load
 * below `most`, the first of several. A small lead is let be, one in 16, or else half of them would
 * travel where connections come and go. `is_full`: we have no place, and whoever has one is better.
 */
int handover_choose(const int32_t loads[], size_t count, uint32_t own, uint32_t most, bool is_full);

void handover_init(struct worker *w);

/* Takes the bundle's inbox and peers, and from here on connections of its generation. */
void handover_update(struct worker *w, struct bundle *bundle);

/*
 * Says how many connections we have: siblings go by it, at once, and those who leave, to whom what it
 * was at the last tick is good enough.
 */
void handover_tell_load(struct worker *w);

enum handover_moved {
    HANDOVER_MOVED,  /* the connection is gone from here */
    HANDOVER_LATER,  /* its inbox is full at the moment */
    HANDOVER_NOBODY, /* no heir takes any */
};

/*
 * A worker that leaves: those who go on with its connections, siblings or the workers of the next
 * binary. Takes the bundle's peers, in place of those before; first before handover_quit().
 */
void handover_name_heirs(struct worker *w, struct bundle *heirs, unsigned bank);

/* Gives a connection that is between two requests to one of them. */
enum handover_moved handover_move(struct conn *c);

/* Takes from another slot's inbox too (`fd` is ours from here on), until it is released. */
void handover_adopt(struct worker *w, unsigned slot, int fd);
void handover_release(struct worker *w, unsigned slot);

/* Whether a sibling could have what we have no place for. */
bool handover_is_possible(struct worker *w);

/* Gives what `l` accepted to a sibling if that is better. False: `fd` is still ours. */
bool handover_give(struct listener *l, int fd, const union peer *peer);

/* Stop and go on taking; what was given waits in the inbox. */
void handover_pause(struct worker *w);
void handover_resume(struct worker *w);

/*
 * Takes for the last time: what is in the inbox or on its way there, unless an heir in the same slot
 * is there to take it. Still gives.
 */
void handover_quit(struct worker *w);
bool handover_is_over(const struct worker *w);

/* Puts right what a process that died in the middle left wrong. */
void handover_tick(struct worker *w);

void handover_fini(struct worker *w);

#endif
