#include "worker/worker.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/channel.h"
#include "common/crash.h"
#include "common/log.h"
#include "common/log_writer.h"
#include "common/offload.h"
#include "common/xmalloc.h"
#include "config/config.h"
#include "worker/account.h"
#include "worker/acceptor.h"
#include "worker/basic_auth.h"
#include "worker/conn.h"
#include "worker/generation.h"
#include "worker/handover.h"
#include "worker/internal.h"
#include "worker/log_losses.h"
#include "worker/out.h"
#include "worker/recall.h"

/* How long a worker whose master died goes on for the sake of responses under way. */
#define ORPHAN_QUIT_S 5.0
#define TICK_MOST_S   1.0
#define TICK_LEAST_S  0.05
#define TICK_QUIT_S   0.1
#define TICK_MOVE_S   0.01 /* while an inbox is full */
#define REOPEN_LOOK_S 0.005
/* While quitting, a new connection gets this long to begin its request. */
enum { QUIT_FIRST_REQUEST_MS = 1000 };
enum { REOPEN_LOOKS = 200 }; /* a second */

/* ---- answers to the master ---- */

static void tell_master(const struct worker *w, enum message_type type, uint64_t generation,
                        const char *text)
{
    struct message m = { .type = type, .generation = generation };

    snprintf(m.text, sizeof(m.text), "%s", text != NULL ? text : "");
    if (channel_send(w->channel_fd, &m) < 0)
        log_error("message to the master: %m");
}

/* ---- the end ---- */

/* In --single the master's loop goes on: the closed channel tells it. */
static void end_loop(struct worker *w)
{
    if (!w->is_single) {
        ev_break(w->loop, EVBREAK_ALL);
        return;
    }
    if (w->channel_fd < 0)
        return;
    ev_io_stop(w->loop, &w->channel_io);
    close(w->channel_fd);
    w->channel_fd = -1;
}

static void on_quit_deadline(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct worker *w = CONTAINER_OF(timer, struct worker, quit_deadline);

    log_warn("worker_shutdown_timeout: %zu connections are cut", w->conn_count);
    end_loop(w);
}

static void quit_within(struct worker *w, double seconds)
{
    ev_timer_stop(w->loop, &w->quit_deadline);
    if (seconds <= 0)
        return;
    ev_timer_set(&w->quit_deadline, seconds, 0);
    ev_timer_start(w->loop, &w->quit_deadline);
}

/* Nothing is open, and nothing can come any more. */
static void end_if_done(struct worker *w)
{
    if (w->conn_count == 0 && list_is_empty(&w->listeners) && handover_is_over(w))
        end_loop(w);
}

void worker_on_conn_closed(struct worker *w)
{
    if (w->is_quitting) {
        end_if_done(w);
        return;
    }
    if (handover_has_peers(w))
        handover_tell_load(w);
    if (w->is_accept_paused)
        listeners_resume(w);
}

/*
 * Of those that wait for a request: to whoever stays, or away, when they have waited long enough. False:
 * some could not be moved just now.
 */
static bool part_with(struct worker *w, enum deadline_kind kind, uint64_t least_ms)
{
    LIST_EACH_SAFE (at, after, &w->deadlines.lists[kind]) {
        struct deadline *d = CONTAINER_OF(at, struct deadline, link);
        struct conn *c = CONTAINER_OF(d, struct conn, deadline);
        enum handover_moved moved = HANDOVER_NOBODY;

        if (conn_is_between_requests(c))
            moved = handover_move(c);
        if (moved == HANDOVER_LATER)
            return false;
        if (moved == HANDOVER_MOVED)
            continue;
        if (deadline_age_ms(d, w->clock.now_ms) < least_ms || c->kept != NULL || conn_has_unread(c))
            continue;
        /* Who still reads the last answer is not idle, and would lose the rest of it with a reset if
           it asked again meanwhile. */
        if (conn_has_unsent(c))
            deadline_arm(&w->deadlines, d, kind, w->clock.now_ms);
        else
            conn_close(&c, CLOSE_SHUTDOWN);
    }
    return true;
}

static void part_with_idle(struct worker *w)
{
    bool is_done = part_with(w, DEADLINE_IDLE, w->quit_idle_ms) &&
                   part_with(w, DEADLINE_HEAD, QUIT_FIRST_REQUEST_MS);

    w->tick.repeat = is_done ? TICK_QUIT_S : TICK_MOVE_S;
    ev_timer_again(w->loop, &w->tick);
    end_if_done(w);
}

void worker_quit(struct worker *w, uint64_t idle_ms)
{
    if (w->is_quitting)
        return;
    w->is_quitting = true;
    w->requests_most = 0;
    w->quit_idle_ms = idle_ms;
    quit_within(w, (double)w->gen->config->worker_shutdown_timeout_ms / 1000);
    listeners_close(w);
    handover_quit(w);
    part_with_idle(w);
}

/* ---- generations ---- */

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

static void on_offload_finished(struct ev_loop *loop, ev_io *io, int events)
{
    offload_finish(CONTAINER_OF(io, struct worker, offload_io)->offload);
}

static void on_passwords_finished(struct ev_loop *loop, ev_io *io, int events)
{
    offload_finish(CONTAINER_OF(io, struct worker, passwords_io)->passwords);
}

static void on_background_finished(struct ev_loop *loop, ev_io *io, int events)
{
    offload_finish(CONTAINER_OF(io, struct worker, background_io)->background);
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

/* From here on requests begin under `gen`; those under way keep theirs. */
static void switch_to(struct worker *w, struct generation *gen, struct bundle *bundle)
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

static void forget_pending(struct worker *w)
{
    if (w->pending == NULL)
        return;
    generation_put(&w->pending);
    bundle_fini(&w->pending_bundle);
}

static void prepare(struct worker *w, struct message *m)
{
    char *why = NULL;

    forget_pending(w);
    memset(&w->pending_bundle, 0, sizeof(w->pending_bundle));
    if (bundle_take(&w->incoming, m, &w->pending_bundle) != 1) {
        tell_master(w, MESSAGE_FAILED, m->generation, "the bundle was cut");
        return;
    }
    w->pending = generation_new(&w->pending_bundle, w->shared, w->counters, &why);
    if (w->pending == NULL) {
        tell_master(w, MESSAGE_FAILED, m->generation, why);
        free(why);
        bundle_fini(&w->pending_bundle);
        return;
    }
    tell_master(w, MESSAGE_READY, m->generation, NULL);
}

static void commit(struct worker *w, const struct message *m)
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
    switch_to(w, gen, &w->pending_bundle);
    if (log_level_parse(str_of(m->text), &level))
        log_set_level(level);
    bundle_fini(&w->pending_bundle);
    tell_master(w, MESSAGE_COMMITTED, number, NULL);
}

/* Whoever rotated the files may compress the old ones once we say so: what waits for them is written first. */
static void tell_reopened(struct worker *w)
{
    ev_timer_stop(w->loop, &w->reopening);
    if (w->channel_fd >= 0)
        tell_master(w, MESSAGE_REOPENED, w->reopened_generation, NULL);
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

static void reopen_logs(struct worker *w, struct message *m)
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
        tell_master(w, MESSAGE_FAILED, m->generation, "reopen: not all logs arrived");
}

/* ---- another slot's listeners ---- */

static void adopt(struct worker *w, struct message *m)
{
    unsigned slot = m->slot;
    struct bundle bundle = { 0 };

    if (bundle_take(&w->incoming, m, &bundle) != 1) {
        log_error("the listeners of worker %u did not arrive whole", slot + 1);
        return;
    }
    if (!w->is_quitting)
        listeners_adopt(w, slot, bundle.addresses, bundle.listener_fds, bundle.listener_count);
    if (!w->is_quitting && bundle.has_inbox) {
        handover_adopt(w, slot, bundle.inbox_fd);
        bundle.has_inbox = false;
    }
    bundle_fini(&bundle);
}

static void release(struct worker *w, unsigned slot)
{
    struct message m = { .type = MESSAGE_RELEASED, .slot = slot };

    listeners_release(w, slot);
    handover_release(w, slot);
    if (channel_send(w->channel_fd, &m) < 0)
        log_error("message to the master: %m");
}

/* Without heirs, if they did not arrive whole: the end is the same. */
static void quit(struct worker *w, struct message *m)
{
    struct bundle heirs;

    if (bundle_take(&w->incoming, m, &heirs) == 1) {
        if (!w->is_quitting)
            handover_name_heirs(w, &heirs, m->slot);
        bundle_fini(&heirs);
    }
    worker_quit(w, m->generation);
}

/* ---- the channel ---- */

static void obey(struct worker *w, struct message *m)
{
    switch (m->type) {
    case MESSAGE_FDS:
        fd_list_take(&w->incoming, m);
        return;
    case MESSAGE_PREPARE:
        prepare(w, m);
        return;
    case MESSAGE_COMMIT:
        commit(w, m);
        return;
    case MESSAGE_ABORT:
        forget_pending(w);
        return;
    case MESSAGE_REOPEN:
        reopen_logs(w, m);
        return;
    case MESSAGE_QUIT:
        quit(w, m);
        return;
    case MESSAGE_ADOPT:
        adopt(w, m);
        return;
    case MESSAGE_RELEASE:
        release(w, m->slot);
        return;
    case MESSAGE_STOP:
        end_loop(w);
        return;
    case MESSAGE_ASK:
        questions_ask(w, m);
        return;
    case MESSAGE_TRACE:
        tracers_add(w, m);
        return;
    case MESSAGE_UNTRACE:
        tracers_remove(w, m->generation);
        return;
    default:
        log_error("unknown message %u from the master", m->type);
    }
}

static void on_message(struct ev_loop *loop, ev_io *io, int events)
{
    struct worker *w = CONTAINER_OF(io, struct worker, channel_io);
    struct message m;
    int got = 0;

    while (w->channel_fd >= 0 && (got = channel_receive(w->channel_fd, &m)) == 1)
        obey(w, &m);
    if (w->channel_fd < 0 || got < 0)
        return;
    ev_io_stop(loop, io);
    if (w->is_single)
        return;
    log_warn("the master is gone: finishing");
    worker_quit(w, WORKER_QUIT_IDLE_MS);
    quit_within(w, ORPHAN_QUIT_S);
}

/* ---- time ---- */

static void on_turn(struct ev_loop *loop, ev_check *check, int events)
{
    struct worker *w = CONTAINER_OF(check, struct worker, on_turn);

    clock_update(&w->clock, ev_now(loop));
    w->turn_ns = ticks_now(&w->ticks);
    atomic_store_explicit(&w->counters->heartbeat_ms, w->clock.now_ms, memory_order_relaxed);
}

static void expire(struct worker *w, enum deadline_kind kind, uint64_t timeout_ms)
{
    struct deadline *d;

    while ((d = deadline_first(&w->deadlines, kind)) != NULL &&
           deadline_age_ms(d, w->clock.now_ms) >= timeout_ms)
        conn_expire(CONTAINER_OF(d, struct conn, deadline));
}

static void on_tick(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct worker *w = CONTAINER_OF(timer, struct worker, tick);
    const struct config *config = w->gen->config;

    ticks_adjust(&w->ticks);
    expire(w, DEADLINE_HEAD, config->client_header_timeout_ms);
    expire(w, DEADLINE_IDLE, config->keepalive_timeout_ms);
    expire(w, DEADLINE_BODY, config->client_body_timeout_ms);
    expire(w, DEADLINE_SEND, config->send_timeout_ms);
    expire(w, DEADLINE_LINGER, config->lingering_timeout_ms);
    generation_flush_logs(w->gen, w->clock.now_ms, false);
    log_losses_look(&w->losses, w->counters, w->clock.now_ms);
    file_cache_tick(w->gen->cache, w->clock.now_ms);
    handover_tick(w);
    if (w->is_quitting) {
        part_with_idle(w);
    } else if (w->is_accept_paused) {
        listeners_resume(w); /* descriptors may be had again: trying tells */
    }
}

/* Connections that had their share go on, one turn each, and then the loop polls again. */
static void on_run_runnable(struct ev_loop *loop, ev_prepare *prepare_watcher, int events)
{
    struct worker *w = CONTAINER_OF(prepare_watcher, struct worker, run_runnable);
    struct list now;

    list_init(&now);
    while (!list_is_empty(&w->runnable)) {
        struct list *first = w->runnable.next;

        list_remove(first);
        list_append(&now, first);
    }
    while (!list_is_empty(&now)) {
        struct list *first = now.next;

        list_remove(first);
        conn_drive(CONTAINER_OF(first, struct conn, runnable));
    }
    if (!list_is_empty(&w->runnable))
        return;
    ev_prepare_stop(loop, &w->run_runnable);
    ev_idle_stop(loop, &w->stay_awake);
}

static void on_idle(struct ev_loop *loop, ev_idle *idle, int events)
{
}

/* ---- life ---- */

static void start_watchers(struct worker *w)
{
    ev_check_init(&w->on_turn, on_turn);
    ev_set_priority(&w->on_turn, EV_MAXPRI); /* before whoever reads the clock */
    ev_check_start(w->loop, &w->on_turn);
    ev_init(&w->tick, on_tick);
    ev_timer_init(&w->reopening, on_reopening, 0., REOPEN_LOOK_S);
    ev_init(&w->quit_deadline, on_quit_deadline);
    ev_prepare_init(&w->run_runnable, on_run_runnable);
    ev_idle_init(&w->stay_awake, on_idle);
    ev_init(&w->file_watch, on_files_changed);
    ev_io_init(&w->offload_io, on_offload_finished, offload_fd(w->offload), EV_READ);
    ev_io_start(w->loop, &w->offload_io);
    ev_io_init(&w->background_io, on_background_finished, offload_fd(w->background), EV_READ);
    ev_io_start(w->loop, &w->background_io);
    ev_io_init(&w->passwords_io, on_passwords_finished, offload_fd(w->passwords), EV_READ);
    ev_io_start(w->loop, &w->passwords_io);
    ev_io_init(&w->channel_io, on_message, w->channel_fd, EV_READ);
    ev_io_start(w->loop, &w->channel_io);
}

static void stop_watchers(struct worker *w)
{
    ev_check_stop(w->loop, &w->on_turn);
    ev_timer_stop(w->loop, &w->tick);
    ev_timer_stop(w->loop, &w->reopening);
    ev_timer_stop(w->loop, &w->quit_deadline);
    ev_prepare_stop(w->loop, &w->run_runnable);
    ev_idle_stop(w->loop, &w->stay_awake);
    ev_io_stop(w->loop, &w->file_watch);
    ev_io_stop(w->loop, &w->offload_io);
    ev_io_stop(w->loop, &w->background_io);
    ev_io_stop(w->loop, &w->passwords_io);
    ev_io_stop(w->loop, &w->channel_io);
}

static void free_scratch(struct worker *w)
{
    struct exchange *x;

    if (w->spare != NULL)
        exchange_free(w, w->spare);
    while ((x = w->exchanges_free) != NULL) {
        w->exchanges_free = x->next_free;
        pool_fini(&x->pool);
        free(x);
    }
    while (!list_is_empty(&w->conns_free)) {
        struct list *first = w->conns_free.next;

        list_remove(first);
        free(CONTAINER_OF(first, struct conn, runnable));
    }
    recall_free(&w->recall);
    out_free(&w->out);
    free(w->input);
    fd_list_fini(&w->incoming);
}

/* The one worker of the process, for what its log lines are about, and for its last words. */
static const struct worker *the_worker;

static bool tell_about(struct log_about *about)
{
    static char client[ADDRESS_TEXT_MAX];
    const struct conn *c = the_worker != NULL ? the_worker->driven : NULL;
    const struct exchange *x = c != NULL ? c->x : NULL;
    const struct sockaddr *peer = x != NULL ? x->remote : c != NULL ? &c->peer.sa : NULL;

    if (peer == NULL)
        return false;
    about->client = (struct str){ client, address_format_host(peer, client) };
    if (x != NULL) {
        about->request = x->req.line;
        about->host = x->req.host;
        about->request_id = x->request_id;
    }
    return true;
}

static size_t describe(char *text, size_t room)
{
    const struct conn *c = the_worker != NULL ? the_worker->driven : NULL;
    struct str line = { "", 0 };

    if (c != NULL && c->x != NULL && c->x->req.line.p != NULL)
        line = c->x->req.line;
    if (line.n > room)
        line.n = room;
    memcpy(text, line.p, line.n);
    return line.n;
}

struct worker *worker_new(struct ev_loop *loop, const struct heritage *heritage)
{
    struct worker *w = xcalloc(1, sizeof(*w));
    struct generation *gen = NULL;
    char *why = NULL;

    signal(SIGPIPE, SIG_IGN); /* sendfile(2) knows no MSG_NOSIGNAL */
    w->loop = loop;
    w->slot = heritage->slot;
    w->is_single = heritage->is_single;
    w->shared = heritage->shared;
    w->slots = heritage->slots;
    w->counters = &w->slots[heritage->slot];
    w->flight = shared_flight(w->shared, w->slots, heritage->flight);
    w->channel_fd = heritage->channel_fd;
    w->error_log_fd = -1;
    list_init(&w->listeners);
    list_init(&w->conns_free);
    list_init(&w->runnable);
    deadlines_init(&w->deadlines);
    handover_init(w);
    questions_init(w);
    w->offload = offload_new(OFFLOAD_JOBS);
    w->background = offload_new(BACKGROUND_JOBS);
    w->passwords = offload_new(PASSWORD_JOBS);
    w->auth = basic_auth_new();
    w->ledger = limits_open_ledger(&w->shared->limits, getpid());
    ev_now_update(loop);
    clock_update(&w->clock, ev_now(loop));
    ticks_init(&w->ticks);
    w->turn_ns = ticks_now(&w->ticks);
    atomic_store(&w->counters->heartbeat_ms, w->clock.now_ms); /* not our predecessor's */
    if (request_ids_init(&w->ids) == 0 && w->offload != NULL && w->background != NULL &&
        w->passwords != NULL && w->auth != NULL)
        gen = generation_new(heritage->bundle, w->shared, w->counters, &why);
    else
        why = xasprintf("eventfd, getrandom: %s", strerror(errno));
    if (gen == NULL) {
        tell_master(w, MESSAGE_FAILED, heritage->bundle->generation, why);
        free(why);
        offload_free(&w->offload);
        offload_free(&w->passwords);
        basic_auth_free(&w->auth);
        offload_free(&w->background);
        free(w);
        return NULL;
    }
    w->input = xmalloc(INPUT_BYTES + FLIGHT_HEAD); /* flight_begin() reads beyond what came */
    w->out = out_new(OUT_BYTES, OUT_CHUNKS);
    the_worker = w;
    log_set_about(tell_about);
    if (!w->is_single)
        crash_install(w->slot, describe);
    start_watchers(w);
    switch_to(w, gen, heritage->bundle);
    if (heritage->log_level >= 0)
        log_set_level((enum log_level)heritage->log_level);
    tell_master(w, MESSAGE_READY, heritage->bundle->generation, NULL);
    return w;
}

void worker_free(struct worker **wp)
{
    struct worker *w = *wp;

    *wp = NULL;
    log_set_about(NULL);
    the_worker = NULL;
    w->is_quitting = true;
    offload_free(&w->offload); /* before the connections that its jobs point to */
    offload_free(&w->passwords);
    basic_auth_free(&w->auth);
    stop_watchers(w); /* after the jobs, which wake connections */
    questions_fini(w);
    tracers_remove(w, 0);
    file_cache_cancel_work(w->gen->cache);
    offload_free(&w->background); /* before the caches that its jobs point to */
    LIST_EACH_SAFE (at, after, &w->listeners) {
        struct listener *l = CONTAINER_OF(at, struct listener, link);

        ev_io_stop(w->loop, &l->io);
        close(l->io.fd);
        list_remove(at);
        listener_put(&l); /* its connections hold it until they are closed, below */
    }
    for (int kind = 0; kind < DEADLINE_KINDS; kind++) {
        struct deadline *d;

        while ((d = deadline_first(&w->deadlines, kind)) != NULL) {
            struct conn *c = CONTAINER_OF(d, struct conn, deadline);

            conn_close(&c, CLOSE_SHUTDOWN);
        }
    }
    handover_fini(w);
    forget_pending(w);
    free_scratch(w);
    generation_flush_logs(w->gen, w->clock.now_ms, true);
    generation_put(&w->gen);
    if (w->channel_fd >= 0)
        close(w->channel_fd);
    if (w->error_log_fd >= 0)
        log_set_fd(STDERR_FILENO);
    log_writer_close(LOG_ERRORS, w->error_log_fd);
    free(w);
}
