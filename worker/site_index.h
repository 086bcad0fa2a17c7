/*
 * site_index - from a Host to its site, at a cost that does not grow with the number of sites: one
 * hash of exact names and of wildcards by what follows their '*'. There is one for each address
 * that the server listens on if some sites are bound to addresses, else one for all.
 */
#ifndef WORKER_SITE_INDEX_H
#define WORKER_SITE_INDEX_H

#include "config/config.h"

struct site_index;

/* Of the sites that answer at all addresses of `listen_mask`; the rest goes to `default_site`. */
struct site_index *site_index_new(const struct config *config, uint64_t listen_mask,
                                  size_t default_site);
void site_index_free(struct site_index **index);

/* The number of the site for a Host (any case, without port). */
size_t site_index_find(const struct site_index *index, struct str host);

#endif
