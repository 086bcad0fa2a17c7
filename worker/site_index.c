#include "worker/site_index.h"

#include <stdlib.h>
#include <sys/random.h>
#include <xxhash.h>

#include "common/xmalloc.h"

enum { HOST_MAX = 255 }; /* RFC 1035, 2.3.4 */

struct site_index {
    uint64_t seed;
    size_t mask; /* slots - 1; slots are a power of two, at least twice the names */
    size_t default_site;
    bool has_names, has_wildcards;
    struct site_slot {
        struct str host; /* borrowed from the config; "example.org" or ".example.org"; n 0: free */
        size_t site;
    } slots[];
};

static struct site_slot *probe(struct site_index *index, struct str host)
{
    size_t i = XXH3_64bits_withSeed(host.p, host.n, index->seed) & index->mask;

    while (index->slots[i].host.n > 0 && !str_eq(index->slots[i].host, host))
        i = (i + 1) & index->mask;
    return &index->slots[i];
}

static void add_host(struct site_index *index, struct str host, size_t site)
{
    if (str_eq(host, STR("*")))
        return; /* the default site is found without looking */
    if (str_starts(host, STR("*."))) {
        host = str_range(host.p + 1, host.p + host.n);
        index->has_wildcards = true;
    }
    /* All names of the default site itself: what is not found is it. */
    index->has_names |= site != index->default_site;
    *probe(index, host) = (struct site_slot){ host, site };
}

struct site_index *site_index_new(const struct config *config, uint64_t listen_mask,
                                  size_t default_site)
{
    size_t names = 0, slots = 2;
    struct site_index *index;

    for (size_t i = 0; i < config->site_count; i++)
        names += config->sites[i].host_count;
    while (slots < 2 * names)
        slots *= 2;
    index = xcalloc(1, sizeof(*index) + slots * sizeof(index->slots[0]));
    index->mask = slots - 1;
    index->default_site = default_site;
    if (getrandom(&index->seed, sizeof(index->seed), 0) != (ssize_t)sizeof(index->seed))
        index->seed = (uint64_t)(uintptr_t)index;
    for (size_t i = 0; i < config->site_count; i++) {
        const struct site *site = &config->sites[i];

        if ((site->listen_mask & listen_mask) != listen_mask)
            continue;
        for (size_t j = 0; j < site->host_count; j++)
            add_host(index, str_of(site->hosts[j]), i);
    }
    return index;
}

void site_index_free(struct site_index **index)
{
    free(*index);
    *index = NULL;
}

size_t site_index_find(const struct site_index *const_index, struct str host)
{
    struct site_index *index = (struct site_index *)const_index; /* probe() serves both */
    char lower[HOST_MAX];
    struct site_slot *slot;

    if (host.n > 1 && host.p[host.n - 1] == '.') /* a rooted name is the same name */
        host.n--;
    if (!index->has_names || host.n == 0 || host.n > HOST_MAX)
        return index->default_site;
    for (size_t i = 0; i < host.n; i++)
        lower[i] = ascii_lower(host.p[i]);
    host.p = lower;
    slot = probe(index, host);
    if (slot->host.n > 0)
        return slot->site;
    for (size_t i = 1; index->has_wildcards && i < host.n; i++) { /* the longest suffix first */
        if (lower[i] != '.')
            continue;
        slot = probe(index, (struct str){ lower + i, host.n - i });
        if (slot->host.n > 0)
            return slot->site;
    }
    return index->default_site;
}
