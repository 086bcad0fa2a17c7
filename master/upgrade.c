#include "master/upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fd_pass.h"
#include "common/log.h"
#include "common/xmalloc.h"
#include "master/inherited.h"
#include "master/master.h"
#include "master/trace.h"

enum {
    READY_LIMIT_S = 70, /* the heir's own limit is a minute, and it knows more about the reason */
    END_LIMIT_S = 5,
    SAID_MAX = 16384,
};

/* ---- how we were started ---- */

static bool is_self(const char *path)
{
    struct stat there, self;

    return stat(path, &there) == 0 && stat("/proc/self/exe", &self) == 0 &&
           there.st_dev == self.st_dev && there.st_ino == self.st_ino;
}

/* As execvp(3) would; NULL: not found there, or it is somebody else. */
static char *find_in_path(const char *name)
{
    const char *path = getenv("PATH");
    struct str rest = path != NULL ? str_of(path) : STR_NONE;

    while (rest.p != NULL) {
        struct str folder = str_cut(&rest, ':');
        char *whole = xasprintf("%.*s/%s", STR_ARG(folder), name);

        if (folder.n > 0 && folder.p[0] == '/' && is_self(whole))
            return whole;
        free(whole);
    }
    return NULL;
}

static char *find_binary(const char *name, const char *folder)
{
    char *found = NULL, target[PATH_MAX];
    ssize_t n;

    if (strchr(name, '/') == NULL)
        found = find_in_path(name);
    else if (name[0] == '/')
        found = xstrdup(name);
    else if (folder != NULL)
        found = xasprintf("%s/%s", folder, name);
    if (found != NULL && is_self(found))
        return found;
    free(found);
    /* A name of the caller's choice: what runs is what there is to go by. */
    n = readlink("/proc/self/exe", target, sizeof(target) - 1);
    return n > 0 ? str_dup((struct str){ target, (size_t)n }) : xstrdup(name);
}

static void on_line(struct ev_loop *loop, ev_io *w, int revents);
static void on_limit(struct ev_loop *loop, ev_timer *w, int revents);

void upgrade_init(struct upgrade *u, struct master *m, char **argv)
{
    size_t count = 0;

    while (argv[count] != NULL)
        count++;
    u->argv = xcalloc(count + 1, sizeof(*u->argv));
    for (size_t i = 0; i < count; i++)
        u->argv[i] = xstrdup(argv[i]);
    u->folder = getcwd(NULL, 0);
    u->binary = find_binary(count > 0 ? argv[0] : "", u->folder);
    inboxes_init(&u->inboxes);
    ev_io_init(&u->line, on_line, -1, EV_READ);
    ev_io_init(&u->former, NULL, -1, EV_READ);
    ev_timer_init(&u->limit, on_limit, 0., 0.);
    u->line.data = u->former.data = u->limit.data = m;
}

void upgrade_fini(struct upgrade *u)
{
    for (size_t i = 0; u->argv != NULL && u->argv[i] != NULL; i++)
        free(u->argv[i]);
    free(u->argv);
    free(u->folder);
    free(u->binary);
    if (u->line.fd >= 0)
        close(u->line.fd);
    if (u->former.fd >= 0)
        close(u->former.fd);
    buf_fini(&u->said);
    inboxes_fini(&u->inboxes);
    handoff_fini(&u->handoff, true);
}

/* ---- starting the heir ---- */

/* No return. What goes wrong is said on the line, which is the heir's stderr. */
static _Noreturn void exec_heir(struct upgrade *u, const struct handoff *h, int memfd, int line)
{
    sigset_t none;

    sigemptyset(&none);
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (u->folder != NULL && chdir(u->folder) < 0)
        dprintf(line, "the folder of the start, %s: %s\n", u->folder, strerror(errno));
    dup2(line, STDERR_FILENO);
    notify_pass();
    if (handoff_pass(h, memfd) == 0)
        execv(u->binary, u->argv);
    dprintf(STDERR_FILENO, "%s\n", strerror(errno));
    _exit(127);
}

static void write_table(struct master *m, struct handoff *h, int line, int err)
{
    handoff_add(h, "former", line, "%d", (int)getpid());
    handoff_add(h, "stderr", err, "of the operator");
    handoff_add(h, "generation", -1, "%llu", (unsigned long long)m->transaction.last_number);
    if (m->now.workers > 0)
        handoff_add(h, "workers", -1, "%u", m->now.workers);
    handoff_add(h, "shared", m->shared_fd, "%u", shared_bank_number(m->shared, m->bank));
    if (m->pid_file.fd >= 0)
        handoff_add(h, "pid_file", m->pid_file.fd, "%s", m->pid_file.path);
    logs_hand_over(&m->now.logs, h);
    control_hand_over(&m->control, h);
    trace_hand_over(&m->control, h);
    inherited_write(&m->listeners, h);
}

static void close_inboxes(struct upgrade *u)
{
    inboxes_fini(&u->inboxes);
    u->inbox_count = 0;
}

struct heirs upgrade_heirs(const struct master *m)
{
    const struct upgrade *u = &m->upgrade;
    unsigned bank = 1 - shared_bank_number(m->shared, m->bank);

    return (struct heirs){ &u->inboxes, shared_bank(m->shared, bank),
                           u->is_succeeded ? u->inbox_count : 0 };
}

/* -1: errno. */
static int start_heir(struct master *m)
{
    struct upgrade *u = &m->upgrade;
    struct handoff table = { .count = 0 };
    int pair[2] = { -1, -1 }, err = -1, memfd = -1, saved_errno;
    pid_t pid = -1;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0 &&
        (err = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)) >= 0) {
        write_table(m, &table, pair[1], err);
        memfd = handoff_write(&table);
    }
    if (memfd >= 0) {
        fflush(NULL);
        pid = fork();
    }
    if (pid == 0)
        exec_heir(u, &table, memfd, pair[1]);
    saved_errno = errno;
    handoff_fini(&table, false);
    if (memfd >= 0)
        close(memfd);
    if (err >= 0)
        close(err);
    if (pair[1] >= 0)
        close(pair[1]);
    if (pid < 0 && pair[0] >= 0)
        close(pair[0]);
    if (pid < 0) {
        errno = saved_errno;
        return -1;
    }
    u->heir_pid = pid;
    u->said.n = 0;
    u->is_go_said = u->is_inbox_lost = false;
    ev_io_set(&u->line, pair[0], EV_READ);
    ev_io_start(m->loop, &u->line);
    return 0;
}

static void set_limit(struct master *m, double seconds)
{
    ev_timer_stop(m->loop, &m->upgrade.limit);
    ev_timer_set(&m->upgrade.limit, seconds, 0.);
    ev_timer_start(m->loop, &m->upgrade.limit);
}

static void end_with(struct master *m, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void end_with(struct master *m, const char *format, ...)
{
    struct buf text = { 0 };
    va_list args;

    va_start(args, format);
    buf_vprintf(&text, format, args);
    va_end(args);
    transaction_end(m, false, buf_cstr(&text));
    buf_fini(&text);
}

void upgrade_begin(struct master *m)
{
    struct upgrade *u = &m->upgrade;

    if (m->is_single)
        end_with(m, "--single is one process, which cannot stand beside a new one");
    else if (u->former_pid != 0)
        end_with(m, "the master before this one (pid %d) still finishes what it has under way",
                 (int)u->former_pid);
    else if (u->heir_pid != 0)
        end_with(m, "the last attempt (pid %d) has not ended yet", (int)u->heir_pid);
    else if (start_heir(m) < 0)
        end_with(m, "%s could not be started: %s", u->binary, strerror(errno));
    else {
        log_notice("upgrade: %s started, pid %d", u->binary, (int)u->heir_pid);
        transaction_step(m, STEP_UPGRADING);
        ev_timer_stop(m->loop, &m->transaction.limit);
        set_limit(m, READY_LIMIT_S);
    }
}

void upgrade_advance(struct master *m)
{
}

void upgrade_expired(struct master *m)
{
}

/* ---- what the heir says ---- */

static void close_line(struct master *m)
{
    struct upgrade *u = &m->upgrade;

    if (u->line.fd < 0)
        return;
    ev_io_stop(m->loop, &u->line);
    close(u->line.fd);
    u->line.fd = -1;
}

static bool is_under_way(const struct master *m)
{
    return m->transaction.step == STEP_UPGRADING;
}

static struct str what_it_said(const struct upgrade *u)
{
    struct str said = buf_str(&u->said);

    while (said.n > 0 && (unsigned char)said.p[0] <= ' ')
        said = str_range(said.p + 1, said.p + said.n);
    while (said.n > 0 && (unsigned char)said.p[said.n - 1] <= ' ')
        said.n--;
    return said;
}

/* Lines that say what the operator must know, each after the binary's name. */
static void fail(struct master *m, const char *how)
{
    struct upgrade *u = &m->upgrade;
    struct str said = what_it_said(u);

    close_line(m);
    if (!is_under_way(m))
        return;
    if (u->is_go_said && !pid_file_own(&m->pid_file))
        log_warn("pid_file %s: %s", m->pid_file.path, strerror(errno));
    if (said.n > 0)
        end_with(m, "%s: %.*s\nthe running server goes on", u->binary, STR_ARG(said));
    else
        end_with(m, "%s %s\nthe running server goes on", u->binary, how);
    transaction_advance(m);
}

/* The heir serves. From here on the sockets are its, and we only finish. */
static void succeed(struct master *m)
{
    struct upgrade *u = &m->upgrade;
    struct buf text = { 0 };

    u->is_succeeded = true;
    ev_timer_stop(m->loop, &u->limit);
    buf_printf(&text, "process %d serves now; %d finishes what it has under way", (int)u->heir_pid,
               (int)getpid());
    /* Signals that came meanwhile were meant for the server that goes on. */
    if (m->transaction.is_wanted[OPERATION_RELOAD])
        kill(u->heir_pid, SIGHUP);
    if (m->transaction.is_wanted[OPERATION_REOPEN])
        kill(u->heir_pid, SIGUSR1);
    /* From us, who are its main process still: it takes nobody else's word (NotifyAccess=main). */
    notify_send(&m->notify, "MAINPID=%d", (int)u->heir_pid);
    notify_unwatch(&m->notify, m->loop);
    transaction_forget_wanted(m);
    transaction_end(m, true, buf_cstr(&text));
    buf_fini(&text);
    pid_file_close(&m->pid_file);
    control_leave(&m->control);
    master_leave_shared(m);
    listen_table_fini(&m->listeners);
    master_stop(m, false);
}

static unsigned count_nuls(const struct buf *said)
{
    unsigned count = 0;

    for (size_t i = 0; i < said->n; i++)
        count += said->p[i] == '\0';
    return count;
}

/* True: it was the last that we wanted to hear. */
static bool hear(struct master *m)
{
    struct upgrade *u = &m->upgrade;
    unsigned nuls = is_under_way(m) ? count_nuls(&u->said) : 0;

    if (nuls >= 1 && !u->is_go_said) {
        u->is_go_said = true;
        if (send(u->line.fd, "go\n", 3, MSG_NOSIGNAL | MSG_DONTWAIT) != 3)
            log_warn("upgrade: process %d is ready and does not listen", (int)u->heir_pid);
    }
    if (nuls < 2)
        return false;
    succeed(m);
    return true;
}

/* Slot by slot; without all of them none counts, for which is which would be a guess. */
static void take_inboxes(struct upgrade *u, const int *fds, size_t count, bool is_cut)
{
    for (size_t i = 0; i < count; i++) {
        if (u->inbox_count < CONFIG_WORKERS_MAX && !u->is_inbox_lost)
            u->inboxes.slots[u->inbox_count++].give_fd = fds[i];
        else
            close(fds[i]);
    }
    if (!is_cut)
        return;
    log_warn("upgrade: no descriptors are free: idle connections will be closed");
    u->is_inbox_lost = true;
    close_inboxes(u);
}

static void read_line(struct master *m)
{
    struct upgrade *u = &m->upgrade;
    ssize_t n;

    while (u->line.fd >= 0) {
        int fds[FD_PASS_MAX];
        char drop[1024];
        bool is_room = u->said.n < SAID_MAX, is_cut;
        size_t count;

        n = fd_pass_receive(u->line.fd, is_room ? buf_reserve(&u->said, sizeof(drop)) : drop,
                            sizeof(drop), fds, FD_PASS_MAX, &count, MSG_DONTWAIT, &is_cut);
        take_inboxes(u, fds, count, is_cut);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n > 0 && is_room)
            u->said.n += (size_t)n;
        if (n > 0 && hear(m))
            return;
        if (n > 0)
            continue;
        ev_io_stop(m->loop, &u->line);
        close(u->line.fd);
        u->line.fd = -1;
        if (what_it_said(u).n > 0)
            fail(m, "");
        else if (is_under_way(m))
            set_limit(m, END_LIMIT_S); /* how it ends is all that there will be to say */
    }
}

static void on_line(struct ev_loop *loop, ev_io *w, int revents)
{
    read_line(w->data);
}

static void on_limit(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct master *m = w->data;

    if (m->upgrade.heir_pid != 0)
        kill(m->upgrade.heir_pid, SIGKILL);
    fail(m, "was not ready in time, and was killed");
}

bool upgrade_is_ending(const struct upgrade *u)
{
    return u->heir_pid != 0 && !u->is_succeeded;
}

bool upgrade_reap(struct master *m, pid_t pid, int status)
{
    struct upgrade *u = &m->upgrade;
    char how[64];

    if (pid != u->heir_pid)
        return false;
    if (!u->is_succeeded) {
        read_line(m);
        close_inboxes(u);
    }
    u->heir_pid = 0;
    ev_timer_stop(m->loop, &u->limit);
    if (WIFSIGNALED(status))
        snprintf(how, sizeof(how), "was ended by signal %d", WTERMSIG(status));
    else
        snprintf(how, sizeof(how), "ended with exit code %d before it served", WEXITSTATUS(status));
    if (u->is_succeeded)
        log_error("upgrade: process %d, which took over, %s", (int)pid,
                  WIFSIGNALED(status) ? how : "has ended");
    else
        fail(m, how);
    return true;
}

void upgrade_cancel(struct master *m)
{
    struct upgrade *u = &m->upgrade;

    if (u->is_succeeded || u->heir_pid == 0)
        return;
    close_line(m);
    /* Its workers may have accepted connections already: they end as ours do. */
    kill(u->heir_pid, m->phase == PHASE_STOPPING ? SIGTERM : SIGQUIT);
    if (m->phase == PHASE_STOPPING)
        set_limit(m, END_LIMIT_S);
    else
        ev_timer_stop(m->loop, &u->limit);
}
