/*
 * response - what a handler answers. The other half of the waist: handlers fill it, a protocol
 * reads it, and the composer turns it into bytes. No handler writes a head or knows framing.
 *
 * The body is a stretch of a file (in memory or not) or bytes that outlive the exchange (static
 * or in its pool).
 */
#ifndef WORKER_RESPONSE_H
#define WORKER_RESPONSE_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/str.h"
#include "worker/file.h"

enum { RESPONSE_FIELDS_MAX = 32 };

/*
 * A body made while it is sent, of a length that nobody knows beforehand (a listing of 100,000
 * names). Embedded in whatever makes it; owned by the response.
 */
struct body_source {
    /* Writes 1 to n bytes and returns how many; 0: the end; -1: it broke, the connection ends. */
    ssize_t (*read)(struct body_source *s, char *into, size_t n);
    void (*free)(struct body_source *s);
};

/* One of several stretches that make up a body (multipart/byteranges). */
struct response_part {
    struct str before;   /* bytes in front of it, in the exchange's pool */
    off_t first, length; /* of the response's file */
};

struct response_field {
    struct str name, value; /* literals or in the exchange's pool */
};

struct response {
    unsigned status;
    struct file *file;      /* the representation; one reference, owned; NULL: none */
    bool is_representation; /* `file` is what was asked for: send its validators */
    bool is_whole;          /* the file, whole, with 200: the composer's ready-made head fits */
    bool has_no_ranges;     /* no Accept-Ranges with it: a Range would be ignored */
    off_t first;            /* body: [first, first + length) of `file`, or `bytes` */
    off_t length;           /* bytes of the body, which HEAD and 304 announce or leave out */
    struct str bytes;       /* body when file == NULL; behind the last of `parts` */
    struct response_part *parts; /* in the exchange's pool; NULL: the body is one stretch */
    unsigned part_count;
    struct body_source *source; /* owned; the body, and `length` counts for nothing; NULL: none */
    struct str content_type;    /* n 0: the file's own, or none */
    struct response_field fields[RESPONSE_FIELDS_MAX];
    unsigned field_count;
};

static inline void response_init(struct response *res)
{
    res->status = 0;
    res->file = NULL;
    res->is_representation = res->is_whole = res->has_no_ranges = false;
    res->first = res->length = 0;
    res->bytes = res->content_type = STR_NONE;
    res->field_count = 0;
    res->parts = NULL;
    res->part_count = 0;
    res->source = NULL;
}

/* Drops the file and what else was answered so far. */
void response_reset(struct response *res);

/* A field line more; the views must live as long as the exchange. */
void response_add_field(struct response *res, struct str name, struct str value);

/* Body from memory. */
void response_bytes(struct response *res, unsigned status, struct str type, struct str bytes);

/* Takes the source. */
void response_stream(struct response *res, unsigned status, struct str type,
                     struct body_source *source);

/* The whole file with `status`; takes a reference of its own. */
void response_file(struct response *res, unsigned status, struct file *f);

/* 204 and 304 never have content (RFC 9110, 15.3.5 and 15.4.5). */
static inline bool status_has_body(unsigned status)
{
    return status >= 200 && status != 204 && status != 304;
}

/* "Not Found" (RFC 9110, 15); "Unknown" for what we never send. */
struct str status_reason(unsigned status);

/* The built-in page for an error: plain, small, the same words as the status line. */
struct str status_page(unsigned status);

#endif
