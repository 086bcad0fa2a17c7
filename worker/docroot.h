/*
 * docroot - an open root folder, and looking up request paths below it.
 *
 * The kernel keeps a path inside: openat2(2) with RESOLVE_BENEATH and RESOLVE_NO_MAGICLINKS from
 * the root's descriptor. Symbolic links that stay inside work; "..", absolute links and mounts of
 * /proc lead nowhere. Where there is no openat2 (before Linux 5.6, or a seccomp filter that does
 * not know it) names are opened one by one and symbolic links are refused.
 *
 * A file is looked at before it is opened, and only regular ones are: opening is an act already.
 * It rewinds a tape, starts a watchdog, and wakes up whoever waits to write to a FIFO, to die of
 * SIGPIPE. In a folder whose way is watched (ways.h) the look is one fstatat(2) of the name alone,
 * and the file is opened by its name, if it still is no link. Else an O_PATH descriptor, which does
 * not touch the file, is looked at and then opened for reading: three system calls more.
 */
#ifndef WORKER_DOCROOT_H
#define WORKER_DOCROOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include "common/list.h"
#include "common/str.h"
#include "config/config.h"
#include "worker/file_watch.h"

struct pairs;
struct ways;

/* How one route reads its files. Strings are borrowed for the docroot's life. */
struct docroot_options {
    const char *path; /* absolute folder */
    char *const *index;
    size_t index_count;
    bool is_dotfiles_shown;
    const struct pairs *types; /* media types by extension; NULL: none */
    const char *default_type, *charset;
    bool has_listing; /* of a folder without an index */
    enum etag_kind etag;
    unsigned precompressed, compress; /* sets of encodings: config/encodings.h */
    const struct words *compress_types;
    uint64_t compress_min_bytes, compress_max_bytes;
};

struct docroot {
    struct docroot_options options;
    int fd; /* O_PATH; owned */
    dev_t device;
    ino_t inode;
    uint64_t mount; /* docroot_mount() of it */
    bool has_openat2;

    /* the cache's own */
    struct list in_cache;
    struct trail trail;    /* the way to the folder */
    uint64_t salt;         /* of its entries' hashes */
    bool is_asked;         /* since the last tick */
    bool is_way_watched;   /* all of the way to the folder is */
    uint64_t next_look_ms; /* CLOCK_MONOTONIC: when the way is looked at all the same */
};

/* -1: errno of open(2). */
int docroot_open(struct docroot *root, const struct docroot_options *options);
void docroot_close(struct docroot *root);

/*
 * Opens the folder again if its path leads to another one by now. True: it did; what was found
 * below the old one is void. If the path leads nowhere (yet), the old folder stays.
 */
bool docroot_refresh(struct docroot *root);

enum { DOCROOT_LISTING = 1, DOCROOT_FILE = 200, DOCROOT_DIRECTORY = 301 };

struct docroot_answer {
    unsigned
        status; /* DOCROOT_FILE, DOCROOT_DIRECTORY, DOCROOT_LISTING, or an error: 403, 404, 500, 503 */
    int fd;     /* DOCROOT_FILE: open for reading, the caller's; else -1 */
    struct stat st; /* DOCROOT_FILE: of the path; another file may be open if it was replaced */
    struct timespec seen_at; /* CLOCK_REALTIME, from before `st` */
    struct str name;         /* DOCROOT_FILE: of the file itself; borrows the path or the options */
    int error;               /* errno behind an error status; 0: none */
};

/*
 * What a clean path leads to. It is recorded in `trail` before it is looked up; `ways` may be
 * NULL. *is_watched tells whether all of it is.
 */
struct docroot_answer docroot_find(const struct docroot *root, struct str path, struct ways *ways,
                                   struct trail *trail, bool *is_watched);

/*
 * The file beside the one that `found` is the answer for, whose name has the suffix of `encoding`
 * more; the trail hears of it. DOCROOT_FILE, or any other status when there is none that could be
 * sent.
 */
struct docroot_answer docroot_find_beside(const struct docroot *root, struct str path,
                                          const struct docroot_answer *found,
                                          enum encoding encoding, struct ways *ways,
                                          struct trail *trail, bool *is_watched);

/* Whether a segment starts with '.', other than a first one that is ".well-known" (RFC 8615). */
bool docroot_hides(struct str path);

/*
 * `path`, relative, opened below a docroot's descriptor; without openat2(2) no link is followed.
 * -1: errno. For other threads: it needs no struct docroot.
 */
int docroot_open_below(int root_fd, bool has_openat2, const char *path, int flags);

/* The id of the mount that a descriptor is on (STATX_MNT_ID, Linux 5.8); 0: not to be had. */
uint64_t docroot_mount(int fd);

/* The response status for an errno of opening or reading. */
unsigned docroot_status(int error);

#endif
