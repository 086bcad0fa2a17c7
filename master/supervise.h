/*
 * supervise - keeps a worker in every slot: fills empty ones, replaces the dead at once or, when
 * they die young, after a growing pause; sees leaving ones off.
 */
#ifndef MASTER_SUPERVISE_H
#define MASTER_SUPERVISE_H

#include "master/master.h"

struct process;

/* Slots that it asks for, 1 with --single. */
unsigned supervise_slots_of(const struct master *m, const struct edition *edition);
void supervise_init(struct master *m);

/*
 * Starts what is missing, but for slots that wait out their pause, and while a reload decides;
 * closes the inboxes of slots that are no more.
 */
void supervise_fill(struct master *m);

/* The config is new: slots that wait out a pause need not. */
void supervise_end_pauses(struct master *m);

/* Slots from m->slot_count on lose their workers, gracefully, and their sockets, once they are empty. */
void supervise_shrink(struct master *m);

/*
 * The slot's worker gets an heir, which takes its place; it serves on until supervise_retire(), and if
 * the heir cannot start, takes its place back: the transaction's errors then say why.
 */
void supervise_succeed(struct master *m, unsigned slot);
void supervise_retire(struct master *m, unsigned slot);

/* WINCH: all workers leave gracefully, the sockets stay and queue until HUP. */
void supervise_drain(struct master *m);

/* The end: no more starts, and every process is told to go. */
void supervise_end(struct master *m, bool is_fast);

/*
 * A killed process that does not end hangs in the kernel, in a write to a disk that does not answer for
 * one. A server that ends does so without it.
 */
void supervise_leave_behind(struct process *p);

/* SIGCHLD: takes every process that has ended. */
void supervise_reap(struct master *m);

/* A worker said READY for the first time. */
void supervise_on_serving(struct process *p);

/*
 * What waits in the inboxes of slots whose workers leave or have left goes to those who stay. The
 * workers do so themselves, unless they are stuck or were killed.
 */
void supervise_pass_on(struct master *m);

#endif
