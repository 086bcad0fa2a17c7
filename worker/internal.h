/*
 * internal - the one struct worker, for the parts that make it up: what all connections of the
 * process share. Handlers have no business here.
 */
#ifndef WORKER_INTERNAL_H
#define WORKER_INTERNAL_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/bundle.h"
#include "common/list.h"
#include "common/shared.h"
#include "worker/clock.h"
#include "worker/deadline.h"
#include "worker/exchange.h"
#include "worker/handover.h"
#include "worker/log_losses.h"
#include "worker/request_id.h"
#include "worker/questions.h"
#include "worker/ticks.h"
#include "worker/tracers.h"
#include "worker/worker.h"

struct basic_auth;
struct conn;
struct generation;
struct offload;
struct out;
struct recall;

enum {
    INPUT_READ_BYTES = 16384,    /* of one recv: what a blocked pipeliner can make us keep */
    INPUT_KEPT_MAX = 256 * 1024, /* the longest head that a config may allow */
    INPUT_BYTES = INPUT_KEPT_MAX + INPUT_READ_BYTES + 4096, /* and empty lines before it */
    EXCHANGES_KEPT = 64,                                    /* in the lookaside: some 14 KB each */
    OFFLOAD_JOBS = 256,                                     /* that wait for the helper thread */
    BACKGROUND_JOBS = 64,
    PASSWORD_JOBS = 32,
    TURN_READ_BYTES = 256 * 1024, /* of one connection before others are due */
    TURN_REQUESTS = 32,           /* answered for one connection before others are due */
    TURN_SENT_BYTES = 64 * 1024,  /* to one connection, while others get quick answers */
    QUICK_MS = 20,                /* so long ago counts as "while" */
    UNSETTLED_MAX = TURN_REQUESTS + 8,
};

/* A request that was answered and whose time is not taken yet. */
struct unsettled {
    struct series_record *series;
    struct flight_entry *seen;
};

struct worker {
    struct ev_loop *loop; /* borrowed */
    unsigned slot;
    bool is_single, is_quitting;
    uint64_t requests_most; /* answered on a connection, of which the last closes it */
    uint64_t quit_idle_ms;  /* quitting: others are closed when they have been idle for it */
    struct shared *shared;
    struct shared_slot *slots;    /* the bank of it that our siblings use */
    struct shared_slot *counters; /* this worker's own */
    struct flight *flight;        /* likewise; of no other process */

    /* generations */
    struct generation *gen;       /* current; one reference */
    struct generation *pending;   /* prepared, waits for COMMIT; one reference; NULL: none */
    struct bundle pending_bundle; /* its descriptors; owned while `pending` */
    int error_log_fd;             /* owned; -1 in --single: the master's serves */
    uint64_t reopened_generation; /* what the master waits for, until `reopened_mark` is past */
    struct log_mark reopened_mark;
    unsigned reopening_looks;
    ev_timer reopening;
    struct log_losses_told losses;
    struct list listeners; /* struct listener; see acceptor.h */
    bool is_accept_paused;
    struct handover handover;
    uint64_t accept_warned_ms; /* when the log last said that new connections wait */

    /* the master */
    int channel_fd; /* owned */
    ev_io channel_io;
    struct fd_list incoming; /* descriptors of a message under way */
    struct questions questions;

    /* connections */
    size_t conn_count;
    struct list conns_free; /* lookaside, linked by conn.runnable */
    struct list runnable;   /* yielded */
    struct deadlines deadlines;
    struct exchange *exchanges_free; /* lookaside, at most EXCHANGES_KEPT */
    unsigned exchanges_free_count;
    struct recall *recall;  /* owned; NULL: off */
    struct recall *quick;   /* the same, unless somebody looks on; see worker_choose_way() */
    uint32_t first_hint;    /* of connections' first requests: see recall_find() */
    struct exchange *spare; /* what the next request is parsed into */

    struct conn *driven; /* the one whose steps run now: it is not to be spared; NULL: none */

    /* the scratch of the connection that is being driven */
    char *input;                      /* INPUT_BYTES; owned */
    const char *input_at, *input_end; /* unconsumed */
    struct out *out;                  /* gathered responses; empty between two drives */
    unsigned turn_requests;
    size_t turn_read;   /* bytes */
    size_t turn_budget; /* bytes that may still be sent in this turn */
    uint64_t quick_ms;  /* when a small response last left whole; CLOCK_MONOTONIC */

    /* who looks on, when an exchange is done; NULL: nobody */
    void (*observe)(void *observer, const struct exchange *x);
    void *observer;

    struct tracers tracers; /* who else looks on */

    /* what account.h is at */
    unsigned unsettled_count;
    struct unsettled unsettled[UNSETTLED_MAX];
    struct flight_entry unseen; /* for what has no entry any more */

    /* time */
    struct clock clock;
    struct ticks ticks;
    uint64_t turn_ns; /* `ticks` when this turn of the loop began */
    ev_check on_turn;
    ev_timer tick;
    ev_timer quit_deadline;
    ev_prepare run_runnable;
    ev_idle stay_awake; /* runs while someone is runnable, so that the poll does not wait */

    ev_io file_watch;        /* inotify of the current generation */
    struct basic_auth *auth; /* owned */
    struct request_ids ids;
    int ledger;              /* in shared->limits */
    struct offload *offload; /* work for the helper thread; owned */
    ev_io offload_io;
    struct offload *background; /* the same for what nobody waits for, such as compression; owned */
    ev_io background_io;
    struct offload *passwords; /* and for hashing, which strangers can ask for; owned */
    ev_io passwords_io;
};

/* An exchange for a new request, from the lookaside list; holds the current generation. */
struct exchange *exchange_new(struct worker *w);
void exchange_free(struct worker *w, struct exchange *x);

/* Whether there are siblings to deal connections with; never in a single worker. */
static inline bool handover_has_peers(const struct worker *w)
{
    return w->handover.peer_count > 0;
}

/*
 * Who looks on wants to see all of a request, and there is nothing to see of one that is answered as
 * before: while there is somebody, all go the long way. Called when it may have changed.
 */
static inline void worker_choose_way(struct worker *w)
{
    w->quick = w->observe == NULL && w->tracers.count == 0 ? w->recall : NULL;
}

/* Takes the time of what was answered; see account.h. */
void account_settle(struct worker *w);

/* After a connection closed: a pause of accepting may end, and so may the worker. */
void worker_on_conn_closed(struct worker *w);

/* An answer; `text` may be NULL. */
void worker_tell_master(const struct worker *w, enum message_type type, uint64_t generation,
                        const char *text);

#endif
