/*
 * dump - what a site is, as the dump writes it: for the dump itself and for the diff, which must
 * see the same.
 */
#ifndef CONFIG_DUMP_H
#define CONFIG_DUMP_H

#include "config/config.h"

/* The setting that names a route of this kind: "exact", "regex" or "path". */
extern const char *const dump_route_words[];

/* As YAML behind "name:", with a leading blank. */
void dump_hosts(const struct site *site, struct buf *out);
/* Writes nothing for a site that answers at every address. */
void dump_site_listen(const struct config *config, const struct site *site, struct buf *out);

#endif
