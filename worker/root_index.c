#include "worker/root_index.h"

#include <stdlib.h>
#include <xxhash.h>

#include "common/xmalloc.h"
#include "config/fields.h"

struct root_slot {
    char *key; /* owned; NULL: free */
    size_t key_n;
    struct docroot *root;
};

struct root_index {
    size_t mask; /* slots - 1: a power of two, at least twice the routes */
    struct root_slot *slots;
};

struct root_index *root_index_new(const struct config *config)
{
    struct root_index *index = xcalloc(1, sizeof(*index));
    size_t routes = 0, slots = 2;

    for (size_t i = 0; i < config->site_count; i++)
        routes += config->sites[i].route_count;
    while (slots < 2 * routes)
        slots *= 2;
    index->mask = slots - 1;
    index->slots = xcalloc(slots, sizeof(struct root_slot));
    return index;
}

void root_index_free(struct root_index **index)
{
    for (size_t i = 0; i <= (*index)->mask; i++)
        free((*index)->slots[i].key);
    free((*index)->slots);
    free(*index);
    *index = NULL;
}

/*
 * All settings that a route can inherit, as text: what reads or presents files is among them, now
 * and with any setting to come. That two routes differ in one that files have nothing to do with
 * costs a docroot more, and nothing else.
 */
static void add_key(const struct config *config, const struct site *site, const struct scope *scope,
                    struct buf *key)
{
    for (size_t i = 0; i < site->varies.count; i++)
        buf_printf(key, "%s,", site->varies.list[i]);
    for (size_t i = 0; i < setting_count; i++) {
        const struct setting *row = &settings[i];
        bool is_alias = row->offset == offsetof(struct scope, alias);

        if (!setting_is_scoped(row) || (row->scopes == SCOPE_ROUTE && !is_alias) ||
            !field_is_set(row, scope))
            continue;
        buf_printf(key, "%zu:", i);
        field_write(row, config, scope, 0, key);
    }
}

struct docroot **root_index_find(struct root_index *index, const struct config *config,
                                 const struct site *site, const struct scope *scope)
{
    struct buf key = { 0 };
    struct root_slot *slot;
    size_t i;

    add_key(config, site, scope, &key);
    for (i = XXH3_64bits(key.p, key.n) & index->mask;; i = (i + 1) & index->mask) {
        slot = &index->slots[i];
        if (slot->key == NULL || str_eq((struct str){ slot->key, slot->key_n }, buf_str(&key)))
            break;
    }
    if (slot->key == NULL) {
        slot->key_n = key.n;
        slot->key = buf_take(&key);
    }
    buf_fini(&key);
    return &slot->root;
}
