#include "worker/metrics_format.h"

#include "worker/accept.h"

const char metrics_format_names[] = "text, html, json, openmetrics or prometheus";

static const struct {
    struct str name;
    struct media_type accepts;
    struct str type;
} formats[METRICS_FORMAT_COUNT] = {
    [METRICS_TEXT] = { STR_INIT("text"),
                       { STR_INIT("text/plain"), STR_INIT("text/*"), { NULL, 0 } },
                       STR_INIT("text/plain; charset=utf-8") },
    [METRICS_HTML] = { STR_INIT("html"),
                       { STR_INIT("text/html"), STR_INIT("text/*"), { NULL, 0 } },
                       STR_INIT("text/html; charset=utf-8") },
    [METRICS_JSON] = { STR_INIT("json"),
                       { STR_INIT("application/json"), STR_INIT("application/*"), { NULL, 0 } },
                       STR_INIT("application/json") },
    [METRICS_OPENMETRICS] = { STR_INIT("openmetrics"),
                              { STR_INIT("application/openmetrics-text"), STR_INIT("application/*"),
                                STR_INIT("1.0.0") },
                              STR_INIT("application/openmetrics-text; version=1.0.0; "
                                       "charset=utf-8") },
    [METRICS_PROMETHEUS] = { STR_INIT("prometheus"),
                             { STR_INIT("text/plain"), STR_INIT("text/*"), STR_INIT("0.0.4") },
                             STR_INIT("text/plain; version=0.0.4; charset=utf-8") },
};

struct str metrics_format_type(enum metrics_format format)
{
    return formats[format].type;
}

/* False: it is not there. */
static bool read_query(struct str query, struct str *value)
{
    while (query.p != NULL) {
        struct str pair = str_cut(&query, '&');

        if (str_eq(str_cut(&pair, '='), STR("format"))) {
            *value = pair;
            return true;
        }
    }
    return false;
}

bool metrics_format_of(const struct request *req, enum metrics_format *format)
{
    struct str wanted;
    unsigned best = 0;

    *format = METRICS_TEXT;
    if (read_query(req->query, &wanted)) {
        for (int i = 0; i < METRICS_FORMAT_COUNT; i++) {
            *format = (enum metrics_format)i;
            if (str_eq(wanted, formats[i].name))
                return true;
        }
        return false;
    }
    for (int i = 0; i < METRICS_FORMAT_COUNT; i++) {
        unsigned weight = accept_weight(req, &formats[i].accepts);

        if (weight > best) {
            best = weight;
            *format = (enum metrics_format)i;
        }
    }
    return true;
}
