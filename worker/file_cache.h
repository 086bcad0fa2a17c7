/*
 * file_cache - what each request path leads to: a file ready to send, a redirect, or an error.
 *
 * One cache per worker and config generation; no locks. An answer is found by one hash look-up
 * from (docroot, clean path), negative answers included. It cannot lie: the directories that a
 * path goes through are watched (inotify), and a change below them drops just the answers that it
 * touches. Where watching is impossible (no watch left, a network file system, switched off) an
 * answer is checked again once it is `valid_ms` old. Bounded in entries, descriptors and bytes;
 * the least recently used goes first.
 *
 * Files are opened with openat2(2) below the docroot's descriptor (RESOLVE_BENEATH,
 * RESOLVE_NO_MAGICLINKS), so no path or symbolic link leaves it.
 */
#ifndef WORKER_FILE_CACHE_H
#define WORKER_FILE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/str.h"
#include "worker/docroot.h"
#include "worker/file.h"

struct file_cache;

struct file_cache_limits {
    size_t entries_max;      /* 0: nothing is kept, each look-up goes to the file system */
    size_t fds_max;          /* entries that may hold a descriptor */
    uint64_t memory_bytes;   /* bodies held in memory, all together, but for what is made */
    uint64_t compress_bytes; /* encodings that were made, all together */
    uint64_t small_bytes;    /* files up to this size are held in memory */
    uint64_t valid_ms;       /* see above */
    bool is_watching;
};

enum lookup_kind {
    LOOKUP_FILE,      /* send it */
    LOOKUP_DIRECTORY, /* a directory asked for without its '/': redirect to path + '/' */
    LOOKUP_LISTING,   /* a directory without an index, where listings are on */
    LOOKUP_ERROR,     /* answer with the status */
};

struct lookup {
    enum lookup_kind kind;
    struct file *file; /* LOOKUP_FILE; borrowed until the next call into the cache: file_get() it */
    unsigned status;   /* LOOKUP_ERROR: 403, 404, or 500, 503 for trouble of ours */
};

/*
 * What an answer rests on: whether it is still true can be asked later without looking it up again.
 * While it is, the answer's file is there and unchanged, and so are its encodings.
 */
struct file_ticket {
    uint64_t version;
    uint64_t stale_ms; /* CLOCK_MONOTONIC; 0: it was never kept, and is not true */
    uint32_t cell;
    bool *is_asked; /* of its root folder, borrowed from the cache: see file_cache_touch() */
};

struct file_cache *file_cache_new(const struct file_cache_limits *limits);
/* Files that responses hold stay valid. Sets *cache to NULL. */
void file_cache_free(struct file_cache **cache);

/* NULL: errno of open(2), as this process may see it. Lives as long as the cache. */
struct docroot *file_cache_add_root(struct file_cache *cache,
                                    const struct docroot_options *options);

/*
 * What `path` (clean, starting with '/', see path.h) leads to. A path that ends in '/' leads to
 * the first index file that exists, else LOOKUP_LISTING or 403 (404 if there is no such directory); "/a.txt/" is
 * 404. `now_ms` is CLOCK_MONOTONIC; `*is_hit` (may be NULL) tells whether the file system was spared.
 */
struct lookup file_cache_find(struct file_cache *cache, struct docroot *root, struct str path,
                              uint64_t now_ms, bool *is_hit);

/* Of the last look-up. */
struct file_ticket file_cache_ticket(const struct file_cache *cache);
bool file_cache_is_true(const struct file_cache *cache, const struct file_ticket *ticket,
                        uint64_t now_ms);

/* An answer is given again without a look-up: a hit. The ticket is true; `f`: its file or NULL. */
void file_cache_touch(struct file_cache *cache, const struct file_ticket *ticket,
                      const struct file *f);

/* What can be made of an entry's file is another now: tickets for it are not true any more. */
void file_cache_changed(struct file_cache *cache, const struct file *f);

/* The inotify descriptor to poll for reading, or -1; call file_cache_on_change() when readable. */
int file_cache_watch_fd(const struct file_cache *cache);
void file_cache_on_change(struct file_cache *cache);

/*
 * Once a second: root folders that were replaced are reopened, if the way to them cannot be watched
 * (else the watch tells, and this looks once a minute).
 */
void file_cache_tick(struct file_cache *cache, uint64_t now_ms);

/*
 * The outcome of making `encoding` for a file that an entry holds: *made is taken, or left there if
 * it is no use: too large for what there is room for. NULL: it could not be made, or gained nothing.
 */
void file_cache_add_encoded(struct file_cache *cache, struct file *f, enum encoding encoding,
                            struct file **made);

/*
 * Whom to ask for a descriptor once the cache has none of its own to give (an idle connection's,
 * say). False: there is none.
 */
void file_cache_set_room(struct file_cache *cache, bool (*give_room)(void *context), void *context);

/*
 * Forgets what it holds of `path` (absolute, clean, of a file or folder) and of all below it: found,
 * missing, or in another encoding. For changes that inotify cannot tell of. A docroot is known by
 * the path that the config names, and by the one that it really has; through a link inside of it a
 * file is known by the path that requests take. Returns how many answers were dropped.
 */
size_t file_cache_purge(struct file_cache *cache, struct str path);

/* Closes every descriptor that no response holds (descriptors ran out). Returns how many. */
size_t file_cache_shed(struct file_cache *cache);

/*
 * Drops all answers and keeps none from now on: a generation that lives on only for a response
 * under way needs no cache, and nobody reads its watch any more.
 */
void file_cache_retire(struct file_cache *cache);

/* The work on files ends soon: before the helper thread is waited for. */
void file_cache_cancel_work(struct file_cache *cache);

/* For tests and status. */
struct file_cache_stats {
    size_t entries, fds, watches;
    uint64_t memory_bytes, hits, misses, invalidated;
    uint64_t made_bytes; /* of encodings that were made */
};
struct file_cache_stats file_cache_stats(const struct file_cache *cache);

#endif
