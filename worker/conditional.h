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
    VERDICT_RANGE,               /* 206: [first, first + count) */
    VERDICT_NOT_MODIFIED,        /* 304 */
    VERDICT_PRECONDITION_FAILED, /* 412 */
    VERDICT_UNSATISFIABLE,       /* 416 */
};

struct byte_range {
    off_t first, count;
};

/*
 * In the order of RFC 9110, 13.2.2. `now` tells the century of a two-digit year, and whether a date
 * in If-Range is old enough to be a strong validator.
 * Several ranges at once are answered whole (a server may ignore Range: RFC 9110, 14.2). Range
 * counts for GET only.
 */
enum verdict conditional_judge(const struct request *req, const struct representation *rep,
                               time_t now, struct byte_range *range);

/* Strong and weak comparison of two tags (RFC 9110, 8.8.3.2). */
bool etag_eq_strong(struct str a, struct str b);
bool etag_eq_weak(struct str a, struct str b);

#endif
