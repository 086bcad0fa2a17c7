#include "worker/file_work.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>
#include <xxhash.h>

#include "common/offload.h"
#include "common/xmalloc.h"
#include "worker/compress.h"
#include "worker/encoding.h"
#include "worker/exchange.h"
#include "worker/generation.h"

enum {
    HASH_CHUNK = 256 * 1024,
    LEAST_GAIN = 20, /* saving less than a 20th is not worth the client's work */
};

struct file_job {
    struct offload_job offload;
    struct file_cache *cache; /* borrowed: there as long as the file has an entry */
    struct file *file;        /* one reference */
    enum encoding encoding;   /* wanted; ENCODING_IDENTITY: the tag */
    atomic_bool is_cancelled;

    /* the result */
    struct file *made; /* owned; NULL: it failed, or gained nothing */
    bool is_hashed;
    XXH128_hash_t hash;
};

/* Exactly `n` bytes from `at` on. */
static bool read_at(const struct file *f, char *to, size_t n, off_t at)
{
    while (n > 0) {
        ssize_t got = pread(f->fd, to, n, at);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        to += got;
        at += got;
        n -= (size_t)got;
    }
    return true;
}

/* All bytes in one version; the buffer (NULL: the body is in memory) is the caller's to free. */
static bool read_whole(const struct file *f, char **buffer, struct str *bytes)
{
    *buffer = NULL;
    *bytes = (struct str){ f->body, (size_t)f->size };
    if (f->body != NULL)
        return true;
    *buffer = xmalloc(bytes->n + 1);
    bytes->p = *buffer;
    return read_at(f, *buffer, bytes->n, 0) && file_is_unchanged(f);
}

static void make_encoding(struct file_job *job)
{
    struct str bytes, small;
    char *buffer, *out;

    if (read_whole(job->file, &buffer, &bytes)) {
        size_t most = bytes.n - bytes.n / LEAST_GAIN;

        out = compress_bytes(job->encoding, bytes, most, &job->is_cancelled, &small.n);
        small.p = out;
        if (out != NULL)
            job->made = file_new_encoded(job->file, job->encoding, small);
        free(out);
    }
    free(buffer);
}

static void hash_body(struct file_job *job)
{
    job->hash = XXH3_128bits(job->file->body, (size_t)job->file->size);
    job->is_hashed = true;
}

static void hash_file(struct file_job *job)
{
    const struct file *f = job->file;
    XXH3_state_t *state = XXH3_createState();
    char *chunk = xmalloc(HASH_CHUNK);
    off_t at = 0;

    XXH3_128bits_reset(state);
    while (at < f->size && !atomic_load(&job->is_cancelled)) {
        size_t n = f->size - at < HASH_CHUNK ? (size_t)(f->size - at) : HASH_CHUNK;

        if (!read_at(f, chunk, n, at))
            break;
        XXH3_128bits_update(state, chunk, n);
        at += (off_t)n;
    }
    job->is_hashed = at == f->size && file_is_unchanged(f);
    job->hash = XXH3_128bits_digest(state);
    XXH3_freeState(state);
    free(chunk);
}

static void run(struct offload_job *offload)
{
    struct file_job *job = CONTAINER_OF(offload, struct file_job, offload);

    if (atomic_load(&job->is_cancelled))
        return;
    if (job->encoding != ENCODING_IDENTITY)
        make_encoding(job);
    else if (job->file->body != NULL)
        hash_body(job);
    else
        hash_file(job);
}

static void done(struct offload_job *offload, bool was_run)
{
    struct file_job *job = CONTAINER_OF(offload, struct file_job, offload);
    struct file *f = job->file;

    f->job = NULL;
    if (f->entry != NULL && !atomic_load(&job->is_cancelled)) {
        file_cache_changed(job->cache, f);
        if (job->encoding != ENCODING_IDENTITY) {
            file_cache_add_encoded(job->cache, f, job->encoding, &job->made);
        } else if (job->is_hashed) {
            file_set_content_etag(f, job->hash.high64, job->hash.low64);
        } else { /* unreadable, or never still: the weak tag has to do */
            f->wants_tag = false;
            file_update_choices(f);
        }
    }
    if (job->made != NULL)
        file_put(&job->made);
    file_put(&job->file);
    free(job);
}

void file_work_start(struct file_cache *cache, struct file *f, enum encoding encoding,
                     struct offload *offload)
{
    struct file_job *job;

    if (f->job != NULL || f->entry == NULL || f->is_young)
        return;
    job = xcalloc(1, sizeof(*job));
    *job = (struct file_job){
        .offload = { .run = run, .done = done },
        .cache = cache,
        .file = f,
        .encoding = encoding,
    };
    if (!offload_submit(offload, &job->offload)) {
        free(job); /* the next request tries again */
        return;
    }
    file_get(f);
    f->job = job;
}

void file_work_cancel(struct file *f)
{
    if (f->job != NULL)
        atomic_store(&f->job->is_cancelled, true);
}

struct file *file_choose(struct exchange *x, struct file *f)
{
    const struct file_choices *choices = &f->choices;
    const struct str range = x->req.known[FIELD_RANGE];
    struct accept_encoding accept;
    struct file *chosen = f;
    enum encoding best, missing = ENCODING_IDENTITY;

    /* Several ranges become a multipart body, of which a Content-Encoding would say that the whole
       of it is encoded: those are always of the bytes as they are. */
    if (x->req.known[FIELD_ACCEPT_ENCODING].p != NULL && f->varies &&
        (range.p == NULL || memchr(range.p, ',', range.n) == NULL)) {
        accept_encoding_read(&accept, &x->req);
        /* What the operator put there comes before what we would make. */
        best = ENCODING_IDENTITY;
        if (choices->beside != 0)
            best = encoding_choose(&accept, choices->beside);
        if (best == ENCODING_IDENTITY && (choices->made | choices->makeable) != 0) {
            best = encoding_choose(&accept, choices->made | choices->makeable);
            if ((choices->makeable & ENCODING_BIT(best)) != 0) {
                missing = best;
                best = encoding_choose(&accept, choices->made);
            }
        }
        if (best != ENCODING_IDENTITY)
            chosen = choices->encoded[best];
    }
    /* What is being made will be the answer the next time. */
    if (missing != ENCODING_IDENTITY || chosen->wants_tag)
        x->is_repeatable = false;
    if (missing != ENCODING_IDENTITY)
        file_work_start(x->gen->cache, f, missing, x->background);
    else if (chosen->wants_tag)
        file_work_start(x->gen->cache, chosen, ENCODING_IDENTITY, x->background);
    return chosen;
}
