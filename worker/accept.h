/*
 * accept - how much a client likes a media type (RFC 9110, 12.5.1). Pure.
 */
#ifndef WORKER_ACCEPT_H
#define WORKER_ACCEPT_H

#include "worker/request.h"

struct media_type {
    struct str type, group; /* "text/plain", "text" + "/" + "*" */
    struct str version;     /* its parameter of that name; p NULL: it has none */
};

/*
 * The weight that all Accept lines together give the type, in thousandths: that of the closest range.
 * A range with a version is for a type of that version alone. No line at all: 1000.
 */
unsigned accept_weight(const struct request *req, const struct media_type *type);

#endif
