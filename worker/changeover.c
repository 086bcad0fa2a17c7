#include "worker/changeover.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/log_writer.h"
#include "config/config.h"
#include "worker/acceptor.h"
#include "worker/conn.h"
#include "worker/generation.h"
#include "worker/handover.h"
#include "worker/internal.h"
#include "worker/recall.h"

#define TICK_MOST_S   1.0
#define TICK_LEAST_S  0.05
#define REOPEN_LOOK_S 0.005
enum {
    REOPEN_LOOKS = 200, /* a second */
    DESCRIPTORS = 16,   /* for docroots and what else a generation opens */
};

static void watch_files(struct worker *w)
{
    int fd = file_cache_watch_fd(w->gen->cache);

    ev_io_stop(w->loop, &w->file_watch);
    if (fd < 0)
        return;
    ev_io_set(&w->file_watch, fd, EV_READ);
    ev_io_start(w->loop, &w->file_watch);
}

static void on_files_changed(struct ev_loop *loop, ev_io *io, int events)
{
    file_cache_on_change(CONTAINER_OF(io, struct worker, file_watch)->gen->cache);
}

static double least(double a, uint64_t ms)
{
    double b = (double)ms / 1000 / 4;

    return b > 0 && b < a ? b : a;
}

/* Often enough for the shortest deadline, seldom enough to let an idle machine sleep. */
static double tick_seconds(const struct config *config)
{
    double s = TICK_MOST_S;

    s = least(s, config->client_header_timeout_ms);
    s = least(s, config->client_body_timeout_ms);
    s = least(s, config->send_timeout_ms);
    s = least(s, config->keepalive_timeout_ms);
    s = least(s, config->lingering_timeout_ms);
    s = least(s, config->access_log_flush_ms * 4);
    return s > TICK_LEAST_S ? s : TICK_LEAST_S;
}

static void use_error_log(struct worker *w, struct bundle *bundle)
{
    int old = w->error_log_fd;

    if (w->is_single) /* the master's, in the same process, serves both */
        return;
    w->error_log_fd = bundle->log_fds[0];
    bundle->log_fds[0] = -1;
    log_set_fd(w->error_log_fd);
    log_writer_close(LOG_ERRORS, old);
}

static bool spare_idle(void *context)
{
    return conn_evict(context);
}

void changeover_to(struct worker *w, struct generation *gen, struct bundle *bundle)
{
    struct generation *old = w->gen;

    if (w->spare != NULL)
        exchange_free(w, w->spare);
    w->spare = NULL;
    recall_free(&w->recall);
    w->recall = recall_new(gen->config->recall_memory_bytes);
    worker_choose_way(w);
    w->gen = gen;
    w->requests_most = !w->is_quitting && gen->config->keepalive_timeout_ms > 0
                           ? gen->config->keepalive_requests
                           : 0;
    file_cache_set_room(gen->cache, spare_idle, w);
    use_error_log(w, bundle);
    log_set_level(gen->config->log_level);
    log_set_layout((enum log_layout)gen->config->error_log_format);
    log_writer_set_room(gen->config->log_queue_bytes);
    watch_files(w);
    listeners_update(w, bundle->addresses, bundle->listener_fds, bundle->listener_count);
    handover_update(w, bundle);
    w->tick.repeat = tick_seconds(gen->config);
    ev_timer_again(w->loop, &w->tick);
    if (old != NULL) {
        generation_flush_logs(old, w->clock.now_ms, true);
        file_cache_retire(old->cache); /* what is under way holds its file itself */
        generation_put(&old);
    }
    atomic_store_explicit(&w->counters->generation, gen->number, memory_order_relaxed);
}

void changeover_abort(struct worker *w)
{
    if (w->pending == NULL)
        return;
    generation_put(&w->pending);
    bundle_fini(&w->pending_bundle);
}

void changeover_prepare(struct worker *w, struct message *m)
{
    char *why = NULL;

    changeover_abort(w);
    memset(&w->pending_bundle, 0, sizeof(w->pending_bundle));
    if (bundle_take(&w->incoming, m, &w->pending_bundle) != 1) {
        worker_tell_master(w, MESSAGE_FAILED, m->generation, "the bundle was cut");
        return;
    }
    acceptor_free_descriptors(w, DESCRIPTORS);
    w->pending = generation_new(&w->pending_bundle, w->shared, w->counters, &why);
    if (w->pending == NULL) {
        worker_tell_master(w, MESSAGE_FAILED, m->generation, why);
        free(why);
        bundle_fini(&w->pending_bundle);
        return;
    }
    worker_tell_master(w, MESSAGE_READY, m->generation, NULL);
}

void changeover_commit(struct worker *w, const struct message *m)
{
    struct generation *gen = w->pending;
    uint64_t number = m->generation;
    enum log_level level;

    if (gen == NULL || gen->number != number) {
        log_error("told to switch to generation %llu, which was not prepared",
                  (unsigned long long)number);
        return;
    }
    w->pending = NULL;
    changeover_to(w, gen, &w->pending_bundle);
    if (log_level_parse(str_of(m->text), &level))
        log_set_level(level);
    bundle_fini(&w->pending_bundle);
    worker_tell_master(w, MESSAGE_COMMITTED, number, NULL);
}

/* ---- logs opened anew ---- */

/* Whoever rotated the files may compress the old ones once we say so: what waits for them is written first. */
static void tell_reopened(struct worker *w)
{
    ev_timer_stop(w->loop, &w->reopening);
    if (w->channel_fd >= 0)
        worker_tell_master(w, MESSAGE_REOPENED, w->reopened_generation, NULL);
}

static void on_reopening(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct worker *w = CONTAINER_OF(timer, struct worker, reopening);

    /* A stalled disk has its time; then its lines go where they go, and we go on. */
    if (log_writer_is_past(&w->reopened_mark) || --w->reopening_looks == 0)
        tell_reopened(w);
}

static void wait_for_old_logs(struct worker *w, uint64_t generation)
{
    w->reopened_generation = generation;
    w->reopened_mark = log_writer_mark();
    w->reopening_looks = REOPEN_LOOKS;
    if (log_writer_is_past(&w->reopened_mark))
        tell_reopened(w);
    else
        ev_timer_again(w->loop, &w->reopening);
}

void changeover_reopen_logs(struct worker *w, struct message *m)
{
    bool is_right = true;
    int *fds;

    fd_list_take(&w->incoming, m);
    fds = w->incoming.fds;
    if (w->incoming.count == w->gen->config->access_log_count + 1) {
        struct bundle logs = { .log_fds = fds, .log_count = w->incoming.count };

        use_error_log(w, &logs);
        for (size_t i = 0; i < w->gen->config->access_log_count; i++) {
            access_log_reopen(w->gen->logs[i], fds[i + 1]);
            fds[i + 1] = -1;
        }
    } else {
        is_right = false;
    }
    fd_list_fini(&w->incoming);
    if (is_right)
        wait_for_old_logs(w, m->generation);
    else
        worker_tell_master(w, MESSAGE_FAILED, m->generation, "reopen: not all logs arrived");
}

/* ---- life ---- */

void changeover_init(struct worker *w)
{
    ev_init(&w->file_watch, on_files_changed);
    ev_timer_init(&w->reopening, on_reopening, 0., REOPEN_LOOK_S);
}

void changeover_stop(struct worker *w)
{
    ev_io_stop(w->loop, &w->file_watch);
    ev_timer_stop(w->loop, &w->reopening);
}
