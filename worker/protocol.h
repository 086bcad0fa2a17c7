/*
 * protocol - the seam between a connection and what is spoken on it: a table of steps.
 *
 * A step does one thing to the connection and says what it needs next. Steps never wait, read,
 * write, close or call each other: conn_drive() does all that, so the table is the whole story.
 */
#ifndef WORKER_PROTOCOL_H
#define WORKER_PROTOCOL_H

#include <stdbool.h>

struct conn;

enum need {
    NEED_NOTHING, /* run the step of c->state */
    NEED_READ,    /* more input; what was gathered for output is sent first */
    NEED_FLUSH,   /* all that was gathered must be sent, then run the step of c->state */
    NEED_YIELD,   /* others first; then run the step of c->state */
    NEED_WAKE,    /* conn_wake(): an answer is being made elsewhere */
    NEED_CLOSE,   /* send what was gathered, then close as c->close_reason and c->must_linger say */
};

typedef enum need step_fn(struct conn *c);

struct protocol {
    const char *name;
    step_fn *const *steps; /* by c->state; state 0 is where a connection starts */
    /* A deadline passed: false: nothing to say, close; true: c->state is a step that answers. */
    bool (*time_out)(struct conn *c);
    /* The input moves out of the scratch: what still points into it must not. */
    void (*settle)(struct conn *c);
    /* The connection ends: what is under way is logged and let go. */
    void (*end)(struct conn *c);
};

extern const struct protocol http1;

#endif
