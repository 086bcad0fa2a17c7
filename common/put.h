/*
 * put - write bytes and move on: for composers that have reserved the room beforehand.
 *
 *     p = put_str(p, STR("Content-Length: "));
 *     p = put_u64(p, size);
 */
#ifndef COMMON_PUT_H
#define COMMON_PUT_H

#include <stdint.h>
#include <string.h>

#include "common/str.h"

enum { PUT_U64_MOST = 20 }; /* bytes of the longest number */

static inline char *put_str(char *p, struct str s)
{
    memcpy(p, s.p, s.n);
    return p + s.n;
}

static inline char *put_u64(char *p, uint64_t value)
{
    char *end = p + 1;

    for (uint64_t limit = value / 10; limit > 0; limit /= 10)
        end++;
    p = end;
    do
        *--p = (char)('0' + value % 10);
    while ((value /= 10) > 0);
    return end;
}

/* In lower case, without zeros in front. */
static inline char *put_hex(char *p, uint64_t value)
{
    unsigned n = value == 0 ? 1 : (67 - (unsigned)__builtin_clzll(value)) / 4;

    for (unsigned i = n; i > 0; value >>= 4)
        p[--i] = "0123456789abcdef"[value & 15];
    return p + n;
}

#endif
