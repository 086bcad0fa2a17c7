/*
 * generation - one config as a worker lives it: the parsed settings with the docroots, caches,
 * routes and logs that they need. Built beside the current one, swapped in whole, freed with the
 * last exchange that began under it.
 */
#ifndef WORKER_GENERATION_H
#define WORKER_GENERATION_H

#include <stdint.h>

#include "common/bundle.h"
#include "config/config.h"
#include "worker/access_log.h"
#include "worker/file_cache.h"
#include "worker/handler.h"
#include "worker/http1_parse.h"
#include "worker/listing.h"
#include "worker/route_table.h"

struct access;
struct headers;
struct rewrites;
struct site_index;
struct template;
struct try_list;

/* A route ready to serve. */
struct live_route {
    const struct route *config;
    const struct site *site;
    const struct handler *handler;
    struct docroot *docroot;      /* NULL: the route has no folder, and serves no files */
    size_t strip_n;               /* bytes of the path that an alias replaces; 0: root */
    struct access_log *log;       /* NULL: off */
    struct series_record *series; /* what this worker counts of it; part of the shared block */
    struct template *to;          /* of a redirect; owned; NULL: it is none */
    unsigned max_ranges;          /* 0: Range is ignored */
    struct access *access;        /* what it checks before the handler; owned; NULL: nothing */
    struct headers *headers;      /* that its answers have; owned */
    struct rewrites *rewrites;    /* of what is looked up; owned; NULL: none */
    struct try_list *tries;       /* owned; NULL: the path alone */
};

struct live_site {
    const struct site *config;
    struct live_route *routes; /* same order */
    struct route_table *table; /* path -> route */
    struct rewrites *rewrites; /* before a route is looked for; owned; NULL: none */
};

struct generation {
    unsigned refs;
    uint64_t number;
    struct config *config;
    struct live_site *sites;
    struct listings listings;
    unsigned reports;            /* of status_metrics.c that are being made or sent */
    struct site_index **indexes; /* host -> site: for each address if config->has_site_listens */
    size_t index_count;
    struct file_cache *cache;
    struct htpasswd *passwords; /* the files that routes name; owned */
    struct access_log **logs;   /* by config->access_logs */
    struct http1_limits limits;
    struct shared *shared;    /* of the worker; borrowed */
    struct shared_slot *slot; /* its own in it */
};

/*
 * Takes the bundle's log descriptors. NULL: *why is a text that the caller frees; the bundle is
 * still whole enough to free.
 */
struct generation *generation_new(struct bundle *bundle, struct shared *shared,
                                  struct shared_slot *slot, char **why);

static inline struct generation *generation_get(struct generation *gen)
{
    gen->refs++;
    return gen;
}
void generation_put(struct generation **gen);

/*
 * The site for a Host (any case, without port), the default site if none matches. `listen`: where
 * the connection came in (exchange_listen()).
 */
const struct live_site *generation_site(const struct generation *gen, unsigned listen,
                                        struct str host);
/* Of a worker's open files, those that its cache may take; the rest is for connections. */
uint64_t generation_cache_fds(uint64_t open_files_max);

/* Whose route it is. */
const struct live_site *generation_site_of(const struct generation *gen,
                                           const struct live_route *route);
/* Where errors go that have no request to route by. */
const struct live_route *generation_default_route(const struct generation *gen);

/* Writes out the access logs' buffers; `is_final`: also what is younger than the flush interval. */
void generation_flush_logs(struct generation *gen, uint64_t now_ms, bool is_final);

#endif
