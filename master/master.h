/*
 * master - the process that must not fall. It owns the sockets, keeps a worker in every slot and
 * passes on what the operator asks for. It parses no HTTP and touches no connection.
 *
 *     process      one worker process: fork, channel, end        child       its main()
 *     supervise    slots: who is missing, who leaves, who died
 *     transaction  reload and reopen, one at a time, and their answers
 *     question     asks all workers something that changes nothing
 *     control      who asks over a Unix socket, and gets an answer
 *     verbs        what can be asked there                       status      what runs
 *     trace        who follows the workers' requests
 *
 * All of it is one thread on one loop, and all state hangs on the one struct below.
 */
#ifndef MASTER_MASTER_H
#define MASTER_MASTER_H

#include <ev.h>
#include <stdbool.h>
#include <sys/types.h>

#include "common/list.h"
#include "common/log.h"
#include "common/shared.h"
#include "config/config.h"
#include "master/adoption.h"
#include "master/activation.h"
#include "master/args.h"
#include "master/backoff.h"
#include "master/control.h"
#include "master/edition.h"
#include "master/inboxes.h"
#include "master/listen_table.h"
#include "master/notify.h"
#include "master/pid_file.h"
#include "master/signals.h"
#include "master/start_report.h"
#include "master/transaction.h"
#include "master/upgrade.h"
#include "master/watchdog.h"
#include "master/worker_setup.h"

struct process;
struct worker;

enum phase {
    PHASE_STARTING, /* until every worker serves */
    PHASE_RUNNING,
    PHASE_QUITTING, /* workers finish what is under way */
    PHASE_STOPPING, /* they end now */
};

/* A place for a worker; its number picks the listeners and the counters. */
struct slot {
    struct process *process;  /* serves, or is about to; NULL: none */
    struct process *retiring; /* serves until `process`, its heir, does; NULL: none */
    struct backoff backoff;
    unsigned respawns; /* workers started in place of one that died, by this master */
    ev_timer respawn;  /* active: the slot waits for its next worker */
    struct adoption adoption;
    struct watched watched;
};

struct master {
    struct ev_loop *loop;
    enum phase phase;
    bool is_single; /* serves itself: no processes, `worker` instead */
    bool is_daemon;
    bool is_drained; /* WINCH came: no workers until HUP */
    bool is_over;    /* nothing is left to wait for */
    int exit_code;
    int ready_fd;            /* the waiting parent of --daemon; -1: none */
    struct buf start_errors; /* one line each, no line twice */
    ev_timer start_limit;

    struct edition now;          /* what workers run; commit replaces it */
    struct config *start_config; /* what a living master cannot change; owned */
    struct worker_setup setup;   /* of workers that start now */
    struct start_report report;  /* what the operator was told is missing */
    struct listen_table listeners;
    struct inboxes inboxes;
    struct activation activation;
    struct pid_file pid_file;
    struct shared *shared; /* owned */
    int shared_fd;
    struct shared_slot *bank; /* the slots in it that are ours */

    struct signals signals;
    struct transaction transaction;
    ev_timer watchdog;
    struct control control;
    struct upgrade upgrade;
    struct notify notify;

    struct slot slots[CONFIG_WORKERS_MAX];
    unsigned slot_count;   /* slots that should have a worker */
    struct list processes; /* struct process, leaving ones too */
    struct worker *worker; /* --single; NULL: none */

    struct list questions; /* struct question */
    uint64_t last_question;
    int log_level; /* as an operator set it, until the next reload; -1: the config's */
};

/* Serves until told to end; the exit code. */
int master_run(const struct args *args);

/* Tells who looks at the shared block that we are its master, and what runs. */
void master_tell_shared(struct master *m);
/* An upgrade: from now on another is. */
void master_leave_shared(struct master *m);

/* That the master and its workers log at now. */
enum log_level master_log_level(const struct master *m);

/* Ends the server, workers first; a second call may only make it faster. */
void master_stop(struct master *m, bool is_fast);

/* Nothing is left to wait for: the loop ends, or does not begin. */
void master_end(struct master *m);
/* The same, if the server was told to end and nobody is left. */
void master_end_if_done(struct master *m);

/* Why nothing is done any more: it stops, or another has taken its place. */
const char *master_end_words(const struct master *m);

/* A worker became ready, failed or ended: is the start complete, or has it failed? */
void master_check_start(struct master *m);
void master_add_start_error(struct master *m, const char *line);

/* Into the error log: what is served, at the start, and what is missing that was not before. */
void master_report(struct master *m, bool is_start);

/* A daemon's standard streams, to its error log as it is now. */
void master_redirect(const struct master *m);

/* READY=1 to the service manager: after the start, and after each reload. */
void master_notify_ready(struct master *m);

/* Before a worker hears of the config: what its routes are counted as. */
void master_name_series(struct master *m, const struct config *config);

/* Releases memory and descriptors, and nothing outside the process: children do it too. */
void master_fini(struct master *m);

#endif
