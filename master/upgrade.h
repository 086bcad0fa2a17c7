/*
 * upgrade - a new binary takes the place of the running one, and nobody is refused meanwhile.
 *
 * The master starts the binary at the path that it was started by itself, which may be another
 * file by now, with the same arguments and everything that it has open (handoff). Until the new
 * master's workers serve, nothing changes here; a binary that cannot do so is a line in the log
 * and the answer to who asked. Then the two agree:
 *
 *     former: starts it                  heir: opens what is missing, starts its workers
 *                                        heir: a NUL byte, "ready"
 *     former: "go"                       heir: owns files, pid file and control socket; newlines with
 *                                              the giving ends of its inboxes; a NUL byte
 *     former: drains its workers, which  heir: sees the end of the line between them
 *             pass on what is idle, ends
 *
 * That line is also the heir's stderr until its config is loaded, so that whatever keeps a binary
 * from starting, the dynamic loader's words too, reaches the operator.
 */
#ifndef MASTER_UPGRADE_H
#define MASTER_UPGRADE_H

#include <ev.h>
#include <stdbool.h>
#include <sys/types.h>

#include "common/buf.h"
#include "master/handoff.h"
#include "master/inboxes.h"
#include "master/pid_file.h"

struct master;

/* Both roles: each master is an heir or not, and may become a former one. */
struct upgrade {
    /* How to start it again, as it was at the start; owned. */
    char *binary; /* absolute; links stay, their target may change */
    char *folder; /* NULL: it could not be found out */
    char **argv;

    /* The former: */
    pid_t heir_pid;  /* 0: none */
    ev_io line;      /* to the heir; fd -1: none */
    ev_timer limit;  /* active: the heir must be ready, or gone, before */
    struct buf said; /* what came over the line */
    bool is_go_said; /* the heir may have touched what it will own */
    bool is_succeeded;
    struct inboxes inboxes; /* the giving ends of the heir's, in its first `inbox_count` slots */
    unsigned inbox_count;
    bool is_inbox_lost; /* there were more than descriptors are free */

    /* The heir: */
    struct handoff handoff;
    pid_t former_pid; /* 0: an ordinary start, or the former has ended */
    ev_io former;     /* the line; fd -1: none */
    bool is_heir;     /* until it owns what it was handed */
    bool is_ready_told;
    bool is_block_shared; /* with the former, whose layout is ours */
};

/* Borrows argv only while it runs. */
void upgrade_init(struct upgrade *u, struct master *m, char **argv);

/* Memory and descriptors; `loop` of the master may be gone already. */
void upgrade_fini(struct upgrade *u);

/* ---- the former; the first three for transaction.c ---- */

void upgrade_begin(struct master *m);
void upgrade_advance(struct master *m);
void upgrade_expired(struct master *m);
/* The server is told to end in the middle: so is the heir. */
void upgrade_cancel(struct master *m);
/* It does not end before the heir that it has cancelled. */
bool upgrade_is_ending(const struct upgrade *u);
/* SIGCHLD: true if it was the heir. */
bool upgrade_reap(struct master *m, pid_t pid, int status);

/* The workers that go on with our connections; none unless it succeeded. */
struct heirs upgrade_heirs(const struct master *m);

/* ---- the heir ---- */

/* Takes what was left to us, if anything. Before anything is opened. */
void upgrade_take(struct upgrade *u);

/* The config is good: stderr becomes the operator's again. */
void upgrade_take_stderr(struct upgrade *u);

/* The generation that goes on from the former's. */
uint64_t upgrade_generation(struct upgrade *u);

/* The number of workers that an operator set by hand; 0: none did. */
unsigned upgrade_workers(struct upgrade *u);

/* The shared block and our bank in it; false: none was left, or it is not laid out as ours. */
bool upgrade_take_shared(struct master *m);

/* The pid file with its lock, if the config still names it. */
bool upgrade_take_pid_file(struct upgrade *u, struct pid_file *f, const char *path);

/* Tells why we do not serve; the former hears nothing more. */
void upgrade_tell_failure(struct upgrade *u, const struct buf *errors);

/* Our workers serve: says so, and waits for the "go". False: nobody is there to ask. */
bool upgrade_tell_ready(struct master *m);

#endif
