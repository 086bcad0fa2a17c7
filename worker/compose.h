/*
 * compose - the one place where response heads are written, for every handler, from the same
 * slices. Pure but for the ready-made head that it leaves with a file.
 *
 * A whole file with 200 is one memcpy of the head that was made when it was first sent, with the
 * Date put in; everything else is written field by field.
 */
#ifndef WORKER_COMPOSE_H
#define WORKER_COMPOSE_H

#include "worker/clock.h"
#include "worker/headers.h"
#include "worker/response.h"

/* What the protocol and the config add to every response. */
struct compose_options {
    const char *date; /* HTTP_DATE_N bytes */
    time_t now;
    const struct headers *headers; /* of the route: Server, and what its settings add */
    struct str request_id;         /* n 0: none */
    struct str connection;         /* the Connection field's value; n 0: none */
    bool is_chunked;               /* the body comes in chunks: no Content-Length */
    bool has_no_length;            /* the body ends with the connection: neither */
};

/* Bytes that compose_http1() writes at most. */
size_t compose_http1_most(const struct response *res, const struct headers *headers);

/* A head with holes: what another time puts in. */
struct composed {
    size_t n;                    /* bytes */
    size_t date_at;              /* where the Date's value stands */
    size_t expires_at;           /* where that of Expires does; 0: there is none */
    struct freshness *freshness; /* that it is made of; borrowed from `headers` */
};

/* Writes status line, fields and the empty line. */
struct composed compose_http1(char *out, struct response *res,
                              const struct compose_options *options);

/* Fills the holes anew. */
void compose_date(char *head, const struct composed *c, const char *date, time_t now);

#endif
