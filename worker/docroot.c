#include "worker/docroot.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "worker/encoding.h"
#include "worker/ways.h"

enum { OPEN_TRIES = 8, READ_FLAGS = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY };

static int openat2_below(int root_fd, const char *path, int flags)
{
    struct open_how how = { .flags = (uint64_t)(flags | O_CLOEXEC),
                            .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };
    long fd;

    /* EAGAIN: somewhere on this machine a folder was renamed while the kernel saw a "..", and it
       cannot tell any more whether that led outside. */
    for (int i = 0; i < OPEN_TRIES; i++) {
        fd = syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
        if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
            break;
    }
    return (int)fd;
}

/* Name by name, without following any link. */
static int walk_below(int root_fd, const char *path, int flags)
{
    int at = root_fd;

    for (;;) {
        size_t n = strcspn(path, "/");
        bool is_last = path[n] == '\0';
        char name[NAME_MAX + 1];
        int next = -1;

        if (n > NAME_MAX) {
            errno = ENAMETOOLONG;
        } else {
            memcpy(name, path, n);
            name[n] = '\0';
            if (strcmp(name, "..") == 0)
                errno = EXDEV;
            else
                next = openat(at, n > 0 ? name : ".",
                              (is_last ? flags : O_PATH | O_DIRECTORY) | O_NOFOLLOW | O_CLOEXEC);
        }
        if (at != root_fd) {
            int saved_errno = errno;

            close(at);
            errno = saved_errno;
        }
        if (next < 0 || is_last)
            return next;
        at = next;
        path += n + 1;
    }
}

int docroot_open_below(int root_fd, bool has_openat2, const char *path, int flags)
{
    return has_openat2 ? openat2_below(root_fd, path, flags) : walk_below(root_fd, path, flags);
}

static int open_below(const struct docroot *root, const char *path, int flags)
{
    return docroot_open_below(root->fd, root->has_openat2, path, flags);
}

uint64_t docroot_mount(int fd)
{
    struct statx stx;

    if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &stx) < 0 || (stx.stx_mask & STATX_MNT_ID) == 0)
        return 0;
    return stx.stx_mnt_id;
}

int docroot_open(struct docroot *root, const struct docroot_options *options)
{
    struct stat st;
    int fd = open(options->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int probe;

    if (fd < 0)
        return -1;
    if (fstat(fd, &st) < 0) {
        int saved_errno = errno;

        close(fd);
        errno = saved_errno;
        return -1;
    }
    *root =
        (struct docroot){ .options = *options, .fd = fd, .device = st.st_dev, .inode = st.st_ino };
    root->mount = docroot_mount(fd);
    list_init(&root->in_cache);
    /* Opening a folder that we have open fails only if the call itself is not to be had. */
    probe = openat2_below(fd, ".", O_PATH | O_DIRECTORY);
    root->has_openat2 = probe >= 0 || (errno != ENOSYS && errno != EPERM);
    if (probe >= 0)
        close(probe);
    return 0;
}

void docroot_close(struct docroot *root)
{
    close(root->fd);
    root->fd = -1;
}

bool docroot_refresh(struct docroot *root)
{
    struct stat st;
    int fd;

    if (stat(root->options.path, &st) < 0 ||
        (st.st_dev == root->device && st.st_ino == root->inode))
        return false;
    fd = open(root->options.path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return false;
    if (fstat(fd, &st) < 0) {
        close(fd);
        return false;
    }
    close(root->fd);
    root->fd = fd;
    root->device = st.st_dev;
    root->inode = st.st_ino;
    root->mount = docroot_mount(fd);
    return true;
}

unsigned docroot_status(int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
    case ELOOP:
    case EXDEV: /* would leave the root: there is nothing at this path */
        return 404;
    case EACCES:
    case EPERM:
        return 403;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EAGAIN: /* renames without end, or a lease that someone is about to give back */
        return 503;
    default:
        return 500;
    }
}

bool docroot_hides(struct str path)
{
    struct str rest = path;
    bool is_first = true;

    if (rest.n > 0 && rest.p[0] == '/')
        rest = (struct str){ rest.p + 1, rest.n - 1 };
    while (rest.p != NULL) {
        struct str segment = str_cut(&rest, '/');

        if (segment.n > 0 && segment.p[0] == '.' &&
            !(is_first && str_eq(segment, STR(".well-known"))))
            return true;
        is_first = false;
    }
    return false;
}

/*
 * The inode behind an O_PATH descriptor, opened for reading. Without /proc by its path once more,
 * and then it must be the same.
 */
static int reopen(const struct docroot *root, const char *path, int path_fd, const struct stat *st)
{
    char link[sizeof("/proc/self/fd/") + 3 * sizeof(int)];
    struct stat now;
    int fd;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", path_fd);
    fd = open(link, READ_FLAGS);
    if (fd >= 0 || errno != ENOENT)
        return fd;
    fd = open_below(root, path, READ_FLAGS);
    if (fd >= 0 && (fstat(fd, &now) < 0 || now.st_dev != st->st_dev || now.st_ino != st->st_ino)) {
        close(fd);
        errno = ENOENT; /* replaced in between: as if it had been taken away */
        return -1;
    }
    return fd;
}

static struct docroot_answer error_answer(int error)
{
    return (struct docroot_answer){ .status = docroot_status(error), .fd = -1, .error = error };
}

/* What `path`, relative and without a '/' at its end, leads to. */
static struct docroot_answer look_up_anywhere(const struct docroot *root, const char *path)
{
    struct docroot_answer a = { .status = DOCROOT_FILE, .fd = -1 };
    int path_fd;

    clock_gettime(CLOCK_REALTIME, &a.seen_at);
    path_fd = open_below(root, path, O_PATH);
    if (path_fd < 0)
        return error_answer(errno);
    if (fstat(path_fd, &a.st) < 0) {
        a = error_answer(errno);
    } else if (S_ISDIR(a.st.st_mode)) {
        a.status = DOCROOT_DIRECTORY;
    } else if (S_ISREG(a.st.st_mode)) {
        a.fd = reopen(root, path, path_fd, &a.st);
        if (a.fd < 0)
            a = error_answer(errno);
    } else if (S_ISLNK(a.st.st_mode)) { /* only where there is no openat2 */
        a = error_answer(ELOOP);
    } else { /* a FIFO, a socket, a device */
        a.status = 403;
    }
    close(path_fd);
    return a;
}

static const char *name_in(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

/*
 * The same in a folder whose way is known, where nothing but the name is left to look up: one that
 * does not exist, or a plain file. False: it is neither.
 */
static bool look_up_plain(const struct way *way, const char *name, struct docroot_answer *a)
{
    *a = (struct docroot_answer){ .status = DOCROOT_FILE, .fd = -1 };
    clock_gettime(CLOCK_REALTIME, &a->seen_at);
    if (fstatat(way->fd, name, &a->st, AT_SYMLINK_NOFOLLOW) < 0) {
        *a = error_answer(errno);
        return true;
    }
    if (!way_has_plain(way, &a->st))
        return false;
    a->fd = openat(way->fd, name, READ_FLAGS | O_NOFOLLOW);
    if (a->fd < 0 && errno == ELOOP) /* a link by now */
        return false;
    if (a->fd < 0)
        *a = error_answer(errno);
    return true;
}

static struct way_root way_root_of(const struct docroot *root)
{
    return (struct way_root){ root->fd, root->has_openat2, root->device, root->inode, root->mount };
}

/* Adds to the trail what `path` goes through, then looks it up. */
static struct docroot_answer look_up(const struct docroot *root, const char *path,
                                     struct ways *ways, struct trail *trail, bool *is_watched)
{
    const struct way_root from = way_root_of(root);
    struct docroot_answer a;

    switch (ways != NULL ? ways_enter(ways, trail, &from, path) : WAY_UNWATCHED) {
    case WAY_OPEN:
        if (trail->way->fd >= 0 && look_up_plain(trail->way, name_in(path), &a))
            return a;
        *is_watched = ways_walk(ways, trail, &from, path) && *is_watched;
        break;
    case WAY_FOLLOWED:
        break;
    case WAY_UNWATCHED:
        *is_watched = false;
        break;
    }
    return look_up_anywhere(root, path);
}

/* `path` is relative and ends in '/', or is empty for the root folder; it has `room` bytes. */
static struct docroot_answer look_up_index(const struct docroot *root, char *path, size_t room,
                                           struct ways *ways, struct trail *trail, bool *is_watched)
{
    const struct docroot_options *options = &root->options;
    const struct way_root from = way_root_of(root);
    size_t n = strlen(path);
    struct docroot_answer a;
    int fd;

    for (size_t i = 0; i < options->index_count; i++) {
        struct str name = str_of(options->index[i]);

        if (n + name.n >= room || (!options->is_dotfiles_shown && docroot_hides(name)))
            continue;
        memcpy(path + n, name.p, name.n + 1);
        a = look_up(root, path, ways, trail, is_watched);
        if (a.status == DOCROOT_FILE)
            a.name = name;
        /* An index that may not be read is not passed over: it was not meant for everybody. */
        if (a.status == DOCROOT_FILE || a.error == EACCES || a.error == EPERM || a.status >= 500)
            return a;
    }
    /* No index. Is there such a folder at all? */
    path[n] = '\0';
    if (ways == NULL || ways_enter(ways, trail, &from, path) == WAY_UNWATCHED)
        *is_watched = false;
    if (n > 0)
        path[n - 1] = '\0';
    fd = open_below(root, n > 0 ? path : ".", O_PATH | O_DIRECTORY);
    if (fd < 0)
        return error_answer(errno);
    close(fd);
    return (struct docroot_answer){ .status = options->has_listing ? DOCROOT_LISTING : 403,
                                    .fd = -1 };
}

struct docroot_answer docroot_find(const struct docroot *root, struct str path, struct ways *ways,
                                   struct trail *trail, bool *is_watched)
{
    char relative[PATH_MAX];
    struct docroot_answer a;
    size_t n = path.n - 1;

    *is_watched = true;
    if (!root->options.is_dotfiles_shown && docroot_hides(path))
        return error_answer(ENOENT);
    if (n >= sizeof(relative))
        return error_answer(ENAMETOOLONG);
    memcpy(relative, path.p + 1, n);
    relative[n] = '\0';
    if (n == 0 || relative[n - 1] == '/')
        return look_up_index(root, relative, sizeof(relative), ways, trail, is_watched);
    a = look_up(root, relative, ways, trail, is_watched);
    a.name = path;
    return a;
}

struct docroot_answer docroot_find_beside(const struct docroot *root, struct str path,
                                          const struct docroot_answer *found,
                                          enum encoding encoding, struct ways *ways,
                                          struct trail *trail, bool *is_watched)
{
    struct str index = path.p[path.n - 1] == '/' ? found->name : STR("");
    struct str suffix = encoding_suffix(encoding);
    struct way *way = ways != NULL ? trail->way : NULL;
    char relative[PATH_MAX];
    struct docroot_answer a;
    char *at = relative;

    if (way != NULL && !ways_may_hold(ways, way, encoding))
        return error_answer(ENOENT);
    if (path.n + index.n + suffix.n >= sizeof(relative))
        return error_answer(ENAMETOOLONG);
    at = mempcpy(at, path.p + 1, path.n - 1);
    at = mempcpy(at, index.p, index.n);
    *(char *)mempcpy(at, suffix.p, suffix.n) = '\0';
    /* The name is as good as on the trail: `found`'s is, and hears of it (file_watch.h). */
    if (way == NULL || way->fd < 0 || !look_up_plain(way, name_in(relative), &a)) {
        const struct way_root from = way_root_of(root);

        *is_watched = way != NULL && ways_walk(ways, trail, &from, relative) && *is_watched;
        a = look_up_anywhere(root, relative);
    }
    a.name = found->name;
    return a;
}
