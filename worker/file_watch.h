/*
 * file_watch - which cached answers a change in the file system touches (inotify).
 *
 * An answer depends on names: "/a/b.html" on the name "a" in the root folder and on the name
 * "b.html" in the folder a, and if a symbolic link stands on the way also on what it leads
 * through. These pairs of folder and name are the answer's *trail*. A negative answer has one
 * too, up to the first name that is missing: it becomes wrong when that name appears. The folders
 * are watched, an event names a folder and a name, and a hash from there to the trails makes it
 * cost as much as answers really change, however many share the folder. Which names those are
 * is found by file_walk.h, or known already (ways.h). A name that ends as an encoded file's does
 * ("b.html.br") is also an event of the name without it.
 *
 *     file_watch_add(watch, &trail, folder_fd, STR("b.html"), WATCH_FOLDER);
 *     fd = open(...)                      // what changes from here on is seen
 *
 *     while (file_watch_read(watch))      // the descriptor is readable
 *         while ((trail = file_watch_next(watch)) != NULL)
 *             ... drop the answer; trail_drop(watch, trail)
 *
 * What inotify does not tell: writes through mmap(2) or through a hard link that was made after the
 * file was followed, changes made by another machine, a file system mounted over a folder. Answers
 * must not live for ever on its word.
 */
#ifndef WORKER_FILE_WATCH_H
#define WORKER_FILE_WATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "common/list.h"
#include "common/str.h"

struct file_watch;
struct trail_link; /* one (folder, name) of a trail */

struct way;

enum trail_owner { TRAIL_OF_ENTRY, TRAIL_OF_ROOT, TRAIL_OF_WAY };

/* A zeroed struct is an empty trail. Must not move while it has links. */
struct trail {
    struct trail_link *first; /* owned */
    struct way *way;          /* of ways.h: what is not ours is dropped by ways_drop(); else NULL */
    enum trail_owner owner;   /* what the trail is part of */
};

/* `expected`: about how many names will be watched. NULL: errno of inotify_init1(2). */
struct file_watch *file_watch_new(size_t expected);
/* All trails must have been dropped. Sets *watch to NULL. */
void file_watch_free(struct file_watch **watch);

int file_watch_fd(const struct file_watch *watch);
/* Folders (and hard-linked files) that are watched. */
size_t file_watch_count(const struct file_watch *watch);

enum watch_kind {
    WATCH_FOLDER, /* all that can change what a path through it leads to */
    WATCH_FILE,   /* the same of a file itself: other names of it may be written through */
    WATCH_LINKS,  /* names that come and go */
    WATCH_MOVES,  /* that it is moved or deleted itself */
};

/*
 * Watches what `fd` (O_PATH) stands for and adds `name` in it ("": it itself) to the trail. Returns
 * the kernel's number of the watch. -1: it cannot be watched (no permission, no watch left).
 */
int file_watch_add(struct file_watch *watch, struct trail *trail, int fd, struct str name,
                   enum watch_kind kind);
/* The same where it is watched already: `wd` is what file_watch_add() returned for another trail
   that still is. */
void file_watch_add_name(struct file_watch *watch, struct trail *trail, int wd, struct str name);

/* As if an event had told that all names of the watch `wd` have changed. */
void file_watch_touch(struct file_watch *watch, int wd);

/* The set of encodings whose suffixes names in the folder had that events told of since it is
   watched. */
unsigned file_watch_encoded(const struct file_watch *watch, int wd);

/* Moves all that `from` depends on to `to`. */
void trail_take(struct trail *to, struct trail *from);

/* Forgets a trail; folders that no trail needs any more are no longer watched. */
void trail_drop(struct file_watch *watch, struct trail *trail);

/* Reads one batch of events. False: there are none now. */
bool file_watch_read(struct file_watch *watch);
/* The next trail that the batch touches; the caller drops it before the next call. NULL: done. */
struct trail *file_watch_next(struct file_watch *watch);

#endif
