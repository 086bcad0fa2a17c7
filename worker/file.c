#include "worker/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "common/put.h"
#include "common/xmalloc.h"
#include "config/shapes.h"
#include "worker/encoding.h"
#include "worker/http_date.h"
#include "worker/mime.h"

enum {
    READ_TRIES = 4,
    /* A file system stamps files with the time of the last timer tick, at most 10 ms ago (HZ=100).
       Two writes within one tick leave the same mtime, so only an older one identifies a version. */
    YOUNG_MS = 20,
    /* The same where times are whole seconds, or two as on FAT. */
    YOUNG_COARSE_MS = 2500,
    HASHED_AT_ONCE_MAX = 64 * 1024, /* some microseconds */
};

static const struct str charset_word = STR_INIT("; charset=");

static bool is_same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

/* A time far ahead was set by someone (or the clock was): a write now would not get it again. */
static bool is_young(struct timespec mtime, struct timespec now)
{
    int64_t limit_ms = mtime.tv_nsec == 0 ? YOUNG_COARSE_MS : YOUNG_MS;
    int64_t seconds = (int64_t)now.tv_sec - mtime.tv_sec;
    int64_t age_ms;

    if (seconds < -10 || seconds > 10)
        return false;
    age_ms = seconds * 1000 + (now.tv_nsec - mtime.tv_nsec) / 1000000;
    return age_ms < limit_ms && age_ms > -limit_ms;
}

/* Builds that want to be the same every time give all files this one, or a second more. */
static bool is_epoch(struct timespec mtime)
{
    return mtime.tv_sec == 0 || mtime.tv_sec == 1;
}

/*
 * The ctime, not the mtime: builds and rsync set the mtime as they like, and file systems use inodes
 * again, but no writer can give two contents of one inode the same ctime. It also moves with a
 * chmod or a new link, which costs a client one transfer.
 */
static void write_etag(struct file *f, const struct stat *st, bool is_weak)
{
    struct timespec time = st->st_ctim;
    uint64_t time_ns = (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
    struct str name = encoding_name(f->encoding);
    char *p = f->etag;

    p = put_str(p, is_weak ? STR("W/\"") : STR("\""));
    p = put_hex(p, st->st_ino);
    *p++ = '-';
    p = put_hex(p, (uint64_t)st->st_size);
    *p++ = '-';
    p = put_hex(p, time_ns);
    if (name.n > 0)
        *p++ = '-';
    p = put_str(p, name);
    *p++ = '"';
    f->etag_n = (unsigned)(p - f->etag);
    *p = '\0';
}

static void drop_head(struct file *f)
{
    free(f->head);
    f->head = NULL;
    f->head_n = 0;
}

void file_set_content_etag(struct file *f, uint64_t high, uint64_t low)
{
    const char *name = encoding_name(f->encoding).p;

    f->etag_n = (unsigned)snprintf(f->etag, sizeof(f->etag), "\"%016llx%016llx%s%s\"",
                                   (unsigned long long)high, (unsigned long long)low,
                                   name[0] != '\0' ? "-" : "", name);
    f->wants_tag = false;
    drop_head(f);
    file_update_choices(f);
}

static void hash_body(struct file *f)
{
    XXH128_hash_t hash = XXH3_128bits(f->body, (size_t)f->size);

    file_set_content_etag(f, hash.high64, hash.low64);
}

void file_update_choices(struct file *f)
{
    bool varies =
        (f->choices.beside | f->choices.made | f->choices.makeable | f->choices.given_up) != 0;

    /* An encoded file varies in any case. */
    if (f->encoding == ENCODING_IDENTITY && varies != f->varies) {
        f->varies = varies;
        drop_head(f);
    }
    f->is_special = varies || f->wants_tag;
}

/* Dates outside the four-digit years cannot be written; nobody else has them either. */
static void write_last_modified(struct file *f, time_t now)
{
    static const time_t first = -62167219200, last = 253402300799;

    if (is_epoch(f->mtime))
        return;
    f->modified_at = f->mtime.tv_sec < now ? f->mtime.tv_sec : now;
    if (f->modified_at < first)
        f->modified_at = first;
    if (f->modified_at > last)
        f->modified_at = last;
    http_date_write(f->last_modified, f->modified_at);
    f->last_modified[HTTP_DATE_N] = '\0';
}

/* p NULL: the name does not tell. */
static struct str type_of(struct str name, const struct file_options *options)
{
    const char *own = NULL;

    if (options->types != NULL && options->types->count > 0)
        own = pairs_find(options->types, mime_extension(name));
    return own != NULL ? str_of(own) : mime_type(name);
}

/* One block: the struct, the content type, then room for `body_n` bytes. Returns where these go. */
static char *allocate(struct file **out, struct str name, const struct file_options *options,
                      size_t body_n)
{
    struct str type = type_of(name, options);
    struct str charset = options->charset;
    struct file *f;
    char *at;

    if (type.p == NULL)
        type = options->default_type;
    if (charset.n > 0 && !mime_wants_charset(type))
        charset.n = 0;
    f = xmalloc(sizeof(*f) + type.n + charset_word.n + charset.n + body_n + 1);
    *f = (struct file){ .refs = 1,
                        .fd = -1,
                        .encoding = options->encoding,
                        .varies = options->encoding != ENCODING_IDENTITY };
    at = (char *)(f + 1);
    f->content_type.p = at;
    at = mempcpy(at, type.p, type.n);
    if (charset.n > 0) {
        at = mempcpy(at, charset_word.p, charset_word.n);
        at = mempcpy(at, charset.p, charset.n);
    }
    f->content_type.n = (size_t)(at - f->content_type.p);
    *out = f;
    return at;
}

/* `now` is from before the first look at the file: what is written later is younger still. */
static struct file *describe(struct file *f, const struct stat *st, struct timespec now,
                             const struct file_options *options)
{
    f->size = st->st_size;
    f->mtime = st->st_mtim;
    f->ctime = st->st_ctim;
    f->is_young = is_young(f->mtime, now);
    f->device = st->st_dev;
    f->inode = st->st_ino;
    if (options->etag == ETAG_CONTENT && f->body != NULL && f->size <= HASHED_AT_ONCE_MAX) {
        hash_body(f);
    } else if (options->etag != ETAG_OFF) {
        f->wants_tag = options->etag == ETAG_CONTENT;
        f->is_special = f->wants_tag;
        write_etag(f, st, f->is_young || f->wants_tag);
    }
    write_last_modified(f, now.tv_sec);
    return f;
}

/* Bytes read; less than `n` only at the end of the file. -1: errno. */
static ssize_t read_all(int fd, char *to, size_t n)
{
    size_t at = 0;

    while (at < n) {
        ssize_t got = pread(fd, to + at, n - at, (off_t)at);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        at += (size_t)got;
    }
    return (ssize_t)at;
}

static bool is_same_version(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           is_same_time(a->st_mtim, b->st_mtim) && is_same_time(a->st_ctim, b->st_ctim);
}

enum read_result { READ_WHOLE, READ_CHANGED, READ_FAILED };

/* A body counts only if the file was the same before and after it was read. */
static enum read_result read_body(int fd, struct str name, const struct file_options *options,
                                  const struct stat *before, struct file **out)
{
    struct stat after;
    size_t size = (size_t)before->st_size;
    char *body = allocate(out, name, options, size);
    ssize_t got = read_all(fd, body, size);
    int saved_errno = errno;
    enum read_result result = READ_WHOLE;

    if (fstat(fd, &after) < 0) {
        saved_errno = errno;
        result = READ_FAILED;
    } else if (!is_same_version(before, &after)) {
        result = READ_CHANGED;
    } else if (got < 0) {
        result = READ_FAILED;
    } else if ((size_t)got != size) {
        result = READ_CHANGED;
    }
    if (result == READ_WHOLE) {
        (*out)->body = body;
        return result;
    }
    free(*out);
    *out = NULL;
    errno = saved_errno;
    return result;
}

/* What is open now, which may be another file than the one that was looked at. */
static int look_again(int fd, struct stat *st, struct timespec *seen_at)
{
    clock_gettime(CLOCK_REALTIME, seen_at);
    if (fstat(fd, st) < 0)
        return -1;
    if (S_ISREG(st->st_mode))
        return 0;
    errno = EACCES;
    return -1;
}

struct file *file_new(int fd, const struct stat *st, struct timespec seen_at, struct str name,
                      const struct file_options *options)
{
    struct file *f = NULL;
    struct stat now = *st;
    int saved_errno;

    for (int i = 0; i < READ_TRIES && (uint64_t)now.st_size <= options->small_bytes; i++) {
        enum read_result result = read_body(fd, name, options, &now, &f);

        if (result == READ_WHOLE) {
            close(fd);
            return describe(f, &now, seen_at, options);
        }
        if (result == READ_FAILED || look_again(fd, &now, &seen_at) < 0)
            goto fail;
    }
    /* Large, or never still while we read: sent through the descriptor, and checked as it goes. */
    if (look_again(fd, &now, &seen_at) < 0)
        goto fail;
    allocate(&f, name, options, 0);
    f->fd = fd;
    return describe(f, &now, seen_at, options);

fail:
    saved_errno = errno;
    close(fd);
    errno = saved_errno;
    return NULL;
}

struct file *file_new_encoded(const struct file *identity, enum encoding encoding, struct str bytes)
{
    struct str type = identity->content_type;
    struct file *f = xmalloc(sizeof(*f) + type.n + bytes.n + 1);
    char *at = (char *)(f + 1);

    *f = (struct file){ .refs = 1,
                        .fd = -1,
                        .size = (off_t)bytes.n,
                        .mtime = identity->mtime,
                        .ctime = identity->ctime,
                        .modified_at = identity->modified_at,
                        .encoding = encoding,
                        .varies = true };
    f->content_type = (struct str){ at, type.n };
    at = mempcpy(at, type.p, type.n);
    f->body = at;
    memcpy(at, bytes.p, bytes.n);
    memcpy(f->last_modified, identity->last_modified, sizeof(f->last_modified));
    if (identity->etag_n > 0)
        hash_body(f);
    return f;
}

bool file_is_version(const struct file *f, const struct stat *st)
{
    return !f->is_young && f->device == st->st_dev && f->inode == st->st_ino &&
           f->size == st->st_size && is_same_time(f->mtime, st->st_mtim) &&
           is_same_time(f->ctime, st->st_ctim);
}

void file_put(struct file **f)
{
    struct file *file = *f;

    *f = NULL;
    if (--file->refs > 0)
        return;
    for (int i = 0; i < ENCODING_COUNT; i++)
        if (file->choices.encoded[i] != NULL)
            file_put(&file->choices.encoded[i]);
    if (file->fd >= 0)
        close(file->fd);
    free(file->head);
    free(file);
}

/*
 * The ctime is left out: it also changes when the file is renamed, linked, unlinked (each deploy
 * does that) or chmod-ed, and breaking a download for that would be worse than missing a writer
 * who sets the old mtime again.
 */
bool file_is_unchanged(const struct file *f)
{
    struct stat st;

    if (f->fd < 0)
        return true;
    return fstat(f->fd, &st) == 0 && st.st_size == f->size && is_same_time(st.st_mtim, f->mtime);
}
