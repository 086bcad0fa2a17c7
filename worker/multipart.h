/*
 * multipart - several ranges of a file as one multipart/byteranges body (RFC 9110, 14.6, in the
 * syntax of RFC 2046, 5.1.1).
 *
 * The boundary is random for each response: content can hold any bytes, and who writes content
 * must not be able to guess what would end a part.
 */
#ifndef WORKER_MULTIPART_H
#define WORKER_MULTIPART_H

#include "common/pool.h"
#include "worker/conditional.h"
#include "worker/response.h"

enum { MULTIPART_BOUNDARY_N = 32, CONTENT_RANGE_MOST = sizeof("bytes -/") + 3 * 20 };

/* Random letters and digits. */
void multipart_boundary(char boundary[MULTIPART_BOUNDARY_N]);

/*
 * Makes the body of `res`, which has its file already, out of these ranges: parts, content type,
 * exact length. What it needs is in the pool.
 */
void multipart_answer(struct response *res, struct pool *pool, const struct byte_ranges *ranges,
                      const char boundary[MULTIPART_BOUNDARY_N]);

/* Writes "bytes 0-9/1000" (RFC 9110, 14.4), of an unsatisfiable range (NULL) the size alone. */
struct str content_range_write(char out[CONTENT_RANGE_MOST], const struct byte_range *range,
                               off_t size);

#endif
