#include "common/utf8.h"

#include <stdio.h>

/* How a first byte begins a character: RFC 3629, 4. */
static unsigned length_of(unsigned char first, uint32_t *bits, uint32_t *least)
{
    if (first < 0x80) {
        *bits = first;
        *least = 0;
        return 1;
    }
    if (first >= 0xc2 && first <= 0xdf) {
        *bits = first & 0x1f;
        *least = 0x80;
        return 2;
    }
    if (first >= 0xe0 && first <= 0xef) {
        *bits = first & 0x0f;
        *least = 0x800;
        return 3;
    }
    if (first >= 0xf0 && first <= 0xf4) {
        *bits = first & 0x07;
        *least = 0x10000;
        return 4;
    }
    return 0;
}

static bool is_surrogate(uint32_t c)
{
    return c >= 0xd800 && c <= 0xdfff;
}

uint32_t utf8_next(struct str *rest)
{
    uint32_t c = 0, least = 0;
    unsigned n = length_of((unsigned char)rest->p[0], &c, &least);
    bool is_whole = n > 0 && n <= rest->n;

    for (unsigned i = 1; is_whole && i < n; i++) {
        unsigned char more = (unsigned char)rest->p[i];

        is_whole = (more & 0xc0) == 0x80;
        c = c << 6 | (more & 0x3f);
    }
    if (!is_whole || c < least || c > 0x10ffff || is_surrogate(c)) {
        c = UTF8_BAD;
        n = 1;
    }
    *rest = (struct str){ rest->p + n, rest->n - n };
    return c;
}

bool utf8_is_break(uint32_t c)
{
    return c == '\n' || c == '\r' || c == 0x85 || c == 0x2028 || c == 0x2029;
}

bool utf8_is_text(uint32_t c)
{
    if (utf8_is_break(c) || c == 0xfeff) /* a byte order mark is not text either */
        return false;
    return (c >= 0x20 && c <= 0x7e) || (c >= 0xa0 && c <= 0xd7ff) || (c >= 0xe000 && c <= 0xfffd) ||
           (c >= 0x10000 && c <= 0x10ffff);
}

struct range {
    uint32_t from, to;
};

static bool is_in(uint32_t c, const struct range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (c >= ranges[i].from && c <= ranges[i].to)
            return true;
    return false;
}

/* The blocks that matter to a caret; wcwidth() would depend on the locale of the operator. */
unsigned utf8_cells(uint32_t c)
{
    static const struct range none[] = {
        { 0x300, 0x36f },   { 0x1ab0, 0x1aff }, { 0x1dc0, 0x1dff }, { 0x200b, 0x200f },
        { 0x20d0, 0x20ff }, { 0xfe00, 0xfe0f }, { 0xfe20, 0xfe2f },
    };
    static const struct range wide[] = {
        { 0x1100, 0x115f },   { 0x2e80, 0x303e },   { 0x3041, 0xa4cf },   { 0xac00, 0xd7a3 },
        { 0xf900, 0xfaff },   { 0xfe30, 0xfe6f },   { 0xff00, 0xff60 },   { 0xffe0, 0xffe6 },
        { 0x1f300, 0x1f64f }, { 0x1f680, 0x1f6ff }, { 0x1f900, 0x1faff }, { 0x20000, 0x3fffd },
    };

    if (is_in(c, none, sizeof(none) / sizeof(none[0])))
        return 0;
    return is_in(c, wide, sizeof(wide) / sizeof(wide[0])) ? 2 : 1;
}

struct str utf8_take_line(struct str *rest)
{
    struct str at = *rest;

    while (at.n > 0) {
        const char *end = at.p;
        uint32_t c = utf8_next(&at);

        if (utf8_is_break(c)) {
            struct str line = str_range(rest->p, end);

            if (c == '\r' && at.n > 0 && at.p[0] == '\n')
                utf8_next(&at);
            *rest = at;
            return line;
        }
    }
    at = *rest;
    *rest = STR_NONE;
    return at;
}

struct utf8_short utf8_short(struct str s)
{
    enum { SHORT_CHARACTERS = 40 };
    struct utf8_short out;
    struct str rest = s;

    for (unsigned i = 0; i < SHORT_CHARACTERS && rest.n > 0; i++)
        utf8_next(&rest);
    snprintf(out.text, sizeof(out.text), "%.*s%s", (int)(s.n - rest.n), s.n > 0 ? s.p : "",
             rest.n > 0 ? "..." : "");
    return out;
}
