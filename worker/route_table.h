/*
 * route_table - from a path to its route, at a cost that does not grow with the number of routes.
 *
 * The order is nginx's: a route whose path is exactly this one, then the regular expressions as
 * they were written, then the longest beginning by whole segments. A route whose methods or
 * request headers do not fit is passed over. Exact paths and beginnings stand in one hash, which
 * is asked for the path and for those of its beginnings whose number of segments occurs at all.
 */
#ifndef WORKER_ROUTE_TABLE_H
#define WORKER_ROUTE_TABLE_H

#include "common/regex.h"
#include "config/config.h"
#include "worker/request.h"

struct route_table;

enum { ROUTE_TOO_MUCH = -1 };

/* Borrows the routes, whose last one takes every request (config/config.h). */
struct route_table *route_table_new(const struct route *routes, size_t count);
void route_table_free(struct route_table **table);

/*
 * The index of the route for this clean path (p NULL: a request without one goes to the last
 * route). ROUTE_TOO_MUCH: an expression gave up. `groups` is filled if the route is an expression.
 */
int route_table_find(const struct route_table *table, const struct request *req, struct str path,
                     struct str groups[REGEX_GROUPS]);

#endif
