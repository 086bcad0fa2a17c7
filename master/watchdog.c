#include "master/watchdog.h"

#include <poll.h>
#include <signal.h>
#include <string.h>

#include "common/log.h"
#include "common/log_writer.h"
#include "common/now.h"
#include "master/master.h"
#include "master/process.h"
#include "master/supervise.h"
#include "master/trace.h"

#define LOOK_EACH_S 0.08 /* three of them are within the 300 ms that a rescue may take */

enum {
    IDLE_MS = 3000,  /* an idle worker's heartbeat is at most a third of it old */
    ABORT_MS = 2000, /* to write its stack, before it is killed */
};

static bool is_anybody_waiting(const struct master *m, unsigned slot)
{
    struct pollfd inbox = { .fd = m->inboxes.slots[slot].take_fd, .events = POLLIN };

    return listen_table_has_waiting(&m->listeners, slot) ||
           (inbox.fd >= 0 && poll(&inbox, 1, 0) == 1);
}

static bool is_serving(const struct process *p)
{
    return p->state == PROCESS_SERVING;
}

static void begin(struct master *m, struct process *p, struct watched *w, uint64_t now)
{
    w->stuck_since_ms = now;
    atomic_store(&m->bank[p->slot].is_stuck, true);
    log_warn("worker %u (pid %d) does nothing for %llu ms%s", p->slot + 1, (int)p->pid,
             (unsigned long long)(now - w->heartbeat),
             m->slot_count > 1 && is_serving(p) ? ": a sibling accepts its connections" : "");
    if (is_serving(p))
        adoption_lend(m, p->slot);
}

static void end(struct master *m, struct process *p, struct watched *w, uint64_t now)
{
    if (!w->is_aborted)
        log_notice("worker %u (pid %d) goes on, after %llu ms", p->slot + 1, (int)p->pid,
                   (unsigned long long)(now - w->stuck_since_ms));
    w->stuck_since_ms = 0;
    atomic_store(&m->bank[p->slot].is_stuck, false);
    w->is_aborted = false;
    if (is_serving(p))
        adoption_end(m, p->slot);
    trace_greet(p);
}

/* CONT, for who is stopped takes no other signal but KILL. */
static void put_down(struct master *m, struct process *p, struct watched *w, uint64_t now)
{
    uint64_t limit_ms = m->now.config->worker_stuck_timeout_ms;

    if (limit_ms == 0 || now - w->stuck_since_ms < limit_ms || p->master->is_single)
        return;
    if (!w->is_aborted) {
        w->is_aborted = true;
        log_error("worker_stuck_timeout: worker %u (pid %d) is aborted", p->slot + 1, (int)p->pid);
        kill(p->pid, SIGABRT);
        kill(p->pid, SIGCONT);
    } else if (now - w->stuck_since_ms >= limit_ms + ABORT_MS) {
        process_kill(p);
    }
}

static void look_at(struct master *m, struct process *p, struct watched *w, uint64_t now)
{
    uint64_t heartbeat = atomic_load(&m->bank[p->slot].heartbeat_ms);
    bool is_still = heartbeat == w->heartbeat && heartbeat != 0, was_waiting = w->was_waiting;

    w->heartbeat = heartbeat;
    if (!is_still && w->stuck_since_ms > 0) {
        end(m, p, w, now);
    } else if (w->stuck_since_ms > 0) {
        put_down(m, p, w, now);
    } else {
        w->was_waiting = is_serving(p) && is_anybody_waiting(m, p->slot);
        if (is_still && ((was_waiting && w->was_waiting) || now > heartbeat + IDLE_MS))
            begin(m, p, w, now);
    }
}

/* Of the master's own log, and says so in it as soon as it can be written again. */
static void count_losses(struct master *m)
{
    atomic_fetch_add(&m->shared->log_lines_dropped, log_writer_take_losses(LOG_ERRORS).lines);
    log_tell_losses();
}

static void on_look(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct master *m = timer->data;
    uint64_t now = monotonic_ms();

    count_losses(m);
    supervise_pass_on(m);
    LIST_EACH (at, &m->processes) {
        struct process *p = CONTAINER_OF(at, struct process, link);
        struct slot *slot = &m->slots[p->slot];

        if (is_serving(p) && slot->process == p)
            look_at(m, p, &slot->watched, now);
        else if (p->state == PROCESS_LEAVING &&
                 slot->process == NULL) /* the heartbeat is its own */
            look_at(m, p, &p->watched, now);
    }
}

void watchdog_init(struct master *m)
{
    ev_timer_init(&m->watchdog, on_look, LOOK_EACH_S, LOOK_EACH_S);
    m->watchdog.data = m;
}

void watchdog_start(struct master *m)
{
    if (!m->is_single)
        ev_timer_start(m->loop, &m->watchdog);
}

void watchdog_stop(struct master *m)
{
    ev_timer_stop(m->loop, &m->watchdog);
}
