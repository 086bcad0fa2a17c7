#include "master/top_view.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "common/utf8.h"
#include "common/xmalloc.h"
#include "master/top_canvas.h"

static struct top_figures figures_of(double requests, double errors)
{
    return (struct top_figures){ .requests = requests,
                                 .body_bytes = requests * 1000,
                                 .error_share = errors,
                                 .p50_ns = 85000,
                                 .p99_ns = 1200000 };
}

static struct top_rates *rates_new(unsigned workers, unsigned routes)
{
    struct top_rates *r = xcalloc(1, sizeof(*r));

    *r = (struct top_rates){ .s = 1, .up_s = 192, .generation = 3, .master_pid = 4242 };
    r->worker_count = r->serving_count = r->row_count = workers;
    r->all.responses[2] = 1234;
    r->all.responses[4] = 6;
    r->all.latency[latency_bucket(85000)] = 1240;
    r->open = 50;
    r->sent_bytes = 2.5e6;
    for (unsigned i = 0; i < workers; i++)
        r->workers[i] = (struct top_worker){ .slot = i,
                                             .pid = 5000 + (int32_t)i,
                                             .state = TOP_SERVING,
                                             .open = 25,
                                             .figures = figures_of(620, 0),
                                             .cpu_share = 0.42,
                                             .has_memory = true,
                                             .memory_bytes = 3670016 };
    r->route_count = routes;
    for (unsigned i = 0; i < routes; i++)
        r->routes[i] = (struct top_route){ .site = "www.example.org",
                                           .route = "/downloads",
                                           .figures = figures_of(100, 0.005) };
    r->site_count = 1;
    r->sites[0] = (struct top_route){ .site = "www.example.org", .figures = figures_of(1240, 0) };
    return r;
}

static struct top_view view_of(unsigned width, unsigned height)
{
    return (struct top_view){ .width = width,
                              .height = height,
                              .is_terminal = height > 0,
                              .has_utf8 = true,
                              .has_colours = true,
                              .interval_ms = 1000,
                              .version = "1.2.3" };
}

/* What is left when a terminal has obeyed the escapes. */
static void drop_escapes(struct buf *b)
{
    size_t to = 0;

    for (size_t i = 0; i < b->n; i++) {
        if (b->p[i] != '\033') {
            b->p[to++] = b->p[i];
            continue;
        }
        while (i + 1 < b->n && (b->p[i + 1] < '@' || b->p[i + 1] == '['))
            i++;
        i++;
    }
    b->n = to;
}

static unsigned cells_of(struct str line)
{
    unsigned cells = 0;

    while (line.n > 0)
        cells += utf8_cells(utf8_next(&line));
    return cells;
}

Test(top_view, draws_a_frame_for_a_pipe)
{
    static const char expect[] =
        "req/s   1240  2xx   1234  3xx      0  4xx    6.0  5xx      0\n"
        "latency  p50   90us  p90   90us  p99   90us  p99.9   90us\n"
        "conns     50  new/s     0  out/s  2.4M  in/s     0  workers 2/2\n"
        "\n"
        " worker    state     pid   req/s     p50     p99   conns    cpu    mem\n"
        "      1  serving    5000     620    85us   1.2ms      25    42%   3.5M\n"
        "      2  serving    5001     620    85us   1.2ms      25    42%   3.5M\n"
        "\n"
        "route                       req/s*  errors     p50     p99  bytes/s\n"
        "www.example.org /downloads     100    0.5%    85us   1.2ms      98K\n";
    struct top_view v = view_of(0, 0);
    struct top_rates *r = rates_new(2, 1);
    struct buf out = { 0 };
    const char *rest;

    top_view_draw(&v, r, &out);
    rest = strchr(buf_cstr(&out), '\n');
    cr_assert_not_null(rest);
    cr_expect_str_eq(rest + 1, expect, "%s", out.p);
    cr_expect(str_starts(buf_str(&out), STR("remuda 1.2.3  pid 4242  up 3m 12s  generation 3")),
              "%s", out.p);
    cr_expect_null(strchr(out.p, '\033'));
    buf_fini(&out);
    free(r);
}

static void check_size(unsigned width, unsigned height, unsigned workers, unsigned routes,
                       bool wants_help)
{
    struct top_view v = view_of(width, height);
    struct top_rates *r = rates_new(workers, routes);
    struct buf out = { 0 };
    struct str rest;
    unsigned lines = 0;

    r->routes[0].route = "/\xe6\xbc\xa2\xe5\xad\x97/as/long/as/a/path/can/be/in/a/name/of/ours";
    v.wants_help = wants_help;
    for (int i = 0; i < TOP_HISTORY; i++)
        top_view_remember(&v, i);
    top_view_draw(&v, r, &out);
    drop_escapes(&out);
    rest = buf_str(&out);
    while (rest.p != NULL && rest.n > 0) {
        struct str line = str_cut(&rest, '\n');

        lines++;
        cr_expect(cells_of(line) <= width, "%ux%u: %.*s", width, height, STR_ARG(line));
    }
    cr_expect(lines <= height, "%u lines in %u", lines, height);
    cr_expect(height < 15 || wants_help || strstr(buf_cstr(&out), "www.example.org") != NULL ||
                  width < 20,
              "%ux%u, %u workers: some routes are there", width, height, workers);
    buf_fini(&out);
    free(r);
}

Test(top_view, fits_into_a_terminal_of_any_size)
{
    static const unsigned widths[] = { 1, 2, 7, 16, 23, 40, 60, 61, 80, 100, 200 };
    static const unsigned heights[] = { 1, 2, 4, 5, 6, 7, 15, 23, 24, 30, 50 };
    static const unsigned counts[] = { 1, 8, 64 };

    for (size_t w = 0; w < sizeof(widths) / sizeof(*widths); w++)
        for (size_t h = 0; h < sizeof(heights) / sizeof(*heights); h++)
            for (size_t n = 0; n < sizeof(counts) / sizeof(*counts); n++) {
                check_size(widths[w], heights[h], counts[n], 30, false);
                check_size(widths[w], heights[h], counts[n], 30, true);
            }
}

static void expect_in(const struct top_view *v, const struct top_rates *r, const char *words,
                      bool is_there)
{
    struct buf out = { 0 };

    top_view_draw(v, r, &out);
    cr_expect_eq(strstr(buf_cstr(&out), words) != NULL, is_there, "\"%s\" in: %s", words, out.p);
    buf_fini(&out);
}

Test(top_view, leaves_out_columns_where_it_is_narrow)
{
    struct top_view v = view_of(60, 15);
    struct top_rates *r = rates_new(2, 1);

    expect_in(&v, r, "      1  serving     620   1.2ms      25    42%   3.5M", true);
    expect_in(&v, r, "5000", false);
    free(r);
}

Test(top_view, says_how_many_workers_find_no_room)
{
    struct top_view v = view_of(80, 15);
    struct top_rates *r = rates_new(64, 2);

    expect_in(&v, r, "   58 more", true);
    free(r);
}

Test(top_view, shows_sites_when_there_are_some)
{
    struct top_view v = view_of(100, 30);
    struct top_rates *r = rates_new(2, 2);

    expect_in(&v, r, "site", false);
    r->site_count = 2;
    r->sites[1] = (struct top_route){ .site = "two.example" };
    expect_in(&v, r, "two.example", true);
    free(r);
}

Test(top_view, has_colours_where_something_is_wrong_and_nowhere_else)
{
    struct top_view v = view_of(100, 30);
    struct top_rates *r = rates_new(2, 1);

    r->all.responses[4] = 0;
    r->routes[0].figures.error_share = 0;
    expect_in(&v, r, "\033[33m", false);
    expect_in(&v, r, "\033[1;31m", false);
    r->all.responses[5] = 1;
    expect_in(&v, r, "\033[1;31m   1.0\033[m", true);
    v.has_colours = false;
    expect_in(&v, r, "\033[1;31m", false);
    expect_in(&v, r, "\033[1m   1.0\033[m", true);
    free(r);
}

Test(top_view, lets_no_name_steer_the_terminal)
{
    struct top_view v = view_of(100, 30);
    struct top_rates *r = rates_new(1, 1);

    r->routes[0].route = "/a\033[2Jb\xff";
    expect_in(&v, r, "/a?[2Jb?", true);
    v.has_utf8 = false;
    r->routes[0].route = "/\xc3\xa4";
    expect_in(&v, r, "/?", true);
    free(r);
}

Test(top_view, says_what_is_wrong_before_there_is_anything_to_show)
{
    struct top_view v = view_of(0, 0);

    v.notice = "remuda: not running with a.yaml; trying again";
    expect_in(&v, NULL, "not running with a.yaml; trying again\n", true);
}

Test(top_view, writes_figures_in_six_characters)
{
    static const struct {
        double value;
        const char *rate, *share, *time;
    } rows[] = {
        { 0, "0", "0%", "-" },
        { 0.04, "0", "4.0%", "0ns" },
        { 0.5, "0.5", "50%", "0ns" },
        { 1, "1.0", "100%", "1ns" },
        { 0.0001, "0", "<0.1%", "0ns" },
        { 9.96, "10", NULL, "9ns" },
        { 99999, "99999", NULL, "100us" },
        { 100000, "100K", NULL, "100us" },
        { 999600, "1.0M", NULL, "1.0ms" },
        { 12345678, "12.3M", NULL, "12ms" },
        { 99960000, "100M", NULL, "100ms" },
        { 137e9, NULL, NULL, "137s" },
    };
    char text[TOP_TEXT_MAX];

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        if (rows[i].rate != NULL)
            cr_expect_str_eq(top_text_rate(rows[i].value, text), rows[i].rate);
        if (rows[i].share != NULL)
            cr_expect_str_eq(top_text_share(rows[i].value, text), rows[i].share);
        if (rows[i].value == 0 || rows[i].value >= 1)
            cr_expect_str_eq(top_text_time((uint64_t)rows[i].value, text), rows[i].time);
    }
}
