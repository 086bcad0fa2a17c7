/*
 * worker - one event loop that accepts, parses, answers and logs, told by the master over a
 * channel what to do. Shares nothing with its siblings but code and the counter block.
 *
 *     struct worker *w = worker_new(loop, &heritage); // also in --single
 *     ev_run(loop, 0);
 *     worker_free(&w);
 */
#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

#include <ev.h>

#include "common/heritage.h"

struct worker;

/*
 * While quitting, who has just been answered gets this long to ask again: closed at once, it would
 * often lose a request that is on its way.
 */
enum { WORKER_QUIT_IDLE_MS = 500 };

/*
 * Builds the bundle's generation, starts its listeners and says READY on the channel. NULL: it
 * could not, MESSAGE_FAILED with the reason was sent, and the caller ends the process.
 */
struct worker *worker_new(struct ev_loop *loop, const struct heritage *heritage);

/* Closes every connection at once. The loop must not be running. Sets *w to NULL. */
void worker_free(struct worker **w);

/*
 * Stops accepting, finishes what is under way, then breaks the loop. Whoever asks again is told that
 * the connection ends; who is idle goes to one of those whom handover_name_heirs() named, else is
 * closed when it has had all of its answer and has asked nothing for `idle_ms`.
 */
void worker_quit(struct worker *w, uint64_t idle_ms);

#endif
