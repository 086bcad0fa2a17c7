#include "config/match.h"

#include <stdlib.h>
#include <string.h>

#include "common/xmalloc.h"
#include "config/dump.h"
#include "config/shapes.h"

static long *nothing_matched(size_t count)
{
    long *partners = xmalloc((count > 0 ? count : 1) * sizeof(*partners));

    for (size_t i = 0; i < count; i++)
        partners[i] = MATCH_NOTHING;
    return partners;
}

/* ---- sites ---- */

struct host_ref {
    const char *host;
    size_t site;
};

/* Every host of a config, in order; the same one stands in several sites at different addresses. */
struct host_refs {
    struct host_ref *list; /* owned */
    size_t count;
};

static int by_host(const void *left, const void *right)
{
    const struct host_ref *a = left, *b = right;
    int order = strcmp(a->host, b->host);

    if (order != 0)
        return order;
    return a->site < b->site ? -1 : a->site > b->site;
}

static struct host_refs list_hosts(const struct config *config)
{
    struct host_refs refs = { NULL, 0 };
    size_t count = 0;

    for (size_t i = 0; i < config->site_count; i++)
        count += config->sites[i].host_count;
    refs.list = xmalloc((count > 0 ? count : 1) * sizeof(*refs.list));
    for (size_t i = 0; i < config->site_count; i++)
        for (size_t j = 0; j < config->sites[i].host_count; j++)
            refs.list[refs.count++] = (struct host_ref){ config->sites[i].hosts[j], i };
    qsort(refs.list, refs.count, sizeof(*refs.list), by_host);
    return refs;
}

/* The first place whose host is not less. */
static size_t find_host(const struct host_refs *refs, const char *host)
{
    size_t from = 0, to = refs->count;

    while (from < to) {
        size_t middle = from + (to - from) / 2;

        if (strcmp(refs->list[middle].host, host) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static bool has_same_hosts(const struct site *a, const struct site *b)
{
    if (a->host_count != b->host_count)
        return false;
    for (size_t i = 0; i < a->host_count; i++)
        if (strcmp(a->hosts[i], b->hosts[i]) != 0)
            return false;
    return true;
}

static bool has_same_listen(const struct config *old, const struct site *a,
                            const struct config *new, const struct site *b)
{
    struct buf left = { 0 }, right = { 0 };
    bool is_same;

    dump_site_listen(old, a, &left);
    dump_site_listen(new, b, &right);
    is_same = str_eq(buf_str(&left), buf_str(&right));
    buf_fini(&left);
    buf_fini(&right);
    return is_same;
}

struct site_matcher {
    const struct config *old, *new;
    struct host_refs refs; /* of `old` */
    bool *is_taken;        /* of each old site */
    long *partners;
};

static bool fits(const struct site_matcher *m, const struct site *old, const struct site *new,
                 bool is_exact)
{
    return !is_exact || (has_same_hosts(old, new) && has_same_listen(m->old, old, m->new, new));
}

/* Sites that share a host have no address in common, so that there are few of them. */
static void match_site(struct site_matcher *m, size_t at, bool is_exact)
{
    const struct site *site = &m->new->sites[at];

    for (size_t i = 0; i < site->host_count; i++) {
        const char *host = site->hosts[i];

        for (size_t j = find_host(&m->refs, host);
             j < m->refs.count && strcmp(m->refs.list[j].host, host) == 0; j++) {
            size_t old = m->refs.list[j].site;

            if (m->is_taken[old] || !fits(m, &m->old->sites[old], site, is_exact))
                continue;
            m->is_taken[old] = true;
            m->partners[at] = (long)old;
            return;
        }
        if (is_exact)
            return; /* one that has all hosts has the first */
    }
}

long *match_sites(const struct config *old, const struct config *new)
{
    struct site_matcher m = { .old = old, .new = new };

    m.refs = list_hosts(old);
    m.is_taken = xcalloc(old->site_count + 1, sizeof(*m.is_taken));
    m.partners = nothing_matched(new->site_count);
    for (size_t i = 0; i < new->site_count; i++)
        match_site(&m, i, true);
    for (size_t i = 0; i < new->site_count; i++)
        if (m.partners[i] == MATCH_NOTHING)
            match_site(&m, i, false);
    free(m.refs.list);
    free(m.is_taken);
    return m.partners;
}

/* ---- routes ---- */

struct route_key {
    const struct route *route;
    size_t index;
    char *matchers; /* methods and fields as text; NULL: none; owned */
    bool is_taken;
};

static char *matchers_of(const struct scope *scope)
{
    struct buf text = { 0 };

    for (size_t i = 0; i < scope->methods.count; i++)
        buf_printf(&text, "%s ", scope->methods.list[i]);
    if (scope->request_headers.count > 0)
        pairs_write(&scope->request_headers, 0, &text);
    return text.n > 0 ? buf_take(&text) : NULL;
}

static int by_path(const struct route_key *a, const struct route_key *b)
{
    if (a->route->match != b->route->match)
        return a->route->match < b->route->match ? -1 : 1;
    return strcmp(a->route->path, b->route->path);
}

static int by_matchers(const struct route_key *a, const struct route_key *b)
{
    int order = by_path(a, b);

    if (order != 0)
        return order;
    if (a->matchers == NULL || b->matchers == NULL)
        return (a->matchers != NULL) - (b->matchers != NULL);
    return strcmp(a->matchers, b->matchers);
}

static int by_all(const void *left, const void *right)
{
    const struct route_key *a = left, *b = right;
    int order = by_matchers(a, b);

    if (order != 0)
        return order;
    return a->index < b->index ? -1 : a->index > b->index;
}

static struct route_key *route_keys(const struct site *site)
{
    struct route_key *keys = xcalloc(site->route_count + 1, sizeof(*keys));

    for (size_t i = 0; i < site->route_count; i++) {
        keys[i].route = &site->routes[i];
        keys[i].index = i;
        keys[i].matchers = matchers_of(&site->routes[i].scope);
    }
    qsort(keys, site->route_count, sizeof(*keys), by_all);
    return keys;
}

static void free_keys(struct route_key *keys, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(keys[i].matchers);
    free(keys);
}

/* One pass over both, which are in order: those that are equal and free become partners. */
static void merge(struct route_key *old, size_t old_count, struct route_key *new, size_t new_count,
                  int (*compare)(const struct route_key *a, const struct route_key *b),
                  long *partners)
{
    size_t i = 0, j = 0;

    while (i < old_count && j < new_count) {
        int order = compare(&old[i], &new[j]);

        if (old[i].is_taken || (!new[j].is_taken &&order < 0)) {
            i++;
        } else if (new[j].is_taken || order > 0) {
            j++;
        } else {
            partners[new[j].index] = (long)old[i].index;
            old[i++].is_taken = true;
            new[j++].is_taken = true;
        }
    }
}

long *match_routes(const struct site *old, const struct site *new)
{
    struct route_key *left = route_keys(old), *right = route_keys(new);
    long *partners = nothing_matched(new->route_count);

    merge(left, old->route_count, right, new->route_count, by_matchers, partners);
    merge(left, old->route_count, right, new->route_count, by_path, partners);
    free_keys(left, old->route_count);
    free_keys(right, new->route_count);
    return partners;
}
