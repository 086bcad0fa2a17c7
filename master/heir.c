/*
 * heir - the new master's side of an upgrade; see upgrade.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fd_pass.h"
#include "common/log.h"
#include "master/master.h"
#include "master/supervise.h"

static uint64_t number_of(struct str text)
{
    uint64_t number;

    return str_to_u64(text, &number) ? number : 0;
}

void upgrade_take(struct upgrade *u)
{
    struct str pid;
    int line;

    if (!handoff_take(&u->handoff))
        return;
    line = handoff_fd(&u->handoff, "former", &pid);
    u->former_pid = (pid_t)number_of(pid);
    if (line < 0 || u->former_pid != getppid()) {
        /* Inherited through somebody else: not ours, and none of it may be touched. */
        if (line >= 0)
            close(line);
        u->former_pid = 0;
        handoff_fini(&u->handoff, true);
        return;
    }
    ev_io_set(&u->former, line, EV_READ);
    u->is_heir = true;
}

void upgrade_take_stderr(struct upgrade *u)
{
    struct str ignored;
    int fd = handoff_fd(&u->handoff, "stderr", &ignored);

    if (fd < 0)
        return;
    dup2(fd, STDERR_FILENO);
    close(fd);
}

uint64_t upgrade_generation(struct upgrade *u)
{
    size_t at = 0;
    const struct handoff_line *line = handoff_next(&u->handoff, "generation", &at);

    return line != NULL ? number_of(line->rest) + 1 : 1;
}

unsigned upgrade_workers(struct upgrade *u)
{
    size_t at = 0;
    const struct handoff_line *line = handoff_next(&u->handoff, "workers", &at);
    uint64_t count = line != NULL ? number_of(line->rest) : 0;

    return count <= CONFIG_WORKERS_MAX ? (unsigned)count : 0;
}

bool upgrade_take_shared(struct master *m)
{
    struct str bank;
    int fd = handoff_fd(&m->upgrade.handoff, "shared", &bank);

    if (fd < 0)
        return false;
    m->shared = shared_open(fd);
    if (m->shared == NULL) {
        log_notice("upgrade: the counters begin anew: %s",
                   errno == EPROTO ? "this version keeps them in another way" : strerror(errno));
        close(fd);
        return false;
    }
    m->shared_fd = fd;
    m->bank = shared_bank(m->shared, number_of(bank) == 0 ? 1 : 0);
    /* Left as it was by the master before the former, whose end may have been a sudden one. */
    for (unsigned i = 0; i < SHARED_SLOTS_MAX && m->bank[i].generation != 0; i++) {
        shared_leave_slot(m->shared, &m->bank[i]);
        atomic_store(&m->bank[i].assigned, 0);
    }
    m->upgrade.is_block_shared = true;
    return true;
}

bool upgrade_take_pid_file(struct upgrade *u, struct pid_file *f, const char *path)
{
    size_t at = 0;
    struct handoff_line *line = handoff_next(&u->handoff, "pid_file", &at);

    if (line == NULL || line->fd < 0 || !str_eq(line->rest, str_of(path)))
        return false;
    *f = pid_file_take(line->fd, line->rest);
    line->fd = -1;
    return true;
}

void upgrade_tell_failure(struct upgrade *u, const struct buf *errors)
{
    if (u->former.fd < 0)
        return;
    if (errors->n > 0 && send(u->former.fd, errors->p, errors->n, MSG_NOSIGNAL) < 0)
        log_warn("upgrade: the former master does not listen: %m");
    shutdown(u->former.fd, SHUT_RDWR);
    u->former_pid = 0;
}

/* So that the former workers can give ours what is idle: both sides go by the shared block. */
static void pass_inboxes(const struct master *m)
{
    const struct upgrade *u = &m->upgrade;
    int fds[FD_PASS_MAX];
    unsigned slot = 0;

    while (u->is_block_shared && slot < m->slot_count) {
        size_t count = 0;

        while (slot < m->slot_count && count < FD_PASS_MAX)
            fds[count++] = m->inboxes.slots[slot++].give_fd;
        if (fd_pass_send(u->former.fd, "\n", 1, fds, count, MSG_NOSIGNAL) < 0) {
            log_warn("upgrade: the former master keeps its idle connections: %m");
            return;
        }
    }
}

/* All of it is ours, and what the config does not want of it goes. */
static void own(struct master *m)
{
    struct upgrade *u = &m->upgrade;
    struct str rest;
    int fd;

    u->is_heir = false;
    listen_table_own(&m->listeners);
    supervise_shrink(m);
    if (!pid_file_own(&m->pid_file))
        log_warn("pid_file %s: %s", m->pid_file.path, strerror(errno));
    fd = handoff_fd(&u->handoff, "pid_file", &rest);
    if (fd >= 0) { /* the new config has another, or none */
        struct pid_file old = pid_file_take(fd, rest);

        old.is_lent = false;
        pid_file_remove(&old);
    }
    control_remove_former(&u->handoff);
    control_own(&m->control);
    handoff_fini(&u->handoff, true);
    if (u->former.fd >= 0)
        pass_inboxes(m);
    if (u->former.fd >= 0 && send(u->former.fd, "", 1, MSG_NOSIGNAL) != 1)
        log_warn("upgrade: the former master is gone");
}

static void on_former(struct ev_loop *loop, ev_io *w, int revents)
{
    struct master *m = w->data;
    char text[16];
    ssize_t n = recv(w->fd, text, sizeof(text), MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        ev_io_stop(loop, w);
        close(w->fd);
        w->fd = -1;
        log_notice("upgrade: the former master (pid %d) has ended", (int)m->upgrade.former_pid);
        m->upgrade.former_pid = 0;
        if (m->phase == PHASE_RUNNING)
            master_notify_ready(m); /* what was said before we were the main process went unheard */
    }
    /* "go", or its end without a word: there is nobody else left to serve. */
    if (m->upgrade.is_heir && m->phase == PHASE_STARTING) {
        own(m);
        master_check_start(m);
    }
}

bool upgrade_tell_ready(struct master *m)
{
    struct upgrade *u = &m->upgrade;

    if (u->is_ready_told || u->former.fd < 0)
        return u->is_heir;
    u->is_ready_told = true;
    if (send(u->former.fd, "", 1, MSG_NOSIGNAL) != 1)
        log_warn("upgrade: the former master is gone");
    ev_set_cb(&u->former, on_former);
    ev_io_start(m->loop, &u->former);
    return true;
}
