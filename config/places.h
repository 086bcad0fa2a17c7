/*
 * places - where the config sets what: for messages that come after the parsing, and for people who
 * ask which line decides.
 *
 * Each map of settings (the server's, a site's, a route's) has a list of what it sets itself, and
 * its parent's list behind it, the way values are inherited.
 */
#ifndef CONFIG_PLACES_H
#define CONFIG_PLACES_H

#include <stddef.h>

struct config_place {
    unsigned line, column; /* from 1; line 0: nowhere, it is the default */
};

struct config_places {
    struct config_places *next;         /* of the same config; owned by it */
    const struct config_places *parent; /* NULL: the server's */
    struct {
        const char *setting; /* a name of the settings table */
        struct config_place place;
    } * list; /* owned */
    size_t count, cap;
};

/* In front of *all, which owns it. */
struct config_places *places_new(struct config_places **all, const struct config_places *parent);
void places_add(struct config_places *p, const char *setting, struct config_place place);
void places_free(struct config_places **all);

/* The innermost place that sets it; `places` may be NULL. */
struct config_place places_find(const struct config_places *places, const char *setting);

#endif
