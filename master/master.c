#include "master/master.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "common/log_writer.h"
#include "common/proctitle.h"
#include "common/xmalloc.h"
#include "master/daemon.h"
#include "master/inherited.h"
#include "master/lines.h"
#include "master/process.h"
#include "master/question.h"
#include "master/status.h"
#include "master/supervise.h"
#include "master/trace.h"
#include "worker/route_series.h"
#include "worker/worker.h"

/* A port that the last server is just letting go of is waited for so long. */
enum { PORT_PATIENCE_MS = 2500, START_LIMIT_S = 60 };

static const int master_signals[] = { SIGTERM, SIGINT,  SIGQUIT,  SIGHUP, SIGUSR1,
                                      SIGUSR2, SIGCHLD, SIGWINCH, 0 };

static bool has_log_file(const struct master *m)
{
    return m->now.logs.count > 0 && m->now.config->error_log != NULL;
}

/* In the terminal's foreground a WINCH is a window that was resized, not an order. */
static bool is_window_resized(const struct signalfd_siginfo *info)
{
    bool is_foreground;
    int tty;

    if (info->ssi_code == SI_KERNEL)
        return true;
    tty = open("/dev/tty", O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (tty < 0)
        return false;
    is_foreground = tcgetpgrp(tty) == getpgrp();
    close(tty);
    return is_foreground;
}

static void on_signal(void *data, const struct signalfd_siginfo *info)
{
    struct master *m = data;

    if (info->ssi_signo != SIGCHLD)
        log_info("signal %u (%s) from process %u", info->ssi_signo, strsignal((int)info->ssi_signo),
                 info->ssi_pid);
    switch (info->ssi_signo) {
    case SIGTERM:
    case SIGINT:
        master_stop(m, true);
        break;
    case SIGQUIT:
        master_stop(m, false);
        break;
    case SIGHUP:
        transaction_want(m, OPERATION_RELOAD);
        break;
    case SIGUSR1:
        transaction_want(m, OPERATION_REOPEN);
        break;
    case SIGCHLD:
        supervise_reap(m);
        break;
    case SIGWINCH:
        if (!is_window_resized(info))
            supervise_drain(m);
        break;
    case SIGUSR2:
        transaction_want(m, OPERATION_UPGRADE);
        break;
    }
}

void master_redirect(const struct master *m)
{
    daemon_redirect(m->now.config->error_log != NULL ? m->now.logs.fds[0] : -1);
}

/* What a terminal's user wants to know, and nothing that looks like a log. */
static void announce(const struct master *m, const struct start_facts *facts)
{
    struct buf text = { 0 };

    if (m->upgrade.is_ready_told)
        return;
    if (m->now.source.path != NULL && (m->is_daemon || isatty(STDOUT_FILENO) == 0))
        return;
    buf_add(&text, STR("Serving "));
    start_report_write_sites(m->now.config, &text);
    buf_add(&text, STR(" at\n"));
    status_write_urls(m, "    ", &text);
    if (facts->workers > 0)
        buf_printf(&text, "with %u worker%s on %u CPU%s\n", facts->workers,
                   facts->workers == 1 ? "" : "s", facts->cpus, facts->cpus == 1 ? "" : "s");
    if (m->is_daemon)
        buf_printf(&text, "Stop it with: kill %d\n", (int)getpid());
    else
        buf_printf(&text, "Stop it with Ctrl-C.\n");
    fputs(buf_cstr(&text), stdout);
    fflush(stdout);
    buf_fini(&text);
}

void master_report(struct master *m, bool is_start)
{
    struct start_facts facts;

    start_facts_find(&facts, &m->setup, m->is_single ? 0 : m->slot_count);
    start_report_log(&facts, m->now.config, &m->listeners, is_start, &m->report);
    if (is_start)
        announce(m, &facts);
}

static void start_failed(struct master *m)
{
    ev_timer_stop(m->loop, &m->start_limit);
    lines_report(&m->start_errors, has_log_file(m));
    m->exit_code = EXIT_FAILED;
    upgrade_tell_failure(&m->upgrade, &m->start_errors);
    /* Where another master serves on, some workers may have accepted connections already. */
    master_stop(m, !m->upgrade.is_heir);
}

void master_notify_ready(struct master *m)
{
    notify_send(&m->notify, "READY=1\nMAINPID=%d\nSTATUS=generation %llu, %u worker%s%s",
                (int)getpid(), (unsigned long long)m->now.number, m->slot_count,
                m->slot_count == 1 ? "" : "s", m->is_drained ? ", drained" : "");
}

void master_tell_shared(struct master *m)
{
    struct shared *shared = m->shared;

    atomic_store(&shared->generation, m->now.number);
    atomic_store(&shared->worker_count, m->slot_count);
    atomic_store(&shared->bank, shared_bank_number(shared, m->bank));
    atomic_store(&shared->master_pid, (int32_t)getpid());
}

void master_leave_shared(struct master *m)
{
    int32_t ours = (int32_t)getpid();

    /* The next one may have begun already, in the same block. */
    atomic_compare_exchange_strong(&m->shared->master_pid, &ours, 0);
}

static void start_done(struct master *m)
{
    ev_timer_stop(m->loop, &m->start_limit);
    m->phase = PHASE_RUNNING;
    adoption_fill(m); /* an heir with fewer workers has queues to empty */
    master_tell_shared(m);
    watchdog_start(m);
    master_report(m, true);
    if (m->upgrade.former_pid == 0) /* else nobody listens to us yet */
        master_notify_ready(m);
    notify_watch(&m->notify, m->loop);
    log_notice("ready: %u worker%s, generation %llu", m->slot_count, m->slot_count == 1 ? "" : "s",
               (unsigned long long)m->now.number);
    if (m->is_daemon)
        master_redirect(m);
    daemon_ready(&m->ready_fd);
    transaction_advance(m); /* a HUP may have come early */
}

void master_add_start_error(struct master *m, const char *line)
{
    lines_add_once(&m->start_errors, line);
}

void master_check_start(struct master *m)
{
    bool is_complete = true;

    if (m->phase != PHASE_STARTING)
        return;
    LIST_EACH (at, &m->processes)
        if (CONTAINER_OF(at, struct process, link)->state == PROCESS_STARTING)
            is_complete = false;
    /* Failures wait for each other, so that the operator gets all of them. */
    if (is_complete && m->start_errors.n > 0)
        start_failed(m);
    else if (is_complete && !upgrade_tell_ready(m))
        start_done(m);
}

static void on_start_limit(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct master *m = w->data;

    master_add_start_error(m, "not every worker became ready within a minute");
    start_failed(m);
}

enum log_level master_log_level(const struct master *m)
{
    return m->log_level >= 0 ? (enum log_level)m->log_level : m->now.config->log_level;
}

void master_end(struct master *m)
{
    m->is_over = true;
    ev_break(m->loop, EVBREAK_ALL);
}

void master_end_if_done(struct master *m)
{
    if (m->phase > PHASE_RUNNING && list_is_empty(&m->processes) && !upgrade_is_ending(&m->upgrade))
        master_end(m);
}

const char *master_end_words(const struct master *m)
{
    return m->upgrade.is_succeeded ? "the server was upgraded meanwhile: ask again"
                                   : "the server is stopping";
}

void master_stop(struct master *m, bool is_fast)
{
    enum phase phase = is_fast ? PHASE_STOPPING : PHASE_QUITTING;

    if (m->phase >= phase)
        return;
    log_notice(is_fast ? "stopping" : "quitting: what is under way will be finished");
    m->phase = phase;
    if (!m->upgrade.is_heir && !m->upgrade.is_succeeded)
        notify_send(&m->notify, "STOPPING=1\nSTATUS=%s", is_fast ? "stopping" : "finishing");
    ev_timer_stop(m->loop, &m->start_limit);
    if (is_fast)
        watchdog_stop(m);
    transaction_cancel(m);
    upgrade_cancel(m);
    if (m->is_single) {
        if (is_fast || m->worker == NULL)
            master_end(m);
        else
            worker_quit(m->worker, WORKER_QUIT_IDLE_MS);
        return;
    }
    supervise_end(m, is_fast);
    /* The workers have copies, with what is queued there; new clients are refused from here on. */
    listen_table_close(&m->listeners);
    master_end_if_done(m);
}

static bool load(struct master *m, const struct args *args, struct buf *errors)
{
    if (!source_init(&m->now.source, args, errors))
        return false;
    m->now.config = source_load(&m->now.source, NULL, errors);
    if (m->now.config == NULL)
        return false;
    m->start_config = source_parse(&m->now.source, errors);
    m->now.number = m->transaction.last_number = upgrade_generation(&m->upgrade);
    m->now.workers = upgrade_workers(&m->upgrade);
    m->is_daemon = args->is_daemon_set ? args->is_daemon : m->start_config->daemon;
    m->slot_count = supervise_slots_of(m, &m->now);
    return m->start_config != NULL;
}

static bool open_pid_file(struct master *m, struct buf *errors)
{
    const struct config *config = m->start_config;
    struct buf why = { 0 };
    enum pid_file_result result = PID_FILE_OK;

    if (config->pid_file != NULL &&
        !upgrade_take_pid_file(&m->upgrade, &m->pid_file, config->pid_file))
        result = pid_file_open(&m->pid_file, config->pid_file, &why);
    if (result == PID_FILE_FAILED && config->is_pid_file_default) {
        log_warn("%s (going on without it; `pid_file: off` says so)", buf_cstr(&why));
        result = PID_FILE_OK;
    }
    if (result != PID_FILE_OK)
        buf_printf(errors, "%s\n", buf_cstr(&why));
    buf_fini(&why);
    return result == PID_FILE_OK;
}

static bool open_control(struct master *m, struct buf *errors)
{
    const struct config *config = m->start_config;
    struct buf why = { 0 };
    bool is_open = true;

    if (config->control_socket != NULL &&
        !control_take_over(&m->control, &m->upgrade.handoff, config->control_socket))
        is_open = control_open(&m->control, config, &why);
    if (!is_open && config->is_control_socket_default) {
        log_warn("%s (going on without it; signals still work)", buf_cstr(&why));
        is_open = true;
    }
    if (!is_open)
        buf_printf(errors, "%s\n", buf_cstr(&why));
    buf_fini(&why);
    if (m->upgrade.is_heir)
        trace_take_over(&m->control, &m->upgrade.handoff);
    else
        control_start(&m->control);
    return is_open;
}

static bool open_listeners(struct master *m, struct buf *errors)
{
    const struct config *config = m->now.config;

    inherited_take(&m->listeners, &m->upgrade.handoff);
    if (!inherited_take_given(&m->listeners, config, &m->activation, errors))
        return false;
    if ((!m->is_single && !inboxes_prepare(&m->inboxes, m->slot_count, errors)) ||
        !listen_table_prepare(&m->listeners, config, m->slot_count, PORT_PATIENCE_MS, errors))
        return false;
    if (!listen_table_listen(&m->listeners, config, errors)) {
        listen_table_abort(&m->listeners);
        return false;
    }
    if (m->upgrade.is_heir)
        listen_table_commit_lent(&m->listeners);
    else
        listen_table_commit(&m->listeners);
    return true;
}

void master_name_series(struct master *m, const struct config *config)
{
    size_t without = route_series_add(&m->shared->series, config);

    if (without > 0)
        log_notice(
            "%zu routes are counted together, as \"other\": there is room for the figures of "
            "%d, those of former configs among them",
            without, SERIES_NAMES_MAX);
}

static bool open_shared(struct master *m, struct buf *errors)
{
    if (upgrade_take_shared(m))
        return true;
    m->shared = shared_new(&m->shared_fd);
    if (m->shared == NULL) {
        buf_printf(errors, "shared memory for the counters: %s\n", strerror(errno));
        return false;
    }
    m->bank = shared_bank(m->shared, 0);
    return true;
}

/* In the order in which an error is most useful: nothing is bound beside a running server. */
static bool open_all(struct master *m, struct buf *errors)
{
    if (!open_pid_file(m, errors))
        return false;
    if (!logs_open(&m->now.logs, m->now.config, m->is_daemon, &m->upgrade.handoff, errors))
        return false;
    log_set_fd(m->now.logs.fds[0]);
    log_set_layout((enum log_layout)m->now.config->error_log_format);
    if (m->is_daemon && m->now.config->error_log == NULL)
        fputs("remuda: warning: a daemon has no stderr: set error_log to see what it says\n",
              stderr);
    start_facts_raise_open_files();
    if (!worker_setup_init(&m->setup, m->start_config, errors))
        return false;
    if (!open_listeners(m, errors) || !open_control(m, errors))
        return false;
    if (!open_shared(m, errors))
        return false;
    master_name_series(m, m->now.config);
    if (signals_open(&m->signals, m->loop, master_signals, on_signal, m) == 0)
        return true;
    buf_printf(errors, "signalfd: %s\n", strerror(errno));
    return false;
}

/* One process for everything: it becomes what its worker would be, once all is open. */
static bool become_worker(struct master *m, struct buf *errors)
{
    if (!m->is_single)
        return true;
    return privileges_drop(&m->setup.privileges, m->setup.no_new_privs, errors) == 0;
}

static void start_workers(struct master *m)
{
    ev_timer_start(m->loop, &m->start_limit);
    supervise_fill(m);
    if (m->is_single && m->worker == NULL) {
        struct process *p = m->slots[0].process;

        if (p != NULL)
            process_read_rest(p);
        master_add_start_error(m, p != NULL && p->failure[0] != '\0' ? p->failure
                                                                     : "the worker did not start");
        start_failed(m);
    }
    master_check_start(m); /* not one could be forked */
}

static void close_all(struct master *m)
{
    if (m->worker != NULL) {
        worker_free(&m->worker);
        if (m->now.logs.count > 0)
            log_set_fd(m->now.logs.fds[0]); /* the worker's own copy is closed */
    }
    listen_table_close(&m->listeners);
    pid_file_remove(&m->pid_file);
    if (m->exit_code == EXIT_OK)
        log_notice("stopped");
    control_end(&m->control);
}

static struct master *master_new(const struct args *args)
{
    struct master *m = xcalloc(1, sizeof(*m));

    m->is_single = args->is_single;
    m->ready_fd = m->shared_fd = m->log_level = -1;
    list_init(&m->questions);
    m->signals.io.fd = -1;
    m->pid_file = PID_FILE_NONE;
    inboxes_init(&m->inboxes);
    notify_init(&m->notify);
    control_init(&m->control, m);
    upgrade_init(&m->upgrade, m, args->argv);
    transaction_init(m);
    supervise_init(m);
    adoption_init(m);
    watchdog_init(m);
    ev_timer_init(&m->start_limit, on_start_limit, START_LIMIT_S, 0.);
    m->start_limit.data = m;
    return m;
}

void master_fini(struct master *m)
{
    if (m->loop != NULL)
        ev_loop_destroy(m->loop);
    m->loop = NULL;
    question_drop_all(m, NULL);
    control_fini(&m->control, NULL);
    signals_close(&m->signals, NULL);
    LIST_EACH_SAFE (at, after, &m->processes)
        process_free(CONTAINER_OF(at, struct process, link), NULL);
    transaction_fini(&m->transaction);
    listen_table_fini(&m->listeners);
    inboxes_fini(&m->inboxes);
    pid_file_close(&m->pid_file);
    upgrade_fini(&m->upgrade);
    notify_fini(&m->notify);
    activation_fini(&m->activation);
    shared_free(&m->shared, &m->shared_fd);
    worker_setup_fini(&m->setup);
    edition_fini(&m->now);
    config_free(&m->start_config);
    buf_fini(&m->start_errors);
    if (m->ready_fd >= 0)
        close(m->ready_fd);
    m->ready_fd = -1;
}

static bool start(struct master *m, const struct args *args, struct buf *errors)
{
    struct sigaction ignore = { .sa_handler = SIG_IGN };

    sigaction(SIGPIPE, &ignore, NULL);
    log_init(m->now.config->log_level, 0);
    upgrade_take_stderr(&m->upgrade);
    if (m->is_daemon && m->upgrade.is_heir)
        daemon_leave_folder();
    else if (m->is_daemon && (m->ready_fd = daemon_fork()) < 0) {
        buf_printf(errors, "going to the background: %s\n", strerror(errno));
        return false;
    }
    /* After the fork: an epoll descriptor must not be shared with the one who waits. */
    m->loop = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV);
    if (m->loop == NULL) {
        buf_printf(errors, "no event loop: epoll failed\n");
        return false;
    }
    notify_open(&m->notify);
    proctitle_set("remuda: master process %s", source_name(&m->now.source));
    if (!open_all(m, errors) || !become_worker(m, errors))
        return false;
    log_writer_set_room(m->now.config->log_queue_bytes);
    log_defer(true);
    return true;
}

int master_run(const struct args *args)
{
    struct master *m = master_new(args);
    struct buf errors = { 0 };
    int exit_code = EXIT_FAILED;

    activation_take(&m->activation);
    upgrade_take(&m->upgrade);
    if (!load(m, args, &errors)) {
        fputs(buf_cstr(&errors), stderr);
    } else if (!start(m, args, &errors)) {
        lines_report(&errors, has_log_file(m));
        upgrade_tell_failure(&m->upgrade, &errors);
        m->exit_code = EXIT_FAILED;
        close_all(m);
    } else {
        start_workers(m);
        if (!m->is_over)
            ev_run(m->loop, 0);
        close_all(m);
        exit_code = m->exit_code;
    }
    buf_fini(&errors);
    log_writer_end(LOGS_END_MS);
    log_defer(false);
    log_set_fd(STDERR_FILENO);
    master_fini(m);
    free(m);
    return exit_code;
}
