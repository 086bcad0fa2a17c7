/*
 * verbs - what can be asked of the master over the control socket, one row each.
 *
 * A verb is called with the client that asks and ends in one control_reply(), at once or later.
 */
#ifndef MASTER_VERBS_H
#define MASTER_VERBS_H

#include "common/buf.h"

struct client;

struct verb {
    const char *name;     /* one word or more */
    const char *argument; /* as the help names it, "[...]" if it may be left out; NULL: none */
    void (*run)(struct client *client, struct str argument);
};

/* Of a line without its end; `argument` becomes STR_NONE if there is none. NULL: `why` tells. */
const struct verb *verb_parse(struct str line, struct str *argument, struct buf *why);

#endif
