/*
 * edition - one config generation as the master holds it: the text that workers build theirs
 * from, our own parsed copy, the logs. Its listeners live in the master's one table.
 */
#ifndef MASTER_EDITION_H
#define MASTER_EDITION_H

#include <stdbool.h>
#include <stdint.h>

#include "common/bundle.h"
#include "config/config.h"
#include "master/listen_table.h"
#include "master/logs.h"
#include "master/source.h"

struct edition {
    uint64_t number;  /* from 1 */
    unsigned workers; /* as an operator set them; 0: as the config says */
    struct source source;
    struct config *config; /* owned; NULL: not loaded */
    struct logs logs;
};

void edition_fini(struct edition *g);

/* What the worker in `slot` needs; memory is the bundle's, descriptors stay ours. */
void edition_bundle(const struct edition *g, const struct listen_table *l, unsigned slot,
                    struct bundle *b);

#endif
