#include "worker/file_cache.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>
#include <xxhash.h>

#include "common/list.h"
#include "common/xmalloc.h"
#include "worker/docroot.h"
#include "worker/file_walk.h"
#include "worker/file_watch.h"
#include "worker/file_work.h"
#include "worker/variants.h"
#include "worker/ways.h"

enum {
    BUCKETS_MIN = 64,
    BUCKETS_MAX = 1 << 20,
    WATCHED_VALID_MS = 60 * 1000, /* what inotify does not tell (file_watch.h) is found by then */
    REMAKE_MS = 60 * 1000,        /* what was given up is not made again before */
    YOUNG_VALID_MS = 25,          /* see struct file: by then the file is not young any more */
    WAYS_SHARE = 8,               /* of the descriptors that may be held: one in so many */
    ROOM_FDS = 8,                 /* given back at a time when there are none left */
    TICK_MS = 900,                /* a timer of a second may fire a little early */
    BATCHES_MAX = 16,             /* of events in one turn of the loop */
    CELLS = 4096,                 /* entries share them: a ticket can only be refused in vain */
    NEGATIVE_PATH_MAX = 256, /* errors for longer paths are not kept: anybody can make them up */
};

/* What an entry holds; each kind has its bound, so each kind has a list in order of use. */
enum holds { HOLDS_NOTHING, HOLDS_FD, HOLDS_MEMORY, HOLDS_COUNT };

struct entry {
    struct entry *next; /* in its bucket */
    uint64_t hash;
    const struct docroot *root;
    struct lookup answer; /* owns a reference of answer.file */
    uint64_t stale_ms;    /* CLOCK_MONOTONIC: to be checked again */
    uint64_t used;        /* a count of uses: orders entries of different lists */
    struct list in_order;
    enum holds holds;
    unsigned fds; /* of the file and its encodings */
    uint64_t memory_bytes, made_bytes;
    struct list in_made;    /* while made_bytes > 0 */
    uint64_t made_use_seen; /* `used` when we last looked for something to give up */
    struct trail trail;
    size_t path_n;
    char path[];
};

struct file_cache {
    struct file_cache_limits limits;
    bool (*give_room)(void *context);
    void *context;
    struct file_watch *watch; /* NULL: off, or inotify is not to be had */
    struct ways *ways;        /* NULL: no `watch` */
    struct entry **buckets;
    size_t bucket_mask;
    uint64_t seed;
    struct list order[HOLDS_COUNT]; /* least recently used first */
    size_t count[HOLDS_COUNT];
    size_t fds;
    uint64_t memory_bytes, made_bytes;
    struct list made; /* entries with encodings that were made, oldest first */
    size_t made_count;
    uint64_t use_count;
    struct file *passing;      /* the last answer's file if it was not kept */
    struct file_ticket ticket; /* of the last answer */
    uint64_t versions[CELLS];  /* by the hash of an entry: how often one of them changed or went */
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
    size_t buckets = BUCKETS_MIN;

    while (buckets < limits->entries_max && buckets < BUCKETS_MAX)
        buckets *= 2;
    cache->limits = *limits;
    cache->buckets = xcalloc(buckets, sizeof(struct entry *));
    cache->bucket_mask = buckets - 1;
    cache->seed = random_seed(cache);
    for (int i = 0; i < HOLDS_COUNT; i++)
        list_init(&cache->order[i]);
    list_init(&cache->roots);
    list_init(&cache->made);
    /* Without inotify (too many instances of it, say) all answers are checked by age. */
    if (limits->is_watching && limits->entries_max > 0)
        cache->watch = file_watch_new(limits->entries_max);
    if (cache->watch != NULL)
        cache->ways = ways_new(cache->watch, limits->fds_max / WAYS_SHARE);
    return cache;
}

static void count_file(struct entry *e, const struct file *f)
{
    if (f->fd >= 0)
        e->fds++;
    else
        e->memory_bytes += (uint64_t)f->size;
}

/* What the entry's file and its encodings take. */
static void entry_measure(struct entry *e)
{
    const struct file *f = e->answer.file;

    e->fds = 0;
    e->memory_bytes = e->made_bytes = 0;
    e->holds = HOLDS_NOTHING;
    if (f == NULL)
        return;
    count_file(e, f);
    for (int i = 0; i < ENCODING_COUNT; i++) {
        if ((f->choices.beside & ENCODING_BIT(i)) != 0)
            count_file(e, f->choices.encoded[i]);
        if ((f->choices.made & ENCODING_BIT(i)) != 0)
            e->made_bytes += (uint64_t)f->choices.encoded[i]->size;
    }
    e->holds = e->fds > 0 ? HOLDS_FD : HOLDS_MEMORY;
}

static void entry_own_files(struct entry *e, void *owner)
{
    struct file *f = e->answer.file;

    if (f == NULL)
        return;
    f->entry = owner;
    for (int i = 0; i < ENCODING_COUNT; i++)
        if (f->choices.encoded[i] != NULL)
            f->choices.encoded[i]->entry = owner;
}

static void enter_made(struct file_cache *cache, struct entry *e)
{
    if (e->made_bytes == 0)
        return;
    cache->made_bytes += e->made_bytes;
    cache->made_count++;
    list_append(&cache->made, &e->in_made);
}

static void leave_made(struct file_cache *cache, struct entry *e)
{
    if (e->made_bytes == 0)
        return;
    cache->made_bytes -= e->made_bytes;
    cache->made_count--;
    list_remove(&e->in_made);
}

static void refuse_tickets(struct file_cache *cache, const struct entry *e)
{
    cache->versions[e->hash % CELLS]++;
}

/* Takes it out of the cache; it stays whole. */
static void entry_detach(struct file_cache *cache, struct entry *e)
{
    struct entry **at = &cache->buckets[e->hash & cache->bucket_mask];

    refuse_tickets(cache, e);
    while (*at != e)
        at = &(*at)->next;
    *at = e->next;
    list_remove(&e->in_order);
    cache->count[e->holds]--;
    cache->fds -= e->fds;
    cache->memory_bytes -= e->memory_bytes;
    leave_made(cache, e);
    entry_own_files(e, NULL);
}

static void cancel_work(struct file *f)
{
    file_work_cancel(f);
    for (int i = 0; i < ENCODING_COUNT; i++)
        if (f->choices.encoded[i] != NULL)
            file_work_cancel(f->choices.encoded[i]);
}

/* If no other entry has taken it over, nobody waits for what was to be made of it. */
static void release_file(struct file **f)
{
    if ((*f)->entry == NULL)
        cancel_work(*f);
    file_put(f);
}

static void entry_free(struct file_cache *cache, struct entry **e)
{
    struct entry *entry = *e;

    *e = NULL;
    if (entry == NULL)
        return;
    if (cache->ways != NULL)
        ways_drop(cache->ways, &entry->trail);
    if (entry->answer.file != NULL)
        release_file(&entry->answer.file);
    free(entry);
}

static void entry_drop(struct file_cache *cache, struct entry *e)
{
    entry_detach(cache, e);
    entry_free(cache, &e);
}

static void pass(struct file_cache *cache, struct file *file)
{
    if (cache->passing != NULL)
        file_put(&cache->passing);
    cache->passing = file;
}

static void drop_entries(struct file_cache *cache, const struct docroot *root)
{
    for (int i = 0; i < HOLDS_COUNT; i++) {
        LIST_EACH_SAFE (at, after, &cache->order[i]) {
            struct entry *e = CONTAINER_OF(at, struct entry, in_order);

            if (root == NULL || e->root == root) {
                cache->invalidated++;
                entry_drop(cache, e);
            }
        }
    }
}

/* The root folder is another one, or there is no cache any more. */
static void drop_below(struct file_cache *cache, const struct docroot *root)
{
    drop_entries(cache, root);
    if (cache->ways != NULL)
        ways_forget_idle(cache->ways);
}

void file_cache_free(struct file_cache **cache)
{
    struct file_cache *c = *cache;

    *cache = NULL;
    if (c == NULL)
        return;
    drop_entries(c, NULL);
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
    free(c->buckets);
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

/* The least recently used of all; but errors, which anybody can ask for, get a quarter at most. */
static struct entry *next_to_go(const struct file_cache *cache)
{
    struct entry *oldest = NULL;

    if (cache->count[HOLDS_NOTHING] > cache->limits.entries_max / 4)
        return CONTAINER_OF(cache->order[HOLDS_NOTHING].next, struct entry, in_order);
    for (int i = 0; i < HOLDS_COUNT; i++) {
        struct entry *e = CONTAINER_OF(cache->order[i].next, struct entry, in_order);

        if (!list_is_empty(&cache->order[i]) && (oldest == NULL || e->used < oldest->used))
            oldest = e;
    }
    return oldest;
}

static void drop_first(struct file_cache *cache, enum holds holds)
{
    entry_drop(cache, CONTAINER_OF(cache->order[holds].next, struct entry, in_order));
}

static size_t entry_count(const struct file_cache *cache)
{
    return cache->count[HOLDS_NOTHING] + cache->count[HOLDS_FD] + cache->count[HOLDS_MEMORY];
}

static void make_room(struct file_cache *cache, const struct entry *e)
{
    const struct file_cache_limits *limits = &cache->limits;

    /* An entry alone may have more than the limit: a file and its encodings. */
    if (e->fds > 0)
        while (cache->count[HOLDS_FD] > 0 && cache->fds + e->fds > limits->fds_max)
            drop_first(cache, HOLDS_FD);
    if (e->memory_bytes > 0)
        while (cache->memory_bytes + e->memory_bytes > limits->memory_bytes) {
            /* Entries with descriptors hold little of it: an encoding that is small. */
            enum holds holds = cache->count[HOLDS_MEMORY] > 0 ? HOLDS_MEMORY : HOLDS_FD;

            if (cache->count[holds] == 0)
                break;
            drop_first(cache, holds);
        }
    while (entry_count(cache) >= limits->entries_max)
        entry_drop(cache, next_to_go(cache));
}

static void give_ticket(struct file_cache *cache, const struct entry *e)
{
    uint32_t cell = (uint32_t)(e->hash % CELLS);

    cache->ticket = (struct file_ticket){
        .version = cache->versions[cell],
        .stale_ms = e->stale_ms,
        .cell = cell,
    };
}

static void touch(struct file_cache *cache, struct entry *e)
{
    e->used = ++cache->use_count;
    list_move_to_tail(&cache->order[e->holds], &e->in_order);
}

static bool is_worth_keeping(const struct file_cache *cache, const struct entry *e)
{
    if (cache->limits.entries_max == 0)
        return false;
    if (e->answer.kind == LOOKUP_ERROR)
        return e->answer.status < 500 && e->path_n <= NEGATIVE_PATH_MAX;
    return e->holds != HOLDS_FD || cache->limits.fds_max >= e->fds;
}

/* Takes the entry. */
static struct lookup entry_keep(struct file_cache *cache, struct entry *e)
{
    struct lookup answer = e->answer;
    struct entry **bucket = &cache->buckets[e->hash & cache->bucket_mask];

    entry_measure(e);
    if (!is_worth_keeping(cache, e)) {
        e->answer.file = NULL;
        pass(cache, answer.file);
        entry_free(cache, &e);
        return answer;
    }
    make_room(cache, e);
    e->next = *bucket;
    *bucket = e;
    touch(cache, e);
    cache->count[e->holds]++;
    cache->fds += e->fds;
    cache->memory_bytes += e->memory_bytes;
    enter_made(cache, e);
    entry_own_files(e, e);
    give_ticket(cache, e);
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
    const struct file_cache_limits *limits = &cache->limits;
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

static struct entry *entry_new(const struct docroot *root, struct str path, uint64_t hash)
{
    struct entry *e = xmalloc(sizeof(*e) + path.n + 1);

    *e = (struct entry){ .hash = hash, .root = root, .holds = HOLDS_NOTHING, .path_n = path.n };
    e->trail.owner = TRAIL_OF_ENTRY;
    list_init(&e->in_order);
    list_init(&e->in_made);
    memcpy(e->path, path.p, path.n);
    e->path[path.n] = '\0';
    return e;
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
static struct entry *entry_load(struct file_cache *cache, const struct docroot *root,
                                struct str path, uint64_t hash, uint64_t now_ms,
                                const struct entry *old)
{
    struct entry *e = entry_new(root, path, hash);
    struct docroot_answer a;
    uint64_t valid_ms;
    bool is_watched;

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
    valid_ms = cache->limits.valid_ms;
    if (is_watched && valid_ms < WATCHED_VALID_MS)
        valid_ms = WATCHED_VALID_MS;
    if (e->answer.file != NULL && has_young(e->answer.file) && valid_ms > YOUNG_VALID_MS)
        valid_ms = YOUNG_VALID_MS;
    e->stale_ms = now_ms + valid_ms;
    return e;
}

static struct entry *entry_find(const struct file_cache *cache, const struct docroot *root,
                                struct str path, uint64_t hash)
{
    struct entry *e = cache->buckets[hash & cache->bucket_mask];

    while (e != NULL && (e->hash != hash || e->root != root ||
                         !str_eq((struct str){ e->path, e->path_n }, path)))
        e = e->next;
    return e;
}

struct lookup file_cache_find(struct file_cache *cache, struct docroot *root, struct str path,
                              uint64_t now_ms, bool *is_hit)
{
    uint64_t hash = XXH3_64bits_withSeed(path.p, path.n, root->salt);
    struct entry *e = entry_find(cache, root, path, hash);
    struct entry *old = NULL;
    struct lookup answer;

    assert(path.n > 0 && path.p[0] == '/');
    root->is_asked = true;
    cache->now_ms = now_ms;
    if (is_hit != NULL)
        *is_hit = e != NULL && now_ms < e->stale_ms;
    if (e != NULL && now_ms < e->stale_ms) {
        cache->hits++;
        touch(cache, e);
        give_ticket(cache, e);
        return e->answer;
    }
    cache->misses++;
    cache->ticket.stale_ms = 0;
    if (e != NULL) {
        entry_detach(cache, e);
        old = e;
    }
    pass(cache, NULL);
    e = entry_load(cache, root, path, hash, now_ms, old);
    answer = entry_keep(cache, e);
    entry_free(cache, &old); /* last: by now its file may be the new one's */
    return answer;
}

struct file_ticket file_cache_ticket(const struct file_cache *cache)
{
    return cache->ticket;
}

bool file_cache_is_true(const struct file_cache *cache, const struct file_ticket *ticket,
                        uint64_t now_ms)
{
    return now_ms < ticket->stale_ms && cache->versions[ticket->cell] == ticket->version;
}

void file_cache_touch(struct file_cache *cache, const struct file *f)
{
    struct entry *e = f->entry;

    cache->hits++;
    /* It stands near the end of the order of use: no need to touch its neighbours too. */
    if (cache->use_count - e->used <= cache->count[e->holds] / 8)
        return;
    touch(cache, e);
}

void file_cache_changed(struct file_cache *cache, const struct file *f)
{
    if (f->entry != NULL)
        refuse_tickets(cache, f->entry);
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
        entry_drop(cache, CONTAINER_OF(trail, struct entry, trail));
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
        if (!root->is_asked || (root->is_way_watched && now_ms < root->next_look_ms))
            continue;
        root->is_asked = false;
        root->next_look_ms = now_ms + WATCHED_VALID_MS;
        if (docroot_refresh(root)) {
            drop_below(cache, root);
            root_check(cache, root);
        }
    }
}

/* ---- encodings that were made ---- */

static void drop_made(struct file_cache *cache, struct entry *e)
{
    struct file *f = e->answer.file;
    unsigned made = f->choices.made;

    refuse_tickets(cache, e);
    leave_made(cache, e);
    e->made_bytes = 0;
    for (int i = 0; i < ENCODING_COUNT; i++)
        if ((made & ENCODING_BIT(i)) != 0)
            variants_drop(f, (enum encoding)i);
    f->choices.given_up |= made;
    f->choices.given_up_ms = cache->now_ms;
}

/*
 * Gives up what nobody asked for since we last looked. Where all of it is in use the new one has to
 * do without: to push out what is made again at once would keep the thread busy for ever. For the
 * same reason what was given up is not made again for a while.
 */
static bool make_room_for_made(struct file_cache *cache, uint64_t bytes)
{
    size_t tries = cache->made_count;

    while (cache->made_bytes + bytes > cache->limits.compress_bytes) {
        struct entry *e = CONTAINER_OF(cache->made.next, struct entry, in_made);

        if (tries-- == 0)
            return false;
        if (e->used == e->made_use_seen) {
            drop_made(cache, e);
            continue;
        }
        e->made_use_seen = e->used;
        list_move_to_tail(&cache->made, &e->in_made);
    }
    return true;
}

void file_cache_add_encoded(struct file_cache *cache, struct file *f, enum encoding encoding,
                            struct file **made)
{
    struct entry *e = f->entry;

    refuse_tickets(cache, e);
    /* What is hard to compress for one is so for the others. */
    f->choices.makeable &= *made != NULL ? ~ENCODING_BIT(encoding) : 0;
    if (*made == NULL || f->choices.encoded[encoding] != NULL ||
        !make_room_for_made(cache, (uint64_t)(*made)->size))
        return;
    leave_made(cache, e);
    (*made)->entry = e;
    f->choices.encoded[encoding] = *made;
    f->choices.made |= ENCODING_BIT(encoding);
    e->made_bytes += (uint64_t)(*made)->size;
    e->made_use_seen = e->used;
    enter_made(cache, e);
    *made = NULL;
}

void file_cache_cancel_work(struct file_cache *cache)
{
    for (int i = 0; i < HOLDS_COUNT; i++) {
        LIST_EACH (at, &cache->order[i]) {
            struct file *f = CONTAINER_OF(at, struct entry, in_order)->answer.file;

            if (f != NULL)
                cancel_work(f);
        }
    }
}

static bool is_held_elsewhere(const struct file *f)
{
    bool is_held = f->refs > 1;

    for (int i = 0; i < ENCODING_COUNT; i++)
        is_held = is_held || (f->choices.encoded[i] != NULL && f->choices.encoded[i]->refs > 1);
    return is_held;
}

void file_cache_set_room(struct file_cache *cache, bool (*give_room)(void *context), void *context)
{
    cache->give_room = give_room;
    cache->context = context;
}

size_t file_cache_shed(struct file_cache *cache)
{
    size_t closed = cache->ways != NULL ? ways_shed(cache->ways) : 0;

    if (cache->passing != NULL && cache->passing->fd >= 0 && cache->passing->refs == 1) {
        pass(cache, NULL);
        closed++;
    }
    LIST_EACH_SAFE (at, after, &cache->order[HOLDS_FD]) {
        struct entry *e = CONTAINER_OF(at, struct entry, in_order);

        if (is_held_elsewhere(e->answer.file))
            continue;
        closed += e->fds;
        entry_drop(cache, e);
    }
    return closed;
}

void file_cache_retire(struct file_cache *cache)
{
    drop_below(cache, NULL);
    cache->limits.entries_max = 0;
}

struct file_cache_stats file_cache_stats(const struct file_cache *cache)
{
    return (struct file_cache_stats){
        .entries = entry_count(cache),
        .fds = cache->fds,
        .watches = cache->watch != NULL ? file_watch_count(cache->watch) : 0,
        .memory_bytes = cache->memory_bytes,
        .made_bytes = cache->made_bytes,
        .hits = cache->hits,
        .misses = cache->misses,
        .invalidated = cache->invalidated,
    };
}
