#include "worker/file_watch.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <xxhash.h>

#include "common/xmalloc.h"

enum {
    EVENTS_SIZE = 16 * 1024, /* of one read(2); an event takes up to 16 + NAME_MAX + 1 bytes */
    BUCKETS_MIN = 64,
    BUCKETS_MAX = 1 << 20,
    DEPTH_MAX = 64, /* of a path whose folders are watched */
    HOPS_MAX = 40,  /* symbolic links in one look-up, as in the kernel */
};

/* What can change an answer that goes through a folder. */
static const uint32_t mask_names = IN_CREATE | IN_DELETE | IN_MODIFY | IN_ATTRIB | IN_MOVED_FROM |
                                   IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE_SELF | IN_MOVE_SELF;
/* What can change the way to the root: much less, since such folders hold others' files too. */
static const uint32_t mask_self = IN_MOVE_SELF | IN_DELETE_SELF;
static const uint32_t mask_links =
    IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF;

/* A folder (or file) that the kernel watches for us. Lives while it has names. */
struct watch {
    struct watch *next; /* in its bucket */
    struct list names;  /* struct name */
    int wd;
};

/* A name in it, "" for the folder itself. Lives while a trail has it. */
struct name {
    struct name *next; /* in its bucket */
    struct list in_watch;
    struct list links; /* struct trail_link; those of a running event are in file_watch.touched */
    size_t link_count; /* those included */
    struct watch *watch;
    uint64_t hash;
    size_t n;
    char text[];
};

struct trail_link {
    struct trail_link *next; /* in its trail */
    struct list in_name;
    struct name *name;
    struct trail *trail;
};

struct file_watch {
    int fd;
    struct watch **watches; /* by wd */
    struct name **names;    /* by folder and name */
    size_t bucket_mask;
    size_t watch_count;
    struct list touched; /* links whose trails file_watch_next() has yet to return */
    size_t events_at, events_n;
    _Alignas(struct inotify_event) char events[EVENTS_SIZE];
};

struct file_watch *file_watch_new(size_t expected)
{
    size_t buckets = BUCKETS_MIN;
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    struct file_watch *w;

    if (fd < 0)
        return NULL;
    while (buckets < expected && buckets < BUCKETS_MAX)
        buckets *= 2;
    w = xmalloc(sizeof(*w));
    w->fd = fd;
    w->watches = xcalloc(buckets, sizeof(struct watch *));
    w->names = xcalloc(buckets, sizeof(struct name *));
    w->bucket_mask = buckets - 1;
    w->watch_count = 0;
    w->events_at = w->events_n = 0;
    list_init(&w->touched);
    return w;
}

void file_watch_free(struct file_watch **watch)
{
    struct file_watch *w = *watch;

    *watch = NULL;
    if (w == NULL)
        return;
    assert(w->watch_count == 0);
    close(w->fd);
    free(w->watches);
    free(w->names);
    free(w);
}

int file_watch_fd(const struct file_watch *watch)
{
    return watch->fd;
}

size_t file_watch_count(const struct file_watch *watch)
{
    return watch->watch_count;
}

static struct watch *watch_of(const struct file_watch *w, int wd)
{
    struct watch *at = w->watches[(size_t)wd & w->bucket_mask];

    while (at != NULL && at->wd != wd)
        at = at->next;
    return at;
}

static struct watch *watch_new(struct file_watch *w, int wd)
{
    struct watch **bucket = &w->watches[(size_t)wd & w->bucket_mask];
    struct watch *one = xmalloc(sizeof(*one));

    one->wd = wd;
    list_init(&one->names);
    one->next = *bucket;
    *bucket = one;
    w->watch_count++;
    return one;
}

static void watch_free(struct file_watch *w, struct watch *one)
{
    struct watch **at = &w->watches[(size_t)one->wd & w->bucket_mask];

    while (*at != one)
        at = &(*at)->next;
    *at = one->next;
    w->watch_count--;
    /* Fails where the folder is gone and the kernel has removed the watch already. */
    inotify_rm_watch(w->fd, one->wd);
    free(one);
}

static uint64_t hash_of(const struct watch *watch, struct str text)
{
    return XXH3_64bits_withSeed(text.p, text.n, (uint64_t)watch->wd);
}

static struct name *name_of(const struct file_watch *w, const struct watch *watch, struct str text)
{
    uint64_t hash = hash_of(watch, text);
    struct name *at = w->names[hash & w->bucket_mask];

    while (at != NULL && (at->hash != hash || at->watch != watch ||
                          !str_eq((struct str){ at->text, at->n }, text)))
        at = at->next;
    return at;
}

static struct name *name_new(struct file_watch *w, struct watch *watch, struct str text)
{
    struct name *one = xmalloc(sizeof(*one) + text.n + 1);
    struct name **bucket;

    one->hash = hash_of(watch, text);
    one->watch = watch;
    one->n = text.n;
    memcpy(one->text, text.p, text.n);
    one->link_count = 0;
    list_init(&one->links);
    list_append(&watch->names, &one->in_watch);
    bucket = &w->names[one->hash & w->bucket_mask];
    one->next = *bucket;
    *bucket = one;
    return one;
}

static void name_free(struct file_watch *w, struct name *one)
{
    struct name **at = &w->names[one->hash & w->bucket_mask];
    struct watch *watch = one->watch;

    while (*at != one)
        at = &(*at)->next;
    *at = one->next;
    list_remove(&one->in_watch);
    free(one);
    if (list_is_empty(&watch->names))
        watch_free(w, watch);
}

static void trail_add(struct file_watch *w, struct trail *trail, int wd, struct str text)
{
    struct watch *watch = watch_of(w, wd);
    struct trail_link *link;
    struct name *name;

    if (watch == NULL)
        watch = watch_new(w, wd);
    name = name_of(w, watch, text);
    if (name == NULL)
        name = name_new(w, watch, text);
    for (link = trail->first; link != NULL; link = link->next)
        if (link->name == name)
            return;
    link = xmalloc(sizeof(*link));
    link->name = name;
    link->trail = trail;
    link->next = trail->first;
    trail->first = link;
    list_append(&name->links, &link->in_name);
    name->link_count++;
}

void trail_drop(struct file_watch *watch, struct trail *trail)
{
    struct trail_link *link;

    while ((link = trail->first) != NULL) {
        struct name *name = link->name;

        trail->first = link->next;
        list_remove(&link->in_name);
        free(link);
        if (--name->link_count == 0)
            name_free(watch, name);
    }
}

/*
 * The watch on what `fd` (O_PATH) stands for, or -1. Through /proc, since inotify knows paths only
 * and a path could lead elsewhere by now. An inode has one watch however often it is added.
 */
static int kernel_watch(const struct file_watch *w, int fd, uint32_t mask)
{
    char path[sizeof("/proc/self/fd/") + 3 * sizeof(int)];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return inotify_add_watch(w->fd, path, mask | IN_MASK_ADD);
}

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

/* One look-up, name by name, the way the kernel does it. */
struct walk {
    struct file_watch *watch;
    struct trail *trail;
    bool is_to_root; /* file_watch_follow_links() */
    unsigned hops;   /* symbolic links so far */
    dev_t device;    /* of the current folder */
    unsigned depth;  /* fds[depth] is the current folder, fds[0] the root; the others are ours */
    int fds[DEPTH_MAX];
    char *rest;              /* what is still to be looked up */
    char paths[2][PATH_MAX]; /* where it stands, and where the next one is put together */
};

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

    if (S_ISREG(st->st_mode) && (st->st_nlink > 1 || st->st_dev != k->device)) {
        int wd = is_local(fd) ? kernel_watch(k->watch, fd, mask_names) : -1;

        if (wd >= 0)
            trail_add(k->watch, k->trail, wd, STR(""));
        else
            step = STEP_UNWATCHED;
    }
    close(fd);
    return step;
}

static bool watch_name(struct walk *k, const char *name, uint32_t mask)
{
    int wd = kernel_watch(k->watch, k->fds[k->depth], mask | IN_ONLYDIR);

    if (wd < 0)
        return false;
    trail_add(k->watch, k->trail, wd, str_of(name));
    return true;
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
    if (!k->is_to_root && !watch_name(k, name, mask_names))
        return STEP_UNWATCHED;
    fd = openat(k->fds[k->depth], name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    /* Missing now, in the middle of a deploy maybe. */
    if (fd < 0 && k->is_to_root && !watch_name(k, name, mask_links))
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
        if (step == STEP_ON && k->is_to_root && !watch_name(k, "", mask_self))
            return STEP_UNWATCHED;
        return step;
    }
    if (!S_ISLNK(st.st_mode))
        return walk_end(k, fd, &st);
    close(fd);
    if (k->is_to_root && !watch_name(k, name, mask_links))
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
            return STEP_END;
        k->rest = name + n;
        if (*k->rest == '/')
            *k->rest++ = '\0';
        if (strcmp(name, ".") != 0)
            step = walk_name(k, name);
    }
    return step;
}

static bool walk_start(struct walk *k, int root_fd, const char *path)
{
    struct stat st;
    size_t n = strlen(path);

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

bool file_watch_follow(struct file_watch *watch, struct trail *trail, int root_fd, const char *path)
{
    struct walk k = { .watch = watch, .trail = trail, .is_to_root = false };
    enum step step = STEP_UNWATCHED;

    if (walk_start(&k, root_fd, path) && is_local(root_fd))
        step = walk_on(&k);
    while (k.depth > 0)
        walk_pop(&k);
    return step != STEP_UNWATCHED;
}

bool file_watch_beside(struct file_watch *watch, struct trail *trail, struct str base,
                       struct str suffix)
{
    char text[NAME_MAX + 1];
    struct str beside = { text, base.n + suffix.n };
    bool is_found = false;

    if (beside.n > NAME_MAX)
        return true; /* such a file cannot come */
    memcpy(text, base.p, base.n);
    memcpy(text + base.n, suffix.p, suffix.n);
    /* New links are put in front: the loop does not meet them. */
    for (struct trail_link *at = trail->first; at != NULL; at = at->next) {
        if (!str_eq((struct str){ at->name->text, at->name->n }, base))
            continue;
        trail_add(watch, trail, at->name->watch->wd, beside);
        is_found = true;
    }
    return is_found;
}

bool file_watch_follow_links(struct file_watch *watch, struct trail *trail, const char *path)
{
    struct walk k = { .watch = watch, .trail = trail, .is_to_root = true };
    int top = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    enum step step = STEP_UNWATCHED;

    if (top < 0)
        return false;
    if (walk_start(&k, top, path))
        step = walk_on(&k);
    while (k.depth > 0)
        walk_pop(&k);
    close(top);
    return step == STEP_END;
}

bool file_watch_read(struct file_watch *watch)
{
    ssize_t n = read(watch->fd, watch->events, sizeof(watch->events));

    assert(list_is_empty(&watch->touched));
    watch->events_at = 0;
    watch->events_n = n > 0 ? (size_t)n : 0;
    return n > 0;
}

static void touch_name(struct file_watch *w, struct name *name)
{
    while (!list_is_empty(&name->links))
        list_move_to_tail(&w->touched, name->links.next);
}

static void touch_watch(struct file_watch *w, struct watch *watch)
{
    LIST_EACH (at, &watch->names)
        touch_name(w, CONTAINER_OF(at, struct name, in_watch));
}

static void touch_all(struct file_watch *w)
{
    for (size_t i = 0; i <= w->bucket_mask; i++)
        for (struct watch *at = w->watches[i]; at != NULL; at = at->next)
            touch_watch(w, at);
}

static void take_event(struct file_watch *w, const struct inotify_event *event)
{
    struct watch *watch;
    struct name *name;

    /* Overflow: the kernel has dropped events, and anything may have changed. */
    if (event->mask & IN_Q_OVERFLOW) {
        touch_all(w);
        return;
    }
    watch = watch_of(w, event->wd);
    if (watch == NULL) /* an event from before we removed the watch */
        return;
    if (event->len == 0) { /* the folder itself: moved, deleted, unmounted, other permissions */
        touch_watch(w, watch);
        return;
    }
    name = name_of(w, watch, str_of(event->name));
    if (name != NULL)
        touch_name(w, name);
}

struct trail *file_watch_next(struct file_watch *watch)
{
    while (list_is_empty(&watch->touched)) {
        const struct inotify_event *event;

        if (watch->events_at >= watch->events_n)
            return NULL;
        event = (const struct inotify_event *)(const void *)(watch->events + watch->events_at);
        watch->events_at += sizeof(*event) + event->len;
        take_event(watch, event);
    }
    return CONTAINER_OF(watch->touched.next, struct trail_link, in_name)->trail;
}
