#include "worker/out.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/uio.h>

#include "common/xmalloc.h"
#include "worker/acceptor.h"
#include "worker/conn.h"
#include "worker/transport.h"

struct out *out_new(size_t bytes, unsigned chunks)
{
    struct out *out = xmalloc(sizeof(*out) + chunks * sizeof(out->chunks[0]));

    out->bytes = xmalloc(bytes);
    out->used = 0;
    out->cap = bytes;
    out->first = out->count = 0;
    out->chunk_cap = chunks;
    return out;
}

void out_clear(struct out *out)
{
    for (unsigned i = out->first; i < out->count; i++)
        if (out->chunks[i].file != NULL)
            file_put(&out->chunks[i].file);
    out->first = out->count = 0;
    out->used = 0;
}

void out_free(struct out **out)
{
    if (*out == NULL)
        return;
    out_clear(*out);
    free((*out)->bytes);
    free(*out);
    *out = NULL;
}

void out_commit(struct out *out, size_t n)
{
    char *p = out_tail(out);
    struct out_chunk *last = out->count > out->first ? &out->chunks[out->count - 1] : NULL;

    assert(n <= out->cap - out->used);
    out->used += n;
    if (last != NULL && last->file == NULL) {
        last->n += n;
        return;
    }
    assert(out->count < out->chunk_cap);
    out->chunks[out->count++] = (struct out_chunk){ NULL, p, 0, n };
}

void out_add(struct out *out, struct str bytes)
{
    memcpy(out_tail(out), bytes.p, bytes.n);
    out_commit(out, bytes.n);
}

void out_add_file(struct out *out, struct file *f, off_t first, size_t n)
{
    struct out_chunk *chunk;

    if (n == 0)
        return;
    if (f->body != NULL && n <= OUT_COPY_MAX && n <= out->cap - out->used) {
        out_add(out, (struct str){ f->body + first, n });
        return;
    }
    assert(out->count < out->chunk_cap);
    chunk = &out->chunks[out->count++];
    chunk->file = file_get(f);
    chunk->p = f->body != NULL ? f->body + first : NULL;
    chunk->offset = first;
    chunk->n = n;
}

uint64_t out_last_file_left(const struct out *out)
{
    const struct out_chunk *last = &out->chunks[out->count - 1];

    return out_is_empty(out) || last->file == NULL ? 0 : last->n;
}

uint64_t out_left(const struct out *out)
{
    uint64_t left = 0;

    for (unsigned i = out->first; i < out->count; i++)
        left += out->chunks[i].n;
    return left;
}

struct out *out_detach(struct out *out)
{
    size_t bytes = 0;
    struct out *own;

    for (unsigned i = out->first; i < out->count; i++)
        if (out->chunks[i].file == NULL)
            bytes += out->chunks[i].n;
    own = out_new(bytes, out->count - out->first);
    for (unsigned i = out->first; i < out->count; i++) {
        struct out_chunk chunk = out->chunks[i];

        if (chunk.file == NULL) {
            memcpy(own->bytes + own->used, chunk.p, chunk.n);
            chunk.p = own->bytes + own->used;
            own->used += chunk.n;
        }
        own->chunks[own->count++] = chunk;
    }
    out->first = out->count = 0; /* the references went along */
    out->used = 0;
    return own;
}

/* `n` bytes left the front. */
static void advance(struct out *out, size_t n)
{
    while (n > 0) {
        struct out_chunk *chunk = &out->chunks[out->first];
        size_t part = n < chunk->n ? n : chunk->n;

        chunk->n -= part;
        n -= part;
        if (chunk->p != NULL)
            chunk->p += part;
        else
            chunk->offset += (off_t)part;
        if (chunk->n > 0)
            return;
        if (chunk->file != NULL)
            file_put(&chunk->file);
        out->first++;
    }
}

/* All chunks in memory up to the next one that is not; *asked becomes how many bytes these are. */
static ssize_t send_memory(struct out *out, struct conn *c, bool then_closes, size_t *asked)
{
    struct iovec iov[OUT_CHUNKS];
    int count = 0;
    unsigned at = out->first;

    *asked = 0;
    for (; at < out->count && out->chunks[at].p != NULL && count < OUT_CHUNKS; at++) {
        iov[count++] = (struct iovec){ (void *)(uintptr_t)out->chunks[at].p, out->chunks[at].n };
        *asked += out->chunks[at].n;
    }
    return c->listener->transport->write(c, iov, count, at < out->count || then_closes);
}

/*
 * To ask a socket that took less than all what it then says would be a system call for nothing, or
 * two. If it was not full, the poll tells that there is room.
 */
static bool was_short(ssize_t n, size_t asked)
{
    return n >= 0 && (size_t)n < asked;
}

/* One stretch of memory that leaves whole, as most responses do. False: the long way. */
static bool send_at_once(struct out *out, struct conn *c, bool then_closes, size_t *budget,
                         uint64_t *sent, enum out_result *result)
{
    struct out_chunk *chunk = &out->chunks[out->first];
    struct iovec iov = { (void *)(uintptr_t)chunk->p, chunk->n };
    ssize_t n;

    if (out->count - out->first != 1 || chunk->p == NULL || chunk->file != NULL ||
        chunk->n > *budget)
        return false;
    n = c->listener->transport->write(c, &iov, 1, then_closes);
    if (n < 0)
        return false;
    *sent += (uint64_t)n;
    *budget -= (size_t)n;
    if (was_short(n, chunk->n)) {
        advance(out, (size_t)n);
        *result = OUT_BLOCKED;
        return true;
    }
    out->first = out->count = 0;
    out->used = 0;
    *result = OUT_SENT;
    return true;
}

enum out_result out_send(struct out *out, struct conn *c, bool then_closes, size_t *budget,
                         uint64_t *sent)
{
    enum out_result result;

    if (send_at_once(out, c, then_closes, budget, sent, &result))
        return result;
    while (!out_is_empty(out)) {
        struct out_chunk *chunk = &out->chunks[out->first];
        size_t asked;
        ssize_t n;

        if (*budget == 0)
            return OUT_TURN_OVER;
        if (chunk->p != NULL) {
            n = send_memory(out, c, then_closes, &asked);
        } else {
            if (!file_is_unchanged(chunk->file))
                return OUT_FILE_CHANGED;
            asked = chunk->n < *budget ? chunk->n : *budget;
            n = c->listener->transport->send_file(c, chunk->file->fd, chunk->offset, asked);
            if (n == 0) /* shorter than its fstat said: cut behind our back */
                return OUT_FILE_CHANGED;
            if (n < 0 && (errno == EIO || errno == EINVAL || errno == ENOMEM))
                return OUT_FILE_FAILED;
        }
        if (n < 0) {
            if (errno == EINTR)
                continue;
            return errno == EAGAIN ? OUT_BLOCKED : OUT_FAILED;
        }
        *sent += (uint64_t)n;
        *budget -= (size_t)n < *budget ? (size_t)n : *budget;
        advance(out, (size_t)n);
        if (was_short(n, asked))
            return OUT_BLOCKED;
    }
    out->first = out->count = 0;
    out->used = 0;
    return OUT_SENT;
}
