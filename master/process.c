#include "master/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/log_writer.h"
#include "common/xmalloc.h"
#include "master/child.h"
#include "master/master.h"
#include "master/question.h"
#include "master/supervise.h"
#include "master/trace.h"
#include "worker/worker.h"

enum {
    STOP_LIMIT_MS = 5000,
    LOG_PATIENCE_MS = 20,
    KILL_LIMIT_MS = 2000, /* longer than that it hangs in the kernel, on a disk for one */
};

static void on_message(struct process *p, struct message *m)
{
    if (m->type == MESSAGE_ANSWER) {
        question_answer(p, m);
        return;
    }
    for (uint32_t i = 0; i < m->fd_count; i++)
        close(m->fds[i]); /* a worker has no others for us */
    if (p->state == PROCESS_STARTING && m->type == MESSAGE_READY) {
        p->state = PROCESS_SERVING;
        supervise_on_serving(p);
    } else if (p->state == PROCESS_STARTING && m->type == MESSAGE_FAILED) {
        snprintf(p->failure, sizeof(p->failure), "%s", m->text);
    } else if (m->type == MESSAGE_RELEASED) {
        adoption_on_released(p, m->slot);
    } else {
        transaction_answer(p, m);
    }
}

static void close_channel(struct process *p)
{
    if (p->channel.fd < 0)
        return;
    ev_io_stop(p->master->loop, &p->channel);
    close(p->channel.fd);
    p->channel.fd = -1;
}

void process_read_rest(struct process *p)
{
    struct message m;
    int got = 1;

    while (p->channel.fd >= 0 && (got = channel_receive(p->channel.fd, &m)) > 0)
        on_message(p, &m);
    if (p->channel.fd >= 0 && (got == 0 || (errno != EAGAIN && errno != EPROTO)))
        close_channel(p);
}

static void start_kill_limit(struct process *p, uint64_t ms)
{
    ev_timer_stop(p->master->loop, &p->kill_limit);
    if (ms == 0)
        return;
    ev_timer_set(&p->kill_limit, (ev_tstamp)ms / 1000, 0.);
    ev_timer_start(p->master->loop, &p->kill_limit);
}

static void on_channel(struct ev_loop *loop, ev_io *w, int revents)
{
    struct process *p = w->data;

    process_read_rest(p);
    if (p->channel.fd >= 0)
        return;
    /* End-of-file comes a moment before the end; a worker that lives on is out of reach. */
    if (p->master->is_single)
        master_end(p->master);
    else if (!ev_is_active(&p->kill_limit))
        start_kill_limit(p, STOP_LIMIT_MS);
}

static void on_kill_limit(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct process *p = w->data;

    if (p->is_killed) {
        supervise_leave_behind(p);
        return;
    }
    log_warn("worker %u (pid %d) did not end in time: killed", p->slot + 1, (int)p->pid);
    p->is_killed = true;
    process_kill(p);
    if (!p->master->is_single)
        start_kill_limit(p, KILL_LIMIT_MS);
}

/* The first that no process has. They are more than workers, but heirs may be many. */
static unsigned free_flight(const struct master *m)
{
    bool is_used[SHARED_SLOTS_MAX] = { false };
    unsigned number = 0;

    LIST_EACH (at, &m->processes)
        is_used[CONTAINER_OF(at, struct process, link)->flight] = true;
    while (number < SHARED_SLOTS_MAX - 1 && is_used[number])
        number++;
    return number;
}

static struct process *process_new(struct master *m, unsigned slot, unsigned flight, int channel_fd)
{
    struct process *p = xcalloc(1, sizeof(*p));

    p->master = m;
    p->slot = slot;
    p->flight = flight;
    p->generation = p->born = m->now.number;
    p->started_at = ev_time();
    ev_io_init(&p->channel, on_channel, channel_fd, EV_READ);
    p->channel.data = p;
    ev_timer_init(&p->kill_limit, on_kill_limit, 0., 0.);
    p->kill_limit.data = p;
    list_append(&m->processes, &p->link);
    return p;
}

void process_free(struct process *p, struct ev_loop *loop)
{
    if (loop != NULL) {
        ev_io_stop(loop, &p->channel);
        ev_timer_stop(loop, &p->kill_limit);
    }
    if (p->channel.fd >= 0)
        close(p->channel.fd);
    list_remove(&p->link);
    free(p);
}

/* The master keeps its own: the worker in the same process gets copies to own and close. */
static void copy_fds(int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
}

static void start_inside(struct process *p, struct bundle *b, int channel_fd)
{
    struct master *m = p->master;
    struct heritage heritage = { .slot = p->slot,
                                 .slot_count = 1,
                                 .channel_fd = channel_fd,
                                 .shared = m->shared,
                                 .slots = m->bank,
                                 .flight = p->flight,
                                 .bundle = b,
                                 .log_level = -1,
                                 .is_single = true };

    copy_fds(b->listener_fds, b->listener_count);
    copy_fds(b->log_fds, b->log_count);
    b->owns_fds = 1;
    p->pid = getpid();
    m->worker = worker_new(m->loop, &heritage);
}

struct process *process_spawn(struct master *m, unsigned slot)
{
    struct process *p;
    struct bundle bundle;
    unsigned flight = free_flight(m);
    int ours, theirs;
    pid_t pid = 0;

    if (channel_open(&ours, &theirs) < 0)
        return NULL;
    edition_bundle(&m->now, &m->listeners, slot, &bundle);
    inboxes_bundle(&m->inboxes, m->now.config, m->slot_count, slot, &bundle);
    flight_clear(shared_flight(m->shared, m->bank, flight)); /* who had it before is gone */
    if (!m->is_single) {
        fflush(NULL);
        /* A process with one thread is forked more safely, if its disk lets us; the next line starts it anew. */
        log_writer_pause(LOG_PATIENCE_MS);
        pid = fork();
        if (pid == 0) {
            close(ours);
            child_main(m, slot, flight, &bundle, theirs);
        }
        close(theirs);
    }
    if (pid < 0) {
        int saved_errno = errno;

        bundle_fini(&bundle);
        close(ours);
        errno = saved_errno;
        return NULL;
    }
    p = process_new(m, slot, flight, ours);
    p->pid = pid;
    ev_io_start(m->loop, &p->channel);
    trace_greet(p); /* it reads that once it serves */
    if (m->is_single)
        start_inside(p, &bundle, theirs);
    bundle_fini(&bundle);
    return p;
}

void process_kill(struct process *p)
{
    if (p->master->is_single)
        master_end(p->master);
    else
        kill(p->pid, SIGKILL);
}

bool process_send_message(struct process *p, const struct message *m)
{
    if (p->channel.fd >= 0 && channel_send(p->channel.fd, m) == 0)
        return true;
    if (p->channel.fd >= 0 && errno != EPIPE)
        log_error("worker %u (pid %d) does not read its channel: killed", p->slot + 1, (int)p->pid);
    process_kill(p);
    return false;
}

bool process_send(struct process *p, enum message_type type, uint64_t generation)
{
    struct message m = { .type = type, .generation = generation };

    return process_send_message(p, &m);
}

static bool send_quit(const struct process *p, const struct heirs *heirs, uint64_t idle_ms)
{
    struct bundle bundle = { 0 };
    unsigned bank = 0;

    if (heirs != NULL) {
        inboxes_bundle_heirs(heirs, p->slot, &bundle);
        bank = shared_bank_number(p->master->shared, heirs->slots);
    }
    return p->channel.fd >= 0 && bundle_send_quit(&bundle, bank, idle_ms, p->channel.fd) == 0;
}

void process_name_heirs(const struct process *p, const struct heirs *heirs)
{
    send_quit(p, heirs, 0);
}

void process_quit(struct process *p, uint64_t limit_ms, const struct heirs *heirs, uint64_t idle_ms)
{
    p->state = PROCESS_LEAVING;
    p->answer = ANSWER_NONE;
    adoption_forget(p->master, p);
    if (!send_quit(p, heirs, idle_ms)) /* without them, then */
        process_send(p, MESSAGE_QUIT, idle_ms);
    start_kill_limit(p, limit_ms);
}

void process_stop(struct process *p)
{
    p->state = PROCESS_LEAVING;
    process_send(p, MESSAGE_STOP, 0);
    start_kill_limit(p, STOP_LIMIT_MS);
}
