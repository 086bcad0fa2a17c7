#include "worker/metrics_text.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/human.h"
#include "common/utf8.h"
#include "worker/metrics_figures.h"

/* Those that answers have, in the columns of the tables. */
enum { CLASS_FIRST = 2, CLASS_LAST = 5, ROUTE_COLUMNS_MAX = 40 };

static void add_figure(struct buf *out, const char *name, uint64_t value)
{
    buf_printf(out, "%s %" PRIu64 "\n", name, value);
}

static void add_server(struct buf *out, const struct metrics *m)
{
    char name[32];

    buf_add(out, STR("server remuda\n"));
    add_figure(out, "uptime_seconds", metrics_uptime_s(m));
    add_figure(out, "generation", m->generation);
    add_figure(out, "reloads", m->reloads);
    add_figure(out, "reloads_failed", m->reloads_failed);
    add_figure(out, "workers", m->processes);
    add_figure(out, "workers_respawned", m->respawns);
    add_figure(out, "connections_open", m->open);
    add_figure(out, "requests", series_requests(&m->totals));
    for (int class = CLASS_FIRST; class <= CLASS_LAST; class ++) {
        snprintf(name, sizeof(name), "responses_%dxx", class);
        add_figure(out, name, m->totals.responses[class]);
    }
    for (int c = 0; c < (int)COUNTER_COUNT; c++)
        add_figure(out, counter_names[c], m->counters[c]);
}

static void add_worker(struct buf *out, const struct metrics_worker *w)
{
    char cpu[HUMAN_MAX] = "-", memory[HUMAN_MAX] = "-";

    if (w->has_process) {
        human_time(w->process.user_s + w->process.system_s, cpu);
        human_size(w->process.memory_bytes, memory);
    }
    buf_printf(out, "%6u %9d %10" PRIu64 " %11" PRIu64 " %12" PRIu64 " %9s %6s%s\n", w->number,
               (int)w->pid, w->generation, w->open, w->requests, cpu, memory,
               w->is_stuck ? "  stuck" : "");
}

static void add_workers(struct buf *out, const struct metrics *m)
{
    buf_printf(out, "\n%6s %9s %10s %11s %12s %9s %6s\n", "worker", "pid", "generation",
               "connections", "requests", "cpu", "memory");
    for (size_t i = 0; i < m->worker_count; i++)
        if (m->workers[i].pid != 0)
            add_worker(out, &m->workers[i]);
}

/* Padded by what a terminal shows, to `columns`. */
static void add_padded(struct buf *out, struct str text, unsigned columns)
{
    struct str rest = text;
    unsigned used = 0;

    while (rest.n > 0) {
        uint32_t c = utf8_next(&rest);

        used += c == UTF8_BAD ? 1 : utf8_cells(c);
    }
    buf_add(out, text);
    for (; used < columns; used++)
        buf_add_char(out, ' ');
}

static unsigned widest(const struct metrics *m, bool is_site)
{
    size_t most = sizeof("route") - 1;

    for (size_t i = 0; i < m->route_count; i++) {
        size_t n = is_site ? m->routes[i].site.n : m->routes[i].route.n;

        most = n > most ? n : most;
    }
    return most < ROUTE_COLUMNS_MAX ? (unsigned)most : ROUTE_COLUMNS_MAX;
}

static void add_route(struct buf *out, const struct metrics_route *r, unsigned site_columns,
                      unsigned route_columns)
{
    static const double shares[] = { .5, .9, .99, .999 };
    char text[FIGURES_MAX], size[HUMAN_MAX];

    add_padded(out, r->site, site_columns);
    buf_add_char(out, ' ');
    add_padded(out, r->route, route_columns);
    buf_printf(out, " %12" PRIu64, series_requests(&r->totals));
    for (int class = CLASS_FIRST; class <= CLASS_LAST; class ++)
        buf_printf(out, " %10" PRIu64, r->totals.responses[class]);
    buf_printf(out, " %6s", human_size(r->totals.body_bytes, size));
    for (size_t i = 0; i < sizeof(shares) / sizeof(*shares); i++)
        buf_printf(out, " %8s", figures_duration(series_quantile_ns(&r->totals, shares[i]), text));
    buf_add_char(out, '\n');
}

static void add_routes(struct buf *out, const struct metrics *m)
{
    unsigned site_columns = widest(m, true), route_columns = widest(m, false);

    buf_printf(out, "\n%-*s %-*s %12s %10s %10s %10s %10s %6s %8s %8s %8s %8s\n", (int)site_columns,
               "site", (int)route_columns, "route", "requests", "2xx", "3xx", "4xx", "5xx", "bytes",
               "p50", "p90", "p99", "p99.9");
    for (size_t i = 0; i < m->route_count; i++)
        add_route(out, &m->routes[i], site_columns, route_columns);
}

void metrics_text_write(const struct metrics *m, struct buf *out)
{
    add_server(out, m);
    add_workers(out, m);
    add_routes(out, m);
}
