/*
 * roll - the end of a reload that changed what a living worker cannot: each is replaced, one at a
 * time; see transaction.h.
 *
 * The heir starts beside the worker and takes the slot when it serves; only then the old one leaves,
 * gracefully, and passes its idle connections on. An heir that cannot start (a user who may not read
 * the docroot, say) ends the roll: those who are not replaced go on as they are, and the workers that
 * start from then on are as they were before.
 */
#include <stdio.h>

#include "common/log.h"
#include "master/master.h"
#include "master/process.h"
#include "master/supervise.h"

static void swap_setups(struct master *m)
{
    struct worker_setup now = m->setup;

    m->setup = m->transaction.setup;
    m->transaction.setup = now;
}

void roll_prepare(struct master *m)
{
    if (m->transaction.rolled.n > 0)
        swap_setups(m);
}

void roll_begin(struct master *m)
{
    m->transaction.roll_slot = 0;
    transaction_step(m, STEP_ROLLING);
}

void roll_failed(struct master *m)
{
    struct transaction *t = &m->transaction;
    struct buf text = { 0 };

    swap_setups(m);
    buf_printf(
        &text,
        "generation %llu runs, but not with a new %s, for a worker could not be replaced:\n%s",
        (unsigned long long)m->now.number, buf_cstr(&t->rolled), buf_cstr(&t->errors));
    transaction_end(m, false, buf_cstr(&text));
    buf_fini(&text);
}

static void next_slot(struct master *m)
{
    m->transaction.roll_slot++;
    transaction_step(m, STEP_ROLLING); /* each has its own time */
}

bool roll_advance(struct master *m)
{
    struct transaction *t = &m->transaction;

    while (t->roll_slot < m->slot_count && !m->is_drained) {
        struct slot *slot = &m->slots[t->roll_slot];

        if (slot->process != NULL && slot->process->state == PROCESS_STARTING)
            return false;
        if (t->errors.n > 0) {
            roll_failed(m);
            return false;
        }
        if (slot->retiring != NULL) {
            supervise_retire(m, t->roll_slot);
            next_slot(m);
        } else if (slot->process == NULL || slot->process->born == m->now.number) {
            next_slot(m); /* dead and to be started anew, or started since */
        } else {
            supervise_succeed(m, t->roll_slot);
        }
    }
    return true;
}

void roll_expired(struct master *m)
{
    struct process *p = m->slots[m->transaction.roll_slot].process;

    if (p == NULL || p->state != PROCESS_STARTING)
        return;
    transaction_add_error(m, "the new worker was not ready in time");
    process_kill(p);
}
