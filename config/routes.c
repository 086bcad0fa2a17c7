#include "config/routes.h"

#include <assert.h>
#include <stdlib.h>

#include "common/xmalloc.h"
#include "config/fields.h"
#include "config/kinds.h"
#include "config/shapes.h"
#include "config/sites.h"
#include "config/template.h"
#include "common/utf8.h"

enum {
    ROUTES_MAX = 65536, /* of a site */
    VARY_MAX = 1024,    /* bytes of names; every answer of the site tells them */
};

#define FAIL(r, node, ...)                                                                    \
    config_error_add((r)->errors, (node)->mark.line, (node)->mark.column, (node)->mark.width, \
                     __VA_ARGS__)

static void check_folder(struct value_reader *r, const struct yaml_node *map)
{
    const struct yaml_item *root = yaml_map_find(map, "root");
    const struct yaml_item *alias = yaml_map_find(map, "alias");

    if (root != NULL && alias != NULL)
        FAIL(r, alias->key,
             "a route has \"root\" (line %u) or \"alias\", not both: below root the whole path is "
             "looked up, below alias what follows the route's path",
             root->key->mark.line);
}

/* What follows an expression's match or an exact path is nothing that could be looked up. */
static void check_alias(struct value_reader *r, const struct yaml_node *map,
                        const struct route *route)
{
    if (route->scope.alias != NULL && route->match != MATCH_PREFIX)
        FAIL(r, yaml_map_find(map, "alias")->key,
             "\"alias\" goes with \"path\"; with \"exact\" and \"regex\" take \"root\"");
}

/* A route does one thing. `groups`: of its expression; 0: it may have none. */
static void check_kind(struct value_reader *r, const struct yaml_node *map,
                       const struct route *route, unsigned groups)
{
    static const char *const names[] = { "redirect", "respond", "status_page", "alias" };
    const struct yaml_item *found = NULL;
    unsigned wanted = 0;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const struct yaml_item *item = yaml_map_find(map, names[i]);

        if (item == NULL || (i == 2 && !route->scope.has_status_page))
            continue;
        if (found != NULL)
            FAIL(r, item->key, "a route does one thing; \"%s\" is in line %u",
                 utf8_short(found->key->text).text, found->key->mark.line);
        found = item;
    }
    if (route->scope.redirect.to != NULL)
        wanted = template_group_max(str_of(route->scope.redirect.to));
    if (wanted > 0 && route->match != MATCH_REGEX)
        FAIL(r, yaml_map_find(map, "redirect")->key,
             "$1 to $9 stand for groups of \"regex\", which this route does not have");
    else if (wanted > groups)
        FAIL(r, yaml_map_find(map, "redirect")->key,
             "there is no $%u: the route's \"regex\" has %u %s", wanted, groups,
             groups == 1 ? "group" : "groups");
}

/* Which of path, exact and regex the route has; NULL: not just one, and that was said. */
static const struct yaml_item *route_key(struct value_reader *r, const struct yaml_node *map,
                                         enum route_match *match)
{
    static const struct {
        const char *name;
        enum route_match match;
    } keys[] = { { "path", MATCH_PREFIX }, { "exact", MATCH_EXACT }, { "regex", MATCH_REGEX } };
    const struct yaml_item *found = NULL;

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        const struct yaml_item *item = yaml_map_find(map, keys[i].name);

        if (item == NULL)
            continue;
        if (found != NULL) {
            FAIL(r, item->key,
                 "a route has one of \"path\", \"exact\" and \"regex\"; \"%s\" is in line %u",
                 utf8_short(found->key->text).text, found->key->mark.line);
            return NULL;
        }
        found = item;
        *match = keys[i].match;
    }
    if (found == NULL)
        FAIL(r, map, "a route needs \"path\", as in path: /images, or \"exact\" or \"regex\"");
    return found;
}

static const char *check_route_path(struct str path)
{
    const char *why = value_check_url_path(path);
    unsigned depth = 0;

    if (why == NULL && memchr(path.p, '%', path.n) != NULL)
        why = "it is written decoded: a blank for %20";
    for (size_t i = 0; i < path.n; i++)
        depth += path.p[i] == '/';
    return why == NULL && depth > ROUTE_DEPTH_MAX ? "it has at most 63 segments" : why;
}

/* Path and match of a new route; the path is "/images" for "/images/" too. How many groups its
   expression has; -1: it cannot be, and that was said. */
static int read_match(struct value_reader *r, const struct yaml_node *map, struct route *route)
{
    const struct yaml_item *item = route_key(r, map, &route->match);
    struct str path;
    const char *why;
    int groups = 0;

    if (item == NULL)
        return -1;
    path = item->value->text;
    if (item->value->kind != YAML_SCALAR || item->value->is_null || path.n == 0) {
        value_refuse(r, setting_find(item->key->text, SCOPE_ROUTE), item);
        return -1;
    }
    if (route->match == MATCH_REGEX) {
        groups = regex_check(r, item->value);
        if (groups < 0)
            return -1;
    } else {
        why = check_route_path(path);
        if (why != NULL) {
            FAIL(r, item->value, "the route's path \"%s\" cannot be: %s", utf8_short(path).text,
                 why);
            return -1;
        }
    }
    if (route->match == MATCH_PREFIX && path.n > 1 && path.p[path.n - 1] == '/')
        path.n--;
    route->path = str_dup(path);
    route->line = item->value->mark.line;
    route->column = item->value->mark.column;
    return groups;
}

/* Takes the route. */
static void add_route(struct site *site, const struct route *route)
{
    if ((site->route_count & (site->route_count - 1)) == 0) /* a power of two: all are in use */
        site->routes = xrealloc(site->routes, (site->route_count > 0 ? 2 * site->route_count : 1) *
                                                  sizeof(*site->routes));
    site->routes[site->route_count++] = *route;
}

/* A password that nobody can know is a mistake, not a lock. */
static void check_users(struct value_reader *r, const struct yaml_node *map,
                        const struct scope *scope)
{
    if (scope->auth_basic != NULL && scope->auth_basic[0] != '\0' &&
        scope->auth_basic_user_file == NULL)
        FAIL(r, map,
             "\"auth_basic\" needs \"auth_basic_user_file\", as in auth_basic_user_file: "
             "/etc/remuda/users");
}

static void read_route(struct value_reader *r, struct site *site, const struct yaml_node *node,
                       const struct scope *parent)
{
    struct route route = { 0 };
    int groups;

    if (node->kind != YAML_MAP) {
        if (node->kind != YAML_BROKEN)
            FAIL(r, node, "a route is a map, as in - path: /images");
        return;
    }
    route.scope = scope_copy(parent);
    check_folder(r, node);
    scope_read(r, node, SCOPE_ROUTE, &route.scope);
    if (route.scope.alias != NULL) {
        free(route.scope.root);
        route.scope.root = NULL;
    }
    groups = read_match(r, node, &route);
    if (groups < 0) {
        scope_fini(&route.scope);
        return;
    }
    check_alias(r, node, &route);
    check_kind(r, node, &route, (unsigned)groups);
    check_users(r, node, &route.scope);
    if (site->route_count == ROUTES_MAX)
        FAIL(r, node, "a site has at most %d routes", ROUTES_MAX);
    add_route(site, &route);
}

void routes_read(struct value_reader *r, struct site *site, const struct yaml_node *map,
                 const struct scope *parent)
{
    const struct yaml_item *item = yaml_map_find(map, "routes");

    if (item == NULL || item->value->kind == YAML_BROKEN)
        return;
    if (item->value->kind != YAML_LIST) {
        value_refuse(r, setting_find(STR("routes"), SCOPE_SITE), item);
        return;
    }
    for (const struct yaml_item *at = item->value->items; at != NULL; at = at->next)
        read_route(r, site, at->value, parent);
}

static bool has_matchers(const struct route *route)
{
    return route->scope.methods.count > 0 || route->scope.request_headers.count > 0;
}

static bool is_same_words(const struct words *a, const struct words *b)
{
    for (size_t i = 0; i < a->count && i < b->count; i++)
        if (strcmp(a->list[i], b->list[i]) != 0)
            return false;
    return a->count == b->count;
}

static bool is_same_pairs(const struct pairs *a, const struct pairs *b)
{
    for (size_t i = 0; i < a->count; i++) {
        const char *value = pairs_find(b, str_of(a->list[i].name));

        if (value == NULL || strcmp(value, a->list[i].value) != 0)
            return false;
    }
    return a->count == b->count;
}

/* Routes that nothing tells apart: the second would never be reached. */
static bool is_twin(const struct route *a, const struct route *b)
{
    return a->match == b->match && strcmp(a->path, b->path) == 0 &&
           is_same_words(&a->scope.methods, &b->scope.methods) &&
           is_same_pairs(&a->scope.request_headers, &b->scope.request_headers);
}

static int by_place(const struct route *a, const struct route *b)
{
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    return a->column < b->column ? -1 : a->column > b->column;
}

/* As struct site has them. */
static int by_turn(const void *left, const void *right)
{
    const struct route *a = left, *b = right;
    size_t a_n = strlen(a->path), b_n = strlen(b->path);

    if (a->match != b->match)
        return a->match < b->match ? -1 : 1;
    if (a->match == MATCH_REGEX)
        return by_place(a, b);
    if (a_n != b_n)
        return a_n > b_n ? -1 : 1;
    if (strcmp(a->path, b->path) != 0)
        return strcmp(a->path, b->path);
    if (has_matchers(a) != has_matchers(b))
        return has_matchers(a) ? -1 : 1;
    return by_place(a, b);
}

/* Of routes of one path there are few, and they stand side by side. Of expressions each is looked
   at with those before it of the same text only if it stands beside one: the rest is harmless. */
static void refuse_twin_routes(struct value_reader *r, const struct site *site)
{
    for (size_t i = 1; i < site->route_count; i++) {
        const struct route *route = &site->routes[i];

        for (size_t j = i; j-- > 0 && strcmp(site->routes[j].path, route->path) == 0;) {
            if (!is_twin(&site->routes[j], route))
                continue;
            config_error_add(r->errors, route->line, route->column, (unsigned)strlen(route->path),
                             "the route \"%s\" stands twice in its site; the first is in line %u",
                             utf8_short(str_of(route->path)).text, site->routes[j].line);
            break;
        }
    }
}

static bool has_last_route(const struct site *site)
{
    for (size_t i = 0; i < site->route_count; i++)
        if (site->routes[i].match == MATCH_PREFIX && strcmp(site->routes[i].path, "/") == 0 &&
            !has_matchers(&site->routes[i]))
            return true;
    return false;
}

/* Which request fields answers of the site depend on, whatever its path: a rewrite may lead from any
   to any. */
static void collect_varies(struct site *site)
{
    size_t n = 0;

    for (size_t i = 0; i < site->route_count && n <= VARY_MAX; i++) {
        const struct pairs *tested = &site->routes[i].scope.request_headers;

        for (size_t j = 0; j < tested->count && n <= VARY_MAX; j++) {
            struct str name = str_of(tested->list[j].name);

            if (words_have(&site->varies, name))
                continue;
            words_add(&site->varies, name);
            n += name.n + 2;
        }
    }
    if (n <= VARY_MAX)
        return;
    words_fini(&site->varies);
    words_add(&site->varies, STR("*"));
}

/* "/" is made from the site unless it has a route of its own; every route then has a folder. */
void routes_finish(struct value_reader *r, struct site *site, const struct yaml_node *map,
                   const struct yaml_node *root_map, const struct scope *scope)
{
    bool is_folder_named =
        yaml_map_find(map, "root") != NULL || yaml_map_find(root_map, "root") != NULL;

    if (!has_last_route(site)) {
        check_users(r, map, scope);
        add_route(site, &(struct route){ .match = MATCH_PREFIX,
                                         .path = xstrdup("/"),
                                         .scope = scope_copy(scope) });
    }
    assert(site->routes != NULL);
    qsort(site->routes, site->route_count, sizeof(*site->routes), by_turn);
    refuse_twin_routes(r, site);
    collect_varies(site);
    for (size_t i = 0; i < site->route_count && !is_folder_named; i++) {
        const struct route *route = &site->routes[i];

        if (route->scope.root != NULL || route->scope.alias != NULL ||
            route->scope.redirect.to != NULL || route->scope.respond.status != 0 ||
            route->scope.has_status_page)
            continue;
        if (map == root_map)
            config_error_add(r->errors, 0, 0, 0,
                             "no folder to serve; add \"root\", as in root: /srv/www");
        else
            FAIL(r, map,
                 "the site has no folder to serve; add \"root\" to it or at the top level, as in "
                 "root: /srv/www");
        break;
    }
}

void routes_free(struct site *site)
{
    for (size_t i = 0; i < site->route_count; i++) {
        free(site->routes[i].path);
        scope_fini(&site->routes[i].scope);
    }
    free(site->routes);
    site->routes = NULL;
    site->route_count = 0;
}
