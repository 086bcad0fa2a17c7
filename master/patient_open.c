#include "master/patient_open.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "common/xmalloc.h"

/* Belongs to both until one of them leaves; the other frees it. */
struct job {
    char *path;
    int flags, fd, error;
    mode_t mode;
    sem_t is_done;
    atomic_bool is_left;
};

static void job_free(struct job *job)
{
    sem_destroy(&job->is_done);
    free(job->path);
    free(job);
}

static void *run(void *arg)
{
    struct job *job = arg;

    job->fd = open(job->path, job->flags, job->mode);
    job->error = errno;
    sem_post(&job->is_done);
    if (!atomic_exchange(&job->is_left, true))
        return NULL;
    if (job->fd >= 0)
        close(job->fd);
    job_free(job);
    return NULL;
}

static bool start(struct job *job)
{
    sigset_t all, before;
    pthread_t thread;
    bool is_started;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    is_started = pthread_create(&thread, NULL, run, job) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (is_started)
        pthread_detach(thread);
    return is_started;
}

static struct timespec in_ms(unsigned ms)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += ms / 1000;
    at.tv_nsec += (long)(ms % 1000) * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

static unsigned ms_until(const struct timespec *end)
{
    struct timespec now;
    long long ms;

    clock_gettime(CLOCK_MONOTONIC, &now);
    ms = (long long)(end->tv_sec - now.tv_sec) * 1000 + (end->tv_nsec - now.tv_nsec) / 1000000;
    return ms > 0 ? (unsigned)ms : 0;
}

int patient_open(const char *path, int flags, mode_t mode, unsigned *ms)
{
    struct timespec end = in_ms(*ms);
    struct job *job = xcalloc(1, sizeof(*job));
    bool is_done;
    int fd;

    job->path = xstrdup(path);
    job->flags = flags;
    job->mode = mode;
    sem_init(&job->is_done, 0, 0);
    if (!start(job)) {
        job_free(job);
        return open(path, flags, mode);
    }
    do
        is_done = sem_clockwait(&job->is_done, CLOCK_MONOTONIC, &end) == 0;
    while (!is_done && errno == EINTR);
    *ms = ms_until(&end);
    /* The thread was first, and its last step was this; else it has all the rest to do. */
    if (!is_done && !atomic_exchange(&job->is_left, true)) {
        errno = ETIMEDOUT;
        return -1;
    }
    while (!atomic_load(&job->is_left))
        sched_yield();
    fd = job->fd;
    errno = job->error;
    job_free(job);
    return fd;
}
