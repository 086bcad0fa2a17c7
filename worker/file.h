/*
 * file - one version of one regular file: what a response needs of it, and nothing that changes.
 *
 * Reference-counted within one worker. A file that changed on disk gets a new struct file;
 * responses under way finish with the one they hold.
 */
#ifndef WORKER_FILE_H
#define WORKER_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

#include "common/str.h"
#include "config/config.h"

enum { FILE_ETAG_MAX = 72, FILE_DATE_SIZE = 30 };

struct file_job;

struct freshness;

struct file {
    unsigned refs;
    int fd;           /* owned; -1: the body is in memory */
    const char *body; /* owned, `size` bytes read as one version; NULL: read it through fd */
    off_t size;       /* bytes */
    struct timespec mtime, ctime;
    bool is_young;            /* its times cannot tell two versions apart yet: the tag is weak */
    struct str content_type;  /* with charset; owned */
    char etag[FILE_ETAG_MAX]; /* quoted (RFC 9110, 8.8.3), "" when the route sends none. Strong, but
                                 for a file so young that its times cannot tell two versions apart */
    unsigned etag_n;
    bool is_special;    /* `choices` has something to do, or the content's tag is wanted */
    bool wants_tag;     /* etag: content, and the bytes are yet to be read: file_work.h */
    time_t modified_at; /* seconds since the epoch: what last_modified says. The mtime, but never
                           later than the moment the file was read (RFC 9110, 8.8.2.1) */
    char last_modified[FILE_DATE_SIZE]; /* IMF-fixdate; "" for the epoch, which is no date */
    char *head; /* owned by the file, written by the composer on first use: a ready 200 head
                        whose Date the composer patches; NULL until then */
    size_t head_n;
    size_t head_expires_at;      /* where in `head` the date of Expires stands; 0: nowhere */
    struct freshness *freshness; /* that it is made of; borrowed from the generation */

    /* The same in other encodings. What varies is told by the identity file, the one asked for. */
    enum encoding encoding; /* of these very bytes */
    bool varies;            /* other requests may get another encoding: Vary */
    struct file_choices {
        unsigned beside;                      /* encodings found on disk */
        unsigned made;                        /* encodings that we made */
        unsigned makeable;                    /* encodings that may be made */
        unsigned given_up;                    /* that were made and had to go; not now again */
        uint64_t given_up_ms;                 /* when, CLOCK_MONOTONIC */
        struct file *encoded[ENCODING_COUNT]; /* of beside and made; one reference each */
    } choices;

    /* The cache's own. */
    dev_t device;
    ino_t inode;
    void *entry;          /* that keeps it; NULL: none does */
    struct file_job *job; /* under way; NULL: none */
};

struct pairs;

/* How a route presents its files. Strings are borrowed for the call. */
struct file_options {
    const struct pairs *types; /* by extension, before the built-in ones; NULL: none */
    struct str default_type;   /* where the name tells none */
    struct str charset;        /* for text types; empty: none */
    enum etag_kind etag;
    uint64_t small_bytes;   /* files up to this size are read into memory */
    enum encoding encoding; /* of the bytes; the name is the one without its suffix */
};

/*
 * The regular file behind `fd`, which is taken in any case, with one reference for the caller. Its
 * `name` tells the media type. `st` is what was seen of it (or of another one, if that was replaced
 * before it was opened) at `seen_at` (CLOCK_REALTIME) or later. NULL: errno of fstat(2) or read(2).
 */
struct file *file_new(int fd, const struct stat *st, struct timespec seen_at, struct str name,
                      const struct file_options *options);

/* Whether the inode with `st` still is what `f` holds. Its ctime moves with every change. */
bool file_is_version(const struct file *f, const struct stat *st);

/*
 * `bytes`, which are `identity` in `encoding`, copied. Reads only what never changes, so that any
 * thread may call it. The tag is made from the bytes: another version of an encoder may make others
 * of the same file.
 */
struct file *file_new_encoded(const struct file *identity, enum encoding encoding,
                              struct str bytes);

/* The tag by content, from XXH3-128 of the bytes. */
void file_set_content_etag(struct file *f, uint64_t high, uint64_t low);

/* What the choices changed: is_special, and whether Vary is said. */
void file_update_choices(struct file *f);

/* One reference more. */
static inline struct file *file_get(struct file *f)
{
    f->refs++;
    return f;
}

/* One reference less; the last one frees. Sets *f to NULL. */
void file_put(struct file **f);

/*
 * Whether what is on disk is still this version: one fstat, for large files before each chunk.
 * Always true for a body in memory.
 */
bool file_is_unchanged(const struct file *f);

#endif
