/*
 * process - one worker process as the master sees it: its pid, its channel, what it last said.
 *
 * It lives from fork(2) until waitpid(2) has returned it. A leaving one keeps its slot's number
 * but not the slot: the next worker there need not wait for its last download. With --single the
 * "process" is the master itself, with both ends of the channel on one loop.
 */
#ifndef MASTER_PROCESS_H
#define MASTER_PROCESS_H

#include <ev.h>
#include <stdbool.h>
#include <sys/types.h>

#include "common/channel.h"
#include "common/list.h"
#include "master/watchdog.h"

struct heirs;
struct master;

enum process_state {
    PROCESS_STARTING, /* has not said READY yet */
    PROCESS_SERVING,
    PROCESS_LEAVING, /* was told to quit or stop */
};

enum answer { ANSWER_NONE, ANSWER_DUE, ANSWER_YES, ANSWER_NO };

struct process {
    struct list link; /* in master->processes */
    struct master *master;
    unsigned slot;
    unsigned flight; /* its recorder; see shared_flight() */
    pid_t pid;
    enum process_state state;
    enum answer answer;  /* to the running transaction's last question */
    uint64_t generation; /* the one it runs */
    uint64_t born;       /* the one that it was started with */
    unsigned unanswered; /* questions (question.h) that it was asked */
    ev_tstamp started_at;
    ev_io channel;                  /* fd -1: the worker closed its end */
    ev_timer kill_limit;            /* active: it must end before */
    bool is_killed;                 /* for it did not */
    struct watched watched;         /* while it leaves, alone in its slot */
    char failure[CHANNEL_TEXT_MAX]; /* why it could not start; "": it did not say */
};

/* Starts a worker for the slot. NULL: errno of fork(2) or socketpair(2). */
struct process *process_spawn(struct master *m, unsigned slot);

/* A worker whose channel is full or closed is beyond talking to, and killed. False: it was. */
bool process_send(struct process *p, enum message_type type, uint64_t generation);

bool process_send_message(struct process *p, const struct message *m);

/*
 * Finish and end; `limit_ms` later it is killed, 0: never. Idle connections go to `heirs`; without
 * (NULL) they are closed after `idle_ms`.
 */
void process_quit(struct process *p, uint64_t limit_ms, const struct heirs *heirs,
                  uint64_t idle_ms);
/* Of one that quits: others than it was told of. */
void process_name_heirs(const struct process *p, const struct heirs *heirs);
/* End now; killed if it does not. */
void process_stop(struct process *p);
void process_kill(struct process *p);

/* Takes what is left in the channel of a process that has ended: its last words. */
void process_read_rest(struct process *p);

/* Frees it and its descriptor; `loop` NULL: the loop is gone already. */
void process_free(struct process *p, struct ev_loop *loop);

#endif
