/*
 * offload - work that would hold up a loop, done by one helper thread of low priority.
 *
 * A job runs on the thread and is finished on the loop, in the order of submission. The queue is
 * bounded: who cannot submit does without, or says so. The thread is started with the first job,
 * so that a worker which needs none has none.
 *
 *     struct offload *o = offload_new(16);
 *     offload_submit(o, &job->offload);       // job->offload.run and .done are set
 *     ... poll offload_fd(o) for reading: offload_finish(o) calls each .done
 */
#ifndef COMMON_OFFLOAD_H
#define COMMON_OFFLOAD_H

#include <stdbool.h>
#include <stddef.h>

struct offload;

/* Embedded in whatever the job needs; the submitter's until `done` returns. */
struct offload_job {
    struct offload_job *next;             /* offload's */
    void (*run)(struct offload_job *job); /* on the thread: touches only the job's own data */
    void (*done)(struct offload_job *job,
                 bool was_run); /* on the loop; false: never ran, the end */
};

/* NULL: errno of eventfd(2). At most `queue_max` jobs wait or run at a time. */
struct offload *offload_new(size_t queue_max);

/* Waits for the job that runs, gives the others back as not run. Sets *o to NULL. */
void offload_free(struct offload **o);

/* False: the queue is full, or no thread can be had; the job stays the caller's. */
bool offload_submit(struct offload *o, struct offload_job *job);

int offload_fd(const struct offload *o);
void offload_finish(struct offload *o);

#endif
