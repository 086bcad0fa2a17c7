/*
 * ways - the folders that look-ups went through lately, and the watched way to each: the next file
 * of a folder costs no walk.
 *
 * What a path leads to depends on the names on its way (file_watch.h). All files of a folder share
 * the way to it, so that is walked once and known from then on: by the root folder and the path of
 * the folder below it. It is forgotten with the first change that touches it, and then all trails
 * through it are touched too. A folder that no trail goes through stays known for a while, so that a
 * cache at its bound does not watch it anew for each file. What no event tells (a mount over a folder
 * on the way) is seen when the folder is entered again.
 *
 *     switch (ways_enter(ways, &trail, &root, "a/b.html")) {  // before the look-up
 *     case WAY_OPEN:      ...   // look at "b.html" in trail.way: if it is a plain file, that is all
 *     case WAY_FOLLOWED:  ...   // there is no such folder, and the trail tells when there is
 *     case WAY_UNWATCHED: ...   // check by age
 */
#ifndef WORKER_WAYS_H
#define WORKER_WAYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "common/list.h"
#include "config/encodings.h"
#include "worker/file_watch.h"

struct ways;

/* A folder. Lives while trails go through it, and a while longer. */
struct way {
    int fd; /* O_PATH; -1: none may be had, or be kept */

    /* the module's own */
    dev_t device;
    ino_t inode; /* 0: not known yet */
    int wd;
    struct trail trail; /* the way to it */
    unsigned refs;
    uint64_t known_ms; /* CLOCK_MONOTONIC: when it was last seen to lead here */
    uint64_t mount;    /* that the folder is on: docroot_mount() */
    unsigned asked;    /* how often for a name that way_may_hold() could have told of */
    unsigned encoded;  /* encodings whose suffixes names in it were found to have */
    bool is_behind_links;
    bool is_listed; /* all names in it were looked at */
    bool is_void;   /* something on the way has changed: nobody goes it any more */
    struct list in_idle, in_open;
    struct way *next; /* in its bucket */
    uint64_t hash;
    dev_t root_device;
    ino_t root_inode;
    size_t n;
    char path[];
};

struct way_root {
    int fd; /* O_PATH */
    bool has_openat2;
    dev_t device;
    ino_t inode;
    uint64_t mount; /* docroot_mount() */
};

enum way_end { WAY_OPEN, WAY_FOLLOWED, WAY_UNWATCHED };

/* `watch` is borrowed; at most `fds_max` descriptors. */
struct ways *ways_new(struct file_watch *watch, size_t fds_max);
/* For what comes next: CLOCK_MONOTONIC. */
void ways_set_time(struct ways *ways, uint64_t now_ms);
/* All trails must have been dropped. Sets *ways to NULL. */
void ways_free(struct ways **ways);

/*
 * Adds to the trail the way to the folder of `path` (relative, clean; "a/" is the folder a itself)
 * and the last name in it. What that name leads to is not followed: on WAY_OPEN see way_has_plain().
 */
enum way_end ways_enter(struct ways *ways, struct trail *trail, const struct way_root *root,
                        const char *path);

/*
 * Whether the file with `st` (not through a link), whose name in the way's folder is on the trail,
 * has no other name or place: then every write to it is an event of that name. Else file_walk()
 * adds what is missing.
 */
bool way_has_plain(const struct way *way, const struct stat *st);

/*
 * Whether a name in the folder may end in the suffix of `encoding`: false spares asking for it. In a
 * folder that is asked for often the names are looked at, some at each call, and events tell of
 * those that come; until all were seen it is true.
 */
bool ways_may_hold(struct ways *ways, struct way *way, enum encoding encoding);

/* Adds all that file_walk() adds. */
bool ways_walk(struct ways *ways, struct trail *trail, const struct way_root *root,
               const char *path);

/* Forgets a trail. */
void ways_drop(struct ways *ways, struct trail *trail);

/* An event touches this trail of ours (TRAIL_OF_WAY). */
void ways_on_touched(struct ways *ways, struct trail *trail);

/* Forgets the folders that no trail goes through. */
void ways_forget_idle(struct ways *ways);
/* Closes all descriptors. Returns how many. */
size_t ways_shed(struct ways *ways);

#endif
