/*
 * listing_view - how a request wants to see a folder: its query and its Accept field, nothing
 * else. Pure.
 *
 *     ?sort=name|size|date   &order=asc|desc   &format=html|json
 *
 * What is not understood counts as not there.
 */
#ifndef WORKER_LISTING_VIEW_H
#define WORKER_LISTING_VIEW_H

#include "worker/request.h"

enum listing_sort { LISTING_BY_NAME, LISTING_BY_SIZE, LISTING_BY_DATE, LISTING_SORTS };

struct listing_view {
    enum listing_sort sort;
    bool is_descending; /* unless told: names up, the largest and the newest first */
    bool is_json;
};

/* Without a format, what Accept likes better (RFC 9110, 12.5.1); HTML if it likes both equally. */
struct listing_view listing_view_of(const struct request *req);

/* "name", "size", "date": as in the query. */
struct str listing_sort_word(enum listing_sort sort);

/* The order in which a column starts. */
static inline bool listing_starts_descending(enum listing_sort sort)
{
    return sort != LISTING_BY_NAME;
}

#endif
