#include "master/privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/log.h"
#include "common/xmalloc.h"

/* Names win over numbers, as everywhere; a number needs no entry in the user database. */
static bool find_user(const char *name, uid_t *uid, gid_t *gid, struct passwd **entry)
{
    uint64_t id;

    *entry = getpwnam(name);
    if (*entry == NULL) {
        if (!str_to_u64(str_of(name), &id) || id >= UINT32_MAX)
            return false;
        *entry = getpwuid((uid_t)id);
        if (*entry == NULL) {
            *uid = (uid_t)id;
            *gid = (gid_t)id;
            return true;
        }
    }
    *uid = (*entry)->pw_uid;
    *gid = (*entry)->pw_gid;
    return true;
}

bool privileges_find_group(const char *name, gid_t *gid)
{
    struct group *entry = getgrnam(name);
    uint64_t id;

    if (entry != NULL) {
        *gid = entry->gr_gid;
        return true;
    }
    if (!str_to_u64(str_of(name), &id) || id >= UINT32_MAX)
        return false;
    *gid = (gid_t)id;
    return true;
}

static void find_groups(struct privileges *p, const struct passwd *entry)
{
    int count = 64;

    if (entry == NULL) {
        p->groups = xmalloc(sizeof(*p->groups));
        p->groups[0] = p->gid;
        p->group_count = 1;
        return;
    }
    do
        p->groups = xrealloc(p->groups, (size_t)count * sizeof(*p->groups));
    while (getgrouplist(entry->pw_name, p->gid, p->groups, &count) < 0);
    p->group_count = (size_t)count;
}

bool privileges_resolve(struct privileges *p, const struct config *config, struct buf *errors)
{
    struct passwd *entry = NULL;

    *p = (struct privileges){ .uid = getuid(), .gid = getgid() };
    if (config->user == NULL && config->group == NULL) {
        if (geteuid() == 0)
            log_warn("workers run as root: set `user` to somebody with fewer rights");
        return true;
    }
    if (config->user != NULL && !find_user(config->user, &p->uid, &p->gid, &entry)) {
        buf_printf(errors, "user \"%s\" is not known on this machine\n", config->user);
        return false;
    }
    if (config->group != NULL && !privileges_find_group(config->group, &p->gid)) {
        buf_printf(errors, "group \"%s\" is not known on this machine\n", config->group);
        return false;
    }
    if (geteuid() != 0) {
        if (p->uid != geteuid() || p->gid != getegid())
            log_warn("`user` and `group` have no effect: only root can change them");
        return true;
    }
    if (p->uid == 0)
        log_warn("workers run as root, as the config says");
    p->is_change = true;
    find_groups(p, entry);
    return true;
}

void privileges_fini(struct privileges *p)
{
    free(p->groups);
    *p = (struct privileges){ .groups = NULL };
}

int privileges_drop(const struct privileges *p, bool no_new_privs, struct buf *why)
{
    const char *what = NULL;

    if (p->is_change) {
        if (setgroups(p->group_count, p->groups) < 0)
            what = "setgroups";
        else if (setresgid(p->gid, p->gid, p->gid) < 0)
            what = "setgid";
        else if (setresuid(p->uid, p->uid, p->uid) < 0)
            what = "setuid";
        else if (p->uid != 0 && setuid(0) == 0) {
            buf_printf(why, "root came back after it was given up");
            return -1;
        }
    }
    if (what == NULL && no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        what = "PR_SET_NO_NEW_PRIVS";
    if (what != NULL) {
        buf_printf(why, "cannot become user %u, group %u: %s: %s", (unsigned)p->uid,
                   (unsigned)p->gid, what, strerror(errno));
        return -1;
    }
    /* setuid(2) made us undumpable: no core files, and /proc/self would be root's. */
    if (p->is_change)
        prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    return 0;
}
