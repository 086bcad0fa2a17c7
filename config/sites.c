#include "config/sites.h"

#include <stdlib.h>

#include "common/xmalloc.h"
#include "config/access_logs.h"
#include "config/fields.h"
#include "config/routes.h"
#include "config/shapes.h"
#include "common/utf8.h"

enum {
    HOST_MAX = 253,
    HEADERS_MAX = 16384,
    LABEL_MAX = 63,
    /* RFC 1035, 2.3.4 */ ROUTES_MAX = 65536 /* of a site */
};

/* A host as written, to find those that stand twice. */
struct named_host {
    const char *host; /* borrowed from its site */
    size_t site;
    struct yaml_mark mark;
};

struct builder {
    struct value_reader *r;
    struct named_host *hosts; /* of all sites; owned */
    size_t host_count;
};

#define FAIL(r, node, ...)                                                                    \
    config_error_add((r)->errors, (node)->mark.line, (node)->mark.column, (node)->mark.width, \
                     __VA_ARGS__)

static const char *place_name(unsigned scope)
{
    switch (scope) {
    case SCOPE_SITE:
        return "a site";
    case SCOPE_ROUTE:
        return "a route";
    case SCOPE_FILE_CACHE:
        return "\"open_file_cache\"";
    case SCOPE_HEADERS:
        return "\"headers\"";
    case SCOPE_CORS:
        return "\"cors\"";
    default:
        return "the top level";
    }
}

/* Where a misplaced setting would be right; the outermost place if there are several. */
static void refuse_place(struct value_reader *r, const struct setting *row,
                         const struct yaml_node *key, enum setting_scope where)
{
    unsigned right = row->scopes & -row->scopes;

    if (right == SCOPE_SERVER)
        FAIL(r, key, "\"%s\" belongs to the top level of the config, not into %s", row->name,
             place_name(where));
    else
        FAIL(r, key, "\"%s\" belongs into %s, not %s%s", row->name, place_name(right),
             where == SCOPE_SERVER ? "to " : "into ", place_name(where));
}

static void refuse_name(struct value_reader *r, const struct yaml_node *key,
                        enum setting_scope where)
{
    const char *guess = setting_guess(key->text, where);

    if (guess != NULL)
        FAIL(r, key, "unknown setting \"%s\"; did you mean \"%s\"?", utf8_short(key->text).text,
             guess);
    else
        FAIL(r, key, "unknown setting \"%s\"; `remuda --full` prints all there are",
             utf8_short(key->text).text);
}

static void read_item(struct value_reader *r, const struct yaml_item *item,
                      enum setting_scope where, struct scope *scope, struct config_places *places);

/* All of them stand in every head. */
static void bound_headers(struct value_reader *r, const struct yaml_node *map,
                          const struct scope *scope)
{
    const struct pairs *both[] = { &scope->headers_set, &scope->headers_add };
    size_t n = 0;

    for (size_t i = 0; i < 2; i++)
        for (size_t j = 0; j < both[i]->count; j++)
            n += strlen(both[i]->list[j].name) + strlen(both[i]->list[j].value) + 4;
    if (n > HEADERS_MAX)
        FAIL(r, map, "the fields of \"headers\" are %zu bytes together; at most %d are possible", n,
             HEADERS_MAX);
}

/*
 * What is removed goes from what was inherited before anything is set, in whatever order the three
 * stand; what is set anew is not removed any more.
 */
static void read_headers(struct value_reader *r, const struct yaml_node *map, struct scope *scope)
{
    const struct yaml_item *removed = yaml_map_find(map, "remove");
    struct config_places *places = places_new(&r->config->all_places, scope->places);
    struct words inherited = scope->headers_remove;

    scope->headers_remove = (struct words){ NULL, 0 };
    if (removed != NULL)
        read_item(r, removed, SCOPE_HEADERS, scope, places);
    for (size_t i = 0; i < scope->headers_remove.count; i++) {
        pairs_remove(&scope->headers_set, str_of(scope->headers_remove.list[i]));
        pairs_remove(&scope->headers_add, str_of(scope->headers_remove.list[i]));
    }
    for (size_t i = 0; i < inherited.count; i++)
        if (!words_have(&scope->headers_remove, str_of(inherited.list[i])))
            words_add(&scope->headers_remove, str_of(inherited.list[i]));
    words_fini(&inherited);
    for (const struct yaml_item *item = map->items; item != NULL; item = item->next) {
        if (item == removed)
            continue;
        read_item(r, item, SCOPE_HEADERS, scope, places);
        for (const struct yaml_item *at = item->value->items;
             at != NULL && item->value->kind == YAML_MAP; at = at->next)
            words_remove(&scope->headers_remove, at->key->text);
    }
    bound_headers(r, map, scope);
}

static void drop_group(struct value_reader *r, const struct setting *row, struct scope *scope)
{
    switch (row->group) {
    case SCOPE_HEADERS:
        pairs_fini(&scope->headers_set);
        pairs_fini(&scope->headers_add);
        words_fini(&scope->headers_remove);
        break;
    case SCOPE_CORS:
        words_fini(&scope->cors_origins);
        break;
    default: /* the first of them is a limit */
        *(uint64_t *)(void *)((char *)r->config + row->offset) = 0;
        break;
    }
}

static void check_cors(struct value_reader *r, const struct yaml_node *map,
                       const struct scope *scope)
{
    if (scope->cors_credentials && words_have(&scope->cors_origins, STR("*")))
        FAIL(r, map, "\"cors\" cannot allow credentials to all origins: name them");
}

/* A map of further settings; its word for none drops what there is. */
static void read_group(struct value_reader *r, const struct setting *row,
                       const struct yaml_item *item, struct scope *scope)
{
    const struct yaml_node *value = item->value;

    if (value->kind == YAML_MAP && row->group == SCOPE_HEADERS)
        read_headers(r, value, scope);
    else if (value->kind == YAML_MAP)
        scope_read(r, value, row->group, scope);
    else if (value->kind == YAML_SCALAR && str_eq_case(value->text, str_of(row->none)))
        drop_group(r, row, scope);
    else
        value_refuse(r, row, item);
    if (row->group == SCOPE_CORS && value->kind == YAML_MAP)
        check_cors(r, value, scope);
}

static void read_item(struct value_reader *r, const struct yaml_item *item,
                      enum setting_scope where, struct scope *scope, struct config_places *places)
{
    const struct setting *row = setting_find(item->key->text, where);

    if (row == NULL)
        refuse_name(r, item->key, where);
    else if ((row->scopes & where) == 0)
        refuse_place(r, row, item->key, where);
    else if (row->type == SET_GROUP)
        read_group(r, row, item, scope);
    else if (row->type != SET_STRUCTURE)
        value_read(r, row, item, setting_is_scoped(row) ? (void *)scope : r->config);
    if (row != NULL && !r->is_default)
        places_add(places, row->name,
                   (struct config_place){ item->value->mark.line, item->value->mark.column });
}

/* No size lies in an empty span: nothing would ever be compressed. One of both may be inherited. */
static void check_span(struct value_reader *r, const struct yaml_node *map,
                       const struct scope *scope)
{
    const struct yaml_item *min = yaml_map_find(map, "compress_min");
    const struct yaml_item *max = yaml_map_find(map, "compress_max");

    if ((min == NULL && max == NULL) || scope->compress_min_bytes <= scope->compress_max_bytes)
        return;
    if (min != NULL && max != NULL)
        FAIL(r, min->value,
             "\"compress_min\" is above \"compress_max\" (line %u): no file would be compressed; "
             "\"compress: off\" says that",
             max->key->mark.line);
    else
        FAIL(r, min != NULL ? min->value : max->value,
             "\"compress_min\" would be above \"compress_max\", one of which is inherited: no file "
             "would be compressed; \"compress: off\" says that");
}

void scope_read(struct value_reader *r, const struct yaml_node *map, enum setting_scope where,
                struct scope *scope)
{
    struct config_places *places = places_new(&r->config->all_places, scope->places);

    scope->places = places;
    for (const struct yaml_item *item = map->items; item != NULL; item = item->next)
        read_item(r, item, where, scope, places);
    if ((where & SCOPE_INHERITED) != 0)
        check_span(r, map, scope);
}

void scope_fini(struct scope *scope)
{
    for (size_t i = 0; i < setting_count; i++)
        if (setting_is_scoped(&settings[i]))
            field_fini(&settings[i], scope);
}

struct scope scope_copy(const struct scope *from)
{
    struct scope to = { .places = from->places };

    for (size_t i = 0; i < setting_count; i++)
        if (setting_is_scoped(&settings[i]))
            field_copy(&settings[i], from, &to);
    return to;
}

/* RFC 1123, 2.1, and "_", which real names have. Returns what would be right, NULL: good. */
static const char *check_labels(struct str host)
{
    struct str rest = host;

    if (host.n > HOST_MAX)
        return "a name has at most 253 characters";
    while (rest.p != NULL) {
        struct str label = str_cut(&rest, '.');

        if (label.n == 0)
            return "it has no empty parts and no dot at its ends, as in example.org";
        if (label.n > LABEL_MAX)
            return "the parts between dots have at most 63 characters";
        for (size_t i = 0; i < label.n; i++) {
            char c = ascii_lower(label.p[i]);

            if (c == ':')
                return "a host has no port; ports stand under \"listen\"";
            if (c == '*')
                return "\"*\" stands alone or as the first part, as in *.example.org";
            if ((unsigned char)c >= 0x80)
                return "names in other scripts are written as in DNS, as in xn--bcher-kva.example";
            if (!ascii_is_digit(c) && !(c >= 'a' && c <= 'z') && c != '-' && c != '_')
                return "it has letters, digits, \"-\" and dots, as in example.org";
        }
    }
    return NULL;
}

static const char *check_host(struct str host)
{
    if (str_eq(host, STR("*")))
        return NULL;
    if (str_starts(host, STR("*.")))
        return check_labels(str_range(host.p + 2, host.p + host.n));
    if (host.p[0] == '[') { /* an IPv6 address, as a Host field has it; address.h knows them */
        struct address addresses[2];
        const char *why;
        char text[ADDRESS_TEXT_MAX];

        if (host.n > sizeof(text) - 3 || host.p[host.n - 1] != ']')
            return "an IPv6 address stands alone in brackets, as in [::1]";
        memcpy(text, host.p, host.n);
        memcpy(text + host.n, ":0", 2);
        return address_parse((struct str){ text, host.n + 2 }, addresses, &why) > 0
                   ? NULL
                   : "what stands in brackets must be an IPv6 address, as in [::1]";
    }
    if (str_starts(host, STR("http://")) || str_starts(host, STR("https://")))
        return "it is a name alone, as in example.org";
    return check_labels(host);
}

static void add_host(struct builder *b, struct site *site, const struct yaml_node *node)
{
    const char *why;
    char *host;

    if (node->kind == YAML_BROKEN)
        return;
    if (node->kind != YAML_SCALAR || node->is_null || node->text.n == 0) {
        FAIL(b->r, node, "a host is a name, as in example.org, '*.example.org' or '*'");
        return;
    }
    why = check_host(node->text);
    if (why != NULL) {
        FAIL(b->r, node, "the host \"%s\" cannot be: %s", utf8_short(node->text).text, why);
        return;
    }
    host = str_dup(node->text);
    for (char *c = host; *c != '\0'; c++)
        *c = ascii_lower(*c);
    site->hosts = xrealloc(site->hosts, (site->host_count + 1) * sizeof(char *));
    site->hosts[site->host_count++] = host;
    b->hosts = xrealloc(b->hosts, (b->host_count + 1) * sizeof(*b->hosts));
    b->hosts[b->host_count++] =
        (struct named_host){ host, b->r->config->site_count - 1, node->mark };
}

static void read_hosts(struct builder *b, struct site *site, const struct yaml_node *map)
{
    const struct yaml_item *item = yaml_map_find(map, "hosts");

    if (item == NULL) {
        FAIL(b->r, map, "a site needs \"hosts\", as in hosts: [example.org, '*.example.org']");
        return;
    }
    if (item->value->kind != YAML_LIST) {
        if (item->value->kind == YAML_MAP || item->value->is_null || item->value->text.n == 0)
            value_refuse(b->r, setting_find(STR("hosts"), SCOPE_SITE), item);
        else
            add_host(b, site, item->value);
        return;
    }
    if (item->value->count == 0)
        FAIL(b->r, item->value, "\"hosts\" is an empty list; a site needs at least one host");
    for (const struct yaml_item *at = item->value->items; at != NULL; at = at->next)
        add_host(b, site, at->value);
}

static int by_host_and_place(const void *left, const void *right)
{
    const struct named_host *a = left, *b = right;
    int order = strcmp(a->host, b->host);

    if (order != 0)
        return order;
    if (a->mark.line != b->mark.line)
        return a->mark.line < b->mark.line ? -1 : 1;
    return a->mark.column < b->mark.column ? -1 : a->mark.column > b->mark.column;
}

static void refuse_twin_hosts(struct builder *b)
{
    const struct site *sites = b->r->config->sites;
    size_t first = 0; /* of those with the same name */

    if (b->host_count > 0)
        qsort(b->hosts, b->host_count, sizeof(*b->hosts), by_host_and_place);
    for (size_t i = 1; i < b->host_count; i++) {
        const struct named_host *host = &b->hosts[i];

        if (strcmp(host->host, b->hosts[first].host) != 0)
            first = i;
        for (size_t j = first; j < i; j++) {
            /* At addresses that have nothing in common they do not meet. */
            if ((sites[b->hosts[j].site].listen_mask & sites[host->site].listen_mask) == 0)
                continue;
            FAIL(b->r, host, "the host \"%s\" stands twice; the first is in line %u",
                 utf8_short(str_of(host->host)).text, b->hosts[j].mark.line);
            break;
        }
    }
}

/* The bits of the addresses that `node` names; those that the server does not have are said. */
static uint64_t listen_bits(struct builder *b, const struct yaml_node *node)
{
    const struct config *config = b->r->config;
    struct address addresses[2];
    const char *why = NULL;
    uint64_t bits = 0;
    int count = 0;

    if (node->kind == YAML_SCALAR && !node->is_null)
        count = address_parse(node->text, addresses, &why);
    for (int i = 0; i < count; i++)
        for (size_t j = 0; j < config->listen_count; j++)
            if (address_eq(&config->listens[j].address, &addresses[i]))
                bits |= (uint64_t)1 << j;
    if (node->kind == YAML_BROKEN)
        return 0;
    if (count == 0)
        FAIL(b->r, node, "a site's \"listen\" takes addresses that the server listens on%s%s",
             why != NULL ? ": " : "", why != NULL ? why : "");
    else if (bits == 0)
        FAIL(b->r, node,
             "the server does not listen on \"%s\"; add it to \"listen\" at the top level",
             utf8_short(node->text).text);
    return bits;
}

static void read_site_listen(struct builder *b, struct site *site, const struct yaml_node *map)
{
    const struct yaml_item *item = yaml_map_find(map, "listen");

    site->listen_mask = UINT64_MAX;
    if (item == NULL)
        return;
    b->r->config->has_site_listens = true;
    site->listen_mask = 0;
    if (item->value->kind != YAML_LIST || item->value->count == 0) {
        site->listen_mask = listen_bits(b, item->value);
        return;
    }
    for (const struct yaml_item *at = item->value->items; at != NULL; at = at->next)
        site->listen_mask |= listen_bits(b, at->value);
}

static struct site *add_site(struct config *config, unsigned line)
{
    config->sites = xrealloc(config->sites, (config->site_count + 1) * sizeof(*config->sites));
    config->sites[config->site_count] = (struct site){ .line = line };
    return &config->sites[config->site_count++];
}

/* A site's rules make one path of another before there is a route: no route inherits them. */
static void take_rewrites(struct site *site, struct scope *scope)
{
    site->rewrites = scope->rewrites;
    scope->rewrites = (struct pairs){ NULL, 0 };
}

static void read_site(struct builder *b, const struct yaml_node *node,
                      const struct yaml_node *root_map, const struct scope *server)
{
    struct site *site;
    struct scope scope;

    if (node->kind != YAML_MAP) {
        if (node->kind != YAML_BROKEN)
            FAIL(b->r, node, "a site is a map, as in - hosts: example.org");
        return;
    }
    site = add_site(b->r->config, node->mark.line);
    scope = scope_copy(server);
    scope_read(b->r, node, SCOPE_SITE, &scope);
    take_rewrites(site, &scope);
    read_site_listen(b, site, node);
    read_hosts(b, site, node);
    routes_read(b->r, site, node, &scope);
    routes_finish(b->r, site, node, root_map, &scope);
    scope_fini(&scope);
}

static void add_implied_site(struct builder *b, const struct yaml_node *map,
                             const struct scope *server)
{
    struct site *site = add_site(b->r->config, 0);
    struct scope scope = scope_copy(server);

    site->listen_mask = UINT64_MAX;
    site->hosts = xmalloc(sizeof(char *));
    site->hosts[site->host_count++] = xstrdup("*");
    take_rewrites(site, &scope);
    routes_read(b->r, site, map, &scope);
    routes_finish(b->r, site, map, map, &scope);
    scope_fini(&scope);
}

/* The site for hosts that no site names, at every address; false: there is no site with "*". */
static bool find_default(struct config *config)
{
    for (size_t i = 0; i < config->site_count; i++) {
        for (size_t j = 0; j < config->sites[i].host_count; j++) {
            if (config->sites[i].listen_mask != UINT64_MAX ||
                strcmp(config->sites[i].hosts[j], "*") != 0)
                continue;
            config->default_site = i;
            return true;
        }
    }
    return false;
}

static bool has_host(const struct site *site, const char *host)
{
    for (size_t i = 0; i < site->host_count; i++)
        if (strcmp(site->hosts[i], host) == 0)
            return true;
    return false;
}

/* At an address: its own site "*", else the one for all addresses, else the first one there. */
static void find_listen_defaults(struct builder *b)
{
    struct config *config = b->r->config;

    for (size_t i = 0; i < config->listen_count; i++) {
        uint64_t bit = (uint64_t)1 << i;
        size_t found = SIZE_MAX;

        for (size_t j = config->site_count; j-- > 0;) {
            const struct site *site = &config->sites[j];
            bool is_better =
                has_host(site, "*") || found == SIZE_MAX || !has_host(&config->sites[found], "*");

            if ((site->listen_mask & bit) != 0 && is_better)
                found = j;
        }
        config->listens[i].default_site = found != SIZE_MAX ? found : 0;
        if (found == SIZE_MAX && config->site_count > 0) {
            char text[ADDRESS_TEXT_MAX];

            address_format(&config->listens[i].address, text);
            config_error_add(b->r->errors, config->listens[i].line, 1, 0,
                             "no site answers at the address %s: all are bound to others", text);
        }
    }
}

/* Logs in the order of the routes that use them, and no others: each is a file to open. */
static void renumber_access_logs(struct config *config)
{
    struct access_log_config *used = xcalloc(config->access_log_count, sizeof(*used));
    int *numbers = xcalloc(config->access_log_count, sizeof(int)); /* from 1 */
    size_t count = 0;

    for (size_t i = 0; i < config->site_count; i++) {
        for (size_t j = 0; j < config->sites[i].route_count; j++) {
            int *log = &config->sites[i].routes[j].scope.access_log;

            if (*log == ACCESS_LOG_OFF)
                continue;
            if (numbers[*log] == 0) {
                used[count] = config->access_logs[*log];
                numbers[*log] = (int)++count;
            }
            *log = numbers[*log] - 1;
        }
    }
    for (size_t i = 0; i < config->access_log_count; i++)
        if (numbers[i] == 0)
            access_log_fini(&config->access_logs[i]);
    free(numbers);
    free(config->access_logs);
    config->access_logs = used;
    config->access_log_count = count;
}

void sites_read(struct value_reader *r, const struct yaml_node *map, const struct scope *server)
{
    struct builder b = { .r = r };
    const struct yaml_item *sites = yaml_map_find(map, "sites");
    const struct yaml_item *routes = yaml_map_find(map, "routes");
    bool has_root = server->root != NULL || yaml_map_find(map, "root") != NULL;

    if (sites != NULL && (sites->value->kind != YAML_LIST || sites->value->count == 0)) {
        if (sites->value->kind == YAML_LIST)
            FAIL(r, sites->value,
                 "\"sites\" is an empty list; leave it away or add a site, as in "
                 "- hosts: example.org");
        else
            value_refuse(r, setting_find(STR("sites"), SCOPE_SERVER), sites);
        return;
    }
    for (const struct yaml_item *at = sites != NULL ? sites->value->items : NULL; at != NULL;
         at = at->next)
        read_site(&b, at->value, map, server);
    if (find_default(r->config) || (sites != NULL && !has_root)) {
        if (routes != NULL)
            FAIL(r, routes->key,
                 "\"routes\" beside \"sites\" belong to the default site, but %s; put them into a "
                 "site",
                 find_default(r->config) ? "that is the site with the host \"*\""
                                         : "without \"root\" at the top level there is none");
    } else {
        r->config->default_site = r->config->site_count;
        add_implied_site(&b, map, server);
    }
    refuse_twin_hosts(&b);
    find_listen_defaults(&b);
    renumber_access_logs(r->config);
    free(b.hosts);
}

static void site_fini(struct site *site)
{
    for (size_t i = 0; i < site->host_count; i++)
        free(site->hosts[i]);
    free(site->hosts);
    pairs_fini(&site->rewrites);
    words_fini(&site->varies);
    routes_free(site);
}

void sites_free(struct config *config)
{
    for (size_t i = 0; i < config->site_count; i++)
        site_fini(&config->sites[i]);
    free(config->sites);
    config->sites = NULL;
    config->site_count = 0;
}
