/*
 * root_index - while a generation is built: which docroot the routes of equal settings share, so
 * that ten thousand routes below one folder do not open it ten thousand times.
 */
#ifndef WORKER_ROOT_INDEX_H
#define WORKER_ROOT_INDEX_H

#include "config/config.h"

struct docroot;
struct root_index;

struct root_index *root_index_new(const struct config *config);
/* The docroots stay. */
void root_index_free(struct root_index **index);

/* Where the docroot for routes of the site that have these settings stands; NULL stands there at
   first. Sites share it if answers of both depend on the same request fields: ready heads say so. */
struct docroot **root_index_find(struct root_index *index, const struct config *config,
                                 const struct site *site, const struct scope *scope);

#endif
