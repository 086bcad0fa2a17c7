/*
 * entries - the answers that a file cache holds, within its bounds.
 *
 * An entry is one path's answer. It is found by a hash of docroot and path, and stands in the order
 * of use of its kind: what it holds decides which bound it counts for, and the least recently used
 * goes when a bound is reached. What was compressed for an entry has a bound and an order of its
 * own. Knows nothing of how answers come about or become untrue: file_cache.h.
 */
#ifndef WORKER_ENTRIES_H
#define WORKER_ENTRIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/list.h"
#include "common/str.h"
#include "worker/file_cache.h"
#include "worker/file_watch.h"

struct ways;

/* What an entry holds; each kind has its bound, so each kind has a list in order of use. */
enum holds { HOLDS_NOTHING, HOLDS_FD, HOLDS_MEMORY, HOLDS_COUNT };

struct entry {
    struct entry *next; /* in its bucket */
    uint64_t hash;
    struct docroot *root;
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

enum { TICKET_CELLS = 4096 }; /* entries share them: a ticket can only be refused in vain */

struct entries {
    struct file_cache_limits limits;
    struct ways *ways; /* that trails go through; borrowed; NULL: nothing is watched */
    struct entry **buckets;
    size_t bucket_mask;
    struct list order[HOLDS_COUNT]; /* least recently used first */
    size_t count[HOLDS_COUNT];
    size_t fds;
    uint64_t memory_bytes, made_bytes;
    struct list made; /* entries with encodings that were made, oldest first */
    size_t made_count;
    uint64_t use_count;
    uint64_t versions[TICKET_CELLS]; /* by the hash: how often one of them changed or went */
};

/* `entries` is all zeros. */
void entries_init(struct entries *entries, const struct file_cache_limits *limits);
/* All entries must have been dropped. */
void entries_fini(struct entries *entries);

/* Not in the cache yet; the caller's. */
struct entry *entry_new(struct docroot *root, struct str path, uint64_t hash);
/* One that is not in the cache. Sets *e to NULL. */
void entry_free(struct entries *entries, struct entry **e);

/* Takes the entry, and may drop others. False: it is not worth keeping, and still the caller's. */
bool entries_keep(struct entries *entries, struct entry *e);
/* Takes it out of the cache; it stays whole, and is the caller's. */
void entry_detach(struct entries *entries, struct entry *e);
/* Takes it out and frees it. */
void entry_drop(struct entries *entries, struct entry *e);

/* All below `root`; NULL: all. Returns how many. */
size_t entries_drop(struct entries *entries, const struct docroot *root);
/* Those of `root` that `below` touches (file_purge.h). Returns how many. */
size_t entries_purge(struct entries *entries, const struct docroot *root, struct str below);
/* Those with descriptors that no response holds. Returns how many descriptors were closed. */
size_t entries_shed(struct entries *entries);

size_t entries_count(const struct entries *entries);

/* See file_cache_add_encoded(). */
void entries_add_encoded(struct entries *entries, struct file *f, enum encoding encoding,
                         struct file **made, uint64_t now_ms);
/* The work on all files ends soon. */
void entries_cancel_work(struct entries *entries);

/* NULL: there is none. */
static inline struct entry *entries_find(const struct entries *entries, const struct docroot *root,
                                         struct str path, uint64_t hash)
{
    struct entry *e = entries->buckets[hash & entries->bucket_mask];

    while (e != NULL && (e->hash != hash || e->root != root ||
                         !str_eq((struct str){ e->path, e->path_n }, path)))
        e = e->next;
    return e;
}

/* What it holds is another, or it goes: tickets for it are not true any more. */
static inline void entry_refuse_tickets(struct entries *entries, const struct entry *e)
{
    entries->versions[e->hash % TICKET_CELLS]++;
}

static inline struct file_ticket entry_ticket(const struct entries *entries, const struct entry *e)
{
    uint32_t cell = (uint32_t)(e->hash % TICKET_CELLS);

    return (struct file_ticket){
        .version = entries->versions[cell],
        .stale_ms = e->stale_ms,
        .cell = cell,
        .is_asked = &e->root->is_asked,
    };
}

/* It was used. */
static inline void entry_touch(struct entries *entries, struct entry *e)
{
    e->used = ++entries->use_count;
    list_move_to_tail(&entries->order[e->holds], &e->in_order);
}

#endif
