/*
 * encoding - which content coding a client gets (RFC 9110, 12.5.3). Pure.
 *
 *     struct accept_encoding accept;
 *     accept_encoding_read(&accept, req);
 *     encoding = encoding_choose(&accept, ENCODING_BIT(ENCODING_BR) | ENCODING_BIT(ENCODING_GZIP));
 */
#ifndef WORKER_ENCODING_H
#define WORKER_ENCODING_H

#include "common/str.h"
#include "config/encodings.h"
#include "worker/request.h"

/* Weights in thousandths; 0: not acceptable. */
struct accept_encoding {
    uint16_t weight[ENCODING_COUNT];
};

/*
 * All Accept-Encoding lines of the request, as one list. A list that breaks the grammar says
 * nothing that could be relied on, and means identity alone.
 */
void accept_encoding_read(struct accept_encoding *accept, const struct request *req);

/*
 * The heaviest of the encodings in `available`, by our own order where weights are equal, unless
 * the client likes identity better. What suits in no way is answered in identity: 12.4.1 lets a
 * server disregard the field instead of answering 406, and a client that excludes identity by
 * mistake, or for want of what we have, can still do something with the bytes of a file.
 */
enum encoding encoding_choose(const struct accept_encoding *accept, unsigned available);

/* "br", for Content-Encoding; "" for identity. */
struct str encoding_name(enum encoding encoding);
/* ".br"; "" for identity. */
struct str encoding_suffix(enum encoding encoding);
/* By its name or alias, in any case; ENCODING_IDENTITY for "identity", -1 for any other. */
int encoding_find(struct str name);

#endif
