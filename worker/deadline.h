/*
 * deadline - how long connections may wait, for the price of a few stores.
 *
 * All connections that wait for the same thing may wait equally long, so each kind of waiting is
 * one list in the order of its start: arming is a move to the tail, expiry looks at the head. A
 * changed timeout (reload) needs no walk, for the lists hold starts, not ends.
 */
#ifndef WORKER_DEADLINE_H
#define WORKER_DEADLINE_H

#include <stdint.h>

#include "common/list.h"

enum deadline_kind {
    DEADLINE_NONE,   /* in no list */
    DEADLINE_HEAD,   /* a request head: absolute, from its first byte (slowloris) */
    DEADLINE_IDLE,   /* between requests */
    DEADLINE_BODY,   /* a request body: a window in which min_rate must be made */
    DEADLINE_SEND,   /* a response: likewise */
    DEADLINE_LINGER, /* the peer's last words */
    DEADLINE_TURN,   /* nothing: it has work and waits for its turn, which never expires */
    DEADLINE_KINDS,
};

struct deadline {
    struct list link;
    uint32_t since_ms; /* CLOCK_MONOTONIC, its low bits: no deadline is as long as 49 days */
    uint8_t kind;      /* enum deadline_kind */
};

struct deadlines {
    struct list lists[DEADLINE_KINDS];
};

static inline void deadlines_init(struct deadlines *all)
{
    for (int i = 0; i < DEADLINE_KINDS; i++)
        list_init(&all->lists[i]);
}

static inline void deadline_init(struct deadline *d)
{
    list_init(&d->link);
    d->kind = DEADLINE_NONE;
}

/* Starts to wait anew, whatever it waited for before. */
static inline void deadline_arm(struct deadlines *all, struct deadline *d, enum deadline_kind kind,
                                uint64_t now_ms)
{
    if (d->kind == kind && d->since_ms == (uint32_t)now_ms)
        return; /* the others that came in this millisecond are as good */
    d->since_ms = (uint32_t)now_ms;
    d->kind = (uint8_t)kind;
    list_move_to_tail(&all->lists[kind], &d->link);
}

static inline void deadline_disarm(struct deadline *d)
{
    list_remove(&d->link);
    d->kind = DEADLINE_NONE;
}

/* How long it has been waiting. */
static inline uint32_t deadline_age_ms(const struct deadline *d, uint64_t now_ms)
{
    return (uint32_t)now_ms - d->since_ms;
}

/* The one that waits longest for `kind`, NULL if none does. */
static inline struct deadline *deadline_first(struct deadlines *all, enum deadline_kind kind)
{
    struct list *head = &all->lists[kind];

    return list_is_empty(head) ? NULL : CONTAINER_OF(head->next, struct deadline, link);
}

#endif
