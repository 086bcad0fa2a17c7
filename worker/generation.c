#include "worker/generation.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <xxhash.h>

#include "common/log.h"
#include "common/xmalloc.h"
#include "worker/access.h"

/* ---- host -> site: one hash of exact names, one of wildcards by what follows the '*' ---- */

struct site_index {
    uint64_t seed;
    size_t mask; /* slots - 1; slots are a power of two, at least twice the names */
    bool has_wildcards;
    struct site_slot {
        struct str host; /* borrowed from the config; "example.org" or ".example.org"; n 0: free */
        const struct live_site *site;
    } slots[];
};

static uint64_t hash_host(const struct site_index *index, struct str host)
{
    return XXH3_64bits_withSeed(host.p, host.n, index->seed);
}

static struct site_slot *probe(struct site_index *index, struct str host)
{
    size_t i = hash_host(index, host) & index->mask;

    while (index->slots[i].host.n > 0 && !str_eq(index->slots[i].host, host))
        i = (i + 1) & index->mask;
    return &index->slots[i];
}

static struct site_index *site_index_new(const struct generation *gen)
{
    const struct config *config = gen->config;
    size_t names = 0, slots = 2;
    struct site_index *index;

    for (size_t i = 0; i < config->site_count; i++)
        names += config->sites[i].host_count;
    while (slots < 2 * names)
        slots *= 2;
    index = xcalloc(1, sizeof(*index) + slots * sizeof(index->slots[0]));
    index->mask = slots - 1;
    index->seed = (uint64_t)(uintptr_t)index ^ (uint64_t)random();
    for (size_t i = 0; i < config->site_count; i++) {
        for (size_t j = 0; j < config->sites[i].host_count; j++) {
            struct str host = str_of(config->sites[i].hosts[j]);

            if (str_eq(host, STR("*")))
                continue; /* the default site is found without looking */
            if (str_starts(host, STR("*."))) {
                host = str_range(host.p + 1, host.p + host.n);
                index->has_wildcards = true;
            }
            *probe(index, host) = (struct site_slot){ host, &gen->sites[i] };
        }
    }
    return index;
}

enum { HOST_MAX = 255 }; /* RFC 1035, 2.3.4 */

const struct live_site *generation_site(const struct generation *gen, struct str host)
{
    const struct live_site *fallback = &gen->sites[gen->config->default_site];
    char lower[HOST_MAX];
    struct site_slot *slot;

    if (host.n > 1 && host.p[host.n - 1] == '.') /* a rooted name is the same name */
        host.n--;
    if (gen->config->site_count == 1 || host.n == 0 || host.n > HOST_MAX)
        return fallback;
    for (size_t i = 0; i < host.n; i++)
        lower[i] = ascii_lower(host.p[i]);
    host.p = lower;
    slot = probe(gen->index, host);
    if (slot->site != NULL)
        return slot->site;
    if (!gen->index->has_wildcards)
        return fallback;
    for (size_t i = 1; i < host.n; i++) { /* the longest suffix first */
        if (lower[i] != '.')
            continue;
        slot = probe(gen->index, (struct str){ lower + i, host.n - i });
        if (slot->site != NULL)
            return slot->site;
    }
    return fallback;
}

const struct live_route *site_route(const struct live_site *site, struct str path)
{
    size_t last = site->config->route_count - 1;

    for (size_t i = 0; i < last; i++) {
        struct str prefix = str_of(site->config->routes[i].path);

        /* Whole segments only: /images is not the beginning of /images-private. */
        if (str_starts(path, prefix) && (path.n == prefix.n || path.p[prefix.n] == '/'))
            return &site->routes[i];
    }
    return &site->routes[last];
}

const struct live_route *generation_default_route(const struct generation *gen)
{
    const struct live_site *site = &gen->sites[gen->config->default_site];

    return &site->routes[site->config->route_count - 1];
}

/* ---- building ---- */

static char *config_failure(struct config_errors *errors)
{
    char *why = xasprintf("%s", config_errors_text(errors));

    config_errors_fini(errors);
    return why;
}

static size_t cache_fds_max(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
        return 16384;
    return limit.rlim_cur / 4; /* the rest is for connections */
}

static struct file_cache *make_cache(const struct config *config)
{
    struct file_cache_limits limits = {
        .entries_max = config->open_file_cache_max,
        .fds_max = cache_fds_max(),
        .memory_bytes = config->open_file_cache_memory_bytes,
        .small_bytes = config->open_file_cache_small_bytes,
        .valid_ms = config->open_file_cache_valid_ms,
        .is_watching = config->open_file_cache_watch,
    };

    return file_cache_new(&limits);
}

/* In the way of all config errors, so that one look finds the line. */
static char *folder_failure(const struct config *config, const struct scope *scope,
                            const char *folder)
{
    const char *what = scope->alias != NULL ? "alias" : "root";

    if (config->path == NULL || scope->folder_line == 0)
        return xasprintf("%s %s: %s", what, folder, strerror(errno));
    return xasprintf("%s:%u:%u: error: %s %s: %s", config->path, scope->folder_line,
                     scope->folder_column, what, folder, strerror(errno));
}

static bool make_route(struct generation *gen, const struct route *from, struct live_route *to,
                       char **why)
{
    const struct scope *scope = &from->scope;
    struct docroot_options options = {
        .path = scope->alias != NULL ? scope->alias : scope->root,
        .index = scope->index,
        .index_count = scope->index_count,
        .is_dotfiles_shown = scope->is_dotfiles_shown,
        .default_type = scope->default_type,
        .charset = scope->charset,
        .has_etag = scope->has_etag,
    };

    to->config = from;
    to->handler = &static_files;
    to->strip_n = scope->alias != NULL && strcmp(from->path, "/") != 0 ? strlen(from->path) : 0;
    to->log = scope->access_log == ACCESS_LOG_OFF ? NULL : gen->logs[scope->access_log];
    to->access = access_new(scope);
    to->docroot = file_cache_add_root(gen->cache, &options);
    if (to->docroot == NULL)
        *why = folder_failure(gen->config, scope, options.path);
    return to->docroot != NULL;
}

static void take_logs(struct generation *gen, struct bundle *bundle, struct shared_slot *counters)
{
    const struct config *config = gen->config;

    gen->logs = xcalloc(config->access_log_count, sizeof(struct access_log *));
    for (size_t i = 0; i < config->access_log_count; i++) {
        gen->logs[i] = access_log_new(bundle->log_fds[i + 1], config->access_log_buffer_bytes,
                                      config->access_log_flush_ms, counters);
        bundle->log_fds[i + 1] = -1;
    }
}

static bool make_sites(struct generation *gen, char **why)
{
    const struct config *config = gen->config;

    gen->sites = xcalloc(config->site_count, sizeof(struct live_site));
    for (size_t i = 0; i < config->site_count; i++) {
        struct live_site *site = &gen->sites[i];

        site->config = &config->sites[i];
        site->routes = xcalloc(site->config->route_count, sizeof(struct live_route));
        for (size_t j = 0; j < site->config->route_count; j++)
            if (!make_route(gen, &site->config->routes[j], &site->routes[j], why))
                return false;
    }
    return true;
}

struct generation *generation_new(struct bundle *bundle, struct shared_slot *counters, char **why)
{
    struct config_errors errors = { 0 };
    struct config *config =
        config_parse(buf_str(&bundle->config_text), bundle->config_path, &errors);
    struct generation *gen;

    if (config == NULL) {
        *why = config_failure(&errors);
        return NULL;
    }
    config_errors_fini(&errors);
    if (bundle->log_count != config->access_log_count + 1) {
        *why = xasprintf("got %zu logs, the config has %zu", bundle->log_count,
                         config->access_log_count + 1);
        config_free(&config);
        return NULL;
    }
    gen = xcalloc(1, sizeof(*gen));
    gen->refs = 1;
    gen->number = bundle->generation;
    gen->config = config;
    gen->limits = (struct http1_limits){
        .line_max_bytes = config->request_line_max_bytes,
        .fields_max_bytes = config->request_header_max_bytes,
        .fields_max_count = config->request_header_max_count,
    };
    gen->cache = make_cache(config);
    take_logs(gen, bundle, counters);
    if (!make_sites(gen, why)) {
        generation_put(&gen);
        return NULL;
    }
    gen->index = site_index_new(gen);
    return gen;
}

static void free_sites(struct generation *gen)
{
    for (size_t i = 0; gen->sites != NULL && i < gen->config->site_count; i++) {
        struct live_site *site = &gen->sites[i];

        for (size_t j = 0; site->routes != NULL && j < site->config->route_count; j++)
            access_free(&site->routes[j].access);
        free(site->routes);
    }
    free(gen->sites);
}

void generation_put(struct generation **genp)
{
    struct generation *gen = *genp;

    *genp = NULL;
    assert(gen->refs > 0);
    if (--gen->refs > 0)
        return;
    for (size_t i = 0; gen->logs != NULL && i < gen->config->access_log_count; i++)
        access_log_free(&gen->logs[i]);
    free(gen->logs);
    free_sites(gen);
    free(gen->index);
    file_cache_free(&gen->cache);
    config_free(&gen->config);
    free(gen);
}

void generation_flush_logs(struct generation *gen, uint64_t now_ms, bool is_final)
{
    for (size_t i = 0; i < gen->config->access_log_count; i++) {
        if (is_final)
            access_log_flush(gen->logs[i]);
        else
            access_log_flush_if_due(gen->logs[i], now_ms);
    }
}
