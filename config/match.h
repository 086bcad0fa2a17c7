/*
 * match - which site or route of one config is which of another: for the diff.
 *
 * Sorted and merged, never each with each: a config has 10,000 of them.
 */
#ifndef CONFIG_MATCH_H
#define CONFIG_MATCH_H

#include "config/config.h"

enum { MATCH_NOTHING = -1 };

/*
 * For each site of `new` the index of the one in `old`: one with the same hosts and addresses, else
 * one that has a host of it; MATCH_NOTHING: it is new. The caller frees it.
 */
long *match_sites(const struct config *old, const struct config *new);

/*
 * The same for the routes of two sites: by kind and path; of several with one path, those with the
 * same methods and fields first.
 */
long *match_routes(const struct site *old, const struct site *new);

#endif
