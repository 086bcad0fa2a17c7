#include "worker/file_walk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Whether all changes of this file system are this kernel's doing. */
static bool is_local(int fd)
{
    static const uint32_t shared[] = {
        NFS_SUPER_MAGIC,
        SMB_SUPER_MAGIC,
        CIFS_SUPER_MAGIC,
        SMB2_SUPER_MAGIC,
        FUSE_SUPER_MAGIC,
        V9FS_MAGIC,
        AFS_SUPER_MAGIC,
        AFS_FS_MAGIC,
        CEPH_SUPER_MAGIC,
        CODA_SUPER_MAGIC,
        OCFS2_SUPER_MAGIC,
        0x01161970 /* GFS2 */,
        0x786f4256 /* VirtualBox's shared folders */,
        PROC_SUPER_MAGIC,
        SYSFS_MAGIC, /* their files change without a write */
    };
    struct statfs fs;

    if (fstatfs(fd, &fs) < 0)
        return false;
    for (size_t i = 0; i < sizeof(shared) / sizeof(shared[0]); i++)
        if ((uint32_t)fs.f_type == shared[i])
            return false;
    return true;
}

enum {
    DEPTH_MAX = 64, /* of a path whose folders are watched */
    HOPS_MAX = 40,  /* symbolic links in one look-up, as in the kernel */
};

/* One look-up, name by name, the way the kernel does it. */
struct walk {
    struct file_watch *watch;
    struct trail *trail;
    bool is_to_root; /* file_walk_links() */
    unsigned hops;   /* symbolic links so far */
    dev_t device;    /* of the current folder */
    unsigned depth;  /* fds[depth] is the current folder, fds[0] the root; the others are ours */
    int fds[DEPTH_MAX];
    char *rest;              /* what is still to be looked up */
    char paths[2][PATH_MAX]; /* where it stands, and where the next one is put together */
};

/* ON at the end of the path: it arrived at a folder. END: at a file, or nothing is there. */
enum step { STEP_ON, STEP_END, STEP_UNWATCHED };

static void walk_pop(struct walk *k)
{
    close(k->fds[k->depth--]);
}

/* Goes on at `target`, then with what is left. */
static enum step walk_link(struct walk *k, const char *name)
{
    char *joined =
        k->rest >= k->paths[1] && k->rest < k->paths[1] + PATH_MAX ? k->paths[0] : k->paths[1];
    size_t rest_n = strlen(k->rest);
    ssize_t n;

    if (++k->hops > HOPS_MAX)
        return STEP_END; /* ELOOP, and the trail has all that could cure it */
    n = readlinkat(k->fds[k->depth], name, joined, PATH_MAX);
    if (n < 0 || (size_t)n + 1 + rest_n + 1 > PATH_MAX)
        return STEP_UNWATCHED;
    joined[n] = '/';
    memcpy(joined + n + 1, k->rest, rest_n + 1);
    k->rest = joined;
    if (joined[0] != '/')
        return STEP_ON;
    if (!k->is_to_root)
        return STEP_END; /* leaves the root, whatever stands there */
    while (k->depth > 0)
        walk_pop(k);
    return STEP_ON;
}

static enum step walk_into(struct walk *k, int fd, const struct stat *st)
{
    if (k->depth + 1 == DEPTH_MAX || (!k->is_to_root && st->st_dev != k->device && !is_local(fd))) {
        close(fd);
        return STEP_UNWATCHED;
    }
    k->device = st->st_dev;
    k->fds[++k->depth] = fd;
    return STEP_ON;
}

/*
 * A file. Writes through another name of it (a hard link, or a mount) raise no event in this
 * folder, so then the file itself is watched too.
 */
static enum step walk_end(struct walk *k, int fd, const struct stat *st)
{
    enum step step = STEP_END;

    if (S_ISREG(st->st_mode) && (st->st_nlink > 1 || st->st_dev != k->device) &&
        (!is_local(fd) || file_watch_add(k->watch, k->trail, fd, STR(""), WATCH_FILE) < 0))
        step = STEP_UNWATCHED;
    close(fd);
    return step;
}

static bool watch_name(struct walk *k, const char *name, enum watch_kind kind)
{
    return file_watch_add(k->watch, k->trail, k->fds[k->depth], str_of(name), kind) >= 0;
}

static enum step walk_name(struct walk *k, const char *name)
{
    struct stat st;
    int fd;

    if (strcmp(name, "..") == 0) {
        if (k->depth > 0)
            walk_pop(k);
        else if (!k->is_to_root)
            return STEP_END; /* leaves the root */
        return fstat(k->fds[k->depth], &st) == 0 ? (k->device = st.st_dev, STEP_ON)
                                                 : STEP_UNWATCHED;
    }
    if (!k->is_to_root && !watch_name(k, name, WATCH_FOLDER))
        return STEP_UNWATCHED;
    fd = openat(k->fds[k->depth], name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    /* Missing now, in the middle of a deploy maybe. */
    if (fd < 0 && k->is_to_root && !watch_name(k, name, WATCH_LINKS))
        return STEP_UNWATCHED;
    if (fd < 0) /* not there: the trail ends with the missing name */
        return errno == EMFILE || errno == ENFILE || errno == ENOMEM ? STEP_UNWATCHED : STEP_END;
    if (fstat(fd, &st) < 0) {
        close(fd);
        return STEP_UNWATCHED;
    }
    if (S_ISDIR(st.st_mode)) {
        enum step step = walk_into(k, fd, &st);

        /* A folder above the root that is renamed takes the root along. */
        if (step == STEP_ON && k->is_to_root && !watch_name(k, "", WATCH_MOVES))
            return STEP_UNWATCHED;
        return step;
    }
    if (!S_ISLNK(st.st_mode))
        return walk_end(k, fd, &st);
    close(fd);
    if (k->is_to_root && !watch_name(k, name, WATCH_LINKS))
        return STEP_UNWATCHED;
    return walk_link(k, name);
}

/* The names of k->rest one after the other. */
static enum step walk_on(struct walk *k)
{
    enum step step = STEP_ON;

    while (step == STEP_ON) {
        char *name = k->rest + strspn(k->rest, "/");
        size_t n = strcspn(name, "/");

        if (n == 0)
            break;
        k->rest = name + n;
        if (*k->rest == '/')
            *k->rest++ = '\0';
        if (strcmp(name, ".") != 0)
            step = walk_name(k, name);
    }
    return step;
}

static bool walk_start(struct walk *k, struct file_watch *watch, struct trail *trail, int root_fd,
                       const char *path)
{
    struct stat st;
    size_t n = strlen(path);

    k->watch = watch;
    k->trail = trail;
    k->hops = 0;
    k->depth = 0;
    k->fds[0] = root_fd;
    k->rest = k->paths[0];
    if (n >= PATH_MAX || fstat(root_fd, &st) < 0)
        return false;
    memcpy(k->rest, path, n + 1);
    k->device = st.st_dev;
    return true;
}

bool file_walk(struct file_watch *watch, struct trail *trail, int root_fd, const char *path)
{
    enum step step = STEP_UNWATCHED;
    struct walk k;

    k.is_to_root = false;
    if (walk_start(&k, watch, trail, root_fd, path) && is_local(root_fd))
        step = walk_on(&k);
    while (k.depth > 0)
        walk_pop(&k);
    return step != STEP_UNWATCHED;
}

enum walk_end file_walk_folder(struct file_watch *watch, struct trail *trail, int root_fd,
                               const char *path, struct walked_folder *folder)
{
    enum step step = STEP_UNWATCHED;
    struct walk k;

    k.is_to_root = false;
    if (walk_start(&k, watch, trail, root_fd, path) && is_local(root_fd))
        step = walk_on(&k);
    if (step == STEP_ON) {
        int fd = k.fds[k.depth];

        folder->wd = file_watch_add(watch, trail, fd, STR(""), WATCH_FOLDER);
        folder->device = k.device;
        folder->is_behind_links = k.hops > 0;
        folder->fd = k.depth > 0 ? fd : fcntl(fd, F_DUPFD_CLOEXEC, 0);
        if (k.depth > 0)
            k.depth--; /* the caller's now */
        if (folder->wd < 0 && folder->fd >= 0)
            close(folder->fd);
        step = folder->wd < 0 ? STEP_UNWATCHED : step;
    }
    while (k.depth > 0)
        walk_pop(&k);
    return step == STEP_ON ? WALK_ARRIVED : step == STEP_END ? WALK_ENDED : WALK_UNWATCHED;
}

bool file_walk_links(struct file_watch *watch, struct trail *trail, const char *path)
{
    int top = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    enum step step = STEP_UNWATCHED;
    struct walk k;

    if (top < 0)
        return false;
    k.is_to_root = true;
    if (walk_start(&k, watch, trail, top, path))
        step = walk_on(&k);
    while (k.depth > 0)
        walk_pop(&k);
    close(top);
    return step != STEP_UNWATCHED;
}
