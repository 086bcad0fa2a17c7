/*
 * file_watch - which cached answers a change in the file system touches (inotify).
 *
 * An answer depends on names: "/a/b.html" on the name "a" in the root folder and on the name
 * "b.html" in the folder a, and if a symbolic link stands on the way also on what it leads
 * through. These pairs of folder and name are the answer's *trail*. A negative answer has one
 * too, up to the first name that is missing: it becomes wrong when that name appears. The folders
 * are watched, an event names a folder and a name, and a hash from there to the trails makes it
 * cost as much as answers really change, however many share the folder.
 *
 *     if (!file_watch_follow(watch, &trail, root_fd, "a/b.html"))
 *         ...                             // not all of it can be watched: check by age
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

/* A zeroed struct is an empty trail. Must not move while it has links. */
struct trail {
    struct trail_link *first; /* owned */
    unsigned owner;           /* the caller's: tells what the trail is part of */
};

/* `expected`: about how many names will be watched. NULL: errno of inotify_init1(2). */
struct file_watch *file_watch_new(size_t expected);
/* All trails must have been dropped. Sets *watch to NULL. */
void file_watch_free(struct file_watch **watch);

int file_watch_fd(const struct file_watch *watch);
/* Folders (and hard-linked files) that are watched. */
size_t file_watch_count(const struct file_watch *watch);

/*
 * Adds to the trail all that the look-up of `path` (relative, not leaving the root) below
 * `root_fd` goes through. Call it before that look-up. False: something on the way cannot be
 * watched (no permission, no watch left, a file system that other machines write to).
 */
bool file_watch_follow(struct file_watch *watch, struct trail *trail, int root_fd,
                       const char *path);

/*
 * Adds the name `base` + `suffix` wherever the trail has the name `base`: files beside the one that
 * it leads to, which are not there yet. (One that is there may be a link, and is followed.) False:
 * the trail has no such name.
 */
bool file_watch_beside(struct file_watch *watch, struct trail *trail, struct str base,
                       struct str suffix);

/*
 * Adds the symbolic links on the way to the folder `path` (absolute), and that it or a folder above
 * it is moved or deleted. False: not all of that can be watched.
 */
bool file_watch_follow_links(struct file_watch *watch, struct trail *trail, const char *path);

/* Forgets a trail; folders that no trail needs any more are no longer watched. */
void trail_drop(struct file_watch *watch, struct trail *trail);

/* Reads one batch of events. False: there are none now. */
bool file_watch_read(struct file_watch *watch);
/* The next trail that the batch touches; the caller drops it before the next call. NULL: done. */
struct trail *file_watch_next(struct file_watch *watch);

#endif
