/*
 * conn - one client connection, whatever is spoken on it.
 *
 * conn_drive() is the only place that runs a protocol's steps, reads, writes, waits or closes. A
 * connection that is idle holds this struct and nothing else: its input stands in the worker's
 * scratch buffer while it is driven, and only what is left of an incomplete request is kept in a
 * buffer of its own; its output likewise. Hence the order and the widths of its fields: with what
 * malloc and the poll add, an idle connection takes less than 256 bytes.
 */
#ifndef WORKER_CONN_H
#define WORKER_CONN_H

#include <ev.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "common/list.h"
#include "common/str.h"
#include "worker/close_reason.h"
#include "worker/deadline.h"
#include "worker/protocol.h"

struct exchange;
struct listener;
struct out;
struct worker;

/* Input that waits for more: a block of its own. */
struct kept_input {
    size_t n;
    char bytes[];
};

union peer {
    struct sockaddr sa;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

struct conn {
    ev_io io;                  /* the socket; owned */
    struct deadline deadline;  /* of what it waits for */
    struct list runnable;      /* in worker->runnable after NEED_YIELD */
    struct worker *worker;     /* borrowed */
    struct listener *listener; /* that accepted it; one reference */
    const struct protocol *protocol;
    struct exchange *x;      /* under way; owned; NULL: none */
    struct kept_input *kept; /* owned; NULL: none */
    struct out *out;         /* what the socket did not take; owned; NULL: none */
    uint64_t bytes_received, bytes_sent;
    union {
        uint64_t window_mark; /* progress when the deadline's window began */
        uint64_t linger_until_ms;
    };
    uint32_t request_count; /* begun on this connection */
    uint8_t state;          /* of the protocol */
    uint8_t awaits;         /* enum deadline_kind: why NEED_READ */
    uint8_t close_reason;   /* enum close_reason */
    bool is_new_wait : 1;   /* what it waits for began since it last waited */
    bool is_eof : 1;        /* the peer sends no more */
    bool is_drained : 1;    /* the last read took all there was */
    bool must_close : 1;    /* after the response under way */
    bool must_linger : 1;   /* the peer may still be sending: see linger() */
    bool is_lingering : 1;
    bool is_watched : 1;   /* io is started */
    bool is_in_pieces : 1; /* what it sent came in several: more may be on its way */
    union peer peer;
    uint32_t recall_hint; /* see recall_find() */
};

/*
 * Takes over a socket that came in by `l` and serves what it already brought. `request_count`: of
 * those that were answered on it elsewhere.
 */
void conn_open(struct listener *l, int fd, const union peer *peer, const struct protocol *protocol,
               uint32_t request_count);

/* Whether nothing of a request is here: a sibling could go on with it. */
bool conn_is_between_requests(const struct conn *c);

/* Goes on with what is there to do; *c may be gone afterwards. */
void conn_drive(struct conn *c);

/*
 * What it waited for (NEED_WAKE) is there: it goes on in the next turn of the loop.
 */
void conn_wake(struct conn *c);

/* Its deadline passed: it gets another window if it earned it, else an answer or a close. */
void conn_expire(struct conn *c);

/* At once; what was not sent is lost. Sets *c to NULL. */
void conn_close(struct conn **c, enum close_reason reason);

/*
 * Makes room by closing the connection that can best be spared: the one that is idle for longest,
 * else one that lingers, else one that never said anything. False: all are busy.
 */
bool conn_evict(struct worker *w);

/* Whether bytes wait in the socket: they deserve an answer, silence deserves none. */
bool conn_has_unread(const struct conn *c);
/* Whether the peer's kernel has not taken all of the last answer yet. */
bool conn_has_unsent(const struct conn *c);

/* The input not yet consumed; consuming is moving `p` up. Valid while the connection is driven. */
struct str conn_input(const struct conn *c);
void conn_consume(struct conn *c, size_t n);

/* Whether someone else is due: the work of one wake-up is bounded. */
bool conn_turn_is_over(struct conn *c);

#endif
