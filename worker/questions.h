/*
 * questions - what the master asks a worker, in words, and its answers: see master/question.h.
 *
 *     connections FORM MAX STATE NETWORK   "TOTAL MATCHED\n" and a line for each that is shown
 *     log level LEVEL                      ""
 *     purge PATH...                        how many answers were dropped; tabs between paths
 *
 * FORM is "text" or "json"; STATE and NETWORK may be "-". A line of `connections` is a number that
 * orders it among the lines of other workers, the smaller first, a tab, and what is to be shown.
 *
 * Nothing here may hold up the loop: what takes long goes on a slice at a time.
 */
#ifndef WORKER_QUESTIONS_H
#define WORKER_QUESTIONS_H

#include <ev.h>

#include "common/list.h"

struct message;
struct worker;

/* Part of the worker. */
struct questions {
    struct list jobs; /* struct connection_list: under way */
    ev_timer slice;   /* active while there are some */
};

void questions_init(struct worker *w);
void questions_ask(struct worker *w, struct message *m);
void questions_fini(struct worker *w);

#endif
