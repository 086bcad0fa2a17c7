/*
 * headers - the fields that a route's settings add to its answers, made into bytes when the config
 * is loaded: the composer copies them. For a whole file they end up in its ready-made head.
 */
#ifndef WORKER_HEADERS_H
#define WORKER_HEADERS_H

#include <time.h>

#include "common/buf.h"
#include "common/pool.h"
#include "config/config.h"
#include "worker/http_date.h"
#include "worker/request.h"
#include "worker/response.h"

/* How long files of some media type may be kept. */
struct freshness {
    struct str type; /* "text/html", "image/" for all of them, n 0: the rest */
    bool is_prefix;
    struct str cache_control; /* the field's value; n 0: none */
    bool has_expires;
    uint64_t seconds;
    time_t expires_at; /* what `expires` says; formatted once a second */
    char expires[HTTP_DATE_N];
};

struct headers {
    bool has_server;
    bool has_cors;
    bool has_request_id;         /* told, where there is one */
    struct str lines;            /* whole field lines with their CRLF, for every answer */
    const struct scope *scope;   /* borrowed from the config */
    struct freshness *freshness; /* the first that fits; NULL: none */
    size_t freshness_count;
    struct buf text; /* what the views above show; owned */
};

/* `varies`: request fields that answers depend on beside what else makes them differ. */
struct headers *headers_new(const struct scope *scope, const struct words *varies);
void headers_free(struct headers **headers);

/* NULL: files of this type say nothing of it. */
struct freshness *headers_freshness(const struct headers *headers, struct str content_type);

/* The Expires field's value. */
struct str freshness_expires(struct freshness *f, time_t now);

/* Whether a handler's field gives way to the config's. */
bool headers_replace(const struct headers *headers, struct str name);

/*
 * What pages of another origin may do with the answer (the Fetch standard, 3.2): its fields. True:
 * the request was a preflight, which this answers.
 */
bool headers_answer_cors(const struct headers *headers, const struct request *req,
                         struct response *res, struct pool *pool);

#endif
