#include "worker/file_watch.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>
#include <xxhash.h>

#include "common/xmalloc.h"
#include "worker/encoding.h"

enum {
    EVENTS_SIZE = 16 * 1024, /* of one read(2); an event takes up to 16 + NAME_MAX + 1 bytes */
    BUCKETS_MIN = 64,
    BUCKETS_MAX = 1 << 20,
};

/* What can change an answer that goes through a folder. */
#define CONTENT                                                                    \
    (IN_CREATE | IN_DELETE | IN_MODIFY | IN_ATTRIB | IN_MOVED_FROM | IN_MOVED_TO | \
     IN_CLOSE_WRITE | IN_DELETE_SELF | IN_MOVE_SELF)
/* What can change the way to the root: much less, since such folders hold others' files too. */
#define SELF  (IN_MOVE_SELF | IN_DELETE_SELF)
#define LINKS (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | SELF)

static const uint32_t masks[] = {
    [WATCH_FOLDER] = CONTENT | IN_ONLYDIR,
    [WATCH_FILE] = CONTENT,
    [WATCH_LINKS] = LINKS | IN_ONLYDIR,
    [WATCH_MOVES] = SELF | IN_ONLYDIR,
};

/* A folder (or file) that the kernel watches for us. Lives while it has names. */
struct watch {
    struct watch *next; /* in its bucket */
    struct list names;  /* struct name */
    int wd;
    unsigned encoded; /* encodings whose suffixes events had */
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
    one->encoded = 0;
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

void file_watch_add_name(struct file_watch *w, struct trail *trail, int wd, struct str text)
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

void trail_take(struct trail *to, struct trail *from)
{
    struct trail_link *link;

    while ((link = from->first) != NULL) {
        from->first = link->next;
        link->trail = to;
        link->next = to->first;
        to->first = link;
    }
}

/* Through /proc, since inotify knows paths only and a path could lead elsewhere by now. */
int file_watch_add(struct file_watch *watch, struct trail *trail, int fd, struct str name,
                   enum watch_kind kind)
{
    char path[sizeof("/proc/self/fd/") + 3 * sizeof(int)];
    int wd;

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    /* An inode has one watch however often it is added. */
    wd = inotify_add_watch(watch->fd, path, masks[kind] | IN_MASK_ADD);
    if (wd >= 0)
        file_watch_add_name(watch, trail, wd, name);
    return wd;
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

void file_watch_touch(struct file_watch *watch, int wd)
{
    struct watch *one = watch_of(watch, wd);

    if (one != NULL)
        touch_watch(watch, one);
}

unsigned file_watch_encoded(const struct file_watch *watch, int wd)
{
    const struct watch *one = watch_of(watch, wd);

    return one != NULL ? one->encoded : ENCODINGS_ALL;
}

static void touch_all(struct file_watch *w)
{
    for (size_t i = 0; i <= w->bucket_mask; i++)
        for (struct watch *at = w->watches[i]; at != NULL; at = at->next)
            touch_watch(w, at);
}

static void touch_text(struct file_watch *w, struct watch *watch, struct str text)
{
    struct name *name = name_of(w, watch, text);

    if (name != NULL)
        touch_name(w, name);
    /* "a.css.br" comes, changes or goes: what "a.css" leads to has another choice of encodings. */
    for (int i = ENCODING_IDENTITY + 1; i < ENCODING_COUNT; i++) {
        struct str suffix = encoding_suffix((enum encoding)i);

        if (text.n <= suffix.n || !str_ends(text, suffix))
            continue;
        watch->encoded |= ENCODING_BIT(i);
        touch_text(w, watch, (struct str){ text.p, text.n - suffix.n });
    }
}

static void take_event(struct file_watch *w, const struct inotify_event *event)
{
    struct watch *watch;

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
    touch_text(w, watch, str_of(event->name));
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
