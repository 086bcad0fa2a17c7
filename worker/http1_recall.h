/*
 * http1_recall - the short cut through http1.c for requests that are remembered (recall.h).
 */
#ifndef WORKER_HTTP1_RECALL_H
#define WORKER_HTTP1_RECALL_H

#include "worker/compose.h"
#include "worker/protocol.h"
#include "worker/recall.h"

/*
 * Answers the request at the beginning of the input if it is remembered; *need is what the step
 * needs then. False: it has to be parsed. `may_stay`: we would keep the connection.
 */
bool http1_answer_again(struct conn *c, bool may_stay, struct recall_key *key, enum need *need);

/* Remembers the answer to the exchange under way if it can be given again; `head` is in w->out. */
void http1_remember(struct conn *c, const char *head, const struct composed *composed,
                    bool sends_body);

#endif
