/*
 * str - a view of bytes: a pointer and a length. Owns nothing, need not end in NUL.
 *
 * A view with p == NULL means "not there" (a header field that was not sent), which differs
 * from an empty one (sent, with nothing in it). Views are passed by value.
 *
 *     if (str_eq_case(value, STR("close")))
 */
#ifndef COMMON_STR_H
#define COMMON_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *p; /* borrowed; NULL: not there */
    size_t n;      /* bytes */
};

/* A view of a string literal; the length costs nothing at run time. */
#define STR(literal) ((struct str){ (literal), sizeof(literal) - 1 })
#define STR_INIT(literal)              \
    {                                  \
        (literal), sizeof(literal) - 1 \
    }
#define STR_NONE ((struct str){ NULL, 0 })
/* For printf's "%.*s". */
#define STR_ARG(s) (int)(s).n, (s).p

static inline struct str str_of(const char *cstr)
{
    return (struct str){ cstr, cstr != NULL ? strlen(cstr) : 0 };
}

static inline struct str str_range(const char *from, const char *to)
{
    return (struct str){ from, (size_t)(to - from) };
}

static inline bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static inline bool ascii_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The n bytes at `from` were copied to `to`: a view of some of them follows. */
static inline void str_move(struct str *view, const char *from, size_t n, const char *to)
{
    /* As numbers: a view may also point somewhere else, such as at a literal. */
    uintptr_t offset = (uintptr_t)view->p - (uintptr_t)from;

    if (view->p != NULL && offset < n)
        view->p = to + offset;
}

/* Equal but for the case of ASCII letters, whatever the locale. */
bool str_eq_case(struct str a, struct str b);
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);

/* Without the spaces and tabs (RFC 9110's OWS) at both ends. */
struct str str_trim(struct str s);

/*
 * Cuts `*rest` at the first `separator`: returns what stands before it and leaves in *rest what
 * stands behind. Without a separator the whole is returned and rest->p becomes NULL.
 */
struct str str_cut(struct str *rest, char separator);

/* Decimal digits only, nothing else around them. False: not a number, or above UINT64_MAX. */
bool str_to_u64(struct str s, uint64_t *value);

/* Edits (insert, delete, replace, swap of neighbours) that turn a into b; for "did you mean". */
unsigned str_distance(struct str a, struct str b);

/* A new NUL-terminated copy; the caller frees it. */
char *str_dup(struct str s);

#endif
