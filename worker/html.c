#include "worker/html.h"

#include "common/utf8.h"

enum {
    REPLACEMENT = 0xfffd,
    CONTROL_PICTURES = 0x2400,
    PICTURE_OF_DELETE = 0x2421,
};

void html_add_character(struct buf *out, uint32_t c)
{
    if (c < 0x80) {
        buf_add_char(out, (char)c);
    } else if (c < 0x800) {
        buf_add_char(out, (char)(0xc0 | c >> 6));
        buf_add_char(out, (char)(0x80 | (c & 0x3f)));
    } else {
        if (c < 0x10000) {
            buf_add_char(out, (char)(0xe0 | c >> 12));
        } else {
            buf_add_char(out, (char)(0xf0 | c >> 18));
            buf_add_char(out, (char)(0x80 | (c >> 12 & 0x3f)));
        }
        buf_add_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
        buf_add_char(out, (char)(0x80 | (c & 0x3f)));
    }
}

/* Turns the text around that follows: "txt.exe" would read "exe.txt". */
static bool turns_text(uint32_t c)
{
    return (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0x200e ||
           c == 0x200f || c == 0x061c;
}

/* A character that can be shown in place of one that does something. */
static uint32_t tame(uint32_t c)
{
    if (c < 0x20)
        return CONTROL_PICTURES + c;
    if (c == 0x7f)
        return PICTURE_OF_DELETE;
    if (c == UTF8_BAD || (c >= 0x80 && c < 0xa0) || c == 0x2028 || c == 0x2029 || turns_text(c))
        return REPLACEMENT;
    return c;
}

void html_add(struct buf *out, struct str text)
{
    while (text.n > 0) {
        uint32_t c = utf8_next(&text);

        switch (c) {
        case '&':
            buf_add(out, STR("&amp;"));
            break;
        case '<':
            buf_add(out, STR("&lt;"));
            break;
        case '>':
            buf_add(out, STR("&gt;"));
            break;
        case '"':
            buf_add(out, STR("&quot;"));
            break;
        case '\'':
            buf_add(out, STR("&#39;"));
            break;
        default:
            html_add_character(out, tame(c));
        }
    }
}
