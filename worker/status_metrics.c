/*
 * status_metrics - the handler of the status page: what all workers have counted, in the form that
 * the client wants (metrics_format.h).
 *
 * The helper thread adds it up and writes it, so that no other client waits for it; then it is sent
 * from memory. What that takes is bounded: REPORTS_MAX of a generation are made or sent at a time, each
 * as large as the config has routes (metrics.h). Who comes when they are used up gets 503.
 */
#include "worker/handler.h"

#include <stdlib.h>

#include "common/list.h"
#include "common/now.h"
#include "common/offload.h"
#include "common/shared.h"
#include "common/xmalloc.h"
#include "worker/generation.h"
#include "worker/metrics.h"
#include "worker/metrics_format.h"
#include "worker/metrics_json.h"
#include "worker/metrics_page.h"
#include "worker/metrics_prometheus.h"
#include "worker/metrics_text.h"

static const struct str allowed = STR_INIT("GET, HEAD, OPTIONS");

enum { REPORTS_MAX = 16 };

/* First a job of the helper thread's, then the body of a response. */
struct report {
    struct offload_job job;
    struct body_source source;
    struct exchange *x;     /* that waits for it; NULL: nobody (any more) */
    struct generation *gen; /* one reference: it counts there */
    const struct shared *shared;
    enum metrics_format format;
    char nonce[METRICS_NONCE_MAX]; /* of the page */
    struct buf text;               /* owned */
    size_t taken;
    bool is_made;
};

static void report_free(struct report **rp)
{
    struct report *r = *rp;

    *rp = NULL;
    r->gen->reports--;
    generation_put(&r->gen);
    buf_fini(&r->text);
    free(r);
}

/* ---- the body ---- */

static ssize_t source_read(struct body_source *source, char *into, size_t n)
{
    struct report *r = CONTAINER_OF(source, struct report, source);
    size_t left = r->text.n - r->taken;

    if (left > n)
        left = n;
    memcpy(into, r->text.p + r->taken, left);
    r->taken += left;
    return (ssize_t)left;
}

static void source_free(struct body_source *source)
{
    struct report *r = CONTAINER_OF(source, struct report, source);

    report_free(&r);
}

/* ---- the job ---- */

static void run(struct offload_job *job)
{
    struct report *r = CONTAINER_OF(job, struct report, job);
    struct metrics m;

    metrics_take(&m, r->shared, wall_ms());
    metrics_add_processes(&m);
    switch (r->format) {
    case METRICS_JSON:
        metrics_json_write(&m, &r->text);
        break;
    case METRICS_HTML:
        metrics_page_write(&m, r->nonce, &r->text);
        break;
    case METRICS_PROMETHEUS:
    case METRICS_OPENMETRICS:
        metrics_prometheus_write(&m, r->format == METRICS_OPENMETRICS, &r->text);
        break;
    default:
        metrics_text_write(&m, &r->text);
        break;
    }
    metrics_fini(&m);
}

static void done(struct offload_job *job, bool was_run)
{
    struct report *r = CONTAINER_OF(job, struct report, job);

    r->is_made = was_run;
    if (r->x == NULL) {
        report_free(&r);
        return;
    }
    r->x->res.source = &r->source;
    exchange_wake(r->x);
}

/* ---- the answer ---- */

static void refuse_busy(struct exchange *x)
{
    response_add_field(&x->res, STR("Retry-After"), STR("1"));
    exchange_error(x, 503);
}

/* The report came with x->res.source, or went with the response if the exchange ended first. */
static void resume(struct exchange *x)
{
    struct report *r = CONTAINER_OF(x->res.source, struct report, source);

    if (!r->is_made) {
        x->res.source = NULL;
        report_free(&r);
        refuse_busy(x);
        return;
    }
    response_stream(&x->res, 200, metrics_format_type(r->format), &r->source);
    response_add_field(&x->res, STR("Cache-Control"), STR("no-store"));
    response_add_field(&x->res, STR("Vary"), STR("Accept"));
    if (r->format == METRICS_HTML)
        response_add_field(&x->res, STR("Content-Security-Policy"),
                           metrics_page_policy(r->nonce, &x->pool));
}

static void refuse_format(struct exchange *x)
{
    struct buf text = { 0 };

    buf_printf(&text, "There is no such format: ?format= takes %s.\n", metrics_format_names);
    response_bytes(&x->res, 400, STR("text/plain; charset=utf-8"),
                   pool_str(&x->pool, buf_str(&text)));
    response_add_field(&x->res, STR("Cache-Control"), STR("no-store"));
    buf_fini(&text);
}

static void handle(struct exchange *x)
{
    enum metrics_format format;
    struct report *r;

    if (x->req.method != METHOD_GET && x->req.method != METHOD_HEAD) {
        exchange_refuse_method(x, allowed);
        return;
    }
    if (!metrics_format_of(&x->req, &format)) {
        refuse_format(x);
        return;
    }
    if (x->gen->reports == REPORTS_MAX) {
        refuse_busy(x);
        return;
    }
    r = xcalloc(1, sizeof(*r));
    r->job.run = run;
    r->job.done = done;
    r->source.read = source_read;
    r->source.free = source_free;
    r->gen = generation_get(x->gen);
    r->shared = x->shared;
    r->format = format;
    x->gen->reports++;
    if (format == METRICS_HTML)
        metrics_page_make_nonce(r->nonce);
    if (!offload_submit(x->offload, &r->job)) {
        report_free(&r);
        refuse_busy(x);
        return;
    }
    exchange_suspend(x, "waiting for the status page", resume, &r->x);
}

const struct handler status_metrics = { "status_page", handle };
