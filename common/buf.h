/*
 * buf - owned bytes that grow at the end. A zeroed struct is an empty buffer.
 */
#ifndef COMMON_BUF_H
#define COMMON_BUF_H

#include <stdarg.h>
#include <stddef.h>

#include "common/str.h"

struct buf {
    char *p;    /* owned; NULL while empty and never grown */
    size_t n;   /* bytes in use */
    size_t cap; /* bytes allocated */
};

/* Frees the bytes; the buffer is empty and usable again. */
void buf_fini(struct buf *b);

/* Room for at least `more` bytes behind b->n; returns where they go. b->n is the caller's to raise. */
char *buf_reserve(struct buf *b, size_t more);
void buf_add(struct buf *b, struct str s);
void buf_add_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *format, va_list args);

/* The bytes as a NUL-terminated string that stays the buffer's. */
const char *buf_cstr(struct buf *b);
/* The same, handed over: the caller frees it and the buffer is empty. */
char *buf_take(struct buf *b);

static inline struct str buf_str(const struct buf *b)
{
    return (struct str){ b->p, b->n };
}

#endif
