/*
 * changeover - how a worker goes from one config generation to the next (master/reload.h tells the
 * master's side), and from one set of log files to the next.
 *
 *     PREPARE   the next generation is built beside the current one    READY, FAILED
 *     COMMIT    requests begin under it                                COMMITTED
 *     ABORT     it is forgotten
 *     REOPEN    the same generation, other log files                   REOPENED, FAILED
 */
#ifndef WORKER_CHANGEOVER_H
#define WORKER_CHANGEOVER_H

struct bundle;
struct generation;
struct message;
struct worker;

void changeover_init(struct worker *w);

/* What the master asks for; each but an abort is answered. */
void changeover_prepare(struct worker *w, struct message *m);
void changeover_commit(struct worker *w, const struct message *m);
void changeover_abort(struct worker *w);
void changeover_reopen_logs(struct worker *w, struct message *m);

/*
 * From here on requests begin under `gen`, whose reference is the worker's now, on the bundle's
 * listeners; those under way keep theirs.
 */
void changeover_to(struct worker *w, struct generation *gen, struct bundle *bundle);

/* Stops its watchers. */
void changeover_stop(struct worker *w);

#endif
