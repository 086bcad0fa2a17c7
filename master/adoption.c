#include "master/adoption.h"

#include <errno.h>
#include <string.h>

#include "common/log.h"
#include "master/master.h"
#include "master/process.h"

static struct adoption *adoption_of(struct master *m, unsigned slot)
{
    return &m->slots[slot].adoption;
}

/* Round and round, so that many slots go to many workers. */
static struct process *choose(const struct master *m, unsigned slot)
{
    for (unsigned i = 0; i < m->slot_count; i++) {
        unsigned at = (slot + 1 + i) % m->slot_count;
        struct process *p = m->slots[at].process;

        if (at != slot && p != NULL && p->state == PROCESS_SERVING && p->channel.fd >= 0 &&
            !m->slots[at].adoption.is_wanted)
            return p;
    }
    return NULL;
}

static void give(struct master *m, unsigned slot)
{
    struct adoption *a = adoption_of(m, slot);
    struct process *p = choose(m, slot);
    struct bundle bundle = { 0 };

    if (p == NULL)
        return;
    listen_table_bundle_own(&m->listeners, slot, &bundle);
    /* A worker that leaves empties its inbox itself. */
    bundle.has_inbox = !adoption_of(m, slot)->is_closing && inboxes_has(&m->inboxes, slot);
    bundle.inbox_fd = m->inboxes.slots[slot].take_fd;
    if (bundle_send_adopt(&bundle, slot, p->channel.fd) == 0) {
        a->adopter = p;
    } else if (errno != EPIPE) {
        log_error("worker %u (pid %d) does not read its channel: killed", p->slot + 1, (int)p->pid);
        process_kill(p);
    }
    bundle_fini(&bundle);
}

void adoption_fill(struct master *m)
{
    if (m->phase != PHASE_RUNNING)
        return;
    for (unsigned i = 0; i < CONFIG_WORKERS_MAX; i++)
        if (m->slots[i].adoption.is_wanted && m->slots[i].adoption.adopter == NULL)
            give(m, i);
}

static void take_back(struct master *m, unsigned slot)
{
    struct adoption *a = adoption_of(m, slot);
    struct process *p = a->adopter;
    struct message release = { .type = MESSAGE_RELEASE, .slot = slot };

    a->is_wanted = false;
    if (p != NULL)
        process_send_message(p, &release);
}

static void start_drain(struct master *m, struct adoption *a)
{
    a->is_wanted = a->is_closing = true;
    ev_timer_stop(m->loop, &a->drain);
    ev_timer_set(&a->drain, ADOPTION_DRAIN_S, 0.);
    ev_timer_start(m->loop, &a->drain);
}

/*
 * From the highest slot down, so that a slot's number stays its place in the group. The last to
 * close is the master: what came in the meantime is not lost.
 */
static void close_empty(struct master *m)
{
    for (unsigned slot = CONFIG_WORKERS_MAX; slot-- > 0;) {
        struct adoption *a = adoption_of(m, slot);

        if (!listen_table_has_slot(&m->listeners, slot))
            continue;
        if (!a->is_closing || a->is_wanted || a->adopter != NULL)
            return;
        if (listen_table_has_waiting(&m->listeners, slot)) {
            start_drain(m, a);
            return;
        }
        a->is_closing = false;
        listen_table_close_slot(&m->listeners, slot);
    }
}

static void on_drained(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct slot *slot = CONTAINER_OF(timer, struct slot, adoption.drain);
    struct master *m = timer->data;
    unsigned number = (unsigned)(slot - m->slots);

    take_back(m, number);
    close_empty(m);
}

void adoption_init(struct master *m)
{
    for (unsigned i = 0; i < CONFIG_WORKERS_MAX; i++) {
        ev_timer_init(&m->slots[i].adoption.drain, on_drained, 0., 0.);
        m->slots[i].adoption.drain.data = m;
    }
}

void adoption_drain(struct master *m, unsigned slot)
{
    struct adoption *a = adoption_of(m, slot);

    if (a->is_closing || !listen_table_has_slot(&m->listeners, slot))
        return;
    start_drain(m, a);
}

void adoption_lend(struct master *m, unsigned slot)
{
    adoption_of(m, slot)->is_wanted = true;
    adoption_fill(m);
}

void adoption_end(struct master *m, unsigned slot)
{
    struct adoption *a = adoption_of(m, slot);

    ev_timer_stop(m->loop, &a->drain);
    a->is_closing = false;
    if (a->is_wanted)
        take_back(m, slot);
}

void adoption_on_released(struct process *p, unsigned slot)
{
    struct master *m = p->master;
    struct adoption *a = slot < CONFIG_WORKERS_MAX ? adoption_of(m, slot) : NULL;

    if (a == NULL || a->adopter != p)
        return;
    a->adopter = NULL; /* wanted again meanwhile: somebody is found below */
    close_empty(m);
    adoption_fill(m);
}

void adoption_forget(struct master *m, const struct process *p)
{
    for (unsigned i = 0; i < CONFIG_WORKERS_MAX; i++) {
        struct adoption *a = adoption_of(m, i);

        if (a->adopter != p)
            continue;
        a->adopter = NULL;
        if (a->is_closing && !a->is_wanted)
            start_drain(m, a); /* it was about to say RELEASED */
    }
    adoption_fill(m);
}

void adoption_stop(struct master *m)
{
    for (unsigned i = 0; i < CONFIG_WORKERS_MAX; i++) {
        struct adoption *a = adoption_of(m, i);

        ev_timer_stop(m->loop, &a->drain);
        a->is_wanted = a->is_closing = false;
    }
}
