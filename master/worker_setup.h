/*
 * worker_setup - what a worker process is given once, when it starts: who it is and what it may. A
 * living one cannot change it, so a reload that does replaces the workers one at a time.
 */
#ifndef MASTER_WORKER_SETUP_H
#define MASTER_WORKER_SETUP_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "config/config.h"
#include "master/privileges.h"

struct worker_setup {
    char *user, *group; /* as configured; NULL: not; owned */
    bool no_new_privs, cpu_affinity;
    uint64_t rlimit_nofile; /* 0: what the master has */
    struct privileges privileges;
};

/* False: `errors` says which name is unknown, and there is nothing to free. */
bool worker_setup_init(struct worker_setup *s, const struct config *config, struct buf *errors);
void worker_setup_fini(struct worker_setup *s);

/* Adds "user, group" and so on: settings that are not as in the config. */
void worker_setup_compare(const struct worker_setup *s, const struct config *config,
                          struct buf *names);

#endif
