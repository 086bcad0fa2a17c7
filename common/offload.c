#include "common/offload.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/xmalloc.h"

enum { NICE_STEPS = 10 }; /* the loop comes first */

struct queue {
    struct offload_job *first, **last;
};

struct offload {
    pthread_mutex_t lock; /* guards `waiting`, `finished` and `is_ending` */
    pthread_cond_t is_work;
    pthread_t thread;
    bool has_thread, is_ending;
    struct queue waiting, finished;
    size_t count, queue_max; /* the loop's own: submitted and not yet done */
    int event_fd;            /* readable when `finished` is not empty */
};

static void queue_init(struct queue *q)
{
    q->first = NULL;
    q->last = &q->first;
}

static void queue_put(struct queue *q, struct offload_job *job)
{
    job->next = NULL;
    *q->last = job;
    q->last = &job->next;
}

static struct offload_job *queue_take(struct queue *q)
{
    struct offload_job *job = q->first;

    if (job == NULL)
        return NULL;
    q->first = job->next;
    if (q->first == NULL)
        q->last = &q->first;
    return job;
}

static void tell_loop(struct offload *o)
{
    uint64_t one = 1;

    while (write(o->event_fd, &one, sizeof(one)) < 0 && errno == EINTR)
        continue;
}

static void *work(void *arg)
{
    struct offload *o = arg;
    struct offload_job *job;

    /* Linux applies it to the calling thread alone (setpriority(2), NOTES). */
    setpriority(PRIO_PROCESS, 0, NICE_STEPS);
    pthread_mutex_lock(&o->lock);
    while (!o->is_ending) {
        job = queue_take(&o->waiting);
        if (job == NULL) {
            pthread_cond_wait(&o->is_work, &o->lock);
            continue;
        }
        pthread_mutex_unlock(&o->lock);
        job->run(job);
        pthread_mutex_lock(&o->lock);
        queue_put(&o->finished, job);
        tell_loop(o);
    }
    pthread_mutex_unlock(&o->lock);
    return NULL;
}

struct offload *offload_new(size_t queue_max)
{
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    struct offload *o;

    if (fd < 0)
        return NULL;
    o = xcalloc(1, sizeof(*o));
    pthread_mutex_init(&o->lock, NULL);
    pthread_cond_init(&o->is_work, NULL);
    queue_init(&o->waiting);
    queue_init(&o->finished);
    o->queue_max = queue_max;
    o->event_fd = fd;
    return o;
}

/* The thread takes no signals: they are the loop's. */
static bool start_thread(struct offload *o)
{
    sigset_t all, before;

    if (o->has_thread)
        return true;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    o->has_thread = pthread_create(&o->thread, NULL, work, o) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return o->has_thread;
}

bool offload_submit(struct offload *o, struct offload_job *job)
{
    if (o->count >= o->queue_max || !start_thread(o))
        return false;
    o->count++;
    pthread_mutex_lock(&o->lock);
    queue_put(&o->waiting, job);
    pthread_cond_signal(&o->is_work);
    pthread_mutex_unlock(&o->lock);
    return true;
}

int offload_fd(const struct offload *o)
{
    return o->event_fd;
}

static struct offload_job *take_finished(struct offload *o)
{
    struct offload_job *job;

    pthread_mutex_lock(&o->lock);
    job = queue_take(&o->finished);
    pthread_mutex_unlock(&o->lock);
    return job;
}

void offload_finish(struct offload *o)
{
    struct offload_job *job;
    uint64_t count;

    if (read(o->event_fd, &count, sizeof(count)) < 0)
        return;
    while ((job = take_finished(o)) != NULL) {
        o->count--;
        job->done(job, true);
    }
}

void offload_free(struct offload **op)
{
    struct offload *o = *op;
    struct offload_job *job;

    *op = NULL;
    if (o == NULL)
        return;
    pthread_mutex_lock(&o->lock);
    o->is_ending = true;
    pthread_cond_signal(&o->is_work);
    pthread_mutex_unlock(&o->lock);
    if (o->has_thread)
        pthread_join(o->thread, NULL);
    while ((job = queue_take(&o->finished)) != NULL)
        job->done(job, true);
    while ((job = queue_take(&o->waiting)) != NULL)
        job->done(job, false);
    pthread_cond_destroy(&o->is_work);
    pthread_mutex_destroy(&o->lock);
    close(o->event_fd);
    free(o);
}
