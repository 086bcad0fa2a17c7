#include "worker/route_table.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>
#include <xxhash.h>

#include "common/xmalloc.h"

/* Routes of one path, which differ in their matchers, follow each other in the config's order. */
struct slot {
    struct str path; /* borrowed from the route; p NULL: free */
    bool is_exact;
    uint32_t first, count;
};

struct expression {
    struct regex *regex; /* owned */
    uint32_t route;
};

struct route_table {
    const struct route *routes;
    size_t count;
    uint64_t seed;
    size_t mask; /* slots - 1: a power of two, at least twice the routes */
    struct slot *slots;
    bool has_exact;
    uint64_t depths; /* bit n: there is a beginning of n segments; "/" has none */
    struct expression *expressions;
    size_t expression_count;
};

static struct slot *probe(const struct route_table *t, struct str path, bool is_exact)
{
    size_t i = XXH3_64bits_withSeed(path.p, path.n, t->seed + is_exact) & t->mask;

    while (t->slots[i].path.p != NULL &&
           (t->slots[i].is_exact != is_exact || !str_eq(t->slots[i].path, path)))
        i = (i + 1) & t->mask;
    return &t->slots[i];
}

static unsigned depth_of(struct str path)
{
    unsigned depth = 0;

    for (size_t i = 0; path.n > 1 && i < path.n; i++)
        depth += path.p[i] == '/';
    return depth;
}

static void add_regex(struct route_table *t, uint32_t route)
{
    char *why;
    size_t at;
    struct regex *regex = regex_new(str_of(t->routes[route].path), &why, &at);

    assert(regex != NULL); /* the config was checked */
    t->expressions[t->expression_count++] = (struct expression){ regex, route };
}

static void add_path(struct route_table *t, uint32_t route)
{
    bool is_exact = t->routes[route].match == MATCH_EXACT;
    struct str path = str_of(t->routes[route].path);
    struct slot *slot = probe(t, path, is_exact);

    if (slot->path.p != NULL) {
        assert(slot->first + slot->count == route);
        slot->count++;
        return;
    }
    *slot = (struct slot){ path, is_exact, route, 1 };
    if (is_exact)
        t->has_exact = true;
    else
        t->depths |= (uint64_t)1 << depth_of(path);
}

struct route_table *route_table_new(const struct route *routes, size_t count)
{
    struct route_table *t = xcalloc(1, sizeof(*t));
    size_t slots = 2;

    assert(count > 0 && routes[count - 1].match == MATCH_PREFIX);
    while (slots < 2 * count)
        slots *= 2;
    t->routes = routes;
    t->count = count;
    t->mask = slots - 1;
    t->slots = xcalloc(slots, sizeof(struct slot));
    t->expressions = xcalloc(count, sizeof(struct expression));
    if (getrandom(&t->seed, sizeof(t->seed), 0) != (ssize_t)sizeof(t->seed))
        t->seed = (uint64_t)(uintptr_t)t;
    for (size_t i = 0; i < count; i++) {
        if (routes[i].match == MATCH_REGEX)
            add_regex(t, (uint32_t)i);
        else
            add_path(t, (uint32_t)i);
    }
    return t;
}

void route_table_free(struct route_table **table)
{
    struct route_table *t = *table;

    *table = NULL;
    if (t == NULL)
        return;
    for (size_t i = 0; i < t->expression_count; i++)
        regex_free(&t->expressions[i].regex);
    free(t->expressions);
    free(t->slots);
    free(t);
}

static bool fits_methods(const struct words *methods, const struct request *req)
{
    for (size_t i = 0; i < methods->count; i++)
        if (str_eq(str_of(methods->list[i]), req->method_text) ||
            /* A HEAD is a GET whose body nobody wants (RFC 9110, 9.3.2). */
            (req->method == METHOD_HEAD && strcmp(methods->list[i], "GET") == 0))
            return true;
    return methods->count == 0;
}

static bool fits_header(const struct pair *want, const struct request *req)
{
    for (size_t i = 0; i < req->field_count; i++)
        if (str_eq_case(req->fields[i].name, str_of(want->name)) &&
            (strcmp(want->value, "*") == 0 || str_eq(req->fields[i].value, str_of(want->value))))
            return true;
    return false;
}

static bool fits(const struct route *route, const struct request *req)
{
    const struct scope *scope = &route->scope;

    if (!fits_methods(&scope->methods, req))
        return false;
    for (size_t i = 0; i < scope->request_headers.count; i++)
        if (!fits_header(&scope->request_headers.list[i], req))
            return false;
    return true;
}

/* The first of the slot's routes that the request fits; -1: none. */
static int pick(const struct route_table *t, const struct slot *slot, const struct request *req)
{
    for (uint32_t i = slot->first; slot->path.p != NULL && i < slot->first + slot->count; i++)
        if (fits(&t->routes[i], req))
            return (int)i;
    return -1;
}

static int find_regex(const struct route_table *t, const struct request *req, struct str path,
                      struct str groups[REGEX_GROUPS], bool *is_found)
{
    for (size_t i = 0; i < t->expression_count; i++) {
        uint32_t route = t->expressions[i].route;

        if (!fits(&t->routes[route], req))
            continue;
        switch (regex_match(t->expressions[i].regex, path, groups)) {
        case REGEX_NO:
            continue;
        case REGEX_YES:
            *is_found = true;
            return (int)route;
        case REGEX_TOO_MUCH:
            *is_found = true;
            return ROUTE_TOO_MUCH;
        }
    }
    return 0;
}

/* The ends of the path's first segments, as far as beginnings of so many segments occur. */
static unsigned segment_ends(uint64_t depths, struct str path, size_t ends[ROUTE_DEPTH_MAX + 1])
{
    unsigned depth = 0;

    ends[0] = 1; /* "/" */
    for (size_t i = 1; i <= path.n && depth < ROUTE_DEPTH_MAX && depths >> (depth + 1) != 0; i++)
        if (i == path.n ? path.p[i - 1] != '/' : path.p[i] == '/')
            ends[++depth] = i;
    return depth;
}

static int find_prefix(const struct route_table *t, const struct request *req, struct str path)
{
    size_t ends[ROUTE_DEPTH_MAX + 1];
    int route;

    for (unsigned depth = segment_ends(t->depths, path, ends); depth > 0; depth--) {
        if ((t->depths >> depth & 1) == 0)
            continue;
        route = pick(t, probe(t, (struct str){ path.p, ends[depth] }, false), req);
        if (route >= 0)
            return route;
    }
    route = pick(t, probe(t, STR("/"), false), req);
    return route >= 0 ? route : (int)t->count - 1;
}

int route_table_find(const struct route_table *t, const struct request *req, struct str path,
                     struct str groups[REGEX_GROUPS])
{
    bool is_found = false;
    int route;

    if (t->count == 1 || path.p == NULL)
        return (int)t->count - 1;
    if (t->has_exact) {
        route = pick(t, probe(t, path, true), req);
        if (route >= 0)
            return route;
    }
    route = find_regex(t, req, path, groups, &is_found);
    return is_found ? route : find_prefix(t, req, path);
}
