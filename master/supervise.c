#include "master/supervise.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "common/log.h"
#include "common/now.h"
#include "master/process.h"
#include "master/question.h"
#include "worker/worker.h"

/* On top of worker_shutdown_timeout, in which a worker ends by itself. */
enum { QUIT_GRACE_MS = 2000 };

/*
 * After an upgrade nobody waits for the end of the former workers: idle connections that the next binary
 * cannot take have longer to ask once more, and hear that the connection ends.
 */
enum { UPGRADED_IDLE_MS = 5000 };

enum { FLIGHT_TOLD = 16 }; /* requests before the last one */

static bool may_start(const struct master *m)
{
    return m->phase <= PHASE_RUNNING && !m->is_drained && !transaction_is_deciding(m);
}

unsigned supervise_slots_of(const struct master *m, const struct edition *edition)
{
    if (m->is_single)
        return 1;
    return edition->workers > 0 ? edition->workers : edition->config->workers;
}

static void wait_for_respawn(struct master *m, struct slot *slot, unsigned delay_ms)
{
    ev_timer_set(&slot->respawn, delay_ms / 1000., 0.);
    ev_timer_start(m->loop, &slot->respawn);
}

/* Who counts in the slot from now on. */
static void tell_slot(const struct master *m, const struct process *p)
{
    struct shared_slot *shared = &m->bank[p->slot];

    atomic_store(&shared->started_at, (uint64_t)p->started_at);
    atomic_store(&shared->pid, p->pid);
}

static void start_worker(struct master *m, unsigned number)
{
    struct slot *slot = &m->slots[number];

    slot->process = process_spawn(m, number);
    if (slot->process == NULL) {
        log_error("worker %u could not be started: %s", number + 1, strerror(errno));
        if (m->phase == PHASE_STARTING)
            master_add_start_error(m, "a worker could not be started (fork)");
        else
            wait_for_respawn(m, slot, backoff_next(&slot->backoff, 0));
        return;
    }
    tell_slot(m, slot->process);
    log_notice("worker %u started, pid %d", number + 1, (int)slot->process->pid);
}

static void on_respawn(struct ev_loop *loop, ev_timer *w, int revents)
{
    supervise_fill(w->data);
}

void supervise_init(struct master *m)
{
    list_init(&m->processes);
    for (unsigned i = 0; i < CONFIG_WORKERS_MAX; i++) {
        ev_timer_init(&m->slots[i].respawn, on_respawn, 0., 0.);
        m->slots[i].respawn.data = m;
    }
}

static bool has_process(const struct master *m, unsigned slot)
{
    LIST_EACH (at, &m->processes)
        if (CONTAINER_OF(at, struct process, link)->slot == slot)
            return true;
    return false;
}

/*
 * When the last worker of a slot that a reload took away is gone, so is its inbox. A reload that is
 * being decided may want the slot again.
 */
static void close_unused_inboxes(struct master *m)
{
    supervise_pass_on(m);
    for (unsigned i = m->slot_count; i < CONFIG_WORKERS_MAX && !transaction_is_deciding(m); i++)
        if (inboxes_has(&m->inboxes, i) && !has_process(m, i))
            inboxes_close_slot(&m->inboxes, m->bank, i);
}

void supervise_fill(struct master *m)
{
    close_unused_inboxes(m);
    for (unsigned i = 0; i < m->slot_count && may_start(m); i++)
        if (m->slots[i].process == NULL && !ev_is_active(&m->slots[i].respawn))
            start_worker(m, i);
}

void supervise_end_pauses(struct master *m)
{
    for (unsigned i = 0; i < m->slot_count; i++) {
        ev_timer_stop(m->loop, &m->slots[i].respawn);
        m->slots[i].backoff = (struct backoff){ 0 };
    }
}

/* Those who stay: the workers of all slots that there are to be. */
static struct heirs heirs_here(const struct master *m)
{
    return (struct heirs){ &m->inboxes, m->bank, m->slot_count };
}

/* Those who stay, here or in the next master. */
static struct heirs heirs_now(const struct master *m)
{
    return m->upgrade.is_succeeded ? upgrade_heirs(m) : heirs_here(m);
}

/* To those who leave already, too: whom they were told of may be leaving by now. */
static void name_heirs(struct master *m, const struct heirs *heirs)
{
    LIST_EACH (at, &m->processes) {
        struct process *p = CONTAINER_OF(at, struct process, link);

        if (p->state == PROCESS_LEAVING)
            process_name_heirs(p, heirs);
    }
}

void supervise_pass_on(struct master *m)
{
    struct heirs heirs = heirs_now(m);

    if (m->phase != PHASE_RUNNING && !m->upgrade.is_succeeded)
        return; /* nobody stays */
    for (unsigned i = m->upgrade.is_succeeded ? 0 : m->slot_count; i < CONFIG_WORKERS_MAX; i++)
        inboxes_pass_on(&m->inboxes, m->bank, i, &heirs);
}

/* `heirs`: see process_quit(). */
static void quit(const struct master *m, struct process *p, const struct heirs *heirs)
{
    uint64_t timeout_ms = m->now.config->worker_shutdown_timeout_ms;

    process_quit(p, timeout_ms > 0 ? timeout_ms + QUIT_GRACE_MS : 0, heirs,
                 m->upgrade.is_succeeded ? UPGRADED_IDLE_MS : WORKER_QUIT_IDLE_MS);
}

static void leave(struct master *m, struct slot *slot, const struct heirs *heirs)
{
    struct process *current = slot->process, *retiring = slot->retiring;

    ev_timer_stop(m->loop, &slot->respawn);
    slot->process = slot->retiring = NULL;
    if (current != NULL)
        quit(m, current, heirs);
    if (retiring != NULL)
        quit(m, retiring, heirs);
}

void supervise_succeed(struct master *m, unsigned number)
{
    struct slot *slot = &m->slots[number];
    struct process *old = slot->process;

    start_worker(m, number);
    if (slot->process != NULL) {
        slot->retiring = old;
        return;
    }
    ev_timer_stop(m->loop, &slot->respawn);
    slot->process = old;
    transaction_add_error(m, "a worker could not be started (fork)");
}

void supervise_retire(struct master *m, unsigned number)
{
    struct slot *slot = &m->slots[number];
    struct process *old = slot->retiring;
    struct heirs heirs = heirs_here(m);

    slot->retiring = NULL;
    quit(m, old, &heirs);
}

/* An heir ended before it served. */
static void take_place_back(struct master *m, struct slot *slot, const struct process *heir)
{
    char line[64];

    slot->process = slot->retiring;
    slot->retiring = NULL;
    tell_slot(m, slot->process);
    snprintf(line, sizeof(line), "the new worker %u ended before it was ready", heir->slot + 1);
    transaction_add_error(m, heir->failure[0] != '\0' ? heir->failure : line);
}

void supervise_shrink(struct master *m)
{
    struct heirs heirs = heirs_here(m);

    name_heirs(m, &heirs);
    listen_table_steer(&m->listeners, m->slot_count);
    for (unsigned i = 0; i < m->slot_count; i++)
        if (m->slots[i].adoption.is_closing)
            adoption_end(m, i);
    for (unsigned i = m->slot_count; i < CONFIG_WORKERS_MAX; i++) {
        leave(m, &m->slots[i], &heirs);
        adoption_drain(m, i);
    }
    adoption_fill(m);
}

void supervise_drain(struct master *m)
{
    if (m->phase != PHASE_RUNNING || m->is_single || m->is_drained)
        return;
    log_notice("draining the workers; the sockets stay, HUP starts new workers");
    m->is_drained = true;
    m->transaction.ends_drain = false;
    for (unsigned i = 0; i < m->slot_count; i++)
        leave(m, &m->slots[i], NULL);
    transaction_advance(m);
}

void supervise_end(struct master *m, bool is_fast)
{
    struct heirs heirs = upgrade_heirs(m);

    if (m->upgrade.is_succeeded)
        name_heirs(m, &heirs);
    adoption_stop(m);
    for (unsigned i = 0; i < CONFIG_WORKERS_MAX; i++) {
        ev_timer_stop(m->loop, &m->slots[i].respawn);
        m->slots[i].process = m->slots[i].retiring = NULL;
    }
    LIST_EACH (at, &m->processes) {
        struct process *p = CONTAINER_OF(at, struct process, link);

        if (is_fast)
            process_stop(p);
        else if (p->state != PROCESS_LEAVING)
            quit(m, p, &heirs);
    }
}

static void describe_end(int status, char *text, size_t room)
{
    if (WIFSIGNALED(status))
        snprintf(text, room, "signal %d (%s%s)", WTERMSIG(status), strsignal(WTERMSIG(status)),
                 WCOREDUMP(status) ? ", core dumped" : "");
    else
        snprintf(text, room, "exit code %d", WEXITSTATUS(status));
}

/* Says it once, and gives what the start or the operator needs to know. */
static void log_end(struct process *p, int status)
{
    struct master *m = p->master;
    enum log_level level = p->state == PROCESS_LEAVING ? LOG_NOTICE : LOG_ERROR;
    char how[128], line[CHANNEL_TEXT_MAX + 64];

    describe_end(status, how, sizeof(how));
    if (m->phase == PHASE_STARTING) {
        snprintf(line, sizeof(line), "a worker ended before it was ready: %s", how);
        master_add_start_error(m, p->failure[0] != '\0' ? p->failure : line);
    } else if (p->failure[0] != '\0') {
        log_error("worker %u (pid %d) could not start: %s", p->slot + 1, (int)p->pid, p->failure);
    } else {
        log_line(level, "worker %u (pid %d) ended: %s", p->slot + 1, (int)p->pid, how);
    }
}

/* What it was doing, from the flight recorder, whatever ended it. */
static void log_flight(const struct master *m, const struct process *p)
{
    const struct flight *flight = shared_flight(m->shared, m->bank, p->flight);
    struct buf text = { 0 };
    struct str rest;

    flight_describe(flight, monotonic_ns(), FLIGHT_TOLD, &text);
    rest = buf_str(&text);
    while (rest.n > 0) {
        struct str line = str_cut(&rest, '\n');

        log_error("worker %u (pid %d): %.*s", p->slot + 1, (int)p->pid, STR_ARG(line));
    }
    buf_fini(&text);
}

static void replace(struct master *m, struct process *p)
{
    struct slot *slot = &m->slots[p->slot];
    ev_tstamp lived = ev_time() - p->started_at;
    unsigned delay_ms = backoff_next(&slot->backoff, lived > 0 ? (uint64_t)(lived * 1000) : 0);

    slot->process = NULL;
    if (m->phase != PHASE_RUNNING)
        return;
    atomic_fetch_add(&m->shared->respawns, 1);
    slot->respawns++;
    if (delay_ms > 0) {
        log_warn("worker %u lived for less than a second: the next one starts in %u ms",
                 p->slot + 1, delay_ms);
        wait_for_respawn(m, slot, delay_ms);
    }
}

static void take_ended(struct master *m, struct process *p, int status)
{
    struct slot *slot = &m->slots[p->slot];

    process_read_rest(p);
    log_end(p, status);
    if (WIFSIGNALED(status))
        log_flight(m, p);
    limits_close_ledger(&m->shared->limits, p->pid);
    if (slot->process == p && slot->retiring != NULL && p->state == PROCESS_STARTING)
        take_place_back(m, slot, p);
    else if (slot->process == p)
        replace(m, p);
    else if (slot->retiring == p)
        slot->retiring = NULL;
    /* What it was handed and had not taken waits in the inbox, and stays `assigned`. */
    if (slot->process == NULL)
        shared_leave_slot(m->shared, &m->bank[p->slot]);
    adoption_forget(m, p);
    question_forget(p);
    process_free(p, m->loop);
}

static struct process *find_process(struct master *m, pid_t pid)
{
    LIST_EACH (at, &m->processes) {
        struct process *p = CONTAINER_OF(at, struct process, link);

        if (p->pid == pid)
            return p;
    }
    return NULL;
}

void supervise_leave_behind(struct process *p)
{
    struct master *m = p->master;

    if (m->phase <= PHASE_RUNNING) {
        log_error("worker %u (pid %d) hangs in the kernel", p->slot + 1, (int)p->pid);
        return;
    }
    log_error("worker %u (pid %d) hangs in the kernel and is left behind", p->slot + 1,
              (int)p->pid);
    process_free(p, m->loop);
    master_end_if_done(m);
}

void supervise_reap(struct master *m)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct process *p = find_process(m, pid);

        if (p != NULL)
            take_ended(m, p, status);
        else
            upgrade_reap(m, pid, status);
    }
    transaction_advance(m);
    /* At the start there is no second try: what kills a worker then, the operator must know. */
    if (m->phase == PHASE_STARTING)
        master_check_start(m);
    else
        supervise_fill(m);
    master_end_if_done(m);
}

void supervise_on_serving(struct process *p)
{
    struct master *m = p->master;

    adoption_fill(m);
    if (m->phase == PHASE_STARTING)
        master_check_start(m);
    else
        transaction_advance(m);
}
