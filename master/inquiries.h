/*
 * inquiries - the verbs whose answers the workers have: what goes to them, and what becomes of
 * what they say (worker/questions.h).
 */
#ifndef MASTER_INQUIRIES_H
#define MASTER_INQUIRIES_H

#include "common/str.h"

struct client;

/* `[MAX] [STATE] [NETWORK]`, in any order. */
void run_connections(struct client *client, struct str argument);
/* `[LEVEL]` */
void run_log_level(struct client *client, struct str argument);
/* `PATH`, or some with tabs between. */
void run_purge(struct client *client, struct str argument);

#endif
