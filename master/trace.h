/*
 * trace - `remudactl trace`: a control client follows the requests that meet its filter, of all workers,
 * as they are answered.
 *
 * The master only parses the filter and passes the client's own socket on, to every worker that there is
 * and that comes while the client stays: after a crash, a reload, in place of an old one. The workers
 * write to it themselves (worker/tracers.h), so that no line goes through here. At an upgrade the next
 * master's workers do so before they serve, and the former ones until they end.
 */
#ifndef MASTER_TRACE_H
#define MASTER_TRACE_H

#include "common/str.h"

struct client;
struct control;
struct handoff;
struct process;

/* The verb. */
void run_trace(struct client *client, struct str filter);
/* The client is about to be closed. */
void trace_end(struct client *client);

/* A worker that was started, or goes on after it was stuck: it hears of all traces. */
void trace_greet(struct process *p);

/* An upgrade: the traces under way, for the next master. */
void trace_hand_over(const struct control *c, struct handoff *h);
void trace_take_over(struct control *c, struct handoff *h);

#endif
