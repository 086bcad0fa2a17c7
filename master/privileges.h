/*
 * privileges - who a worker is. Names are looked up once, in the master; a child then only makes
 * the system calls.
 */
#ifndef MASTER_PRIVILEGES_H
#define MASTER_PRIVILEGES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/buf.h"
#include "config/config.h"

struct privileges {
    bool is_change; /* false: workers stay who the master is */
    uid_t uid;
    gid_t gid;
    gid_t *groups; /* owned */
    size_t group_count;
};

/* False: `errors` says which name is unknown. Warns where the config asks for what cannot be. */
bool privileges_resolve(struct privileges *p, const struct config *config, struct buf *errors);
void privileges_fini(struct privileges *p);

/* By its name or id. */
bool privileges_find_group(const char *name, gid_t *gid);

/* For good, in this process. -1: `why` says what failed. */
int privileges_drop(const struct privileges *p, bool no_new_privs, struct buf *why);

#endif
