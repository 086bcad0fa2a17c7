#include "worker/generation.h"

#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "common/log.h"
#include "common/shared.h"
#include "common/xmalloc.h"
#include "config/template.h"
#include "worker/access.h"
#include "worker/headers.h"
#include "worker/htpasswd.h"
#include "worker/rewrite.h"
#include "worker/root_index.h"
#include "worker/route_series.h"
#include "worker/site_index.h"

/* ---- host and path -> route ---- */

const struct live_site *generation_site(const struct generation *gen, unsigned listen,
                                        struct str host)
{
    const struct site_index *index = gen->indexes[gen->config->has_site_listens ? listen : 0];

    return &gen->sites[site_index_find(index, host)];
}

const struct live_site *generation_site_of(const struct generation *gen,
                                           const struct live_route *route)
{
    const struct live_site *site = gen->sites;

    while (route < site->routes || route >= site->routes + site->config->route_count)
        site++;
    return site;
}

const struct live_route *generation_default_route(const struct generation *gen)
{
    const struct live_site *site = &gen->sites[gen->config->default_site];

    return &site->routes[site->config->route_count - 1];
}

/* ---- building ---- */

/* One index for each address, and one for connections whose address the config has no more. */
static void make_indexes(struct generation *gen)
{
    const struct config *config = gen->config;
    size_t count = config->has_site_listens ? config->listen_count + 1 : 1;

    gen->indexes = xcalloc(count, sizeof(struct site_index *));
    gen->index_count = count;
    for (size_t i = 0; i + 1 < count; i++)
        gen->indexes[i] = site_index_new(config, (uint64_t)1 << i, config->listens[i].default_site);
    gen->indexes[count - 1] = site_index_new(config, UINT64_MAX, config->default_site);
}

static char *config_failure(struct config_errors *errors)
{
    char *why = xasprintf("%s", config_errors_text(errors));

    config_errors_fini(errors);
    return why;
}

uint64_t generation_cache_fds(uint64_t open_files_max)
{
    return open_files_max == RLIM_INFINITY ? 16384 : open_files_max / 4;
}

static size_t cache_fds_max(void)
{
    struct rlimit limit;

    return generation_cache_fds(getrlimit(RLIMIT_NOFILE, &limit) < 0 ? RLIM_INFINITY
                                                                     : limit.rlim_cur);
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
        .compress_bytes = config->compress_memory_bytes,
    };

    return file_cache_new(&limits);
}

/* In the way of all config errors, so that one look finds the line. */
static char *folder_failure(const struct config *config, const struct scope *scope,
                            const char *folder)
{
    const char *what = scope->alias != NULL ? "alias" : "root";

    struct config_place at = places_find(scope->places, what);

    if (config->path == NULL || at.line == 0)
        return xasprintf("%s %s: %s", what, folder, strerror(errno));
    return xasprintf("%s:%u:%u: error: %s %s: %s", config->path, at.line, at.column, what, folder,
                     strerror(errno));
}

/* Routes that read the same files in the same way share a docroot. NULL: *why. */
static struct docroot *make_docroot(struct generation *gen, struct root_index *roots,
                                    const struct site *site, const struct route *from, char **why)
{
    const struct scope *scope = &from->scope;
    struct docroot_options options = {
        .path = scope->alias != NULL ? scope->alias : scope->root,
        .index = scope->index,
        .index_count = scope->index_count,
        .is_dotfiles_shown = scope->is_dotfiles_shown,
        .types = &scope->types,
        .default_type = scope->default_type,
        .charset = scope->charset,
        .has_listing = scope->has_listing,
        .etag = (enum etag_kind)scope->etag,
        .precompressed = scope->precompressed,
        .compress = gen->config->compress_memory_bytes > 0 ? scope->compress : 0,
        .compress_types = &scope->compress_types,
        .compress_min_bytes = scope->compress_min_bytes,
        .compress_max_bytes = scope->compress_max_bytes,
    };

    struct docroot **root = root_index_find(roots, gen->config, site, scope);

    if (*root == NULL)
        *root = file_cache_add_root(gen->cache, &options);
    if (*root == NULL)
        *why = folder_failure(gen->config, scope, options.path);
    return *root;
}

static const struct handler *handler_of(const struct scope *scope)
{
    if (scope->redirect.to != NULL)
        return &redirect;
    if (scope->respond.status != 0)
        return &respond;
    return scope->has_status_page ? &status_metrics : &static_files;
}

static bool make_route(struct generation *gen, struct root_index *roots, const struct site *site,
                       const struct route *from, struct live_route *to, char **why)
{
    const struct scope *scope = &from->scope;
    const char *unused;

    to->config = from;
    to->site = site;
    to->handler = handler_of(scope);
    to->series = route_series_record(&gen->shared->series, shared_number(gen->shared, gen->slot),
                                     site, from);
    if (scope->redirect.to != NULL)
        to->to = template_new(str_of(scope->redirect.to), &unused);
    to->strip_n = scope->alias != NULL && strcmp(from->path, "/") != 0 ? strlen(from->path) : 0;
    to->log = scope->access_log == ACCESS_LOG_OFF ? NULL : gen->logs[scope->access_log];
    to->max_ranges = scope->max_ranges;
    if (!access_new(scope, &gen->passwords, &to->access, why))
        return false;
    to->rewrites = rewrites_new(&scope->rewrites);
    to->headers = headers_new(scope, &site->varies);
    to->tries = try_list_new(&scope->tries);
    if (scope->root == NULL && scope->alias == NULL)
        return true;
    to->docroot = make_docroot(gen, roots, site, from, why);
    return to->docroot != NULL;
}

static void take_logs(struct generation *gen, struct bundle *bundle)
{
    const struct config *config = gen->config;

    gen->logs = xcalloc(config->access_log_count, sizeof(struct access_log *));
    for (size_t i = 0; i < config->access_log_count; i++) {
        gen->logs[i] =
            access_log_new(&config->access_logs[i], bundle->log_fds[i + 1],
                           config->access_log_buffer_bytes, config->access_log_flush_ms, gen->slot);
        bundle->log_fds[i + 1] = -1;
    }
}

static bool make_site(struct generation *gen, struct root_index *roots, const struct site *from,
                      struct live_site *to, char **why)
{
    to->config = from;
    to->routes = xcalloc(from->route_count, sizeof(struct live_route));
    for (size_t i = 0; i < from->route_count; i++)
        if (!make_route(gen, roots, from, &from->routes[i], &to->routes[i], why))
            return false;
    to->rewrites = rewrites_new(&from->rewrites);
    to->table = route_table_new(from->routes, from->route_count);
    return true;
}

static bool make_sites(struct generation *gen, char **why)
{
    const struct config *config = gen->config;
    struct root_index *roots = root_index_new(config);
    bool is_good = true;

    gen->sites = xcalloc(config->site_count, sizeof(struct live_site));
    for (size_t i = 0; is_good && i < config->site_count; i++)
        is_good = make_site(gen, roots, &config->sites[i], &gen->sites[i], why);
    root_index_free(&roots);
    return is_good;
}

struct generation *generation_new(struct bundle *bundle, struct shared *shared,
                                  struct shared_slot *slot, char **why)
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
    gen->shared = shared;
    gen->slot = slot;
    gen->config = config;
    gen->limits = (struct http1_limits){
        .line_max_bytes = config->request_line_max_bytes,
        .fields_max_bytes = config->request_header_max_bytes,
        .fields_max_count = config->request_header_max_count,
    };
    gen->cache = make_cache(config);
    take_logs(gen, bundle);
    if (!make_sites(gen, why)) {
        generation_put(&gen);
        return NULL;
    }
    make_indexes(gen);
    return gen;
}

static void site_fini(struct live_site *site)
{
    for (size_t i = 0; site->routes != NULL && i < site->config->route_count; i++) {
        access_free(&site->routes[i].access);
        template_free(&site->routes[i].to);
        headers_free(&site->routes[i].headers);
        rewrites_free(&site->routes[i].rewrites);
        try_list_free(&site->routes[i].tries);
    }
    free(site->routes);
    rewrites_free(&site->rewrites);
    route_table_free(&site->table);
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
    for (size_t i = 0; gen->sites != NULL && i < gen->config->site_count; i++)
        site_fini(&gen->sites[i]);
    free(gen->sites);
    htpasswd_free(&gen->passwords);
    for (size_t i = 0; i < gen->index_count; i++)
        site_index_free(&gen->indexes[i]);
    free(gen->indexes);
    file_cache_free(&gen->cache);
    config_free(&gen->config);
    free(gen);
    /* The C library would keep it, in pieces, for what a worker will not need before the next reload. */
    malloc_trim(0);
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
