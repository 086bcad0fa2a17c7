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
    struct str content_type;  /* with charset; owned */
    char etag[FILE_ETAG_MAX]; /* quoted (RFC 9110, 8.8.3), "" when the route sends none. Strong, but
                                 for a file so young that its times cannot tell two versions apart */
    unsigned etag_n;
    char last_modified[FILE_DATE_SIZE]; /* IMF-fixdate */
    char *head; /* owned by the file, written by the composer on first use: a ready 200 head
                        whose Date the composer patches; NULL until then */
    size_t head_n;
};

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
