/*
 * quit - the end of a worker that finishes what it has: requests under way are answered, idle
 * connections go to an heir (handover.h) or, without one, are closed. worker_quit() begins it.
 */
#ifndef WORKER_QUIT_H
#define WORKER_QUIT_H

struct worker;

void quit_init(struct worker *w);

/* Cuts what is still open when they have passed; 0: never. */
void quit_within(struct worker *w, double seconds);

/* Now and then while it quits. */
void quit_tick(struct worker *w);

/* Ends the loop, whatever is open. In --single the master's loop goes on: the closed channel tells it. */
void quit_at_once(struct worker *w);

void quit_stop(struct worker *w);

#endif
