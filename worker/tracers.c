#include "worker/tracers.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/channel.h"
#include "common/log.h"
#include "common/now.h"
#include "worker/generation.h"
#include "worker/internal.h"
#include "worker/route_series.h"
#include "worker/trace_line.h"

static const struct str json_before = STR_INIT("json "), text_before = STR_INIT("text ");

static void drop(struct worker *w, unsigned at)
{
    struct tracers *t = &w->tracers;

    close(t->all[at].fd);
    trace_filter_fini(&t->all[at].filter);
    t->all[at] = t->all[--t->count];
    worker_choose_way(w);
}

void tracers_remove(struct worker *w, uint64_t number)
{
    for (unsigned i = w->tracers.count; i-- > 0;)
        if (number == 0 || w->tracers.all[i].number == number)
            drop(w, i);
}

void tracers_add(struct worker *w, struct message *m)
{
    struct str text = str_of(m->text);
    struct tracer *tracer;
    struct buf why = { 0 };

    tracers_remove(w, m->generation);
    if (m->fd_count != 1 || w->tracers.count == TRACERS_MAX ||
        !(str_starts(text, json_before) || str_starts(text, text_before)))
        goto fail;
    tracer = &w->tracers.all[w->tracers.count];
    *tracer = (struct tracer){ .number = m->generation,
                               .fd = m->fds[0],
                               .wants_json = str_starts(text, json_before) };
    text = str_range(text.p + text_before.n, text.p + text.n);
    if (!trace_filter_parse(text, &tracer->filter, &why)) {
        trace_filter_fini(&tracer->filter);
        goto fail;
    }
    w->tracers.count++;
    worker_choose_way(w);
    buf_fini(&why);
    return;
fail:
    log_error("a trace of the master could not be taken: %s", buf_cstr(&why));
    for (uint32_t i = 0; i < m->fd_count; i++)
        close(m->fds[i]);
    buf_fini(&why);
}

/* Whole or not at all. False: nobody is there any more. */
static bool write_line(struct tracer *tracer, const struct trace_request *r)
{
    struct buf line = { 0 };
    ssize_t n;

    if (tracer->wants_json)
        trace_line_json(r, tracer->dropped, &line);
    else
        trace_line_text(r, tracer->dropped, &line);
    do
        n = send(tracer->fd, line.p, line.n, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    buf_fini(&line);
    if (n < 0 && errno != EAGAIN && errno != ENOBUFS && errno != ENOMEM)
        return false;
    tracer->dropped = n < 0 ? tracer->dropped + 1 : 0;
    return true;
}

void tracers_tell(struct worker *w, const struct exchange *x, unsigned status, uint64_t body_bytes)
{
    uint64_t now_ns = ticks_now(&w->ticks);
    struct buf route = { 0 };
    struct trace_request r = {
        .time_ms = wall_ms(), /* the turn's is too coarse to tell two requests apart */
        .worker = w->slot + 1,
        .client = x->remote,
        .method = x->req.method_text,
        .host = x->req.host,
        .target = x->req.target,
        .path = x->req.path,
        .status = status,
        .body_bytes = body_bytes,
        .took_ns = now_ns > x->began_ns ? now_ns - x->began_ns : 0,
    };

    if (x->route != NULL) {
        r.site = route_series_site(generation_site_of(x->gen, x->route)->config);
        r.route = route_series_route(x->route->config, &route);
    }
    for (unsigned i = w->tracers.count; i-- > 0;) {
        struct tracer *tracer = &w->tracers.all[i];

        if (trace_filter_has(&tracer->filter, &r) && !write_line(tracer, &r))
            drop(w, i);
    }
    buf_fini(&route);
}
