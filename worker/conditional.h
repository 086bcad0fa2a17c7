/*
 * conditional - what a request's preconditions and Range make of a representation (RFC 9110, 13
 * and 14). Pure: fields in, verdict out.
 */
#ifndef WORKER_CONDITIONAL_H
#define WORKER_CONDITIONAL_H

#include <sys/types.h>

#include "worker/request.h"

struct representation {
    struct str etag;      /* quoted, maybe W/; n 0: none */
    time_t last_modified; /* seconds since the epoch */
    bool has_last_modified;
    off_t size; /* bytes */
};

enum verdict {
    VERDICT_WHOLE,               /* 200 */
    VERDICT_RANGE,               /* 206: one or several */
    VERDICT_NOT_MODIFIED,        /* 304 */
    VERDICT_PRECONDITION_FAILED, /* 412 */
    VERDICT_UNSATISFIABLE,       /* 416 */
};

struct byte_range {
    off_t first, count; /* [first, first + count) */
};

enum { BYTE_RANGES_MAX = 256 }; /* upper bound of max_ranges */

/* VERDICT_RANGE: 1 to max_ranges of them, disjoint, in the order in which they were asked for. */
struct byte_ranges {
    unsigned count;
    struct byte_range at[BYTE_RANGES_MAX];
};

/*
 * In the order of RFC 9110, 13.2.2. `now` tells the century of a two-digit year, and whether a date
 * in If-Range is old enough to be a strong validator. Range counts for GET only.
 *
 * Ranges that overlap or touch become one, so that no byte is sent twice. If `max_ranges` are not
 * enough, those with a gap between them that is smaller than a part's head become one too (RFC
 * 9110, 15.3.7.2); what is still too much is answered whole (17.15). 0: Range is ignored.
 */
enum verdict conditional_judge(const struct request *req, const struct representation *rep,
                               time_t now, unsigned max_ranges, struct byte_ranges *ranges);

/* Strong and weak comparison of two tags (RFC 9110, 8.8.3.2). */
bool etag_eq_strong(struct str a, struct str b);
bool etag_eq_weak(struct str a, struct str b);

#endif
