/*
 * question - asks every worker something, in words, and gathers what they say.
 *
 * No transaction: it changes nothing that the herd must agree about, so any number may run at the
 * same time, also in the middle of a reload. It ends when all have answered, have died, or QUESTION_S
 * have passed. A worker that is known to be stuck is told, for it may go on, and not waited for; one
 * whose channel is full is not told. Neither is killed for it.
 *
 * A worker that does not read would gather questions in its channel, until there is no room for what
 * matters: it has at most QUESTIONS_UNREAD of them.
 */
#ifndef MASTER_QUESTION_H
#define MASTER_QUESTION_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/buf.h"
#include "common/channel.h"
#include "common/list.h"

struct master;
struct process;

enum {
    QUESTION_S = 5,
    QUESTIONS_UNREAD = 64,
    QUESTION_ANSWER_MAX = 64 << 20, /* bytes, of one worker */
};

enum part_state {
    PART_DUE,
    PART_ANSWERED,
    PART_ENDED,  /* the worker died first */
    PART_SILENT, /* it did not answer in time, or is stuck */
    PART_UNTOLD, /* its channel is full, or it has too many questions unanswered */
};

struct question_part {
    struct process *process; /* NULL: not due any more */
    unsigned slot;
    pid_t pid;
    enum part_state state;
    struct buf answer; /* ANSWERED; owned */
};

struct question {
    struct list link; /* in master->questions */
    struct master *master;
    uint64_t number;
    ev_timer limit;
    void (*done)(struct question *q);
    void *context; /* of `done` */
    size_t part_count, due_count;
    struct question_part parts[]; /* by age of the process */
};

/*
 * Calls `done` once, perhaps at once; the question is freed behind it. Workers that are starting or
 * leaving are asked too: they have connections and caches, or soon will.
 */
void question_ask(struct master *m, struct str text, void (*done)(struct question *q),
                  void *context);

/* An ANSWER; late ones are dropped. Takes the message's descriptors. */
void question_answer(struct process *p, struct message *message);
/* The process is gone. */
void question_forget(struct process *p);

/* One line for each part without an answer: "worker 2 (pid 4243) has not answered". */
void question_add_missing(const struct question *q, struct buf *out);

/* Nobody is called any more. `loop` NULL: it is gone already. */
void question_drop_all(struct master *m, struct ev_loop *loop);

#endif
