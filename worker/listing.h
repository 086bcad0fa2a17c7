/*
 * listing - the handler's answer for a folder that has no index: what is in it, as HTML or JSON.
 *
 * The folder is read and sorted by the helper thread, some thousand names at a time so that other
 * work has its turn in between, while the exchange is suspended; the page is written while it is
 * sent. So neither a slow disk nor 100,000 names hold up other clients.
 *
 * What that costs is bounded: a listing has at most `listing_max` entries and half of
 * `listing_memory`; all those of a worker that are being read or sent have `listing_memory` (and
 * what each may read before it is looked at again, some 600 KB), and at most LISTINGS_READ_MAX are
 * being read. Who comes when that is used up gets 503 and Retry-After.
 */
#ifndef WORKER_LISTING_H
#define WORKER_LISTING_H

#include <stddef.h>

#include "common/str.h"

struct exchange;

enum { LISTINGS_READ_MAX = 16 };

/* What the listings of one generation hold; zeroed at first. */
struct listings {
    unsigned reading;
    size_t bytes;
};

/*
 * Answers with a listing of the folder at `below`: clean, below the route's docroot, '/' at both
 * ends. Suspends the exchange.
 */
void listing_answer(struct exchange *x, struct str below);

#endif
