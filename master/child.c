#include "master/child.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/heritage.h"
#include "common/log.h"
#include "common/log_writer.h"
#include "common/proctitle.h"
#include "master/daemon.h"
#include "master/master.h"
#include "worker/log_losses.h"
#include "worker/worker.h"

struct running {
    struct ev_loop *loop;
    struct worker *worker;
};

/* The slot-th of the CPUs that we may use, round and round. */
static void pin_to_cpu(unsigned slot)
{
    cpu_set_t usable, one;
    int count, skip;

    if (sched_getaffinity(0, sizeof(usable), &usable) < 0 || (count = CPU_COUNT(&usable)) == 0)
        return;
    skip = (int)slot % count;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &usable) && skip-- == 0) {
            CPU_ZERO(&one);
            CPU_SET(cpu, &one);
            if (sched_setaffinity(0, sizeof(one), &one) < 0)
                log_warn("worker_cpu_affinity: %s", strerror(errno));
            return;
        }
}

static void limit_files(uint64_t count)
{
    struct rlimit limit = { count, count };

    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        log_warn("worker_rlimit_nofile %llu: %s", (unsigned long long)count, strerror(errno));
}

static int become(const struct master *m, unsigned slot, struct buf *why)
{
    const struct worker_setup *setup = &m->setup;

    umask(027);
    if (setup->cpu_affinity)
        pin_to_cpu(slot);
    if (setup->rlimit_nofile > 0)
        limit_files(setup->rlimit_nofile);
    return privileges_drop(&setup->privileges, setup->no_new_privs, why);
}

/* Those of the terminal and of the master's habits are not for us; the rest starts afresh. */
static void set_signals(void)
{
    static const int ignored[] = { SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGWINCH, SIGPIPE };
    struct sigaction ignore = { .sa_handler = SIG_IGN };
    struct sigaction reset = { .sa_handler = SIG_DFL };

    for (size_t i = 0; i < sizeof(ignored) / sizeof(*ignored); i++)
        sigaction(ignored[i], &ignore, NULL);
    sigaction(SIGCHLD, &reset, NULL);
}

static void on_signal(void *data, const struct signalfd_siginfo *info)
{
    struct running *running = data;

    if (info->ssi_signo == SIGQUIT)
        worker_quit(running->worker, WORKER_QUIT_IDLE_MS);
    else
        ev_break(running->loop, EVBREAK_ALL);
}

static void say_failed(int channel_fd, uint64_t generation, const char *why)
{
    struct message m = { .type = MESSAGE_FAILED, .generation = generation };

    snprintf(m.text, sizeof(m.text), "%s", why);
    channel_send(channel_fd, &m);
}

static int serve(const struct heritage *heritage)
{
    static const int numbers[] = { SIGTERM, SIGQUIT, 0 };
    struct running running = { NULL, NULL };
    struct signals signals = { .io.fd = -1 };
    bool is_served = false;

    running.loop = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV);
    if (running.loop == NULL ||
        signals_open(&signals, running.loop, numbers, on_signal, &running) < 0) {
        say_failed(heritage->channel_fd, heritage->bundle->generation,
                   "no event loop: epoll or signalfd failed");
        return EXIT_FAILED;
    }
    running.worker = worker_new(running.loop, heritage);
    bundle_fini(heritage->bundle);
    if (running.worker != NULL) {
        is_served = true;
        ev_run(running.loop, 0);
        worker_free(&running.worker);
    }
    signals_close(&signals, running.loop);
    ev_loop_destroy(running.loop);
    return is_served ? EXIT_OK : EXIT_FAILED;
}

_Noreturn void child_main(struct master *m, unsigned slot, unsigned flight, struct bundle *b,
                          int channel_fd)
{
    struct heritage heritage = { .slot = slot,
                                 .slot_count = m->slot_count,
                                 .channel_fd = channel_fd,
                                 .shared = m->shared,
                                 .slots = m->bank,
                                 .flight = flight,
                                 .log_level = m->log_level,
                                 .bundle = b };
    struct buf why = { 0 };
    int result;

    log_init(master_log_level(m), slot + 1);
    log_defer(false); /* no thread before privileges are dropped: those are each thread's own */
    proctitle_set("remuda: worker process %u", slot + 1);
    if (m->is_daemon)
        daemon_redirect(b->log_fds[0]);
    b->owns_fds = 1;
    listen_table_give(&m->listeners, slot);
    inboxes_forget(&m->inboxes, slot, b);
    logs_give(&m->now.logs);
    m->shared = NULL; /* stays mapped for us */
    result = become(m, slot, &why);
    set_signals();
    master_fini(m);
    free(m);
    if (result < 0) {
        say_failed(channel_fd, b->generation, buf_cstr(&why));
        bundle_fini(b);
        result = EXIT_FAILED;
    } else {
        log_defer(true);
        result = serve(&heritage);
        log_writer_end(LOGS_END_MS);
        log_losses_count(&heritage.slots[slot]);
    }
    buf_fini(&why);
    munmap(heritage.shared, sizeof(*heritage.shared));
    exit(result);
}
