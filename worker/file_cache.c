#include "worker/file_cache.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>
#include <xxhash.h>

#include "common/list.h"
#include "common/xmalloc.h"
#include "worker/docroot.h"
#include "worker/entries.h"
#include "worker/file_purge.h"
#include "worker/file_walk.h"
#include "worker/file_watch.h"
#include "worker/variants.h"
#include "worker/ways.h"

enum {
    WATCHED_VALID_MS = 60 * 1000, /* what inotify does not tell (file_watch.h) is found by then */
    REMAKE_MS = 60 * 1000,        /* what was given up is not made again before */
    YOUNG_VALID_MS = 25,          /* see struct file: by then the file is not young any more */
    WAYS_SHARE = 8,               /* of the descriptors that may be held: one in so many */
    ROOM_FDS = 8,                 /* given back at a time when there are none left */
    TICK_MS = 900,                /* a timer of a second may fire a little early */
    BATCHES_MAX = 16,             /* of events in one turn of the loop */
    FEW_ROOTS = 64,               /* so many are looked at each second all the same */
};

struct file_cache {
    struct entries entries;
    bool (*give_room)(void *context);
    void *context;
    struct file_watch *watch; /* NULL: off, or inotify is not to be had */
    struct ways *ways;        /* NULL: no `watch` */
    uint64_t seed;
    struct file *passing;      /* the last answer's file if it was not kept */
    struct file_ticket ticket; /* of the last answer */
    struct list roots;
    uint64_t root_count, next_tick_ms;
    uint64_t now_ms; /* of the last look-up */
    uint64_t hits, misses, invalidated;
};

static uint64_t random_seed(const void *fallback)
{
    uint64_t seed;

    /* A seed that nobody can guess, so that nobody can choose paths that share a bucket. */
    if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
        seed = (uint64_t)(uintptr_t)fallback;
    return seed;
}

struct file_cache *file_cache_new(const struct file_cache_limits *limits)
{
    struct file_cache *cache = xcalloc(1, sizeof(*cache));

    entries_init(&cache->entries, limits);
    cache->seed = random_seed(cache);
    list_init(&cache->roots);
    /* Without inotify (too many instances of it, say) all answers are checked by age. */
    if (limits->is_watching && limits->entries_max > 0)
        cache->watch = file_watch_new(limits->entries_max);
    if (cache->watch != NULL)
        cache->ways = ways_new(cache->watch, limits->fds_max / WAYS_SHARE);
    cache->entries.ways = cache->ways;
    return cache;
}

static void pass(struct file_cache *cache, struct file *file)
{
    if (cache->passing != NULL)
        file_put(&cache->passing);
    cache->passing = file;
}

/* The root folder is another one, or there is no cache any more. */
static void drop_below(struct file_cache *cache, const struct docroot *root)
{
    cache->invalidated += entries_drop(&cache->entries, root);
    if (cache->ways != NULL)
        ways_forget_idle(cache->ways);
}

void file_cache_free(struct file_cache **cache)
{
    struct file_cache *c = *cache;

    *cache = NULL;
    if (c == NULL)
        return;
    entries_drop(&c->entries, NULL);
    pass(c, NULL);
    LIST_EACH_SAFE (at, after, &c->roots) {
        struct docroot *root = CONTAINER_OF(at, struct docroot, in_cache);

        if (c->watch != NULL)
            trail_drop(c->watch, &root->trail);
        docroot_close(root);
        free(root);
    }
    ways_free(&c->ways);
    file_watch_free(&c->watch);
    entries_fini(&c->entries);
    free(c);
}

/* Watches the way to the root folder, then looks whether it still leads to the same one. */
static void root_check(struct file_cache *cache, struct docroot *root)
{
    do {
        if (cache->watch != NULL) {
            trail_drop(cache->watch, &root->trail);
            root->is_way_watched = file_walk_links(cache->watch, &root->trail, root->options.path);
        }
        if (!docroot_refresh(root))
            return;
        drop_below(cache, root);
    } while (cache->watch != NULL); /* the new one is watched from here on */
}

struct docroot *file_cache_add_root(struct file_cache *cache, const struct docroot_options *options)
{
    struct docroot *root = xmalloc(sizeof(*root));

    if (docroot_open(root, options) < 0) {
        free(root);
        return NULL;
    }
    root->salt = cache->seed + ++cache->root_count * 0x9e3779b97f4a7c15u;
    root->trail.owner = TRAIL_OF_ROOT;
    list_append(&cache->roots, &root->in_cache);
    root_check(cache, root);
    return root;
}

/* Takes the entry. */
static struct lookup keep(struct file_cache *cache, struct entry *e)
{
    struct lookup answer = e->answer;

    if (entries_keep(&cache->entries, e)) {
        cache->ticket = entry_ticket(&cache->entries, e);
        return answer;
    }
    e->answer.file = NULL;
    pass(cache, answer.file);
    entry_free(&cache->entries, &e);
    return answer;
}

static struct lookup error_lookup(unsigned status)
{
    return (struct lookup){ .kind = LOOKUP_ERROR, .status = status };
}

/* At checks of the entry only, so that no hit has to ask. */
static void allow_remaking(struct file *f, uint64_t now_ms)
{
    if (f->choices.given_up == 0 || now_ms - f->choices.given_up_ms < REMAKE_MS)
        return;
    f->choices.makeable |= f->choices.given_up & ~f->choices.made;
    f->choices.given_up = 0;
}

/* Takes a->fd. `old` is the entry that went stale; NULL: none. */
static void entry_take_file(const struct file_cache *cache, struct entry *e,
                            const struct entry *old, const struct docroot_answer *a,
                            bool *is_watched)
{
    const struct file_cache_limits *limits = &cache->entries.limits;
    const struct docroot_options *root = &e->root->options;
    /* What exceeds the bound alone would push out all else and still not fit. */
    const struct file_options options = {
        .types = root->types,
        .default_type = str_of(root->default_type),
        .charset = str_of(root->charset),
        .etag = root->etag,
        .small_bytes =
            limits->small_bytes < limits->memory_bytes ? limits->small_bytes : limits->memory_bytes,
    };
    bool is_kept =
        old != NULL && old->answer.file != NULL && file_is_version(old->answer.file, &a->st);
    struct file *file;

    if (is_kept) {
        close(a->fd);
        file = file_get(old->answer.file);
    } else {
        file = file_new(a->fd, &a->st, a->seen_at, a->name, &options);
    }
    if (file == NULL) {
        e->answer = error_lookup(docroot_status(errno));
        return;
    }
    allow_remaking(file, cache->now_ms);
    variants_load(file, is_kept, e->root, (struct str){ e->path, e->path_n }, a, &options,
                  cache->ways, &e->trail, is_watched);
    e->answer = (struct lookup){ .kind = LOOKUP_FILE, .file = file, .status = 200 };
}

static bool has_young(const struct file *f)
{
    if (f->is_young)
        return true;
    for (int i = 0; i < ENCODING_COUNT; i++)
        if (f->choices.encoded[i] != NULL && f->choices.encoded[i]->is_young)
            return true;
    return false;
}

/* A look-up needs more than one: the file, and folders on the way. */
static bool has_made_room(struct file_cache *cache)
{
    unsigned made = (unsigned)file_cache_shed(cache);

    while (made < ROOM_FDS && cache->give_room != NULL && cache->give_room(cache->context))
        made++;
    return made > 0;
}

/* Asks the file system. `old` is the path's entry that went stale, out of the cache; or NULL. */
static struct entry *entry_load(struct file_cache *cache, struct docroot *root, struct str path,
                                uint64_t hash, uint64_t now_ms, const struct entry *old)
{
    struct entry *e = entry_new(root, path, hash);
    struct docroot_answer a;
    uint64_t valid_ms;
    bool is_watched;

    if (cache->ways != NULL)
        ways_set_time(cache->ways, now_ms);
    a = docroot_find(root, path, cache->ways, &e->trail, &is_watched);
    if ((a.error == EMFILE || a.error == ENFILE) && has_made_room(cache))
        a = docroot_find(root, path, cache->ways, &e->trail, &is_watched);
    if (a.status == DOCROOT_FILE)
        entry_take_file(cache, e, old, &a, &is_watched);
    else if (a.status == DOCROOT_DIRECTORY)
        e->answer = (struct lookup){ .kind = LOOKUP_DIRECTORY, .status = 301 };
    else if (a.status == DOCROOT_LISTING)
        e->answer = (struct lookup){ .kind = LOOKUP_LISTING, .status = 200 };
    else
        e->answer = error_lookup(a.status);
    valid_ms = cache->entries.limits.valid_ms;
    if (is_watched && valid_ms < WATCHED_VALID_MS)
        valid_ms = WATCHED_VALID_MS;
    if (e->answer.file != NULL && has_young(e->answer.file) && valid_ms > YOUNG_VALID_MS)
        valid_ms = YOUNG_VALID_MS;
    e->stale_ms = now_ms + valid_ms;
    return e;
}

struct lookup file_cache_find(struct file_cache *cache, struct docroot *root, struct str path,
                              uint64_t now_ms, bool *is_hit)
{
    uint64_t hash = XXH3_64bits_withSeed(path.p, path.n, root->salt);
    struct entry *e = entries_find(&cache->entries, root, path, hash);
    struct entry *old = NULL;
    struct lookup answer;

    assert(path.n > 0 && path.p[0] == '/');
    root->is_asked = true;
    cache->now_ms = now_ms;
    if (is_hit != NULL)
        *is_hit = e != NULL && now_ms < e->stale_ms;
    if (e != NULL && now_ms < e->stale_ms) {
        cache->hits++;
        entry_touch(&cache->entries, e);
        cache->ticket = entry_ticket(&cache->entries, e);
        return e->answer;
    }
    cache->misses++;
    cache->ticket.stale_ms = 0;
    if (e != NULL) {
        entry_detach(&cache->entries, e);
        old = e;
    }
    pass(cache, NULL);
    e = entry_load(cache, root, path, hash, now_ms, old);
    answer = keep(cache, e);
    entry_free(&cache->entries, &old); /* last: by now its file may be the new one's */
    return answer;
}

struct file_ticket file_cache_ticket(const struct file_cache *cache)
{
    return cache->ticket;
}

bool file_cache_is_true(const struct file_cache *cache, const struct file_ticket *ticket,
                        uint64_t now_ms)
{
    return now_ms < ticket->stale_ms && cache->entries.versions[ticket->cell] == ticket->version;
}

void file_cache_touch(struct file_cache *cache, const struct file_ticket *ticket,
                      const struct file *f)
{
    struct entries *entries = &cache->entries;
    struct entry *e;

    cache->hits++;
    *ticket->is_asked = true;
    if (f == NULL)
        return;
    e = f->entry;
    /* Near the end of the order of use it may stay, its neighbours need not be touched either. But
       whether an encoding that was made is in use is told by `used`. */
    if (e->made_bytes > 0 || entries->use_count - e->used > entries->count[e->holds] / 8)
        entry_touch(entries, e);
}

void file_cache_changed(struct file_cache *cache, const struct file *f)
{
    if (f->entry != NULL)
        entry_refuse_tickets(&cache->entries, f->entry);
}

int file_cache_watch_fd(const struct file_cache *cache)
{
    return cache->watch != NULL ? file_watch_fd(cache->watch) : -1;
}

static void on_touched(struct file_cache *cache, struct trail *trail)
{
    switch (trail->owner) {
    case TRAIL_OF_ROOT:
        root_check(cache, CONTAINER_OF(trail, struct docroot, trail));
        return;
    case TRAIL_OF_WAY:
        ways_on_touched(cache->ways, trail);
        return;
    case TRAIL_OF_ENTRY:
        cache->invalidated++;
        entry_drop(&cache->entries, CONTAINER_OF(trail, struct entry, trail));
        return;
    }
}

void file_cache_on_change(struct file_cache *cache)
{
    struct trail *trail;

    if (cache->watch == NULL)
        return;
    for (int i = 0; i < BATCHES_MAX && file_watch_read(cache->watch); i++)
        while ((trail = file_watch_next(cache->watch)) != NULL)
            on_touched(cache, trail);
}

void file_cache_tick(struct file_cache *cache, uint64_t now_ms)
{
    if (now_ms < cache->next_tick_ms)
        return;
    cache->next_tick_ms = now_ms + TICK_MS;
    LIST_EACH (at, &cache->roots) {
        struct docroot *root = CONTAINER_OF(at, struct docroot, in_cache);

        if (root->next_look_ms == 0) /* it has just been looked at */
            root->next_look_ms = now_ms + WATCHED_VALID_MS;
        if (!root->is_asked ||
            (root->is_way_watched && now_ms < root->next_look_ms && cache->root_count > FEW_ROOTS))
            continue;
        root->is_asked = false;
        root->next_look_ms = now_ms + WATCHED_VALID_MS;
        if (docroot_refresh(root)) {
            drop_below(cache, root);
            root_check(cache, root);
        }
    }
}

void file_cache_add_encoded(struct file_cache *cache, struct file *f, enum encoding encoding,
                            struct file **made)
{
    entries_add_encoded(&cache->entries, f, encoding, made, cache->now_ms);
}

void file_cache_cancel_work(struct file_cache *cache)
{
    entries_cancel_work(&cache->entries);
}

void file_cache_set_room(struct file_cache *cache, bool (*give_room)(void *context), void *context)
{
    cache->give_room = give_room;
    cache->context = context;
}

/* The kernel's word on an open folder: nothing is looked up. */
static struct str real_path(const struct docroot *root, char text[PATH_MAX])
{
    char link[sizeof("/proc/self/fd/") + 3 * sizeof(int)];
    ssize_t n;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", root->fd);
    n = readlink(link, text, PATH_MAX);
    return n > 0 ? (struct str){ text, (size_t)n } : STR_NONE;
}

static size_t purge_below(struct file_cache *cache, struct docroot *root, struct str below)
{
    size_t dropped;

    if (below.p == NULL)
        return 0;
    dropped = entries_purge(&cache->entries, root, below);
    if (below.n == 0)
        root_check(cache, root); /* it may be another one by now */
    return dropped;
}

size_t file_cache_purge(struct file_cache *cache, struct str path)
{
    char text[PATH_MAX];
    size_t dropped = 0;

    LIST_EACH (at, &cache->roots) {
        struct docroot *root = CONTAINER_OF(at, struct docroot, in_cache);
        struct str real = real_path(root, text), named = str_of(root->options.path);

        dropped += purge_below(cache, root, file_purge_below(named, path));
        if (real.p != NULL && !str_eq(real, named))
            dropped += purge_below(cache, root, file_purge_below(real, path));
    }
    cache->invalidated += dropped;
    if (cache->ways != NULL)
        ways_forget_idle(cache->ways);
    return dropped;
}

size_t file_cache_shed(struct file_cache *cache)
{
    size_t closed = cache->ways != NULL ? ways_shed(cache->ways) : 0;

    if (cache->passing != NULL && cache->passing->fd >= 0 && cache->passing->refs == 1) {
        pass(cache, NULL);
        closed++;
    }
    return closed + entries_shed(&cache->entries);
}

void file_cache_retire(struct file_cache *cache)
{
    drop_below(cache, NULL);
    cache->entries.limits.entries_max = 0;
}

struct file_cache_stats file_cache_stats(const struct file_cache *cache)
{
    return (struct file_cache_stats){
        .entries = entries_count(&cache->entries),
        .fds = cache->entries.fds,
        .watches = cache->watch != NULL ? file_watch_count(cache->watch) : 0,
        .memory_bytes = cache->entries.memory_bytes,
        .made_bytes = cache->entries.made_bytes,
        .hits = cache->hits,
        .misses = cache->misses,
        .invalidated = cache->invalidated,
    };
}
