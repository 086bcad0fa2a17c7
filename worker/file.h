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
#include <sys/types.h>
#include <time.h>

#include "common/str.h"

enum { FILE_ETAG_MAX = 64, FILE_DATE_SIZE = 30 };

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
    time_t modified_at; /* seconds since the epoch: what last_modified says. The mtime, but never
                           later than the moment the file was read (RFC 9110, 8.8.2.1) */
    char last_modified[FILE_DATE_SIZE]; /* IMF-fixdate */
    char *head; /* owned by the file, written by the composer on first use: a ready 200 head
                        whose Date the composer patches; NULL until then */
    size_t head_n;
};

/* How a route presents its files. Strings are borrowed for the call. */
struct file_options {
    struct str default_type; /* where the name tells none */
    struct str charset;      /* for text types; empty: none */
    bool has_etag;
    uint64_t small_bytes; /* files up to this size are read into memory */
};

/*
 * The regular file behind `fd`, which is taken in any case, with one reference for the caller. Its
 * `name` tells the media type. NULL: errno of fstat(2) or read(2).
 */
struct file *file_new(int fd, struct str name, const struct file_options *options);

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
