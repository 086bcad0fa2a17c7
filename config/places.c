#include "config/places.h"

#include <stdlib.h>
#include <string.h>

#include "common/xmalloc.h"

struct config_places *places_new(struct config_places **all, const struct config_places *parent)
{
    struct config_places *p = xcalloc(1, sizeof(*p));

    p->parent = parent;
    p->next = *all;
    *all = p;
    return p;
}

void places_add(struct config_places *p, const char *setting, struct config_place place)
{
    if (p->count == p->cap) {
        p->cap = p->cap > 0 ? 2 * p->cap : 4;
        p->list = xrealloc(p->list, p->cap * sizeof(p->list[0]));
    }
    p->list[p->count].setting = setting;
    p->list[p->count++].place = place;
}

void places_free(struct config_places **all)
{
    while (*all != NULL) {
        struct config_places *p = *all;

        *all = p->next;
        free(p->list);
        free(p);
    }
}

struct config_place places_find(const struct config_places *places, const char *setting)
{
    for (; places != NULL; places = places->parent)
        for (size_t i = 0; i < places->count; i++)
            if (strcmp(places->list[i].setting, setting) == 0)
                return places->list[i].place;
    return (struct config_place){ 0, 0 };
}
