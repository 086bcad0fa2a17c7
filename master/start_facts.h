/*
 * start_facts - what this machine gives the server: limits and kernel features, found out without
 * touching anything that is served. start_report.h turns them into lines.
 */
#ifndef MASTER_START_FACTS_H
#define MASTER_START_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "master/worker_setup.h"

struct start_facts {
    unsigned workers;      /* 0: --single */
    unsigned cpus;         /* that the server may use */
    char user[64];         /* who the workers are */
    uint64_t files_max;    /* open files of a worker */
    uint64_t backlog_max;  /* net.core.somaxconn; these three 0: not known */
    uint64_t watches_max;  /* fs.inotify.max_user_watches: of all processes of a user */
    uint64_t watchers_max; /* fs.inotify.max_user_instances, likewise */
    char kernel[64];       /* release */
    /* Calls that the kernel, or a sandbox around us, does not have. */
    bool lacks_openat2, lacks_mount_ids, lacks_steering, lacks_defer_accept;
};

/* Many connections need many descriptors, and the default is from other days. */
void start_facts_raise_open_files(void);

/* `workers` 0: --single. */
void start_facts_find(struct start_facts *f, const struct worker_setup *setup, unsigned workers);

#endif
