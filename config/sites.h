/*
 * sites - the nested part of a config: sites by host, routes by path, what each inherits.
 */
#ifndef CONFIG_SITES_H
#define CONFIG_SITES_H

#include "config/values.h"

/* Every item of `map` but sites, routes, hosts and path, into the config and this scope. */
void scope_read(struct value_reader *r, const struct yaml_node *map, enum setting_scope where,
                struct scope *scope);
/* A child before it sets anything of its own. */
struct scope scope_copy(const struct scope *from);
void scope_fini(struct scope *scope);

/*
 * Builds the config's sites from its root map; `server` holds the settings that they inherit.
 * Afterwards access_logs has only those that a route uses.
 */
void sites_read(struct value_reader *r, const struct yaml_node *map, const struct scope *server);
void sites_free(struct config *config);

#endif
