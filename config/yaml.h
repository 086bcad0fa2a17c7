/*
 * yaml_tree - a YAML text as maps, lists and scalars, each with its place in the text.
 *
 * libyaml reads, this keeps what a config needs: the order of the keys, where every key and value
 * stands, whether a value was written at all. Aliases are resolved: the same node then stands in
 * several places. Everything lives in the tree and goes with it.
 *
 *     struct yaml_tree *tree = yaml_tree_parse(text, errors);
 *     if (tree != NULL)
 *         for (const struct yaml_item *at = tree->root->items; at != NULL; at = at->next)
 *             ... at->key->text, at->value ...
 *     yaml_tree_free(&tree);
 */
#ifndef CONFIG_YAML_H
#define CONFIG_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include "common/pool.h"
#include "common/str.h"
#include "config/errors.h"

enum {
    YAML_TEXT_MAX = 4 << 20, /* bytes */
    YAML_DEPTH_MAX = 16,     /* nested maps and lists; a config needs 7 */
    YAML_KEYS_MAX = 1024,    /* of one map */
    YAML_ANCHORS_MAX = 1000,
    YAML_NODES_MAX = 1 << 20 /* with every alias counted as what it stands for */
};

enum yaml_kind {
    YAML_SCALAR,
    YAML_LIST,
    YAML_MAP,
    YAML_BROKEN, /* already complained about: say nothing more */
};

struct yaml_mark {
    unsigned line, column; /* from 1, in characters */
    unsigned width;        /* characters */
};

struct yaml_node {
    enum yaml_kind kind;
    struct yaml_mark mark;
    struct str text;         /* of a scalar: UTF-8 without control characters and line breaks */
    bool is_null;            /* a scalar that says nothing: "key:", "~" or "null" */
    struct yaml_item *items; /* of a list or map, in order; NULL: empty */
    size_t count;            /* items */
    size_t weight;           /* nodes from here down, against YAML_NODES_MAX */
};

struct yaml_item {
    struct yaml_item *next;
    struct yaml_node *key; /* a scalar that is not null and unlike its siblings; NULL in lists */
    struct yaml_node *value;
};

struct yaml_tree {
    struct pool pool;       /* owns every node and text */
    struct yaml_node *root; /* a map; empty for an empty text */
};

/*
 * NULL: the text is not one YAML map, and `errors` says where it stops being one. A tree may come
 * with errors too (a key that stands twice): the caller goes on and finds the rest.
 */
struct yaml_tree *yaml_tree_parse(struct str text, struct config_errors *errors);
void yaml_tree_free(struct yaml_tree **tree);

/* The item with this key; NULL: the map has none. */
const struct yaml_item *yaml_map_find(const struct yaml_node *map, const char *key);

#endif
