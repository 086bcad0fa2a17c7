#include "common/offload.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include "common/list.h"

enum { JOBS = 50 };

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static _Atomic int run_count;
static int done_count, undone_count, next_done;

struct job {
    struct offload_job offload;
    int number;
    pthread_t ran_on;
};

static void run(struct offload_job *o)
{
    struct job *job = CONTAINER_OF(o, struct job, offload);

    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    job->ran_on = pthread_self();
    run_count++;
}

static void done(struct offload_job *o, bool was_run)
{
    struct job *job = CONTAINER_OF(o, struct job, offload);

    if (!was_run) {
        undone_count++;
        return;
    }
    cr_expect_eq(job->number, next_done++, "in the order of submission");
    cr_expect_not(pthread_equal(job->ran_on, pthread_self()));
    done_count++;
}

static void fill(struct job *jobs, int count)
{
    for (int i = 0; i < count; i++)
        jobs[i] = (struct job){ .offload = { NULL, run, done }, .number = i };
}

static void finish_all(struct offload *o, int count)
{
    struct pollfd p = { .fd = offload_fd(o), .events = POLLIN };

    while (done_count < count && poll(&p, 1, 10000) == 1)
        offload_finish(o);
}

Test(offload, runs_jobs_elsewhere_and_finishes_them_here_in_order)
{
    struct offload *o = offload_new(JOBS);
    struct job jobs[JOBS];

    fill(jobs, JOBS);
    for (int i = 0; i < JOBS; i++)
        cr_assert(offload_submit(o, &jobs[i].offload));
    finish_all(o, JOBS);
    cr_expect_eq(done_count, JOBS);
    offload_free(&o);
    cr_expect_null(o);
}

Test(offload, refuses_what_its_queue_has_no_room_for)
{
    struct offload *o = offload_new(2);
    struct job jobs[3];

    fill(jobs, 3);
    pthread_mutex_lock(&gate);
    cr_expect(offload_submit(o, &jobs[0].offload));
    cr_expect(offload_submit(o, &jobs[1].offload));
    cr_expect_not(offload_submit(o, &jobs[2].offload));
    pthread_mutex_unlock(&gate);
    finish_all(o, 2);
    cr_expect(offload_submit(o, &jobs[2].offload), "room again");
    finish_all(o, 3);
    offload_free(&o);
}

Test(offload, gives_back_what_never_ran)
{
    struct offload *o = offload_new(JOBS);
    struct job jobs[JOBS];

    fill(jobs, JOBS);
    for (int i = 0; i < JOBS; i++)
        cr_assert(offload_submit(o, &jobs[i].offload));
    offload_free(&o);
    cr_expect_eq(done_count + undone_count, JOBS);
    cr_expect_eq(done_count, run_count);
}
