/*
 * access - whether a request may: the stage between route and handler. What a route checks is
 * compiled at load; a route that checks nothing has none and pays one branch.
 *
 * In this order, the first refusal is the answer: `access` (403), `limit_req` (429), `limit_conn`
 * (503); behind these a CORS preflight is answered, which has no credentials; then
 * `allowed_methods` (405; 501), `auth_basic` (401; 503 if too many wait).
 */
#ifndef WORKER_ACCESS_H
#define WORKER_ACCESS_H

#include "config/config.h"

struct access;
struct exchange;

struct htpasswd;

/*
 * Borrows `scope`, and what it finds in *passwords or adds there. *access NULL: the route checks
 * nothing. False: *why is a text that the caller frees.
 */
bool access_new(const struct scope *scope, struct htpasswd **passwords, struct access **access,
                char **why);
/* Sets *access to NULL. */
void access_free(struct access **access);

/* Sets x->remote from what the trusted proxies say; the config has some. */
void access_find_client(struct exchange *x);

/* Where the client comes from and how much it asks. False: it has its answer; x->route has checks. */
bool access_admits(struct exchange *x);

/* The rest, for who was admitted: answers with the refusal, or goes on with `next`. */
void access_check(struct exchange *x, void (*next)(struct exchange *x));

#endif
