#include "worker/metrics_format.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define NONE METRICS_FORMAT_COUNT /* there is none such */

static const struct {
    const char *why, *query, *accept; /* NULL: not sent; a '|' in accept: a line more */
    enum metrics_format expect;
} rows[] = {
    { "nothing asked", NULL, NULL, METRICS_TEXT },
    { "curl", NULL, "*/*", METRICS_TEXT },
    { "a browser", NULL, "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
      METRICS_HTML },
    { "JSON", NULL, "application/json", METRICS_JSON },
    { "JSON better than the page", NULL, "text/html;q=0.1, Application/JSON;q=0.9", METRICS_JSON },
    { "JSON in a line of its own", NULL, "text/html;q=0.5|application/json", METRICS_JSON },
    { "Prometheus 2", NULL,
      "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;"
      "q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
      METRICS_OPENMETRICS },
    { "Prometheus 3", NULL,
      "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
      "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;"
      "escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
      METRICS_OPENMETRICS },
    { "without OpenMetrics", NULL, "text/plain;version=0.0.4;q=0.5,*/*;q=0.1", METRICS_PROMETHEUS },
    { "a version in quotes", NULL, "text/plain; version=\"0.0.4\"", METRICS_PROMETHEUS },
    { "a version that there is not", NULL, "application/openmetrics-text;version=2.0.0",
      METRICS_TEXT },
    { "plain text is for people", NULL, "text/plain", METRICS_TEXT },
    { "text of any kind", NULL, "text/*", METRICS_TEXT },
    { "anything but text", NULL, "text/*;q=0, */*", METRICS_JSON },
    { "nothing that there is, RFC 9110 12.4.1", NULL, "image/png", METRICS_TEXT },
    { "by query", "format=prometheus", "text/html", METRICS_PROMETHEUS },
    { "openmetrics by query", "a=b&format=openmetrics", NULL, METRICS_OPENMETRICS },
    { "page by query", "format=html", "*/*", METRICS_HTML },
    { "text by query", "format=text&x", "text/html", METRICS_TEXT },
    { "JSON by query", "format=json", NULL, METRICS_JSON },
    { "another query", "formats=json", NULL, METRICS_TEXT },
    { "an unknown format", "format=xml", NULL, NONE },
    { "no format", "format", NULL, NONE },
    { "an empty format", "format=", NULL, NONE },
    { "in other case", "format=JSON", NULL, NONE },
};

/* An exact heap copy, so that the sanitizer sees one byte too far. */
static struct str copy(struct str s)
{
    char *p = malloc(s.n > 0 ? s.n : 1);

    memcpy(p, s.p, s.n);
    return (struct str){ p, s.n };
}

Test(metrics_format, judges_each_query_and_accept)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct request *req = calloc(1, sizeof(*req));
        struct str rest = str_of(rows[i].accept);
        enum metrics_format got = METRICS_TEXT;

        if (rows[i].query != NULL)
            req->query = copy(str_of(rows[i].query));
        while (rest.p != NULL) {
            struct str line = copy(str_cut(&rest, '|'));

            req->fields[req->field_count++] = (struct field){ STR("Accept"), line, FIELD_ACCEPT };
            if (req->known[FIELD_ACCEPT].p == NULL)
                req->known[FIELD_ACCEPT] = line;
        }
        if (!metrics_format_of(req, &got))
            got = NONE;
        cr_expect_eq(got, rows[i].expect, "%s: got %d", rows[i].why, (int)got);
        for (size_t j = 0; j < req->field_count; j++)
            free((char *)(uintptr_t)req->fields[j].value.p);
        free((char *)(uintptr_t)req->query.p);
        free(req);
    }
}
