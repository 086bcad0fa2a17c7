/*
 * metrics_format - the forms in which the status page tells metrics, and which one a request wants:
 * the one that ?format= names, else the one that Accept likes best, the first of equals.
 *
 *     curl                    anything                          text, for people
 *     browser                 text/html                         the page
 *     Prometheus' scraper     application/openmetrics-text or text/plain;version=0.0.4
 */
#ifndef WORKER_METRICS_FORMAT_H
#define WORKER_METRICS_FORMAT_H

#include <stdbool.h>

#include "worker/request.h"

/* In the order of our own liking. */
enum metrics_format {
    METRICS_TEXT,
    METRICS_HTML,
    METRICS_JSON,
    METRICS_OPENMETRICS,
    METRICS_PROMETHEUS,
    METRICS_FORMAT_COUNT
};

/* False: it asks for one that there is not. */
bool metrics_format_of(const struct request *req, enum metrics_format *format);

/* For Content-Type. */
struct str metrics_format_type(enum metrics_format format);

/* "text, html, json, openmetrics or prometheus". */
extern const char metrics_format_names[];

#endif
