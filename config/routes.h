/*
 * routes - the routes of one site: which paths each is for, what it inherits, and their order.
 */
#ifndef CONFIG_ROUTES_H
#define CONFIG_ROUTES_H

#include "config/values.h"

/* Reads "routes" of the site's map; each inherits from `parent`. */
void routes_read(struct value_reader *r, struct site *site, const struct yaml_node *map,
                 const struct scope *parent);

/* Puts them in order and makes sure that the last one takes every request. */
void routes_finish(struct value_reader *r, struct site *site, const struct yaml_node *map,
                   const struct yaml_node *root_map, const struct scope *scope);

void routes_free(struct site *site);

#endif
