/*
 * location - a redirect's target, filled in. Pure.
 *
 * What comes from the request is percent-encoded for the place where it goes, so that no byte of
 * it ends the field, and it can neither name nor change the host: a target without a scheme stays
 * a path with one '/' in front, and behind a host a value begins with '/'.
 */
#ifndef WORKER_LOCATION_H
#define WORKER_LOCATION_H

#include "common/buf.h"
#include "config/template.h"
#include "worker/request.h"

/*
 * Appends the target; the request's query too, unless the template has one (an empty one, a '?' at
 * its end, leaves it out). `groups`: of the route's expression, NULL: none. False: the target needs
 * a host and the request has none, or a part of one that cannot be it.
 */
bool location_write(struct buf *out, const struct template *t, const struct request *req,
                    const struct str *groups);

#endif
