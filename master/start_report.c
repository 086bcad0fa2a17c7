#include "master/start_report.h"

#include <inttypes.h>

#include "common/log.h"
#include "config/settings.h"
#include "worker/generation.h"

enum {
    FEW = 4,
    OTHER_FILES = 64,   /* epoll, channel, inboxes, a sibling's listeners ... */
    WATCHES_FEW = 1024, /* folders that a docroot easily has */
    WATCHERS_EACH = 2,  /* a reload builds the next cache beside the last */
};

static uint64_t cache_files(const struct start_facts *f, const struct config *config)
{
    uint64_t most = generation_cache_fds(f->files_max);

    return most < config->open_file_cache_max ? most : config->open_file_cache_max;
}

uint64_t start_report_connections(const struct start_facts *f, const struct config *config)
{
    uint64_t taken =
        cache_files(f, config) + OTHER_FILES + config->listen_count + config->access_log_count;

    return f->files_max > taken ? f->files_max - taken : 0;
}

static bool is_watching(const struct config *config)
{
    return config->open_file_cache_watch && config->open_file_cache_max > 0;
}

static unsigned process_count(const struct start_facts *f)
{
    return f->workers > 0 ? f->workers : 1;
}

static uint64_t less(uint64_t wanted, uint64_t got)
{
    return wanted > got ? wanted - got : 0;
}

struct start_report start_report_judge(const struct start_facts *f, const struct config *config)
{
    uint64_t watches =
        config->open_file_cache_max < WATCHES_FEW ? config->open_file_cache_max : WATCHES_FEW;
    struct start_report report = { { 0 } };
    uint64_t *missing = report.missing;

    missing[SHORT_OPEN_FILES] =
        less(config->worker_connections, start_report_connections(f, config));
    if (f->backlog_max > 0)
        missing[SHORT_BACKLOG] = less(config->backlog, f->backlog_max);
    if (is_watching(config) && f->watches_max > 0)
        missing[SHORT_WATCHES] = less(watches, f->watches_max / process_count(f));
    if (is_watching(config) && f->watchers_max > 0)
        missing[SHORT_WATCHERS] = less((uint64_t)process_count(f) * WATCHERS_EACH, f->watchers_max);
    missing[SHORT_OPENAT2] = f->lacks_openat2;
    missing[SHORT_MOUNT_IDS] = f->lacks_mount_ids;
    missing[SHORT_STEERING] = f->lacks_steering && f->workers > 0;
    missing[SHORT_DEFER_ACCEPT] = f->lacks_defer_accept && config->defer_accept_ms > 0;
    return report;
}

static void write_lacking_call(enum shortfall what, const struct start_facts *f, struct buf *out)
{
    static const struct {
        const char *name, *cost;
    } calls[SHORTFALL_COUNT] = {
        [SHORT_OPENAT2] = { "openat2(2) (Linux 5.6)", "links inside a docroot are not followed, "
                                                      "and a file that is not cached "
                                                      "costs an open for each folder on its way" },
        [SHORT_MOUNT_IDS] = { "mount ids of statx(2) (Linux 5.8)",
                              "what is mounted over a folder is noticed late, and umount may find "
                              "it busy" },
        [SHORT_STEERING] = { "SO_ATTACH_REUSEPORT_CBPF",
                             "with fewer workers, connections in the middle of their handshake are "
                             "reset" },
        [SHORT_DEFER_ACCEPT] = { "TCP_DEFER_ACCEPT",
                                 "defer_accept does nothing: a new connection wakes a worker once "
                                 "more, before its request is there" },
    };

    buf_printf(out, "%s is not to be had here (kernel %s, or a sandbox): %s\n", calls[what].name,
               f->kernel, calls[what].cost);
}

void start_report_write_shortfall(enum shortfall what, const struct start_facts *f,
                                  const struct config *config, struct buf *out)
{
    switch (what) {
    case SHORT_OPEN_FILES:
        buf_printf(out,
                   "worker_connections is %" PRIu64 ", but a worker may open only %" PRIu64
                   " files: enough for %" PRIu64
                   " connections; raise the hard limit (LimitNOFILE=, "
                   "ulimit -Hn) or, as root, worker_rlimit_nofile\n",
                   config->worker_connections, f->files_max, start_report_connections(f, config));
        break;
    case SHORT_BACKLOG:
        buf_printf(out,
                   "listen_backlog is %u, but the kernel queues only %" PRIu64
                   " (net.core.somaxconn): of more clients at once the rest waits a second or more "
                   "for its next try\n",
                   config->backlog, f->backlog_max);
        break;
    case SHORT_WATCHES:
        buf_printf(out,
                   "%" PRIu64 " folders can be watched (fs.inotify.max_user_watches), %" PRIu64
                   " by each worker: files in others are looked at again when they are ",
                   f->watches_max, f->watches_max / process_count(f));
        setting_format_number(SET_DURATION, config->open_file_cache_valid_ms, out);
        buf_add(out, STR(" old (open_file_cache.valid)\n"));
        break;
    case SHORT_WATCHERS:
        buf_printf(out,
                   "%u workers need up to %u inotify instances, and a user has only %" PRIu64
                   " (fs.inotify.max_user_instances): who gets none looks at files again when they "
                   "are ",
                   process_count(f), process_count(f) * WATCHERS_EACH, f->watchers_max);
        setting_format_number(SET_DURATION, config->open_file_cache_valid_ms, out);
        buf_add(out, STR(" old (open_file_cache.valid)\n"));
        break;
    default:
        write_lacking_call(what, f, out);
    }
}

/* What a request that no other route takes gets. */
static void write_root(const struct site *site, struct buf *out)
{
    const struct scope *scope = &site->routes[site->route_count - 1].scope;

    if (scope->redirect.to != NULL)
        buf_printf(out, "a redirect to %s", scope->redirect.to);
    else if (scope->respond.status != 0)
        buf_printf(out, "a fixed response, %u", scope->respond.status);
    else if (scope->has_status_page)
        buf_add(out, STR("the status page"));
    else
        buf_printf(out, "%s", scope->alias != NULL ? scope->alias : scope->root);
}

void start_report_write_sites(const struct config *config, struct buf *out)
{
    if (config->site_count == 1) {
        write_root(&config->sites[0], out);
        return;
    }
    buf_printf(out, "%zu sites: ", config->site_count);
    for (size_t i = 0; i < config->site_count && i < FEW; i++) {
        buf_printf(out, "%s%s (", i > 0 ? ", " : "", config->sites[i].hosts[0]);
        write_root(&config->sites[i], out);
        buf_add_char(out, ')');
    }
    if (config->site_count > FEW)
        buf_printf(out, ", and %zu more", config->site_count - FEW);
}

static void write_addresses(const struct listen_table *l, struct buf *out)
{
    for (size_t i = 0; i < l->count && i < FEW; i++) {
        char text[ADDRESS_TEXT_MAX];

        address_format(&l->rows[i].actual, text);
        buf_printf(out, "%s%s", i > 0 ? ", " : "", text);
    }
    if (l->count > FEW)
        buf_printf(out, " and %zu more", l->count - FEW);
}

static void write_logs(const struct config *config, struct buf *out)
{
    buf_printf(out, "error log %s", config->error_log != NULL ? config->error_log : "on stderr");
    if (config->access_log_count == 0)
        buf_add(out, STR(", no access log"));
    for (size_t i = 0; i < config->access_log_count && i < FEW; i++) {
        const struct access_log_config *log = &config->access_logs[i];

        buf_printf(out, "%s%s", i > 0 ? ", " : ", access log ",
                   log->path != NULL ? log->path : log->text);
    }
    if (config->access_log_count > FEW)
        buf_printf(out, " and %zu more", config->access_log_count - FEW);
}

void start_report_write(const struct start_facts *f, const struct config *config,
                        const struct listen_table *listeners, struct buf *out)
{
    uint64_t connections = start_report_connections(f, config);
    uint64_t backlog =
        f->backlog_max > 0 && f->backlog_max < config->backlog ? f->backlog_max : config->backlog;

    buf_add(out, STR("serves "));
    write_addresses(listeners, out);
    buf_add(out, STR(": "));
    start_report_write_sites(config, out);
    if (f->workers == 0)
        buf_add(out, STR("\none process"));
    else
        buf_printf(out, "\n%u worker%s", f->workers, f->workers == 1 ? "" : "s");
    buf_printf(out, " on %u CPU%s as %s; ", f->cpus, f->cpus == 1 ? "" : "s", f->user);
    write_logs(config, out);
    if (connections > config->worker_connections)
        connections = config->worker_connections;
    buf_printf(out,
               "\nlimits of each worker: %" PRIu64 " connections, %" PRIu64 " open files (%" PRIu64
               " for cached ones), %" PRIu64 " queued connections for each address",
               connections, f->files_max, cache_files(f, config), backlog);
    if (is_watching(config) && f->watches_max > 0)
        buf_printf(out, ", %" PRIu64 " watched folders", f->watches_max / process_count(f));
    buf_add_char(out, '\n');
}

static void log_lines(enum log_level level, const struct buf *lines)
{
    struct str rest = buf_str(lines);

    while (rest.p != NULL && rest.n > 0) {
        struct str line = str_cut(&rest, '\n');

        log_line(level, "%.*s", STR_ARG(line));
    }
}

void start_report_log(const struct start_facts *f, const struct config *config,
                      const struct listen_table *listeners, bool is_start,
                      struct start_report *last)
{
    struct start_report report = start_report_judge(f, config);
    struct buf lines = { 0 };

    if (is_start)
        start_report_write(f, config, listeners, &lines);
    log_lines(LOG_NOTICE, &lines);
    lines.n = 0;
    for (int i = 0; i < SHORTFALL_COUNT; i++)
        if (report.missing[i] > last->missing[i])
            start_report_write_shortfall((enum shortfall)i, f, config, &lines);
    log_lines(LOG_WARN, &lines);
    buf_fini(&lines);
    *last = report;
}
