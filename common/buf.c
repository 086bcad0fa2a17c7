#include "common/buf.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/xmalloc.h"

void buf_fini(struct buf *b)
{
    free(b->p);
    *b = (struct buf){ NULL, 0, 0 };
}

char *buf_reserve(struct buf *b, size_t more)
{
    if (b->cap - b->n < more) {
        size_t cap = b->cap > 0 ? b->cap : 64;

        while (cap - b->n < more)
            cap *= 2;
        b->p = xrealloc(b->p, cap);
        b->cap = cap;
    }
    return b->p + b->n;
}

void buf_add(struct buf *b, struct str s)
{
    if (s.n == 0)
        return;
    memcpy(buf_reserve(b, s.n), s.p, s.n);
    b->n += s.n;
}

void buf_add_char(struct buf *b, char c)
{
    *buf_reserve(b, 1) = c;
    b->n++;
}

void buf_vprintf(struct buf *b, const char *format, va_list args)
{
    va_list again;
    int n;

    va_copy(again, args);
    n = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (n < 0)
        return;
    vsnprintf(buf_reserve(b, (size_t)n + 1), (size_t)n + 1, format, args);
    b->n += (size_t)n;
}

void buf_printf(struct buf *b, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    buf_vprintf(b, format, args);
    va_end(args);
}

const char *buf_cstr(struct buf *b)
{
    *buf_reserve(b, 1) = '\0';
    return b->p;
}

char *buf_take(struct buf *b)
{
    char *p;

    buf_cstr(b);
    p = b->p;
    *b = (struct buf){ NULL, 0, 0 };
    return p;
}
