/*
 * file_walk - goes the way of a look-up name by name, as the kernel does, and has every name on it
 * watched: folders, symbolic links and what they lead through, up to the file or to the first name
 * that is missing.
 *
 *     if (!file_walk(watch, &trail, root_fd, "a/b.html"))
 *         ...                             // not all of it can be watched: check by age
 *     fd = open(...)                      // what changes from here on is seen
 *
 * This takes some four system calls for each name, so what was found is kept: see ways.h.
 */
#ifndef WORKER_FILE_WALK_H
#define WORKER_FILE_WALK_H

#include <stdbool.h>
#include <sys/types.h>

#include "worker/file_watch.h"

/*
 * Adds to the trail all that the look-up of `path` (relative, not leaving the root) below
 * `root_fd` goes through. Call it before that look-up. False: something on the way cannot be
 * watched (no permission, no watch left, a file system that other machines write to).
 */
bool file_walk(struct file_watch *watch, struct trail *trail, int root_fd, const char *path);

enum walk_end {
    WALK_ARRIVED,   /* at a folder, and all names in it are watched */
    WALK_ENDED,     /* there is no such folder; the trail tells when that changes */
    WALK_UNWATCHED, /* as when file_walk() says false */
};

struct walked_folder {
    int fd; /* O_PATH; the caller's. -1: no descriptor was left */
    int wd; /* for file_watch_add_name() */
    dev_t device;
    bool is_behind_links; /* symbolic ones are on the way */
};

/* The same where the path is that of a folder. `*folder` is set on WALK_ARRIVED. */
enum walk_end file_walk_folder(struct file_watch *watch, struct trail *trail, int root_fd,
                               const char *path, struct walked_folder *folder);

/*
 * Adds the symbolic links on the way to the folder `path` (absolute), and that it or a folder above
 * it is moved or deleted. False: not all of that can be watched.
 */
bool file_walk_links(struct file_watch *watch, struct trail *trail, const char *path);

#endif
