/* Which names the routes of a config get. */
#include "worker/route_series.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "tests/config/parse.h"

static struct series *series;

static void make(void)
{
    series =
        mmap(NULL, sizeof(*series), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq(series, MAP_FAILED);
}

TestSuite(route_series, .init = make);

static unsigned number(const char *site, const char *route)
{
    return series_name_find(series, str_of(site), str_of(route));
}

static void add(const char *text)
{
    struct config *config = parse_good(text);

    cr_expect_eq(route_series_add(series, config), 0);
    config_free(&config);
}

Test(route_series, names_routes_as_nginx_writes_them)
{
    add("root: /r\nroutes: [{path: /a}, {exact: /a}, {regex: '^/a'}]\n"
        "sites:\n"
        "  - hosts: [b.example, www.b.example]\n"
        "    routes: [{path: /a}]\n");
    cr_expect_neq(number("*", "/a"), 0);
    cr_expect_neq(number("*", "= /a"), 0);
    cr_expect_neq(number("*", "~ ^/a"), 0);
    cr_expect_neq(number("*", "/"), 0, "the site itself");
    cr_expect_neq(number("b.example", "/a"), 0);
    cr_expect_eq(number("www.b.example", "/a"), 0, "a site has one name");
}

Test(route_series, counts_routes_of_one_path_together)
{
    struct config *config =
        parse_good("root: /r\nroutes: [{path: /a, methods: GET}, {path: /a, methods: PUT}]\n");

    route_series_add(series, config);
    cr_expect_eq(series->name_count, 2, "/a and /");
    cr_expect_eq(route_series_record(series, 3, &config->sites[0], &config->sites[0].routes[0]),
                 route_series_record(series, 3, &config->sites[0], &config->sites[0].routes[1]));
    config_free(&config);
}

Test(route_series, keeps_a_number_over_reloads)
{
    unsigned a;

    add("root: /r\nroutes: [{path: /a}]\n");
    a = number("*", "/a");
    add("root: /r\nroutes: [{path: /b}]\n");
    add("root: /r\nroutes: [{path: /a}]\n");
    cr_expect_eq(number("*", "/a"), a);
    cr_expect_eq(series->name_count, 3);
}

Test(route_series, tells_how_many_found_no_room_and_counts_them_as_other)
{
    struct config *config;
    struct buf text = { 0 };

    buf_printf(&text, "root: /r\nroutes:\n");
    for (int i = 0; i < SERIES_NAMES_MAX + 4; i++)
        buf_printf(&text, "  - path: /%04d\n", i);
    config = parse_good(buf_cstr(&text));
    cr_expect_eq(route_series_add(series, config), 5, "/ is one, too");
    cr_expect_eq(route_series_record(series, 1, &config->sites[0],
                                     &config->sites[0].routes[SERIES_NAMES_MAX + 3]),
                 series_record(series, 1, 0));
    cr_expect_eq(route_series_record(series, 1, &config->sites[0], &config->sites[0].routes[0]),
                 series_record(series, 1, number("*", "/0000")));
    config_free(&config);
    buf_fini(&text);
}
