/*
 * out - what a connection has to send, in order: bytes and stretches of files.
 *
 * The worker has one large `out` in which the responses of a batch are gathered and then leave in
 * one send. What the socket does not take moves to a small one of the connection's own: bytes that
 * stood in the scratch are copied, bodies stay references to their files.
 */
#ifndef WORKER_OUT_H
#define WORKER_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/str.h"
#include "worker/file.h"

enum {
    OUT_CHUNKS = 64,         /* of one batch */
    OUT_BYTES = 1024 * 1024, /* address space; pages are touched as a batch needs them */
    OUT_BATCH_BYTES = 65536, /* gathered bytes that are worth a send of their own */
    OUT_COPY_MAX = 4096,     /* a body up to here is copied behind its head, else referenced */
};

struct out_chunk {
    struct file *file; /* NULL: bytes of the out itself; else one reference */
    const char *p;     /* bytes in memory (the out's or the file's); NULL: read through file->fd */
    off_t offset;      /* in the file, when p == NULL */
    size_t n;          /* bytes left to send */
};

struct out {
    char *bytes; /* gathered bytes; owned */
    size_t used, cap;
    unsigned first, count, chunk_cap; /* chunks[first .. count) are left */
    struct out_chunk chunks[];
};

enum out_result {
    OUT_SENT,         /* empty now */
    OUT_BLOCKED,      /* the socket is full */
    OUT_TURN_OVER,    /* *budget is used up: let others send */
    OUT_FAILED,       /* the socket failed: errno */
    OUT_FILE_CHANGED, /* nothing more can be sent that would be true */
    OUT_FILE_FAILED,  /* errno of reading the file */
};

struct out *out_new(size_t bytes, unsigned chunks);
void out_free(struct out **out);

static inline bool out_is_empty(const struct out *out)
{
    return out->first == out->count;
}

/* Whether `bytes` and one file more fit; else flush first. */
static inline bool out_has_room(const struct out *out, size_t bytes)
{
    return out->cap - out->used >= bytes && out->chunk_cap - out->count >= 2;
}

/* Where up to out->cap - out->used bytes can be written, then out_commit() them. */
static inline char *out_tail(struct out *out)
{
    return out->bytes + out->used;
}
void out_commit(struct out *out, size_t n);
void out_add(struct out *out, struct str bytes);
/* [first, first + n) of the file; takes a reference of its own. Small ones are copied. */
void out_add_file(struct out *out, struct file *f, off_t first, size_t n);

/* Bytes still to be sent of the body that was added last, if it is a file's. */
uint64_t out_last_file_left(const struct out *out);

/* Bytes still to be sent. */
uint64_t out_left(const struct out *out);

/* Drops everything. */
void out_clear(struct out *out);

/* What is left, in an out of its own; `out` is empty after it. */
struct out *out_detach(struct out *out);

struct conn;
/*
 * Sends until done, blocked or out of budget; *sent counts. `then_closes`: our side is shut right
 * behind it, so the last bytes may wait for the FIN and share its packet.
 */
enum out_result out_send(struct out *out, struct conn *c, bool then_closes, size_t *budget,
                         uint64_t *sent);

#endif
