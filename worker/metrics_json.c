#include "worker/metrics_json.h"

#include <stdio.h>

#include "common/json.h"
#include "worker/metrics_figures.h"

static void add_seconds(struct buf *out, uint64_t ns)
{
    json_raw(out, STR("")); /* the comma, if one is due */
    figures_add_seconds(out, ns);
}

static void add_named_seconds(struct buf *out, const char *name, uint64_t ns)
{
    json_key(out, name);
    add_seconds(out, ns);
}

static void add_responses(struct buf *out, const struct series_totals *t, const char *before)
{
    char name[32];

    for (int class = 2; class < RESPONSE_CLASSES; class ++) { /* 1xx is a counter of its own */
        if (class > 5 && t->responses[class] == 0)
            continue;
        snprintf(name, sizeof(name), "%s%dxx", before, class);
        json_add_u64(out, name, t->responses[class]);
    }
}

static void add_latency(struct buf *out, const struct series_totals *t)
{
    uint64_t count = series_below(t, LATENCY_BUCKETS - 1);

    json_key(out, "latency");
    json_open(out, '{');
    json_add_u64(out, "count", count);
    add_named_seconds(out, "sum", t->latency_ns);
    add_named_seconds(out, "mean", count > 0 ? t->latency_ns / count : 0);
    add_named_seconds(out, "p50", series_quantile_ns(t, .5));
    add_named_seconds(out, "p90", series_quantile_ns(t, .9));
    add_named_seconds(out, "p99", series_quantile_ns(t, .99));
    add_named_seconds(out, "p999", series_quantile_ns(t, .999));
    json_key(out, "buckets");
    json_open(out, '[');
    for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
        if (t->latency[i] == 0)
            continue;
        json_open(out, '[');
        if (i < LATENCY_BUCKETS - 1)
            add_seconds(out, latency_bucket_end_ns(i));
        else
            json_null(out);
        json_u64(out, t->latency[i]);
        json_close(out, ']');
    }
    json_close(out, ']');
    json_close(out, '}');
}

static void add_worker(struct buf *out, const struct metrics_worker *w)
{
    json_open(out, '{');
    json_add_u64(out, "worker", w->number);
    json_add_u64(out, "pid", (uint64_t)w->pid);
    json_add_u64(out, "generation", w->generation);
    json_add_u64(out, "started_at", w->started_at);
    json_add_bool(out, "is_stuck", w->is_stuck);
    json_add_u64(out, "connections_open", w->open);
    json_add_u64(out, "requests", w->requests);
    if (w->has_process) {
        json_add_decimal(out, "cpu_seconds", w->process.user_s + w->process.system_s);
        json_add_u64(out, "resident_bytes", w->process.memory_bytes);
    }
    for (int c = 0; c < (int)COUNTER_COUNT; c++)
        json_add_u64(out, counter_names[c], w->counters[c]);
    json_close(out, '}');
}

static void add_route(struct buf *out, const struct metrics_route *r)
{
    json_open(out, '{');
    json_add_text(out, "route", r->route);
    json_add_u64(out, "requests", series_requests(&r->totals));
    json_key(out, "responses");
    json_open(out, '{');
    add_responses(out, &r->totals, "");
    json_close(out, '}');
    json_add_u64(out, "body_bytes", r->totals.body_bytes);
    add_latency(out, &r->totals);
    json_close(out, '}');
}

static void add_sites(struct buf *out, const struct metrics *m)
{
    json_key(out, "sites");
    json_open(out, '[');
    for (size_t i = 0; i < m->route_count;) {
        size_t end = metrics_next_site(m, i);

        json_open(out, '{');
        json_add_text(out, "site", m->routes[i].site);
        json_key(out, "routes");
        json_open(out, '[');
        for (; i < end; i++)
            add_route(out, &m->routes[i]);
        json_close(out, ']');
        json_close(out, '}');
    }
    json_close(out, ']');
}

static void add_server(struct buf *out, const struct metrics *m)
{
    json_add_text(out, "server", STR("remuda"));
    json_add_text(out, "version", STR(REMUDA_VERSION));
    json_add_decimal(out, "time", (double)m->now_ms / 1000);
    json_add_u64(out, "started_at", m->started_at);
    json_add_u64(out, "uptime_seconds", metrics_uptime_s(m));
    json_add_u64(out, "generation", m->generation);
    json_add_u64(out, "reloads", m->reloads);
    json_add_u64(out, "reloads_failed", m->reloads_failed);
    json_add_bool(out, "last_reload_ok", !m->is_reload_failed);
    json_add_u64(out, "reloaded_at", m->reloaded_at);
    json_add_u64(out, "workers", m->processes);
    json_add_u64(out, "workers_respawned", m->respawns);
    json_add_u64(out, "connections_open", m->open);
    json_add_u64(out, "requests", series_requests(&m->totals));
    add_responses(out, &m->totals, "responses_");
    for (int c = 0; c < (int)COUNTER_COUNT; c++)
        json_add_u64(out, counter_names[c], m->counters[c]);
    json_add_u64(out, "body_bytes", m->totals.body_bytes);
    add_latency(out, &m->totals);
}

void metrics_json_write(const struct metrics *m, struct buf *out)
{
    json_open(out, '{');
    add_server(out, m);
    json_key(out, "per_worker");
    json_open(out, '[');
    for (size_t i = 0; i < m->worker_count; i++)
        add_worker(out, &m->workers[i]);
    json_close(out, ']');
    add_sites(out, m);
    json_close(out, '}');
    buf_add_char(out, '\n');
}
