/*
 * transaction - diff, reload, set workers, reopen and upgrade: one operation at a time. The first
 * only looks what a reload would do, the last has upgrade.h; the others are questions put to all
 * workers.
 *
 * A reload is a two-phase commit. The master checks the new config and opens what it needs; each
 * worker builds the new generation beside the old; on all-ready everybody switches, else nobody.
 * A worker that dies in the middle loses its vote and comes back in the outcome's generation. Any
 * number of requests that come while one runs are one more run after it.
 *
 * Another number of workers is a reload of the config as it is, but for that number; it holds until
 * the next reload, which takes the config's.
 *
 *     PREPARING -> COMMITTING -> FILLING (new slots get their workers) -> done
 *         '-> aborted                '-> ROLLING (roll.c) -> done      REOPENING -> done
 */
#ifndef MASTER_TRANSACTION_H
#define MASTER_TRANSACTION_H

#include <ev.h>
#include <stdbool.h>
#include <time.h>

#include "common/buf.h"
#include "common/channel.h"
#include "master/edition.h"
#include "master/worker_setup.h"

struct master;
struct process;

enum operation {
    OPERATION_DIFF, /* before a reload that was asked for later */
    OPERATION_RELOAD,
    OPERATION_SET_WORKERS,
    OPERATION_REOPEN,
    OPERATION_UPGRADE,
    OPERATION_COUNT
};

enum step {
    STEP_IDLE,
    STEP_PREPARING,
    STEP_COMMITTING,
    STEP_FILLING,
    STEP_ROLLING,
    STEP_REOPENING,
    STEP_UPGRADING
};

struct transaction {
    enum step step;
    enum operation operation; /* the running one; not STEP_IDLE */
    bool is_wanted[OPERATION_COUNT];
    bool is_advancing;       /* guards against advancing inside an advance */
    ev_timer limit;          /* of the step */
    uint64_t last_number;    /* of a generation that workers have heard of, committed or not */
    struct edition next;     /* PREPARING: what the workers build */
    unsigned workers_wanted; /* the newest number that OPERATION_SET_WORKERS is for */
    unsigned asked_count;    /* PREPARING: workers with a vote, dead ones included */
    bool ends_drain;         /* a reload brings drained workers back, unless WINCH came after it */
    struct buf rolled;       /* settings for which the workers are replaced; empty: none */
    struct worker_setup setup; /* theirs: until roll_prepare() the new one, then the old */
    unsigned roll_slot;        /* whose worker is replaced now */
    struct buf errors;         /* lines, each once */
    struct buf notes;          /* settings that wait for the next start */
    struct buf changes;        /* lines: what the reload changes; empty: nothing */
    struct buf result;         /* of the last reload, for `status`; empty: none yet */
    time_t result_at;
    bool is_result_ok;
};

void transaction_init(struct master *m);

/* Runs it now, or once more after the running one. Nothing happens before the server is ready. */
void transaction_want(struct master *m, enum operation operation);

/* What a serving worker says. */
void transaction_answer(struct process *p, const struct message *message);

/* Somebody answered, became ready or died: is the step complete? */
void transaction_advance(struct master *m);

/* PREPARING or COMMITTING: a worker started now would miss the outcome. */
bool transaction_is_deciding(const struct master *m);

/* What was wanted is another server's to do. Who waits for it hears of that at the end. */
void transaction_forget_wanted(struct master *m);

/* The server ends: drops the running one, and everybody who waits hears so. */
void transaction_cancel(struct master *m);
void transaction_fini(struct transaction *t);

/* For reload.c and reopen.c, the operations. */
void diff_begin(struct master *m);
void reload_begin(struct master *m);
void reload_advance(struct master *m);
void reload_expired(struct master *m);
void reload_cancel(struct master *m);
void reopen_begin(struct master *m);
void reopen_advance(struct master *m);
void reopen_expired(struct master *m);

/* roll.c: workers that start from here on are of the new kind, if there is one. */
void roll_prepare(struct master *m);
void roll_begin(struct master *m);
/* True: all are replaced. False: not yet, or the transaction has failed. */
bool roll_advance(struct master *m);
void roll_expired(struct master *m);
/* Back to the old kind; the errors say why. Ends the transaction. */
void roll_failed(struct master *m);

/* Next step, with a limit for its answers. */
void transaction_step(struct master *m, enum step step);
/* Adds a line unless it stands there already. */
void transaction_add_error(struct master *m, const char *line);
/* One for each worker that has not answered; its answer is not waited for any more. */
void transaction_add_silent(struct master *m);
bool transaction_is_answer_due(const struct master *m);
/* Logs the outcome, tells those who wait, and starts what was wanted meanwhile. */
void transaction_end(struct master *m, bool is_ok, const char *text);

#endif
