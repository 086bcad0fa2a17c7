/*
 * route_series - which series of the shared block (common/series.h) a route is counted in: one for each
 * site, by its first host, and path, in nginx's notation. Routes that differ in what they ask of a
 * request's method and fields alone share one.
 *
 *     example.org   /downloads        *   = /favicon.ico        example.org   ~ ^/user/([0-9]+)$
 */
#ifndef WORKER_ROUTE_SERIES_H
#define WORKER_ROUTE_SERIES_H

#include "common/buf.h"
#include "common/series.h"
#include "config/config.h"

/* The master's, before it sends the config to a worker: how many routes found no room. */
size_t route_series_add(struct series *series, const struct config *config);

/* The names. That of a route is written into `text`. */
struct str route_series_site(const struct site *site);
struct str route_series_route(const struct route *route, struct buf *text);

/* The record of a route in a worker's slot. */
struct series_record *route_series_record(struct series *series, unsigned slot,
                                          const struct site *site, const struct route *route);

#endif
