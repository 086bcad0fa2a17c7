/*
 * proc_stat - what the kernel says of a process in /proc: CPU time and memory. Cheap: two short
 * files, no walk through its pages.
 */
#ifndef COMMON_PROC_STAT_H
#define COMMON_PROC_STAT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/str.h"

struct proc_stat {
    double user_s, system_s; /* CPU time */
    uint64_t memory_bytes;   /* resident */
    uint64_t private_bytes;  /* of that, what is not of files or shared memory */
};

/* False: there is no such process, or no /proc. */
bool proc_stat_read(pid_t pid, struct proc_stat *out);

/* The same from the texts of `stat` and `statm`; pure. */
bool proc_stat_parse(struct str stat, struct str statm, long ticks_per_s, long page_bytes,
                     struct proc_stat *out);

#endif
