#include "worker/ways.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "common/str.h"
#include "common/xmalloc.h"
#include "worker/docroot.h"
#include "worker/encoding.h"
#include "worker/file_walk.h"

enum {
    BUCKETS = 1024,
    IDLE_MAX = 256,  /* some 1.5 KB of the kernel's memory each */
    ASKED_MIN = 24,  /* calls that would have paid for looking at the names of a small folder */
    LOOKED_AT = 64,  /* names at a call */
    KNOWN_MS = 1000, /* until a way that is entered is looked at again */
};

struct ways {
    struct file_watch *watch;
    uint64_t now_ms;
    size_t fds_max, fd_count, idle_count;
    struct list open;   /* those with descriptors, least recently used first */
    struct list idle;   /* those that no trail goes through, oldest first */
    struct way *listed; /* whose names are being looked at; NULL: no one's */
    DIR *names;         /* while `listed` */
    struct way *buckets[BUCKETS];
};

struct ways *ways_new(struct file_watch *watch, size_t fds_max)
{
    struct ways *ways = xcalloc(1, sizeof(*ways));

    ways->watch = watch;
    ways->fds_max = fds_max;
    list_init(&ways->open);
    list_init(&ways->idle);
    return ways;
}

void ways_set_time(struct ways *ways, uint64_t now_ms)
{
    ways->now_ms = now_ms;
}

static void way_close(struct ways *ways, struct way *way)
{
    if (way->fd < 0)
        return;
    close(way->fd);
    way->fd = -1;
    list_remove(&way->in_open);
    ways->fd_count--;
}

static void end_listing(struct ways *ways)
{
    if (ways->listed == NULL)
        return;
    closedir(ways->names);
    ways->listed = NULL;
}

/* From here on nobody finds it. */
static void way_void(struct ways *ways, struct way *way)
{
    struct way **at = &ways->buckets[way->hash % BUCKETS];

    if (way->is_void)
        return;
    while (*at != way)
        at = &(*at)->next;
    *at = way->next;
    way->is_void = true;
    if (ways->listed == way)
        end_listing(ways);
    way_close(ways, way);
    trail_drop(ways->watch, &way->trail);
}

static void way_free(struct ways *ways, struct way *way)
{
    assert(way->refs == 0);
    way_void(ways, way);
    list_remove(&way->in_idle);
    free(way);
}

static void idle_free(struct ways *ways, struct list *in_idle)
{
    ways->idle_count--;
    way_free(ways, CONTAINER_OF(in_idle, struct way, in_idle));
}

static void way_put(struct ways *ways, struct way *way)
{
    if (--way->refs > 0)
        return;
    if (way->is_void) {
        way_free(ways, way);
        return;
    }
    list_append(&ways->idle, &way->in_idle);
    if (++ways->idle_count > IDLE_MAX)
        idle_free(ways, ways->idle.next);
}

static struct way *way_get(struct ways *ways, struct way *way)
{
    if (way->refs++ == 0) {
        list_remove(&way->in_idle);
        ways->idle_count--;
    }
    return way;
}

void ways_forget_idle(struct ways *ways)
{
    while (!list_is_empty(&ways->idle))
        idle_free(ways, ways->idle.next);
}

size_t ways_shed(struct ways *ways)
{
    size_t closed = ways->fd_count + (ways->listed != NULL);

    end_listing(ways);
    while (!list_is_empty(&ways->open))
        way_close(ways, CONTAINER_OF(ways->open.next, struct way, in_open));
    return closed;
}

void ways_free(struct ways **ways)
{
    if (*ways == NULL)
        return;
    ways_forget_idle(*ways);
    assert((*ways)->listed == NULL);
    assert(list_is_empty(&(*ways)->open));
    free(*ways);
    *ways = NULL;
}

static uint64_t hash_of(const struct way_root *root, struct str path)
{
    return XXH3_64bits_withSeed(path.p, path.n, root->inode ^ ((uint64_t)root->device << 32));
}

static struct way *way_find(const struct ways *ways, const struct way_root *root, struct str path,
                            uint64_t hash)
{
    struct way *at = ways->buckets[hash % BUCKETS];

    while (at != NULL &&
           (at->hash != hash || at->root_inode != root->inode || at->root_device != root->device ||
            !str_eq((struct str){ at->path, at->n }, path)))
        at = at->next;
    return at;
}

/*
 * Not on another mount than the root's: a descriptor would keep that from being unmounted. Nor
 * behind links where docroot.h refuses them.
 */
static bool may_be_open(const struct ways *ways, const struct way *way, const struct way_root *root)
{
    return way->device == way->root_device && way->mount == root->mount && ways->fds_max > 0 &&
           (root->has_openat2 || !way->is_behind_links);
}

/* Takes the descriptor; keeps it if it is of the very folder that is watched. */
static void way_keep_open(struct ways *ways, struct way *way, const struct way_root *root, int fd)
{
    struct stat st;

    if (fd < 0)
        return;
    if (fstat(fd, &st) < 0 || st.st_dev != way->device ||
        (way->inode != 0 && st.st_ino != way->inode)) {
        close(fd);
        return;
    }
    way->inode = st.st_ino;
    way->mount = docroot_mount(fd);
    if (!may_be_open(ways, way, root)) {
        close(fd);
        return;
    }
    if (ways->fd_count == ways->fds_max)
        way_close(ways, CONTAINER_OF(ways->open.next, struct way, in_open));
    way->fd = fd;
    ways->fd_count++;
    list_append(&ways->open, &way->in_open);
}

static int open_folder(const struct way *way, const struct way_root *root)
{
    return docroot_open_below(root->fd, root->has_openat2, way->n > 0 ? way->path : ".",
                              O_PATH | O_DIRECTORY);
}

static void way_reopen(struct ways *ways, struct way *way, const struct way_root *root)
{
    if (may_be_open(ways, way, root))
        way_keep_open(ways, way, root, open_folder(way, root));
}

/* Looks whether the path leads to the same folder on the same mount. */
static bool leads_there(const struct way *way, const struct way_root *root)
{
    int fd = open_folder(way, root);
    struct stat st;
    bool is_same;

    if (fd < 0)
        return errno == EMFILE || errno == ENFILE || errno == ENOMEM; /* nothing is known */
    is_same = fstat(fd, &st) == 0 && st.st_dev == way->device && st.st_ino == way->inode &&
              docroot_mount(fd) == way->mount;
    close(fd);
    return is_same;
}

/*
 * NULL: there is none, or it leads elsewhere by now. Whoever went the old one asks again within a
 * minute, when his entry is checked.
 */
static struct way *way_known(struct ways *ways, const struct way_root *root, struct str path,
                             uint64_t hash)
{
    struct way *way = way_find(ways, root, path, hash);

    if (way == NULL || ways->now_ms - way->known_ms < KNOWN_MS)
        return way;
    if (leads_there(way, root)) {
        way->known_ms = ways->now_ms;
        return way;
    }
    if (way->refs > 0)
        way_void(ways, way);
    else
        idle_free(ways, &way->in_idle);
    return NULL;
}

/* With one reference. NULL: *end says why, and what was walked is on the trail. */
static struct way *way_new(struct ways *ways, struct trail *trail, const struct way_root *root,
                           struct str path, uint64_t hash, enum way_end *end)
{
    struct way *way = xmalloc(sizeof(*way) + path.n + 1);
    struct walked_folder folder;
    enum walk_end walked;

    *way = (struct way){ .fd = -1,
                         .trail = { .owner = TRAIL_OF_WAY },
                         .refs = 1,
                         .known_ms = ways->now_ms,
                         .hash = hash,
                         .root_device = root->device,
                         .root_inode = root->inode,
                         .n = path.n };
    list_init(&way->in_idle);
    list_init(&way->in_open);
    memcpy(way->path, path.p, path.n);
    way->path[path.n] = '\0';
    walked = file_walk_folder(ways->watch, &way->trail, root->fd, way->path, &folder);
    if (walked != WALK_ARRIVED) {
        trail_take(trail, &way->trail);
        free(way);
        *end = walked == WALK_ENDED ? WAY_FOLLOWED : WAY_UNWATCHED;
        return NULL;
    }
    way->wd = folder.wd;
    way->device = folder.device;
    way->is_behind_links = folder.is_behind_links;
    way_keep_open(ways, way, root, folder.fd);
    way->next = ways->buckets[hash % BUCKETS];
    ways->buckets[hash % BUCKETS] = way;
    return way;
}

enum way_end ways_enter(struct ways *ways, struct trail *trail, const struct way_root *root,
                        const char *path)
{
    const char *slash = strrchr(path, '/');
    struct str folder = slash != NULL ? str_range(path, slash) : STR("");
    const char *name = slash != NULL ? slash + 1 : path;
    uint64_t hash = hash_of(root, folder);
    struct way *way = way_known(ways, root, folder, hash);
    enum way_end end = WAY_UNWATCHED;

    if (way != NULL)
        way_get(ways, way);
    else
        way = way_new(ways, trail, root, folder, hash, &end);
    if (way == NULL)
        return end;
    if (way->fd < 0)
        way_reopen(ways, way, root);
    else
        list_move_to_tail(&ways->open, &way->in_open);
    assert(trail->way == NULL || trail->way == way); /* all that a path leads to is in one folder */
    if (trail->way != NULL)
        way_put(ways, way);
    trail->way = way;
    /* "" is the folder itself: touched with all names in it. */
    file_watch_add_name(ways->watch, trail, way->wd, str_of(name));
    return WAY_OPEN;
}

bool way_has_plain(const struct way *way, const struct stat *st)
{
    return S_ISREG(st->st_mode) && st->st_nlink == 1 && st->st_dev == way->device;
}

/* ---- which suffixes there are ---- */

static void begin_listing(struct ways *ways, struct way *way)
{
    int fd = openat(way->fd, ".", O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC);

    way->asked = 0; /* if it fails now, it is tried again later */
    ways->names = fd >= 0 ? fdopendir(fd) : NULL;
    if (ways->names != NULL)
        ways->listed = way;
    else if (fd >= 0)
        close(fd);
}

static unsigned encoding_of(struct str name)
{
    for (int i = ENCODING_IDENTITY + 1; i < ENCODING_COUNT; i++)
        if (str_ends(name, encoding_suffix((enum encoding)i)))
            return ENCODING_BIT(i);
    return 0;
}

/* Names that are there all the time are read for certain; of those that come events tell. */
static void go_on_listing(struct ways *ways)
{
    for (int i = 0; i < LOOKED_AT; i++) {
        const struct dirent *entry;

        errno = 0;
        entry = readdir(ways->names);
        if (entry == NULL) {
            ways->listed->is_listed = errno == 0;
            end_listing(ways);
            return;
        }
        ways->listed->encoded |= encoding_of(str_of(entry->d_name));
    }
}

bool ways_may_hold(struct ways *ways, struct way *way, enum encoding encoding)
{
    unsigned known;

    if (!way->is_listed) {
        if (ways->listed == NULL && way->fd >= 0 && ++way->asked > ASKED_MIN)
            begin_listing(ways, way);
        if (ways->listed != NULL) /* also another's, so that it comes to an end */
            go_on_listing(ways);
        return true;
    }
    known = way->encoded | file_watch_encoded(ways->watch, way->wd);
    return (known & ENCODING_BIT(encoding)) != 0;
}

bool ways_walk(struct ways *ways, struct trail *trail, const struct way_root *root,
               const char *path)
{
    return file_walk(ways->watch, trail, root->fd, path);
}

void ways_drop(struct ways *ways, struct trail *trail)
{
    trail_drop(ways->watch, trail);
    if (trail->way != NULL)
        way_put(ways, trail->way);
    trail->way = NULL;
}

void ways_on_touched(struct ways *ways, struct trail *trail)
{
    struct way *way = CONTAINER_OF(trail, struct way, trail);

    /* First: our own trail is what keeps the folder watched. */
    file_watch_touch(ways->watch, way->wd);
    way_void(ways, way);
    if (way->refs == 0)
        idle_free(ways, &way->in_idle);
}
