/*
 * template - a text with variables: $1 to $9, $path, $uri, $query (or $args), $host, $scheme, and
 * $$ for a '$'; ${path} where a letter follows. Compiled when a config is read, to tell what is
 * wrong with it, and once more by who fills it in.
 */
#ifndef CONFIG_TEMPLATE_H
#define CONFIG_TEMPLATE_H

#include <stdbool.h>

#include "common/str.h"

enum template_variable {
    TEMPLATE_TEXT,
    TEMPLATE_GROUP, /* $1 to $9: of the expression that matched */
    TEMPLATE_PATH,  /* the path, decoded */
    TEMPLATE_URI,   /* path and query */
    TEMPLATE_QUERY,
    TEMPLATE_HOST,
    TEMPLATE_SCHEME,
};

struct template
{
    struct template_part {
        enum template_variable variable;
        unsigned group;  /* TEMPLATE_GROUP: 1 to 9 */
        struct str text; /* TEMPLATE_TEXT: a view into the text that was compiled */
    } * parts;
    size_t count;
};

/* NULL: *why is a fixed text that says what is wrong. Borrows the text. */
struct template *template_new(struct str text, const char **why);
void template_free(struct template **t);
bool template_has(const struct template *t, enum template_variable variable);

/* The highest of $1 to $9 in a text; 0: none. */
unsigned template_group_max(struct str text);

/* Whether the text can stand in a Location field: NULL, or what would be right. */
const char *template_check_target(struct str text);
/* The same for the path that a rewrite leads to. */
const char *template_check_path(struct str text);

#endif
