/*
 * adoption - a slot's listening sockets, served by another slot's worker.
 *
 * The master has copies of all of them, so any worker can be given them. When there are to be fewer
 * workers, new connections are steered past the slots that go (master/steering.h), and a worker that
 * stays accepts what still stands in their queues, or completes its handshake late; after
 * ADOPTION_DRAIN_S the sockets are closed. If a reload wants the slot back before, they are still there.
 */
#ifndef MASTER_ADOPTION_H
#define MASTER_ADOPTION_H

#include <ev.h>
#include <stdbool.h>

struct master;
struct process;

/* A client whose ACK was lost is asked again after 1 s and 3 s; few complete later than that. */
#define ADOPTION_DRAIN_S 5.0

/* Part of a slot. */
struct adoption {
    bool is_wanted;          /* somebody must serve its listeners */
    bool is_closing;         /* they are closed when they are empty */
    struct process *adopter; /* who was given them; NULL: none */
    ev_timer drain;          /* active: is_closing, and late ones may come */
};

void adoption_init(struct master *m);

/* The slot is no more: its sockets are emptied, then closed. */
void adoption_drain(struct master *m, unsigned slot);

/* The slot's worker does nothing: another serves what waits for it, in its inbox too. */
void adoption_lend(struct master *m, unsigned slot);

/* The slot has a worker of its own again, or will have. */
void adoption_end(struct master *m, unsigned slot);

/* Finds somebody for the slots that want it and have none. */
void adoption_fill(struct master *m);

/* This process leaves or has ended: what it had adopted is another's. */
void adoption_forget(struct master *m, const struct process *p);

/* It said RELEASED. */
void adoption_on_released(struct process *p, unsigned slot);

/* The end of the server: nothing is given to anybody any more. */
void adoption_stop(struct master *m);

#endif
