/*
 * basic_auth - who a request says it comes from (RFC 7617), and whether the password is right.
 *
 * Hashes that are slow on purpose are computed on a thread of their own, a bounded number at a time
 * and few of them for one address, so that whoever guesses keeps nobody else waiting for long.
 * Equal questions share one. What came out is remembered for a while under a keyed hash of user,
 * password and stored hash, so that only the first request of a client waits, and a change of the
 * password file counts at once. A user who does not exist takes as long as one who does.
 */
#ifndef WORKER_BASIC_AUTH_H
#define WORKER_BASIC_AUTH_H

#include <stdint.h>

#include "common/pool.h"
#include "worker/htpasswd.h"
#include "worker/request.h"

struct basic_auth;
struct exchange;

enum auth_verdict {
    AUTH_NONE,  /* nothing was asked */
    AUTH_GOOD,  /* user and password are right */
    AUTH_BAD,   /* they are not */
    AUTH_BUSY,  /* too many wait for the thread, or too many of this client's */
    AUTH_LATER, /* the exchange is suspended; x->auth_verdict tells when it goes on */
};

struct credentials {
    struct str user, password; /* in the pool; user without ':', neither has control characters */
};

/* Pure: the one Authorization field. False: there is none, or it is no Basic one that can be. */
bool credentials_read(const struct request *req, struct pool *pool, struct credentials *out);

/* One for a worker. NULL: errno of getrandom(2). */
struct basic_auth *basic_auth_new(void);
/* After the offload, whose jobs it lends. Sets *auth to NULL. */
void basic_auth_free(struct basic_auth **auth);

/* GOOD and BAD at once if it is remembered; LATER: `resume` goes on. */
enum auth_verdict basic_auth_check(struct basic_auth *auth, struct exchange *x,
                                   const struct htpasswd *users, const struct credentials *given,
                                   void (*resume)(struct exchange *x));

#endif
