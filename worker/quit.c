#include "worker/quit.h"

#include <unistd.h>

#include "common/log.h"
#include "config/config.h"
#include "worker/acceptor.h"
#include "worker/conn.h"
#include "worker/generation.h"
#include "worker/handover.h"
#include "worker/internal.h"

#define TICK_QUIT_S 0.1
#define TICK_MOVE_S 0.01 /* while an inbox is full */
/* While quitting, a new connection gets this long to begin its request. */
enum { QUIT_FIRST_REQUEST_MS = 1000 };

void quit_at_once(struct worker *w)
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
    quit_at_once(w);
}

void quit_within(struct worker *w, double seconds)
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
        quit_at_once(w);
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

void quit_tick(struct worker *w)
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
    quit_tick(w);
}

/* ---- life ---- */

void quit_init(struct worker *w)
{
    ev_init(&w->quit_deadline, on_quit_deadline);
}

void quit_stop(struct worker *w)
{
    ev_timer_stop(w->loop, &w->quit_deadline);
}
