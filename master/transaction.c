#include "master/transaction.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "master/lines.h"
#include "master/master.h"
#include "master/process.h"
#include "master/supervise.h"

enum { ANSWER_LIMIT_S = 10 };

static const struct {
    const char *name;
    void (*begin)(struct master *m);
    void (*advance)(struct master *m);
    void (*expired)(struct master *m);
} operations[OPERATION_COUNT] = {
    [OPERATION_DIFF] = { "diff", diff_begin, NULL, NULL }, /* ends as it begins */
    [OPERATION_RELOAD] = { "reload", reload_begin, reload_advance, reload_expired },
    [OPERATION_SET_WORKERS] = { "set workers", reload_begin, reload_advance, reload_expired },
    [OPERATION_REOPEN] = { "reopen", reopen_begin, reopen_advance, reopen_expired },
    [OPERATION_UPGRADE] = { "upgrade", upgrade_begin, upgrade_advance, upgrade_expired },
};

/* Of the config, or of the number of workers in it. */
static bool is_reload(enum operation operation)
{
    return operation == OPERATION_RELOAD || operation == OPERATION_SET_WORKERS;
}

static void on_limit(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct master *m = w->data;

    operations[m->transaction.operation].expired(m);
    transaction_advance(m);
}

void transaction_init(struct master *m)
{
    ev_timer_init(&m->transaction.limit, on_limit, ANSWER_LIMIT_S, 0.);
    m->transaction.limit.data = m;
}

void transaction_fini(struct transaction *t)
{
    edition_fini(&t->next);
    worker_setup_fini(&t->setup);
    buf_fini(&t->rolled);
    buf_fini(&t->errors);
    buf_fini(&t->notes);
    buf_fini(&t->changes);
    buf_fini(&t->result);
}

static void start_wanted(struct master *m)
{
    struct transaction *t = &m->transaction;

    for (int i = 0; i < OPERATION_COUNT; i++) {
        if (t->step != STEP_IDLE || m->phase != PHASE_RUNNING || !t->is_wanted[i])
            continue;
        t->is_wanted[i] = false;
        t->operation = (enum operation)i;
        t->errors.n = t->notes.n = t->rolled.n = t->changes.n = 0;
        control_begin(&m->control, t->operation);
        if (is_reload(t->operation))
            notify_reloading(&m->notify);
        operations[i].begin(m);
    }
}

void transaction_want(struct master *m, enum operation operation)
{
    m->transaction.is_wanted[operation] = true;
    start_wanted(m);
    transaction_advance(m);
}

void transaction_step(struct master *m, enum step step)
{
    m->transaction.step = step;
    ev_timer_stop(m->loop, &m->transaction.limit);
    ev_timer_set(&m->transaction.limit, ANSWER_LIMIT_S, 0.);
    ev_timer_start(m->loop, &m->transaction.limit);
}

bool transaction_is_deciding(const struct master *m)
{
    return m->transaction.step == STEP_PREPARING || m->transaction.step == STEP_COMMITTING;
}

bool transaction_is_answer_due(const struct master *m)
{
    LIST_EACH (at, &m->processes)
        if (CONTAINER_OF(at, struct process, link)->answer == ANSWER_DUE)
            return true;
    return false;
}

void transaction_add_error(struct master *m, const char *line)
{
    lines_add_once(&m->transaction.errors, line);
}

void transaction_add_silent(struct master *m)
{
    LIST_EACH (at, &m->processes) {
        struct process *p = CONTAINER_OF(at, struct process, link);
        char line[96];

        if (p->answer != ANSWER_DUE)
            continue;
        p->answer = ANSWER_NO;
        snprintf(line, sizeof(line), "worker %u (pid %d) has not answered within %d s", p->slot + 1,
                 (int)p->pid, ANSWER_LIMIT_S);
        transaction_add_error(m, line);
    }
}

void transaction_answer(struct process *p, const struct message *message)
{
    struct master *m = p->master;
    struct transaction *t = &m->transaction;

    if (p->answer != ANSWER_DUE)
        return;
    if (t->step == STEP_REOPENING && message->type == MESSAGE_REOPENED) {
        p->answer = ANSWER_YES;
    } else if (t->step == STEP_COMMITTING && message->type == MESSAGE_COMMITTED) {
        p->answer = ANSWER_YES;
        p->generation = message->generation;
    } else if (message->type == MESSAGE_FAILED && t->step != STEP_COMMITTING) {
        if (t->step == STEP_PREPARING && message->generation != t->next.number)
            return;
        p->answer = ANSWER_NO;
        transaction_add_error(m, message->text);
    } else if (t->step == STEP_PREPARING && message->type == MESSAGE_READY &&
               message->generation == t->next.number) {
        p->answer = ANSWER_YES;
    } else {
        return;
    }
    transaction_advance(m);
}

/*
 * A step may complete at once (no worker to ask) and the next one with it, and starting workers
 * on the way may come back here: one loop at the bottom does it all.
 */
void transaction_advance(struct master *m)
{
    struct transaction *t = &m->transaction;
    enum step before;

    if (t->is_advancing)
        return;
    t->is_advancing = true;
    do {
        before = t->step;
        if (before != STEP_IDLE)
            operations[t->operation].advance(m);
        if (t->step == STEP_IDLE)
            start_wanted(m);
    } while (t->step != before);
    t->is_advancing = false;
}

/* For metrics, which outlive this master. */
static void count_reload(struct shared *shared, bool is_ok)
{
    atomic_store(&shared->is_reload_failed, !is_ok);
    atomic_fetch_add(is_ok ? &shared->reloads : &shared->reloads_failed, 1);
    if (is_ok)
        atomic_store(&shared->reloaded_at, (uint64_t)time(NULL));
}

static void log_result(const struct master *m, bool is_ok, const char *text)
{
    const char *name = operations[m->transaction.operation].name;
    struct str rest = str_of(text);

    while (rest.p != NULL) {
        struct str line = str_cut(&rest, '\n');

        if (line.n == 0)
            continue;
        if (is_ok)
            log_notice("%s: %.*s", name, STR_ARG(line));
        else
            log_error("%s failed: %.*s", name, STR_ARG(line));
    }
}

/* What happened, and for a reload that worked what it changed. */
static void add_answer(const struct transaction *t, bool is_ok, const char *text, struct buf *out)
{
    buf_add(out, str_of(text));
    if (!is_ok || t->operation != OPERATION_RELOAD)
        return;
    if (out->n > 0 && out->p[out->n - 1] != '\n')
        buf_add_char(out, '\n');
    buf_add(out, t->changes.n > 0 ? buf_str(&t->changes) : STR("nothing changed\n"));
}

/* For who asks later whether what runs is what the config says. */
static void keep_result(struct master *m, bool is_ok, const char *text)
{
    struct transaction *t = &m->transaction;

    t->result.n = 0;
    buf_printf(&t->result, "%s%s", is_ok ? "" : "failed: ", text);
    t->result_at = time(NULL);
    t->is_result_ok = is_ok;
    count_reload(m->shared, is_ok);
}

void transaction_end(struct master *m, bool is_ok, const char *text)
{
    struct transaction *t = &m->transaction;
    struct buf answer = { 0 };

    ev_timer_stop(m->loop, &t->limit);
    LIST_EACH (at, &m->processes)
        CONTAINER_OF(at, struct process, link)->answer = ANSWER_NONE;
    t->step = STEP_IDLE;
    worker_setup_fini(&t->setup);
    add_answer(t, is_ok, text, &answer);
    if (t->operation != OPERATION_DIFF) /* nothing happened */
        log_result(m, is_ok, buf_cstr(&answer));
    if (t->operation == OPERATION_RELOAD)
        keep_result(m, is_ok, text);
    if (is_reload(t->operation) && m->phase == PHASE_RUNNING)
        master_notify_ready(m); /* as it is now, be it the new config or the old */
    control_answer(&m->control, t->operation, is_ok, buf_cstr(&answer));
    buf_fini(&answer);
    supervise_fill(m);
    malloc_trim(0); /* two configs were here */
}

void transaction_forget_wanted(struct master *m)
{
    memset(m->transaction.is_wanted, 0, sizeof(m->transaction.is_wanted));
}

void transaction_cancel(struct master *m)
{
    struct transaction *t = &m->transaction;
    const char *text = master_end_words(m);

    transaction_forget_wanted(m);
    if (t->step != STEP_IDLE) {
        if (is_reload(t->operation))
            reload_cancel(m);
        transaction_end(m, false, text);
    }
    for (int i = 0; i < OPERATION_COUNT; i++) {
        control_begin(&m->control, (enum operation)i);
        control_answer(&m->control, (enum operation)i, false, text);
    }
}
