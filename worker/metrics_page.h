/*
 * metrics_page - metrics as a page for people: metrics_page.html, which is part of the binary, with
 * tables filled in for a browser without scripts. Its script asks the page's own URL for JSON once a
 * second and draws.
 *
 * Nothing but what is in the page may run in it: its style and its scripts have a nonce that is new
 * each time, and the policy says so.
 */
#ifndef WORKER_METRICS_PAGE_H
#define WORKER_METRICS_PAGE_H

#include "common/buf.h"
#include "common/pool.h"
#include "worker/metrics.h"

enum { METRICS_NONCE_MAX = 33 };

void metrics_page_make_nonce(char nonce[METRICS_NONCE_MAX]);
/* For Content-Security-Policy; in the pool. */
struct str metrics_page_policy(const char *nonce, struct pool *pool);

void metrics_page_write(const struct metrics *m, const char *nonce, struct buf *out);

#endif
