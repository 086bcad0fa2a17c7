#include "worker/entries.h"

#include <stdlib.h>
#include <string.h>

#include "common/xmalloc.h"
#include "worker/file_purge.h"
#include "worker/file_work.h"
#include "worker/variants.h"
#include "worker/ways.h"

enum {
    BUCKETS_MIN = 64,
    BUCKETS_MAX = 1 << 20,
    NEGATIVE_PATH_MAX = 256, /* errors for longer paths are not kept: anybody can make them up */
};

void entries_init(struct entries *entries, const struct file_cache_limits *limits)
{
    size_t buckets = BUCKETS_MIN;

    while (buckets < limits->entries_max && buckets < BUCKETS_MAX)
        buckets *= 2;
    entries->limits = *limits;
    entries->bucket_mask = buckets - 1;
    entries->buckets = xcalloc(buckets, sizeof(struct entry *));
    for (int i = 0; i < HOLDS_COUNT; i++)
        list_init(&entries->order[i]);
    list_init(&entries->made);
}

void entries_fini(struct entries *entries)
{
    free(entries->buckets);
}

size_t entries_count(const struct entries *entries)
{
    return entries->count[HOLDS_NOTHING] + entries->count[HOLDS_FD] + entries->count[HOLDS_MEMORY];
}

/* ---- one entry ---- */

struct entry *entry_new(struct docroot *root, struct str path, uint64_t hash)
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

static void enter_made(struct entries *entries, struct entry *e)
{
    if (e->made_bytes == 0)
        return;
    entries->made_bytes += e->made_bytes;
    entries->made_count++;
    list_append(&entries->made, &e->in_made);
}

static void leave_made(struct entries *entries, struct entry *e)
{
    if (e->made_bytes == 0)
        return;
    entries->made_bytes -= e->made_bytes;
    entries->made_count--;
    list_remove(&e->in_made);
}

void entry_detach(struct entries *entries, struct entry *e)
{
    struct entry **at = &entries->buckets[e->hash & entries->bucket_mask];

    entry_refuse_tickets(entries, e);
    while (*at != e)
        at = &(*at)->next;
    *at = e->next;
    list_remove(&e->in_order);
    entries->count[e->holds]--;
    entries->fds -= e->fds;
    entries->memory_bytes -= e->memory_bytes;
    leave_made(entries, e);
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

void entry_free(struct entries *entries, struct entry **e)
{
    struct entry *entry = *e;

    *e = NULL;
    if (entry == NULL)
        return;
    if (entries->ways != NULL)
        ways_drop(entries->ways, &entry->trail);
    if (entry->answer.file != NULL)
        release_file(&entry->answer.file);
    free(entry);
}

void entry_drop(struct entries *entries, struct entry *e)
{
    entry_detach(entries, e);
    entry_free(entries, &e);
}

/* ---- within the bounds ---- */

/* The least recently used of all; but errors, which anybody can ask for, get a quarter at most. */
static struct entry *next_to_go(const struct entries *entries)
{
    struct entry *oldest = NULL;

    if (entries->count[HOLDS_NOTHING] > entries->limits.entries_max / 4)
        return CONTAINER_OF(entries->order[HOLDS_NOTHING].next, struct entry, in_order);
    for (int i = 0; i < HOLDS_COUNT; i++) {
        struct entry *e = CONTAINER_OF(entries->order[i].next, struct entry, in_order);

        if (!list_is_empty(&entries->order[i]) && (oldest == NULL || e->used < oldest->used))
            oldest = e;
    }
    return oldest;
}

static void drop_first(struct entries *entries, enum holds holds)
{
    entry_drop(entries, CONTAINER_OF(entries->order[holds].next, struct entry, in_order));
}

static void make_room(struct entries *entries, const struct entry *e)
{
    const struct file_cache_limits *limits = &entries->limits;

    /* An entry alone may have more than the limit: a file and its encodings. */
    if (e->fds > 0)
        while (entries->count[HOLDS_FD] > 0 && entries->fds + e->fds > limits->fds_max)
            drop_first(entries, HOLDS_FD);
    if (e->memory_bytes > 0)
        while (entries->memory_bytes + e->memory_bytes > limits->memory_bytes) {
            /* Entries with descriptors hold little of it: an encoding that is small. */
            enum holds holds = entries->count[HOLDS_MEMORY] > 0 ? HOLDS_MEMORY : HOLDS_FD;

            if (entries->count[holds] == 0)
                break;
            drop_first(entries, holds);
        }
    while (entries_count(entries) >= limits->entries_max)
        entry_drop(entries, next_to_go(entries));
}

static bool is_worth_keeping(const struct entries *entries, const struct entry *e)
{
    if (entries->limits.entries_max == 0)
        return false;
    if (e->answer.kind == LOOKUP_ERROR)
        return e->answer.status < 500 && e->path_n <= NEGATIVE_PATH_MAX;
    return e->holds != HOLDS_FD || entries->limits.fds_max >= e->fds;
}

bool entries_keep(struct entries *entries, struct entry *e)
{
    struct entry **bucket = &entries->buckets[e->hash & entries->bucket_mask];

    entry_measure(e);
    if (!is_worth_keeping(entries, e))
        return false;
    make_room(entries, e);
    e->next = *bucket;
    *bucket = e;
    entry_touch(entries, e);
    entries->count[e->holds]++;
    entries->fds += e->fds;
    entries->memory_bytes += e->memory_bytes;
    enter_made(entries, e);
    entry_own_files(e, e);
    return true;
}

size_t entries_drop(struct entries *entries, const struct docroot *root)
{
    size_t dropped = 0;

    for (int i = 0; i < HOLDS_COUNT; i++) {
        LIST_EACH_SAFE (at, after, &entries->order[i]) {
            struct entry *e = CONTAINER_OF(at, struct entry, in_order);

            if (root == NULL || e->root == root) {
                entry_drop(entries, e);
                dropped++;
            }
        }
    }
    return dropped;
}

size_t entries_purge(struct entries *entries, const struct docroot *root, struct str below)
{
    size_t dropped = 0;

    for (int i = 0; i < HOLDS_COUNT; i++) {
        LIST_EACH_SAFE (at, after, &entries->order[i]) {
            struct entry *e = CONTAINER_OF(at, struct entry, in_order);

            if (e->root != root || !file_purge_touches(below, (struct str){ e->path, e->path_n }))
                continue;
            entry_drop(entries, e);
            dropped++;
        }
    }
    return dropped;
}

static bool is_held_elsewhere(const struct file *f)
{
    bool is_held = f->refs > 1;

    for (int i = 0; i < ENCODING_COUNT; i++)
        is_held = is_held || (f->choices.encoded[i] != NULL && f->choices.encoded[i]->refs > 1);
    return is_held;
}

size_t entries_shed(struct entries *entries)
{
    size_t closed = 0;

    LIST_EACH_SAFE (at, after, &entries->order[HOLDS_FD]) {
        struct entry *e = CONTAINER_OF(at, struct entry, in_order);

        if (is_held_elsewhere(e->answer.file))
            continue;
        closed += e->fds;
        entry_drop(entries, e);
    }
    return closed;
}

/* ---- encodings that were made ---- */

static void drop_made(struct entries *entries, struct entry *e, uint64_t now_ms)
{
    struct file *f = e->answer.file;
    unsigned made = f->choices.made;

    entry_refuse_tickets(entries, e);
    leave_made(entries, e);
    e->made_bytes = 0;
    for (int i = 0; i < ENCODING_COUNT; i++)
        if ((made & ENCODING_BIT(i)) != 0)
            variants_drop(f, (enum encoding)i);
    f->choices.given_up |= made;
    f->choices.given_up_ms = now_ms;
}

/*
 * Gives up what nobody asked for since we last looked. Where all of it is in use the new one has to
 * do without: to push out what is made again at once would keep the thread busy for ever. For the
 * same reason what was given up is not made again for a while.
 */
static bool make_room_for_made(struct entries *entries, uint64_t bytes, uint64_t now_ms)
{
    size_t tries = entries->made_count;

    while (entries->made_bytes + bytes > entries->limits.compress_bytes) {
        struct entry *e = CONTAINER_OF(entries->made.next, struct entry, in_made);

        if (tries-- == 0)
            return false;
        if (e->used == e->made_use_seen) {
            drop_made(entries, e, now_ms);
            continue;
        }
        e->made_use_seen = e->used;
        list_move_to_tail(&entries->made, &e->in_made);
    }
    return true;
}

void entries_add_encoded(struct entries *entries, struct file *f, enum encoding encoding,
                         struct file **made, uint64_t now_ms)
{
    struct entry *e = f->entry;

    entry_refuse_tickets(entries, e);
    /* What is hard to compress for one is so for the others. */
    f->choices.makeable &= *made != NULL ? ~ENCODING_BIT(encoding) : 0;
    if (*made == NULL || f->choices.encoded[encoding] != NULL ||
        !make_room_for_made(entries, (uint64_t)(*made)->size, now_ms))
        return;
    leave_made(entries, e);
    (*made)->entry = e;
    f->choices.encoded[encoding] = *made;
    f->choices.made |= ENCODING_BIT(encoding);
    e->made_bytes += (uint64_t)(*made)->size;
    e->made_use_seen = e->used;
    enter_made(entries, e);
    *made = NULL;
}

void entries_cancel_work(struct entries *entries)
{
    for (int i = 0; i < HOLDS_COUNT; i++) {
        LIST_EACH (at, &entries->order[i]) {
            struct file *f = CONTAINER_OF(at, struct entry, in_order)->answer.file;

            if (f != NULL)
                cancel_work(f);
        }
    }
}
