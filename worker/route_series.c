#include "worker/route_series.h"

struct str route_series_site(const struct site *site)
{
    return site->host_count > 0 ? str_of(site->hosts[0]) : STR("*");
}

struct str route_series_route(const struct route *route, struct buf *text)
{
    static const char *const marks[] = {
        [MATCH_EXACT] = "= ", [MATCH_REGEX] = "~ ", [MATCH_PREFIX] = ""
    };

    text->n = 0;
    buf_printf(text, "%s%s", marks[route->match], route->path);
    return buf_str(text);
}

size_t route_series_add(struct series *series, const struct config *config)
{
    struct buf text = { 0 };
    size_t without = 0;

    for (size_t i = 0; i < config->site_count; i++) {
        const struct site *site = &config->sites[i];

        for (size_t j = 0; j < site->route_count; j++)
            without += series_name_add(series, route_series_site(site),
                                       route_series_route(&site->routes[j], &text)) == 0;
    }
    buf_fini(&text);
    return without;
}

struct series_record *route_series_record(struct series *series, unsigned slot,
                                          const struct site *site, const struct route *route)
{
    struct buf text = { 0 };
    unsigned number =
        series_name_find(series, route_series_site(site), route_series_route(route, &text));

    buf_fini(&text);
    return series_record(series, slot, number);
}
