#include "common/json.h"

#include <assert.h>
#include <math.h>

#include "common/put.h"
#include "common/utf8.h"

static char *put_escape(char *p, unsigned char c)
{
    static const char short_forms[] = "\bb\tt\nn\ff\rr\"\"\\\\";

    *p++ = '\\';
    for (const char *form = short_forms; *form != '\0'; form += 2)
        if ((unsigned char)form[0] == c) {
            *p++ = form[1];
            return p;
        }
    p = put_str(p, STR("u00"));
    *p++ = "0123456789abcdef"[c >> 4];
    *p++ = "0123456789abcdef"[c & 15];
    return p;
}

/* From here to the next byte that may not stand as it is. */
static size_t plain_bytes(struct str text)
{
    size_t n = 0;

    while (n < text.n && (unsigned char)text.p[n] >= 0x20 && (unsigned char)text.p[n] < 0x7f &&
           text.p[n] != '"' && text.p[n] != '\\')
        n++;
    return n;
}

char *json_put(char *p, struct str text)
{
    for (;;) {
        size_t plain = plain_bytes(text);
        struct str rest;
        uint32_t c;

        if (plain > 0)
            p = put_str(p, (struct str){ text.p, plain });
        if (plain == text.n)
            return p;
        rest = text = (struct str){ text.p + plain, text.n - plain };
        c = utf8_next(&rest);
        if (c == UTF8_BAD)
            p = put_str(p, STR("\xef\xbf\xbd"));
        else if (c < 0xa0)
            p = put_escape(p, (unsigned char)c);
        else
            p = put_str(p, str_range(text.p, rest.p));
        text = rest;
    }
}

static void separate(struct buf *out)
{
    char last = out->n > 0 ? out->p[out->n - 1] : '[';

    if (last != '{' && last != '[' && last != ':')
        buf_add_char(out, ',');
}

static void add_quoted(struct buf *out, struct str text)
{
    char *p = buf_reserve(out, text.n * JSON_PUT_MOST + 2), *end = p;

    *end++ = '"';
    end = json_put(end, text);
    *end++ = '"';
    out->n += (size_t)(end - p);
}

void json_open(struct buf *out, char bracket)
{
    separate(out);
    buf_add_char(out, bracket);
}

void json_close(struct buf *out, char bracket)
{
    buf_add_char(out, bracket);
}

void json_key(struct buf *out, const char *name)
{
    assert(name != NULL);
    separate(out);
    add_quoted(out, str_of(name));
    buf_add_char(out, ':');
}

void json_raw(struct buf *out, struct str value)
{
    separate(out);
    buf_add(out, value);
}

void json_text(struct buf *out, struct str text)
{
    if (text.p == NULL) {
        json_null(out);
        return;
    }
    separate(out);
    add_quoted(out, text);
}

void json_u64(struct buf *out, uint64_t value)
{
    char digits[PUT_U64_MOST];

    json_raw(out, str_range(digits, put_u64(digits, value)));
}

void json_decimal(struct buf *out, double value)
{
    char digits[PUT_U64_MOST + 4], *p = digits;
    double size = fabs(value) * 1000 + 0.5;
    uint64_t thousandths;

    if (!(size < 0x1p63)) { /* nor infinite, nor no number */
        json_null(out);
        return;
    }
    thousandths = (uint64_t)size;
    if (value < 0 && thousandths > 0)
        *p++ = '-';
    p = put_u64(p, thousandths / 1000);
    *p++ = '.';
    for (unsigned unit = 100; unit > 0; unit /= 10)
        *p++ = (char)('0' + thousandths / unit % 10);
    json_raw(out, str_range(digits, p));
}

void json_bool(struct buf *out, bool value)
{
    json_raw(out, value ? STR("true") : STR("false"));
}

void json_null(struct buf *out)
{
    json_raw(out, STR("null"));
}

void json_add_text(struct buf *out, const char *name, struct str text)
{
    json_key(out, name);
    json_text(out, text);
}

void json_add_u64(struct buf *out, const char *name, uint64_t value)
{
    json_key(out, name);
    json_u64(out, value);
}

void json_add_decimal(struct buf *out, const char *name, double value)
{
    json_key(out, name);
    json_decimal(out, value);
}

void json_add_bool(struct buf *out, const char *name, bool value)
{
    json_key(out, name);
    json_bool(out, value);
}
