/*
 * reload - one config generation after another in the same processes, and what the next one would
 * change; see transaction.h.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "common/log_writer.h"
#include "common/xmalloc.h"
#include "config/diff.h"
#include "master/master.h"
#include "master/process.h"
#include "master/supervise.h"

static bool is_text_same(const char *a, const char *b)
{
    return (a == NULL) == (b == NULL) && (a == NULL || strcmp(a, b) == 0);
}

/* What a living process cannot change: the workers are replaced for it. */
static bool prepare_setup(struct master *m, const struct config *new)
{
    struct transaction *t = &m->transaction;

    worker_setup_compare(&m->setup, new, &t->rolled);
    if (t->rolled.n == 0)
        return true;
    if (!m->is_single)
        return worker_setup_init(&t->setup, new, &t->errors);
    buf_printf(&t->notes, "takes effect at the next start: %s", buf_cstr(&t->rolled));
    t->rolled.n = 0;
    return true;
}

/* The master keeps what it has; the operator hears which settings wait. */
static void note_fixed_settings(struct master *m, const struct config *new)
{
    const struct config *old = m->start_config;
    const struct {
        const char *name;
        bool is_same;
    } fixed[] = {
        { "daemon", old->daemon == new->daemon },
        { "pid_file", is_text_same(old->pid_file, new->pid_file) },
        { "control_socket", is_text_same(old->control_socket, new->control_socket) },
        { "control_socket_mode", old->control_socket_mode == new->control_socket_mode },
        { "control_socket_group",
          is_text_same(old->control_socket_group, new->control_socket_group) },
    };
    struct buf *notes = &m->transaction.notes;

    for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed); i++)
        if (!fixed[i].is_same)
            buf_printf(notes, "%s%s",
                       notes->n > 0 ? ", " : "takes effect at the next start: ", fixed[i].name);
}

static bool open_logs(struct master *m)
{
    struct transaction *t = &m->transaction;
    struct buf kept = { 0 };
    bool is_open = logs_open_again(&t->next.logs, t->next.config, m->is_daemon, &m->now.logs,
                                   &t->errors, &kept);
    struct str rest = buf_str(&kept);

    while (rest.n > 0) {
        struct str line = str_cut(&rest, '\n');

        log_warn("reload: %.*s", STR_ARG(line));
    }
    buf_fini(&kept);
    return is_open;
}

/* An operator's number of workers holds until now, and no config says so. */
static void note_changes(struct master *m, const struct edition *next)
{
    struct transaction *t = &m->transaction;
    unsigned slot_count = supervise_slots_of(m, next);

    if (m->now.workers != 0 && slot_count != m->slot_count)
        buf_printf(&t->changes, "workers: %u, as set by hand -> %u\n", m->slot_count, slot_count);
    config_diff(m->now.config, next->config, &t->changes);
}

/* What can be known without opening anything. */
static bool load_next(struct master *m)
{
    struct transaction *t = &m->transaction;
    struct edition *next = &t->next;

    if (t->operation == OPERATION_SET_WORKERS) {
        source_copy(&next->source, &m->now.source); /* the file may be half edited */
        next->workers = t->workers_wanted;
    } else if (!source_again(&next->source, &m->now.source, &t->errors)) {
        return false;
    }
    next->config = source_load(&next->source, m->now.config, &t->errors);
    if (next->config == NULL)
        return false;
    if (!prepare_setup(m, next->config))
        return false;
    note_fixed_settings(m, next->config);
    if (t->operation != OPERATION_SET_WORKERS)
        note_changes(m, next);
    return true;
}

/* All that can fail in the master comes before a worker hears of it. */
static bool open_next(struct master *m)
{
    struct transaction *t = &m->transaction;
    struct edition *next = &t->next;
    unsigned slot_count;

    if (!load_next(m))
        return false;
    if (!open_logs(m))
        return false;
    slot_count = supervise_slots_of(m, next);
    /* No patience: waiting for a port would keep the master from everything else. */
    master_name_series(m, next->config);
    return (m->is_single || inboxes_prepare(&m->inboxes, slot_count, &t->errors)) &&
           listen_table_prepare(&m->listeners, next->config, slot_count, 0, &t->errors);
}

static bool ask_to_prepare(struct master *m, struct process *p)
{
    const struct config *config = m->transaction.next.config;
    struct bundle bundle;
    int result;

    if (p->channel.fd < 0)
        return false;
    edition_bundle(&m->transaction.next, &m->listeners, p->slot, &bundle);
    inboxes_bundle(&m->inboxes, config, supervise_slots_of(m, &m->transaction.next), p->slot,
                   &bundle);
    result = bundle_send(&bundle, p->channel.fd);
    bundle_fini(&bundle);
    if (result == 0)
        return true;
    if (errno != EPIPE) {
        char line[128];

        snprintf(line, sizeof(line), "worker %u cannot be told of the new config: %s", p->slot + 1,
                 strerror(errno));
        transaction_add_error(m, line);
    }
    /* Part of it may be on its way, and would be taken for part of the next one. */
    process_kill(p);
    return false;
}

static void fail(struct master *m)
{
    struct transaction *t = &m->transaction;

    edition_fini(&t->next);
    transaction_end(m, false, buf_cstr(&t->errors));
}

void reload_begin(struct master *m)
{
    struct transaction *t = &m->transaction;
    unsigned count;

    if (!open_next(m)) {
        fail(m);
        return;
    }
    /* Never used twice, so that a late answer to an aborted reload is known as such. */
    t->next.number = ++t->last_number;
    count = supervise_slots_of(m, &t->next);
    t->asked_count = 0;
    t->ends_drain = true;
    transaction_step(m, STEP_PREPARING);
    for (unsigned i = 0; i < m->slot_count && i < count; i++) {
        struct process *p = m->slots[i].process;

        if (p != NULL && ask_to_prepare(m, p)) {
            p->answer = ANSWER_DUE;
            t->asked_count++;
        }
    }
}

/*
 * The same up to where workers would be asked, but that no file is made: addresses are bound for a
 * moment, since nothing else tells whether they are free.
 */
static bool check_next(struct master *m)
{
    struct transaction *t = &m->transaction;

    if (!load_next(m) || !logs_check(t->next.config, &m->now.logs, &t->errors) ||
        !listen_table_prepare(&m->listeners, t->next.config, supervise_slots_of(m, &t->next), 0,
                              &t->errors))
        return false;
    listen_table_abort(&m->listeners);
    return true;
}

void diff_begin(struct master *m)
{
    struct transaction *t = &m->transaction;
    bool is_ok = check_next(m);
    struct buf text = { 0 };

    if (!is_ok)
        buf_add(&text, buf_str(&t->errors));
    else if (t->changes.n == 0)
        buf_add(&text, STR("nothing would change\n"));
    else
        buf_add(&text, buf_str(&t->changes));
    if (is_ok && t->rolled.n > 0)
        buf_printf(&text, "every worker would be replaced, for: %s\n", buf_cstr(&t->rolled));
    if (is_ok && t->notes.n > 0)
        buf_printf(&text, "%s\n", buf_cstr(&t->notes));
    edition_fini(&t->next);
    transaction_end(m, is_ok, buf_cstr(&text));
    buf_fini(&text);
}

static void abort_reload(struct master *m)
{
    for (unsigned i = 0; i < m->slot_count; i++) {
        struct process *p = m->slots[i].process;

        if (p != NULL && p->answer != ANSWER_NONE)
            process_send(p, MESSAGE_ABORT, m->transaction.next.number);
    }
    listen_table_abort(&m->listeners);
    fail(m);
}

static void switch_generation(struct master *m)
{
    struct edition old = m->now;

    m->now = m->transaction.next;
    m->transaction.next = (struct edition){ .number = 0 };
    m->slot_count = supervise_slots_of(m, &m->now);
    master_tell_shared(m);
    log_set_fd(m->now.logs.fds[0]);
    log_set_level(master_log_level(m));
    log_set_layout((enum log_layout)m->now.config->error_log_format);
    log_writer_set_room(m->now.config->log_queue_bytes);
    if (m->is_daemon)
        master_redirect(m);
    edition_fini(&old);
}

static void commit(struct master *m)
{
    struct transaction *t = &m->transaction;
    uint64_t number = t->next.number;
    struct message message = { .type = MESSAGE_COMMIT, .generation = number };
    unsigned asked = 0;

    if (t->operation == OPERATION_RELOAD)
        m->log_level = -1;
    if (m->log_level >= 0)
        snprintf(message.text, sizeof(message.text), "%s", log_level_names[m->log_level]);
    for (unsigned i = 0; i < m->slot_count; i++) {
        struct process *p = m->slots[i].process;

        if (p == NULL || p->answer != ANSWER_YES)
            continue;
        asked++;
        p->answer = process_send_message(p, &message) ? ANSWER_DUE : ANSWER_NONE;
    }
    log_debug("reload: generation %llu committed by the master, %u workers told",
              (unsigned long long)number, asked);
    switch_generation(m);
    transaction_step(m, STEP_COMMITTING);
}

/* All that had a vote died of it: that config must not become the only one. */
static bool is_everybody_dead(const struct master *m)
{
    if (m->transaction.asked_count == 0)
        return false; /* drained, or waiting out a pause that this reload may well cure */
    for (unsigned i = 0; i < m->slot_count; i++)
        if (m->slots[i].process != NULL && m->slots[i].process->answer == ANSWER_YES)
            return false;
    return true;
}

static void decide(struct master *m)
{
    struct transaction *t = &m->transaction;

    if (t->errors.n == 0 && is_everybody_dead(m))
        transaction_add_error(m, "no worker is left to take the new config");
    if (t->errors.n == 0 && listen_table_listen(&m->listeners, t->next.config, &t->errors))
        commit(m);
    else
        abort_reload(m);
}

static void fill(struct master *m)
{
    listen_table_commit(&m->listeners);
    supervise_shrink(m);
    if (m->transaction.ends_drain)
        m->is_drained = false;
    transaction_step(m, STEP_FILLING);
    supervise_end_pauses(m);
    roll_prepare(m);
    supervise_fill(m);
}

static unsigned count_state(const struct master *m, enum process_state state)
{
    unsigned count = 0;

    for (unsigned i = 0; i < m->slot_count; i++)
        count += m->slots[i].process != NULL && m->slots[i].process->state == state;
    return count;
}

static void finish(struct master *m)
{
    struct transaction *t = &m->transaction;
    unsigned serving = count_state(m, PROCESS_SERVING);
    struct buf text = { 0 };

    buf_printf(&text, "generation %llu runs in %u worker%s", (unsigned long long)m->now.number,
               serving, serving == 1 ? "" : "s");
    if (m->is_drained)
        buf_printf(&text, "; they were drained meanwhile");
    else if (serving < m->slot_count)
        buf_printf(&text, " of %u; the others could not be started, see the error log",
                   m->slot_count);
    if (t->rolled.n > 0 && !m->is_drained)
        buf_printf(&text, "\nevery worker was replaced, for: %s", buf_cstr(&t->rolled));
    if (t->notes.n > 0)
        buf_printf(&text, "\n%s", buf_cstr(&t->notes));
    master_report(m, false);
    transaction_end(m, m->is_drained || serving == m->slot_count, buf_cstr(&text));
    buf_fini(&text);
}

static void filled(struct master *m)
{
    struct transaction *t = &m->transaction;

    if (t->rolled.n == 0 || m->is_drained) {
        finish(m);
    } else if (count_state(m, PROCESS_SERVING) < m->slot_count) {
        transaction_add_error(m, "new ones could not be started, see the error log");
        roll_failed(m);
    } else {
        roll_begin(m);
    }
}

void reload_advance(struct master *m)
{
    switch (m->transaction.step) {
    case STEP_PREPARING:
        if (!transaction_is_answer_due(m))
            decide(m);
        break;
    case STEP_COMMITTING:
        if (!transaction_is_answer_due(m))
            fill(m);
        break;
    case STEP_FILLING:
        if (count_state(m, PROCESS_STARTING) == 0)
            filled(m);
        break;
    case STEP_ROLLING:
        if (roll_advance(m))
            finish(m);
        break;
    default:
        break;
    }
}

void reload_expired(struct master *m)
{
    if (m->transaction.step == STEP_PREPARING) {
        transaction_add_silent(m);
    } else if (m->transaction.step == STEP_COMMITTING) {
        /* The decision stands: who cannot follow it is replaced by one who runs it. */
        LIST_EACH (at, &m->processes) {
            struct process *p = CONTAINER_OF(at, struct process, link);

            if (p->answer != ANSWER_DUE)
                continue;
            log_error("worker %u (pid %d) does not switch to the new config: killed", p->slot + 1,
                      (int)p->pid);
            p->answer = ANSWER_NONE;
            process_kill(p);
        }
    } else if (m->transaction.step == STEP_ROLLING) {
        roll_expired(m);
    } else {
        finish(m);
    }
}

void reload_cancel(struct master *m)
{
    struct transaction *t = &m->transaction;

    if (t->step == STEP_PREPARING) {
        listen_table_abort(&m->listeners);
        edition_fini(&t->next);
    } else if (t->step == STEP_COMMITTING) {
        listen_table_commit(&m->listeners);
    }
}
