#include "master/top_view.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/human.h"
#include "master/top_canvas.h"

enum { FIGURE_CELLS = 7, HEAD_LINES = 4 };

/* ---- the head ---- */

static void put_history(struct canvas *c)
{
    static const char *const bars[] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
    const struct top_view *v = c->v;
    unsigned count = v->history_count, room = canvas_cells_left(c);
    double most = 0;

    if (!v->has_utf8 || !v->is_terminal || room < 12)
        return;
    count = count < room - 2 ? count : room - 2;
    for (unsigned i = TOP_HISTORY - count; i < TOP_HISTORY; i++)
        most = v->history[i] > most ? v->history[i] : most;
    canvas_put_spaces(c, 2);
    for (unsigned i = TOP_HISTORY - count; i < TOP_HISTORY; i++)
        canvas_put(c, PLAIN, "%s", most > 0 ? bars[(int)(v->history[i] / most * 7.49)] : bars[0]);
}

static void put_server(struct canvas *c, const struct top_rates *r)
{
    char up[HUMAN_MAX], right[64], at[16] = "";
    time_t now = (time_t)r->at_s;
    struct tm tm;
    size_t cells;

    localtime_r(&now, &tm);
    strftime(at, sizeof(at), "%H:%M:%S", &tm);
    canvas_put(c, PLAIN, "  pid %d  up %s  generation %llu", (int)r->master_pid,
               human_time((double)r->up_s, up), (unsigned long long)r->generation);
    cells = (size_t)snprintf(right, sizeof(right), "every %gs  %s",
                             (double)c->v->interval_ms / 1000, c->v->is_paused ? "paused" : at);
    if (c->v->width == 0 || cells + 2 > canvas_cells_left(c))
        canvas_put_spaces(c, 2);
    else
        canvas_put_spaces(c, canvas_cells_left(c) - (unsigned)cells);
    canvas_put_item(c, c->v->is_paused ? WARNING : PLAIN, "", right);
}

/* `r` NULL: nothing was seen yet. */
static void put_title(struct canvas *c, const struct top_rates *r)
{
    if (c->v->notice != NULL) {
        canvas_put(c, ALARM, "%s", c->v->notice);
    } else {
        canvas_put(c, BOLD, "remuda %s", c->v->version);
        if (r != NULL)
            put_server(c, r);
    }
    canvas_end_line(c);
}

static void put_requests(struct canvas *c, const struct top_rates *r)
{
    char text[TOP_TEXT_MAX], value[16], label[16];

    snprintf(value, sizeof(value), "%6s",
             top_text_rate((double)series_requests(&r->all) / r->s, text));
    canvas_put_item(c, BOLD, "req/s ", value);
    for (int i = 2; i <= 5; i++) {
        enum style style = r->all.responses[i] == 0 || i < 4 ? PLAIN : i == 4 ? WARNING : ALARM;

        snprintf(label, sizeof(label), "  %dxx ", i);
        snprintf(value, sizeof(value), "%6s",
                 top_text_rate((double)r->all.responses[i] / r->s, text));
        canvas_put_item(c, style, label, value);
    }
    put_history(c);
    canvas_end_line(c);
}

static void put_latency(struct canvas *c, const struct top_rates *r)
{
    static const struct {
        const char *name;
        double share;
    } quantiles[] = {
        { "latency  p50 ", 0.5 }, { "  p90 ", 0.9 }, { "  p99 ", 0.99 }, { "  p99.9 ", 0.999 }
    };
    char text[TOP_TEXT_MAX], value[16];

    for (int i = 0; i < 4; i++) {
        snprintf(value, sizeof(value), "%6s",
                 top_text_time(series_quantile_ns(&r->all, quantiles[i].share), text));
        canvas_put_item(c, PLAIN, quantiles[i].name, value);
    }
    canvas_end_line(c);
}

static void put_traffic(struct canvas *c, const struct top_rates *r)
{
    char text[HUMAN_MAX], rate[TOP_TEXT_MAX], value[32];

    snprintf(value, sizeof(value), "%6llu", (unsigned long long)r->open);
    canvas_put_item(c, PLAIN, "conns ", value);
    snprintf(value, sizeof(value), "%5s", top_text_rate(r->accepted, rate));
    canvas_put_item(c, PLAIN, "  new/s ", value);
    snprintf(value, sizeof(value), "%5s", human_size((uint64_t)r->sent_bytes, text));
    canvas_put_item(c, PLAIN, "  out/s ", value);
    snprintf(value, sizeof(value), "%5s", human_size((uint64_t)r->received_bytes, text));
    canvas_put_item(c, PLAIN, "  in/s ", value);
    snprintf(value, sizeof(value), "%u/%u", r->serving_count, r->worker_count);
    canvas_put_item(c, r->serving_count < r->worker_count ? WARNING : PLAIN, "  workers ", value);
    if (r->respawns > 0) {
        snprintf(value, sizeof(value), "%llu", (unsigned long long)r->respawns);
        canvas_put_item(c, PLAIN, "  respawned ", value);
    }
    canvas_end_line(c);
}

/* ---- workers ---- */

static const struct column worker_columns[] = {
    { "worker", 6, 9, -1 },
    { "state", 8, 5, -1 },
    { "pid", 7, 1, -1 },
    { "req/s", FIGURE_CELLS, 8, -1 },
    { "p50", FIGURE_CELLS, 0, -1 },
    { "p99", FIGURE_CELLS, 7, -1 },
    { "conns", FIGURE_CELLS, 3, -1 },
    { "cpu", FIGURE_CELLS - 1, 6, -1 },
    { "mem", FIGURE_CELLS - 1, 4, -1 },
};

enum { WORKER_COLUMNS = sizeof(worker_columns) / sizeof(*worker_columns) };
_Static_assert((int)WORKER_COLUMNS <= (int)COLUMNS_MAX, "struct table has room");

static void put_worker(struct canvas *c, const struct table *t, const struct top_worker *w)
{
    static const struct {
        const char *word;
        enum style style;
    } states[] = { [TOP_NONE] = { "none", ALARM },
                   [TOP_STARTING] = { "starting", WARNING },
                   [TOP_SERVING] = { "serving", PLAIN },
                   [TOP_STUCK] = { "stuck", ALARM },
                   [TOP_LEAVING] = { "leaving", WARNING } };
    struct cell cells[WORKER_COLUMNS] = { 0 };
    char text[TOP_TEXT_MAX], memory[HUMAN_MAX];

    snprintf(cells[0].text, CELL_MAX, "%u", w->slot + 1);
    cell_set(&cells[1], states[w->state].style, states[w->state].word);
    for (int i = 2; i < WORKER_COLUMNS; i++)
        cell_set(&cells[i], PLAIN, "-");
    if (w->pid != 0) {
        snprintf(cells[2].text, CELL_MAX, "%d", (int)w->pid);
        snprintf(cells[6].text, CELL_MAX, "%u", w->open);
    }
    cell_set(&cells[3], PLAIN, top_text_rate(w->figures.requests, text));
    cell_set(&cells[4], PLAIN, top_text_time(w->figures.p50_ns, text));
    cell_set(&cells[5], PLAIN, top_text_time(w->figures.p99_ns, text));
    if (w->cpu_share >= 0)
        snprintf(cells[7].text, CELL_MAX, "%.0f%%", w->cpu_share * 100);
    if (w->has_memory)
        cell_set(&cells[8], PLAIN, human_size(w->memory_bytes, memory));
    table_put_row(c, t, NULL, cells);
}

static void put_workers(struct canvas *c, const struct top_rates *r, unsigned lines)
{
    struct table t = table_fit(c->v, worker_columns, WORKER_COLUMNS, NULL, 0);
    unsigned shown = lines < r->row_count ? lines - 1 : r->row_count;

    if (lines == 0)
        return;
    table_put_title(c, &t);
    for (unsigned i = 0; i < shown; i++)
        put_worker(c, &t, &r->workers[i]);
    if (shown < r->row_count) {
        canvas_put(c, PLAIN, "%*s%u more", shown > 0 ? 3 : 0, "", r->row_count - shown);
        canvas_end_line(c);
    }
}

/* ---- sites and routes ---- */

static const struct column route_columns[] = {
    { "req/s", FIGURE_CELLS, 5, TOP_BY_REQUESTS },
    { "errors", FIGURE_CELLS, 2, TOP_BY_ERRORS },
    { "p50", FIGURE_CELLS, 0, -1 },
    { "p99", FIGURE_CELLS, 4, TOP_BY_P99 },
    { "bytes/s", FIGURE_CELLS + 1, 1, TOP_BY_BYTES },
};

enum { ROUTE_COLUMNS = sizeof(route_columns) / sizeof(*route_columns) };

static void write_name(const struct top_route *route, struct buf *name)
{
    name->n = 0;
    buf_printf(name, "%s", route->site);
    if (route->route != NULL)
        buf_printf(name, " %s", route->route);
}

static void put_route(struct canvas *c, const struct table *t, const struct top_route *route)
{
    const struct top_figures *f = &route->figures;
    struct cell cells[ROUTE_COLUMNS] = { 0 };
    char text[TOP_TEXT_MAX], bytes[HUMAN_MAX];
    struct buf name = { 0 };

    cell_set(&cells[0], PLAIN, top_text_rate(f->requests, text));
    cell_set(&cells[1],
             f->failure_share > 0 ? ALARM
             : f->error_share > 0 ? WARNING
                                  : PLAIN,
             f->requests > 0 ? top_text_share(f->error_share, text) : "-");
    cell_set(&cells[2], PLAIN, top_text_time(f->p50_ns, text));
    cell_set(&cells[3], PLAIN, top_text_time(f->p99_ns, text));
    cell_set(&cells[4], PLAIN, human_size((uint64_t)f->body_bytes, bytes));
    write_name(route, &name);
    table_put_row(c, t, buf_cstr(&name), cells);
    buf_fini(&name);
}

static void put_routes(struct canvas *c, const char *title, const struct top_route *routes,
                       unsigned count)
{
    unsigned widest = NAME_CELLS_LEAST;
    struct buf name = { 0 };
    struct table t;

    if (count == 0)
        return;
    for (unsigned i = 0; i < count && c->v->width == 0; i++) {
        write_name(&routes[i], &name);
        widest = canvas_cells_of(buf_cstr(&name)) > widest ? canvas_cells_of(name.p) : widest;
    }
    buf_fini(&name);
    t = table_fit(c->v, route_columns, ROUTE_COLUMNS, title, widest);
    table_put_title(c, &t);
    for (unsigned i = 0; i < count; i++)
        put_route(c, &t, &routes[i]);
}

/* ---- the frame ---- */

struct plan {
    unsigned workers, sites, routes; /* lines, but for the titles */
    bool has_gaps;
};

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Workers first, but never without some routes; a site alone says nothing that its routes do not. */
static struct plan plan_of(const struct top_view *v, const struct top_rates *r)
{
    struct plan p = { r->row_count, r->site_count > 1 ? r->site_count : 0, r->route_count,
                      v->height == 0 || v->height >= 24 };
    unsigned titles = 2 + (p.sites > 0 && p.has_gaps), left, for_routes;

    if (v->height == 0)
        return p;
    left = HEAD_LINES + titles * (p.has_gaps ? 2 : 1);
    left = v->height > left ? v->height - left : 0;
    for_routes = least(p.routes, left / 3);
    p.workers = least(p.workers, left - for_routes);
    left -= p.workers;
    p.sites = p.has_gaps ? least(p.sites, left / 3) : 0;
    p.routes = least(p.routes, left - p.sites);
    return p;
}

static void put_help(struct canvas *c)
{
    static const char *const lines[] = {
        "",
        "q, Ctrl-C         quit",
        "s, right, left    sort sites and routes by another column, marked *",
        "+, -              longer and shorter intervals",
        "p, space          pause, and go on",
        "h, ?              this help, and back",
        "",
        "req/s             answered, by class of status; the bars are those of the last frames",
        "latency           from a request's first look to its answer, within the interval; half of",
        "                  the requests were faster than p50, one in a hundred slower than p99",
        "errors            share of answers 4xx and 5xx; red: some of them 5xx",
        "bytes/s           of the answers' bodies; out/s and in/s: all that is sent and received",
        "cpu, mem          of the worker's process: share of one CPU, resident memory",
    };

    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
        canvas_put(c, PLAIN, "%s", lines[i]);
        canvas_end_line(c);
    }
}

static void put_body(struct canvas *c, const struct top_rates *r)
{
    struct plan p = plan_of(c->v, r);

    put_requests(c, r);
    put_latency(c, r);
    put_traffic(c, r);
    if (p.has_gaps && p.workers > 0)
        canvas_end_line(c);
    put_workers(c, r, p.workers);
    if (p.has_gaps && p.sites > 0)
        canvas_end_line(c);
    put_routes(c, "site", r->sites, p.sites);
    if (p.has_gaps && p.routes > 0)
        canvas_end_line(c);
    put_routes(c, "route", r->routes, p.routes);
}

void top_view_draw(const struct top_view *v, const struct top_rates *rates, struct buf *out)
{
    struct canvas c = { .v = v, .out = out };

    if (v->is_terminal)
        buf_printf(out, "\033[H");
    put_title(&c, rates);
    if (v->wants_help)
        put_help(&c);
    else if (rates != NULL)
        put_body(&c, rates);
    if (v->is_terminal && canvas_has_room(&c))
        buf_printf(out, "\033[J");
}

void top_view_remember(struct top_view *v, double requests)
{
    memmove(v->history, v->history + 1, sizeof(v->history) - sizeof(*v->history));
    v->history[TOP_HISTORY - 1] = requests;
    if (v->history_count < TOP_HISTORY)
        v->history_count++;
}
