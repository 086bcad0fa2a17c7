#include <assert.h>

#include "worker/http1_parse.h"
#include "worker/scan.h"

enum {
    SIZE_DIGITS_MAX = 16,         /* hexadecimal digits of a chunk size */
    SIZE_LINE_MAX = 256,          /* bytes of one size line with its extensions, without CRLF */
    EXTENSIONS_FREE = 16 * 1024,  /* bytes of extensions allowed beyond one for each data byte */
    TRAILER_MAX_BYTES = 8 * 1024, /* of all trailer lines with their CRLFs */
    TRAILER_MAX_LINES = 64,
};

/* Where in RFC 9112, 7.1's grammar the next byte stands. */
enum state {
    SIZE_FIRST, /* 0: a zeroed struct starts here */
    SIZE,
    EXT_GAP, /* white space (BWS) that a ';' must follow */
    EXT_NAME_FIRST,
    EXT_NAME,
    EXT_NAME_GAP, /* BWS that a '=' or ';' must follow */
    EXT_VALUE_FIRST,
    EXT_VALUE,
    EXT_QUOTED,
    EXT_QUOTED_PAIR,
    EXT_QUOTED_END,
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER_FIRST, /* from here on `left` counts the trailer's lines */
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    LAST_LF,
    COMPLETE,
    BROKEN,
};

static enum parse_result bad(struct http1_chunked *c, struct http1_fault *fault, unsigned status,
                             const char *text)
{
    c->state = BROKEN;
    fault->status = status;
    fault->text = text;
    return PARSE_BAD;
}

static bool is_token(unsigned char byte)
{
    char c = (char)byte;

    return scan_token_scalar(&c, &c + 1) != &c;
}

/* HTAB, SP, VCHAR and obs-text: what may stand in a value or behind a backslash. */
static bool is_text(unsigned char byte)
{
    return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
}

static bool is_gap(unsigned char byte)
{
    return byte == ' ' || byte == '\t';
}

/* After a part of the size line that may be its last; `gap` is where white space leads. */
static enum state after_part(unsigned char byte, enum state gap)
{
    if (byte == '\r')
        return SIZE_LF;
    if (byte == ';')
        return EXT_NAME_FIRST;
    return is_gap(byte) ? gap : BROKEN;
}

/* chunk-ext = *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] ) */
static enum state next_in_extension(enum state state, unsigned char byte)
{
    switch (state) {
    case EXT_GAP:
        return is_gap(byte) ? EXT_GAP : byte == ';' ? EXT_NAME_FIRST : BROKEN;
    case EXT_NAME_FIRST:
        return is_gap(byte) ? EXT_NAME_FIRST : is_token(byte) ? EXT_NAME : BROKEN;
    case EXT_NAME:
        if (is_token(byte))
            return EXT_NAME;
        return byte == '=' ? EXT_VALUE_FIRST : after_part(byte, EXT_NAME_GAP);
    case EXT_NAME_GAP:
        if (is_gap(byte))
            return EXT_NAME_GAP;
        return byte == '=' ? EXT_VALUE_FIRST : byte == ';' ? EXT_NAME_FIRST : BROKEN;
    case EXT_VALUE_FIRST:
        if (is_gap(byte))
            return EXT_VALUE_FIRST;
        return byte == '"' ? EXT_QUOTED : is_token(byte) ? EXT_VALUE : BROKEN;
    case EXT_VALUE:
        return is_token(byte) ? EXT_VALUE : after_part(byte, EXT_GAP);
    case EXT_QUOTED:
        if (byte == '"')
            return EXT_QUOTED_END;
        if (byte == '\\')
            return EXT_QUOTED_PAIR;
        return is_text(byte) ? EXT_QUOTED : BROKEN;
    case EXT_QUOTED_PAIR:
        return is_text(byte) ? EXT_QUOTED : BROKEN;
    default: /* EXT_QUOTED_END */
        return after_part(byte, EXT_GAP);
    }
}

/* One byte of a size line: SIZE_FIRST to SIZE_LF. */
static enum parse_result feed_size(struct http1_chunked *c, unsigned char byte,
                                   struct http1_fault *fault)
{
    int digit = c->state <= SIZE ? scan_hex_digit((char)byte) : -1;

    if (c->state == SIZE_LF) {
        if (byte != '\n')
            return bad(c, fault, 400, "bare CR in a chunk size line");
        c->overhead_bytes = 0;
        c->state = c->left > 0 ? DATA : TRAILER_FIRST;
        return PARSE_MORE;
    }
    if (digit >= 0) {
        if (++c->overhead_bytes > SIZE_DIGITS_MAX || c->left > (uint64_t)INT64_MAX >> 4)
            return bad(c, fault, 400, "chunk size is too large");
        c->left = c->left << 4 | (uint64_t)digit;
        c->state = SIZE;
        return PARSE_MORE;
    }
    if (c->state == SIZE_FIRST)
        return bad(c, fault, 400, "chunk size is no hexadecimal number");
    c->state = c->state == SIZE ? after_part(byte, EXT_GAP) : next_in_extension(c->state, byte);
    if (c->state == BROKEN)
        return bad(c, fault, 400, "malformed chunk size line");
    if (c->state == SIZE_LF)
        return PARSE_MORE;
    if (++c->overhead_bytes > SIZE_LINE_MAX)
        return bad(c, fault, 400, "chunk size line is too long");
    if (++c->total_overhead > EXTENSIONS_FREE + c->body_bytes)
        return bad(c, fault, 400, "more chunk extensions than data");
    return PARSE_MORE;
}

/* One byte of the trailer section, whose fields are checked as a head's are, and dropped. */
static enum parse_result feed_trailer(struct http1_chunked *c, unsigned char byte,
                                      struct http1_fault *fault)
{
    if (c->state == LAST_LF) {
        if (byte != '\n')
            return bad(c, fault, 400, "bare CR in the trailer section");
        c->state = COMPLETE;
        return PARSE_DONE;
    }
    if (c->state == TRAILER_FIRST && byte == '\r') {
        c->state = LAST_LF;
        return PARSE_MORE;
    }
    if (++c->overhead_bytes > TRAILER_MAX_BYTES)
        return bad(c, fault, 431, "trailer section is too long");
    switch (c->state) {
    case TRAILER_FIRST:
        if (!is_token(byte))
            return bad(c, fault, 400, "malformed trailer field");
        if (++c->left > TRAILER_MAX_LINES)
            return bad(c, fault, 431, "too many trailer fields");
        c->state = TRAILER_NAME;
        break;
    case TRAILER_NAME:
        if (byte == ':')
            c->state = TRAILER_VALUE;
        else if (!is_token(byte))
            return bad(c, fault, 400, "malformed trailer field name");
        break;
    case TRAILER_VALUE:
        if (byte == '\r')
            c->state = TRAILER_LF;
        else if (!is_text(byte))
            return bad(c, fault, 400, "control character in a trailer field");
        break;
    default: /* TRAILER_LF */
        if (byte != '\n')
            return bad(c, fault, 400, "bare CR in the trailer section");
        c->state = TRAILER_FIRST;
    }
    return PARSE_MORE;
}

/* One byte behind a chunk's data. */
static enum parse_result feed_data_end(struct http1_chunked *c, unsigned char byte,
                                       struct http1_fault *fault)
{
    if (byte != (c->state == DATA_CR ? '\r' : '\n'))
        return bad(c, fault, 400, "chunk data is not followed by CRLF");
    c->state = c->state == DATA_CR ? DATA_LF : SIZE_FIRST;
    return PARSE_MORE;
}

/* Takes data bytes of [p, end) and returns how many. */
static size_t take_data(struct http1_chunked *c, const char *p, const char *end,
                        http1_data_fn *data, void *context)
{
    size_t n = (size_t)(end - p);

    if (n > c->left)
        n = (size_t)c->left;
    if (data != NULL)
        data(context, (struct str){ p, n });
    c->left -= n;
    c->body_bytes += n;
    if (c->left == 0)
        c->state = DATA_CR;
    return n;
}

enum parse_result http1_parse_chunked(struct http1_chunked *c, const char *p, size_t n,
                                      size_t *used, struct http1_fault *fault, http1_data_fn *data,
                                      void *context)
{
    const char *from = p, *end = p + n;
    enum parse_result result = PARSE_MORE;

    assert(c->state < COMPLETE);
    while (p < end && result == PARSE_MORE) {
        if (c->state == DATA) {
            p += take_data(c, p, end, data, context);
            continue;
        }
        if (c->state <= SIZE_LF)
            result = feed_size(c, (unsigned char)*p, fault);
        else if (c->state <= DATA_LF)
            result = feed_data_end(c, (unsigned char)*p, fault);
        else
            result = feed_trailer(c, (unsigned char)*p, fault);
        p++;
    }
    *used = (size_t)(p - from);
    return result;
}
