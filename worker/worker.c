#include "worker/worker.h"

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
#include "worker/acceptor.h"
#include "worker/basic_auth.h"
#include "worker/changeover.h"
#include "worker/conn.h"
#include "worker/generation.h"
#include "worker/handover.h"
#include "worker/internal.h"
#include "worker/log_losses.h"
#include "worker/out.h"
#include "worker/quit.h"
#include "worker/recall.h"

/* How long a worker whose master died goes on for the sake of responses under way. */
#define ORPHAN_QUIT_S 5.0

/* ---- answers to the master ---- */

void worker_tell_master(const struct worker *w, enum message_type type, uint64_t generation,
                        const char *text)
{
    struct message m = { .type = type, .generation = generation };

    snprintf(m.text, sizeof(m.text), "%s", text != NULL ? text : "");
    if (channel_send(w->channel_fd, &m) < 0)
        log_error("message to the master: %m");
}

/* ---- work of helper threads ---- */

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
        changeover_prepare(w, m);
        return;
    case MESSAGE_COMMIT:
        changeover_commit(w, m);
        return;
    case MESSAGE_ABORT:
        changeover_abort(w);
        return;
    case MESSAGE_REOPEN:
        changeover_reopen_logs(w, m);
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
        quit_at_once(w);
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

/* At the descriptor limit what the master sends would be cut. */
static int receive(struct worker *w, struct message *m)
{
    acceptor_free_descriptors(w, channel_next_fds(w->channel_fd));
    return channel_receive(w->channel_fd, m);
}

static void on_message(struct ev_loop *loop, ev_io *io, int events)
{
    struct worker *w = CONTAINER_OF(io, struct worker, channel_io);
    struct message m;
    int got = 0;

    while (w->channel_fd >= 0 && (got = receive(w, &m)) == 1)
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
        quit_tick(w);
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
    changeover_init(w);
    quit_init(w);
    ev_prepare_init(&w->run_runnable, on_run_runnable);
    ev_idle_init(&w->stay_awake, on_idle);
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
    changeover_stop(w);
    quit_stop(w);
    ev_prepare_stop(w->loop, &w->run_runnable);
    ev_idle_stop(w->loop, &w->stay_awake);
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
        worker_tell_master(w, MESSAGE_FAILED, heritage->bundle->generation, why);
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
    changeover_to(w, gen, heritage->bundle);
    if (heritage->log_level >= 0)
        log_set_level((enum log_level)heritage->log_level);
    worker_tell_master(w, MESSAGE_READY, heritage->bundle->generation, NULL);
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
    changeover_abort(w);
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
