#include "worker/metrics_page.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>

#include "common/human.h"
#include "common/put.h"
#include "worker/html.h"
#include "worker/metrics_figures.h"

/* The file as it is, from the folder in which make runs. */
__asm__(".section .rodata\n"
        ".globl metrics_page_html, metrics_page_html_end\n"
        "metrics_page_html:\n"
        ".incbin \"worker/metrics_page.html\"\n"
        "metrics_page_html_end:\n"
        ".previous\n");
extern const char metrics_page_html[], metrics_page_html_end[];

void metrics_page_make_nonce(char nonce[METRICS_NONCE_MAX])
{
    uint64_t random[2];
    ssize_t n = getrandom(random, sizeof(random), 0);

    assert(n == (ssize_t)sizeof(random)); /* so few bytes are never cut (getrandom(2)) */
    snprintf(nonce, METRICS_NONCE_MAX, "%016" PRIx64 "%016" PRIx64, random[0], random[1]);
}

struct str metrics_page_policy(const char *nonce, struct pool *pool)
{
    struct buf text = { 0 };
    struct str policy;

    buf_printf(&text,
               "default-src 'none'; script-src 'nonce-%s'; style-src 'nonce-%s'; "
               "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
               "frame-ancestors 'self'",
               nonce, nonce);
    policy = pool_str(pool, buf_str(&text));
    buf_fini(&text);
    return policy;
}

/* ---- what stands in the place of {{name}} ---- */

static void add_about(const struct metrics *m, struct buf *out)
{
    char up[HUMAN_MAX];

    buf_printf(out, "version " REMUDA_VERSION ", up %s, %u worker%s, generation %" PRIu64,
               human_duration(metrics_uptime_s(m), up), m->processes, m->processes == 1 ? "" : "s",
               m->generation);
}

static void add_number_cell(struct buf *out, uint64_t value)
{
    char text[FIGURES_MAX];

    buf_printf(out, "<td>%s</td>", figures_grouped(value, text));
}

static void add_figure(struct buf *out, const char *help, uint64_t value)
{
    buf_printf(out, "<tr><td class=\"name\">%s</td>", help);
    add_number_cell(out, value);
    buf_add(out, STR("</tr>\n"));
}

static void add_figures(const struct metrics *m, struct buf *out)
{
    add_figure(out, "connections open", m->open);
    add_figure(out, "requests answered", series_requests(&m->totals));
    for (int c = 0; c < (int)COUNTER_COUNT; c++)
        add_figure(out, counter_help[c], m->counters[c]);
    add_figure(out, "workers started in place of one that died", m->respawns);
    add_figure(out, "reloads", m->reloads);
    add_figure(out, "reloads that failed", m->reloads_failed);
}

static void add_workers(const struct metrics *m, struct buf *out)
{
    for (size_t i = 0; i < m->worker_count; i++) {
        const struct metrics_worker *w = &m->workers[i];
        char cpu[HUMAN_MAX] = "&ndash;", memory[HUMAN_MAX] = "&ndash;";

        if (w->pid == 0)
            continue;
        if (w->has_process) {
            human_time(w->process.user_s + w->process.system_s, cpu);
            human_size(w->process.memory_bytes, memory);
        }
        buf_printf(out, "<tr><td class=\"name\">%u%s</td><td>%d</td><td>%" PRIu64 "</td>",
                   w->number, w->is_stuck ? " (stuck)" : "", (int)w->pid, w->generation);
        add_number_cell(out, w->open);
        add_number_cell(out, w->requests);
        buf_printf(out, "<td>%s</td><td>%s</td></tr>\n", cpu, memory);
    }
}

static void add_routes(const struct metrics *m, struct buf *out)
{
    for (size_t i = 0; i < m->route_count; i++) {
        const struct metrics_route *r = &m->routes[i];
        char size[HUMAN_MAX], p50[FIGURES_MAX], p99[FIGURES_MAX];

        buf_add(out, STR("<tr><td class=\"name\">"));
        html_add(out, r->site);
        buf_add(out, STR("</td><td class=\"name\">"));
        html_add(out, r->route);
        buf_add(out, STR("</td>"));
        add_number_cell(out, series_requests(&r->totals));
        for (int class = 2; class <= 5; class ++)
            add_number_cell(out, r->totals.responses[class]);
        buf_printf(out, "<td>%s</td><td>%s</td><td>%s</td></tr>\n",
                   human_size(r->totals.body_bytes, size),
                   figures_duration(series_quantile_ns(&r->totals, .5), p50),
                   figures_duration(series_quantile_ns(&r->totals, .99), p99));
    }
}

static void add_reload_hidden(const struct metrics *m, struct buf *out)
{
    if (!m->is_reload_failed)
        buf_add(out, STR("hidden"));
}

static const struct {
    struct str name;
    void (*add)(const struct metrics *m, struct buf *out); /* NULL: the nonce */
} places[] = {
    { STR_INIT("nonce"), NULL },
    { STR_INIT("about"), add_about },
    { STR_INIT("reload_hidden"), add_reload_hidden },
    { STR_INIT("figures"), add_figures },
    { STR_INIT("workers"), add_workers },
    { STR_INIT("routes"), add_routes },
};

static void fill(const struct metrics *m, const char *nonce, struct str name, struct buf *out)
{
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        if (!str_eq(name, places[i].name))
            continue;
        if (places[i].add == NULL)
            buf_add(out, str_of(nonce));
        else
            places[i].add(m, out);
        return;
    }
    assert(!"the page has a place that nobody fills");
}

void metrics_page_write(const struct metrics *m, const char *nonce, struct buf *out)
{
    struct str page = str_range(metrics_page_html, metrics_page_html_end);
    const char *open, *close;

    while ((open = memmem(page.p, page.n, "{{", 2)) != NULL) {
        buf_add(out, str_range(page.p, open));
        close = memmem(open, (size_t)(page.p + page.n - open), "}}", 2);
        assert(close != NULL);
        fill(m, nonce, str_range(open + 2, close), out);
        page = str_range(close + 2, page.p + page.n);
    }
    buf_add(out, page);
}
