#include "worker/metrics_prometheus.h"

#include "common/put.h"
#include "common/utf8.h"
#include "worker/metrics_figures.h"

/* Bounds by their power of two, in ns: close where a server's latencies are, 32 us to 4 ms. */
static const unsigned bounds[] = { 15, 16, 17, 18, 19, 20, 21, 22, 24, 26, 28, 30, 32, 35 };

enum { BOUND_COUNT = sizeof(bounds) / sizeof(*bounds) };

struct writer {
    const struct metrics *m;
    bool is_openmetrics;
    struct buf *out;
    struct buf labels; /* of the route at hand; owned */
};

/* ---- lines ---- */

enum family_type { GAUGE, COUNTER, HISTOGRAM };

/* `name` is without its "_total", which OpenMetrics keeps out of a counter's family. */
static void begin_family(struct writer *w, enum family_type type, const char *name,
                         const char *help)
{
    static const char *const words[] = { "gauge", "counter", "histogram" };
    const char *end = type == COUNTER && !w->is_openmetrics ? "_total" : "";

    buf_printf(w->out, "# HELP remuda_%s%s %s\n# TYPE remuda_%s%s %s\n", name, end, help, name, end,
               words[type]);
}

static void add_u64(struct buf *out, uint64_t value)
{
    char digits[PUT_U64_MOST];

    buf_add(out, str_range(digits, put_u64(digits, value)));
}

static void add_u64_line(struct buf *out, uint64_t value)
{
    buf_add_char(out, ' ');
    add_u64(out, value);
    buf_add_char(out, '\n');
}

static void add_seconds_line(struct buf *out, uint64_t ns)
{
    buf_add_char(out, ' ');
    figures_add_seconds(out, ns);
    buf_add_char(out, '\n');
}

static void add_single(struct writer *w, enum family_type type, const char *name, const char *help,
                       uint64_t value)
{
    begin_family(w, type, name, help);
    buf_printf(w->out, "remuda_%s%s", name, type == COUNTER ? "_total" : "");
    add_u64_line(w->out, value);
}

/* A label's value: UTF-8, with \ " and line feeds escaped. */
static void add_label_text(struct buf *out, struct str text)
{
    while (text.n > 0) {
        const char *from = text.p;
        uint32_t c = utf8_next(&text);

        if (c == UTF8_BAD)
            buf_add(out, STR("\xef\xbf\xbd"));
        else if (c == '\n')
            buf_add(out, STR("\\n"));
        else if (c == '\\' || c == '"')
            buf_printf(out, "\\%c", (int)c);
        else
            buf_add(out, str_range(from, text.p));
    }
}

/* ---- the server ---- */

static void add_build(struct writer *w)
{
    static const char help[] = "The version that runs, as a label.";

    if (w->is_openmetrics)
        buf_printf(w->out, "# HELP remuda_build %s\n# TYPE remuda_build info\n", help);
    else
        begin_family(w, GAUGE, "build_info", help);
    buf_add(w->out, STR("remuda_build_info{version=\"" REMUDA_VERSION "\"} 1\n"));
}

static void add_server(struct writer *w)
{
    const struct metrics *m = w->m;

    add_build(w);
    add_single(w, GAUGE, "start_time_seconds",
               "When the first master started, since the epoch: an upgrade does not change it.",
               m->started_at);
    add_single(w, GAUGE, "config_generation", "Number of the config that is served.",
               m->generation);
    add_single(w, COUNTER, "config_reloads", "Reloads that were done.", m->reloads);
    add_single(w, COUNTER, "config_reload_failures", "Reloads that were refused or went wrong.",
               m->reloads_failed);
    add_single(w, GAUGE, "config_last_reload_successful",
               "0: the last reload failed, and what is served is not what the file says.",
               !m->is_reload_failed);
    add_single(w, GAUGE, "config_last_reload_success_timestamp_seconds",
               "The start or the last good reload, since the epoch.", m->reloaded_at);
    add_single(w, GAUGE, "workers", "Worker processes that are there.", m->processes);
    add_single(w, COUNTER, "workers_respawned", "Workers started in place of one that died.",
               m->respawns);
    add_single(w, GAUGE, "connections", "Client connections that are open.", m->open);
}

/* Units end the name. */
static const char *counter_name(enum counter c)
{
    switch (c) {
    case COUNTER_BYTES_RECEIVED:
        return "received_bytes";
    case COUNTER_BYTES_SENT:
        return "sent_bytes";
    case COUNTER_LOG_BYTES_DROPPED:
        return "log_dropped_bytes";
    default:
        return counter_names[c];
    }
}

static void add_counters(struct writer *w)
{
    for (int c = 0; c < (int)COUNTER_COUNT; c++)
        add_single(w, COUNTER, counter_name((enum counter)c), counter_help[c], w->m->counters[c]);
}

/* ---- workers ---- */

static uint64_t worker_requests(const struct metrics_worker *w)
{
    return w->requests;
}

static uint64_t worker_accepted(const struct metrics_worker *w)
{
    return w->counters[COUNTER_CONNECTIONS_ACCEPTED];
}

static uint64_t worker_open(const struct metrics_worker *w)
{
    return w->open;
}

static uint64_t worker_cpu_ns(const struct metrics_worker *w)
{
    return (uint64_t)((w->process.user_s + w->process.system_s) * 1e3 + 0.5) * 1000000;
}

static uint64_t worker_memory(const struct metrics_worker *w)
{
    return w->process.memory_bytes;
}

static uint64_t worker_generation(const struct metrics_worker *w)
{
    return w->generation;
}

static uint64_t worker_started_at(const struct metrics_worker *w)
{
    return w->started_at;
}

static uint64_t worker_stuck(const struct metrics_worker *w)
{
    return w->is_stuck;
}

/* Counters of a slot stay when its worker is gone; what a process has goes with it. */
enum worker_scope { OF_SLOT, OF_WORKER, OF_PROCESS };

static const struct {
    const char *name, *help;
    enum family_type type;
    enum worker_scope scope;
    bool is_ns;
    uint64_t (*value)(const struct metrics_worker *w);
} worker_families[] = {
    { "worker_requests", "Requests answered, by worker.", COUNTER, OF_SLOT, false,
      worker_requests },
    { "worker_connections_accepted", "Connections accepted, by worker.", COUNTER, OF_SLOT, false,
      worker_accepted },
    { "worker_connections", "Connections that are open, by worker.", GAUGE, OF_WORKER, false,
      worker_open },
    { "worker_config_generation", "The config that the worker runs.", GAUGE, OF_WORKER, false,
      worker_generation },
    { "worker_start_time_seconds", "When the worker started, since the epoch.", GAUGE, OF_WORKER,
      false, worker_started_at },
    { "worker_stuck", "1: it has not turned its loop for a while.", GAUGE, OF_WORKER, false,
      worker_stuck },
    { "worker_cpu_seconds", "CPU time of the worker's process.", COUNTER, OF_PROCESS, true,
      worker_cpu_ns },
    { "worker_resident_memory_bytes", "Memory of the worker's process, what is shared included.",
      GAUGE, OF_PROCESS, false, worker_memory },
};

static bool is_in_scope(const struct metrics_worker *w, enum worker_scope scope)
{
    return scope == OF_SLOT || (scope == OF_WORKER ? w->pid != 0 : w->has_process);
}

static void add_workers(struct writer *w)
{
    for (size_t f = 0; f < sizeof(worker_families) / sizeof(*worker_families); f++) {
        enum family_type type = worker_families[f].type;

        begin_family(w, type, worker_families[f].name, worker_families[f].help);
        for (size_t i = 0; i < w->m->worker_count; i++) {
            const struct metrics_worker *worker = &w->m->workers[i];

            if (!is_in_scope(worker, worker_families[f].scope))
                continue;
            buf_printf(w->out, "remuda_%s%s{worker=\"%u\"}", worker_families[f].name,
                       type == COUNTER ? "_total" : "", worker->number);
            (worker_families[f].is_ns ? add_seconds_line
                                      : add_u64_line)(w->out, worker_families[f].value(worker));
        }
    }
}

/* ---- routes ---- */

static void add_labels(struct writer *w, const struct metrics_route *r)
{
    w->labels.n = 0;
    buf_add(&w->labels, STR("site=\""));
    add_label_text(&w->labels, r->site);
    buf_add(&w->labels, STR("\",route=\""));
    add_label_text(&w->labels, r->route);
    buf_add_char(&w->labels, '"');
}

/* Classes that a server answers with are there from the start, so that rates have a beginning. */
static void add_route_requests(struct writer *w, const struct metrics_route *r)
{
    for (int class = 0; class < RESPONSE_CLASSES; class ++) {
        if ((class < 2 || class > 5) && r->totals.responses[class] == 0)
            continue;
        buf_add(w->out, STR("remuda_http_requests_total{"));
        buf_add(w->out, buf_str(&w->labels));
        buf_printf(w->out, ",code=\"%dxx\"}", class);
        add_u64_line(w->out, r->totals.responses[class]);
    }
}

static void add_route_bytes(struct writer *w, const struct metrics_route *r)
{
    buf_add(w->out, STR("remuda_http_response_body_bytes_total{"));
    buf_add(w->out, buf_str(&w->labels));
    buf_add_char(w->out, '}');
    add_u64_line(w->out, r->totals.body_bytes);
}

static void add_bucket(struct writer *w, struct str le, uint64_t count)
{
    buf_add(w->out, STR("remuda_http_request_duration_seconds_bucket{"));
    buf_add(w->out, buf_str(&w->labels));
    buf_add(w->out, STR(",le=\""));
    buf_add(w->out, le);
    buf_add(w->out, STR("\"}"));
    add_u64_line(w->out, count);
}

/* What a bucket holds is below its end, and latencies are whole ns: `le` is the last of them. */
static void add_route_latency(struct writer *w, const struct metrics_route *r)
{
    uint64_t count = series_below(&r->totals, LATENCY_BUCKETS - 1);
    struct buf le = { 0 };

    for (size_t i = 0; i < BOUND_COUNT; i++) {
        unsigned bucket = latency_bucket((UINT64_C(1) << bounds[i]) - LATENCY_FIRST) - 1;

        le.n = 0;
        figures_add_seconds(&le, latency_bucket_end_ns(bucket) - 1);
        add_bucket(w, buf_str(&le), series_below(&r->totals, bucket));
    }
    buf_fini(&le);
    add_bucket(w, STR("+Inf"), count);
    buf_add(w->out, STR("remuda_http_request_duration_seconds_sum{"));
    buf_add(w->out, buf_str(&w->labels));
    buf_add_char(w->out, '}');
    add_seconds_line(w->out, r->totals.latency_ns);
    buf_add(w->out, STR("remuda_http_request_duration_seconds_count{"));
    buf_add(w->out, buf_str(&w->labels));
    buf_add_char(w->out, '}');
    add_u64_line(w->out, count);
}

static void add_routes(struct writer *w,
                       void (*add)(struct writer *w, const struct metrics_route *r))
{
    for (size_t i = 0; i < w->m->route_count; i++) {
        add_labels(w, &w->m->routes[i]);
        add(w, &w->m->routes[i]);
    }
}

void metrics_prometheus_write(const struct metrics *m, bool is_openmetrics, struct buf *out)
{
    struct writer w = { .m = m, .is_openmetrics = is_openmetrics, .out = out };

    add_server(&w);
    add_counters(&w);
    add_workers(&w);
    begin_family(&w, COUNTER, "http_requests", "Requests answered, by class of status.");
    add_routes(&w, add_route_requests);
    begin_family(&w, COUNTER, "http_response_body_bytes", "Bytes of bodies that were sent.");
    add_routes(&w, add_route_bytes);
    begin_family(&w, HISTOGRAM, "http_request_duration_seconds",
                 "From a request's head to its answer in the kernel's hands.");
    add_routes(&w, add_route_latency);
    if (is_openmetrics)
        buf_add(out, STR("# EOF\n"));
    buf_fini(&w.labels);
}
