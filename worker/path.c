#include "worker/path.h"

#include <stdbool.h>

#include "worker/scan.h"

/* pchar without pct-encoded (RFC 3986, 3.3), and '/'. */
static const bool stands_in_path[256] = {
    ['-'] = true,         ['.'] = true, ['_'] = true, ['~'] = true,         ['!'] = true,
    ['$'] = true,         ['&'] = true, ['('] = true, ['\''] = true,        [')'] = true,
    ['*'] = true,         ['+'] = true, [','] = true, [';'] = true,         ['='] = true,
    [':'] = true,         ['@'] = true, ['/'] = true, ['0' ... '9'] = true, ['A' ... 'Z'] = true,
    ['a' ... 'z'] = true,
};

static bool is_dot_segment(const char *p, const char *end)
{
    if (*p != '.')
        return false;
    p++;
    if (p < end && *p == '.')
        p++;
    return p == end || *p == '/';
}

static bool is_clean(struct str raw)
{
    const char *p = raw.p, *end = raw.p + raw.n;

    while (p < end) {
        p++; /* the slash before a segment */
        if (p < end && (*p == '/' || is_dot_segment(p, end)))
            return false;
        while (p < end && *p != '/' && *p != '%' && *p != '\0')
            p++;
        if (p < end && *p != '/')
            return false;
    }
    return true;
}

/* The byte at *p, decoded; -1: a broken percent-encoding or a NUL. Moves *p behind it. */
static int decode_byte(const char **p, const char *end)
{
    unsigned char c = (unsigned char)*(*p)++;
    int high, low;

    if (c == '%') {
        if (end - *p < 2)
            return -1;
        high = scan_hex_digit((*p)[0]);
        low = scan_hex_digit((*p)[1]);
        if (high < 0 || low < 0)
            return -1;
        *p += 2;
        c = (unsigned char)(high << 4 | low);
    }
    return c == '\0' ? -1 : c;
}

/* Where the next segment goes, after the one in [segment, to), with its slash, was written. */
static char *settle(char *out, char *segment, char *to)
{
    struct str name = str_range(segment + 1, to);

    if (name.n == 0 || str_eq(name, STR(".")))
        return segment;
    if (!str_eq(name, STR("..")))
        return to;
    while (segment > out && *--segment != '/')
        ;
    return segment;
}

enum path_result path_clean(struct str raw, char *out, struct str *clean)
{
    const char *p = raw.p, *end = raw.p + raw.n;
    bool has_slash = false;
    char *to = out;

    if (raw.n == 0 || raw.p[0] != '/')
        return PATH_BAD;
    if (is_clean(raw)) {
        *clean = raw;
        return PATH_CLEAN;
    }
    while (p < end) {
        char *segment = to, *settled;

        p++;
        *to++ = '/';
        while (p < end && *p != '/') {
            int c = decode_byte(&p, end);

            if (c < 0)
                return PATH_BAD;
            has_slash |= c == '/';
            *to++ = (char)c;
        }
        settled = settle(out, segment, to);
        if (settled != to && p == end)
            *settled++ = '/'; /* "/a/." and "/a/.." are folders (RFC 3986, 5.2.4) */
        to = settled;
    }
    *clean = str_range(out, to);
    return has_slash ? PATH_NOT_FOUND : PATH_CLEAN;
}

void path_encode(struct buf *out, struct str clean)
{
    static const char digits[] = "0123456789ABCDEF";
    char *to = buf_reserve(out, clean.n * 3);

    for (size_t i = 0; i < clean.n; i++) {
        unsigned char c = (unsigned char)clean.p[i];

        if (stands_in_path[c]) {
            *to++ = (char)c;
        } else {
            *to++ = '%';
            *to++ = digits[c >> 4];
            *to++ = digits[c & 15];
        }
    }
    out->n = (size_t)(to - out->p);
}
