#include "worker/scan.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__ARM_NEON) && defined(__aarch64__)
#include <arm_neon.h>
#endif

enum { BLOCK = 16, HALF = 8 };

/* tchar (RFC 9110, 5.6.2). */
static const bool is_token[256] = {
    ['!'] = true,         ['#'] = true,         ['$'] = true,         ['%'] = true, ['&'] = true,
    ['\''] = true,        ['*'] = true,         ['+'] = true,         ['-'] = true, ['.'] = true,
    ['^'] = true,         ['_'] = true,         ['`'] = true,         ['|'] = true, ['~'] = true,
    ['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true,
};

static inline bool ends_value(char byte)
{
    unsigned char c = (unsigned char)byte;

    return (c < 0x20 && c != '\t') || c == 0x7f;
}

static inline bool ends_target(char byte)
{
    unsigned char c = (unsigned char)byte;

    return c < 0x21 || c > 0x7e || c == '#';
}

static inline bool ends_log_text(char byte)
{
    unsigned char c = (unsigned char)byte;

    return c < 0x20 || c > 0x7e || c == '"' || c == '\\';
}

const char *scan_field_value_scalar(const char *p, const char *end)
{
    while (p < end && !ends_value(*p))
        p++;
    return p;
}

const char *scan_target_scalar(const char *p, const char *end)
{
    while (p < end && !ends_target(*p))
        p++;
    return p;
}

const char *scan_log_text_scalar(const char *p, const char *end)
{
    while (p < end && !ends_log_text(*p))
        p++;
    return p;
}

const char *scan_token_scalar(const char *p, const char *end)
{
    while (p < end && is_token[(unsigned char)*p])
        p++;
    return p;
}

/*
 * For each run: the index of the first byte of a block that ends it, BLOCK when none does. A half
 * block is filled up with NULs, which end every run. The one for tokens knows only letters, digits
 * and '-', of which names are made, and stops at the rarer token characters too.
 */
#if defined(__SSE2__)

typedef __m128i block;

static inline block load(const char *p)
{
    return _mm_loadu_si128((const __m128i *)p);
}

static inline block load_half(const char *p)
{
    return _mm_loadl_epi64((const __m128i *)p);
}

static inline unsigned first_in(block hits)
{
    return (unsigned)__builtin_ctz((unsigned)_mm_movemask_epi8(hits) | 1u << BLOCK);
}

/* 0xff where c <= limit, unsigned. */
static inline block at_most(block c, unsigned char limit)
{
    return _mm_cmpeq_epi8(_mm_min_epu8(c, _mm_set1_epi8((char)limit)), c);
}

static inline unsigned value_end_in(block c)
{
    block tab = _mm_cmpeq_epi8(c, _mm_set1_epi8('\t'));
    block del = _mm_cmpeq_epi8(c, _mm_set1_epi8(0x7f));

    return first_in(_mm_or_si128(_mm_andnot_si128(tab, at_most(c, 0x1f)), del));
}

static inline unsigned target_end_in(block c)
{
    block hash = _mm_cmpeq_epi8(c, _mm_set1_epi8('#'));
    /* As signed bytes, 0x80 to 0xff are below '!' too. */
    block outside = _mm_cmplt_epi8(c, _mm_set1_epi8('!'));
    block del = _mm_cmpeq_epi8(c, _mm_set1_epi8(0x7f));

    return first_in(_mm_or_si128(_mm_or_si128(outside, del), hash));
}

static inline unsigned log_text_end_in(block c)
{
    block quote = _mm_cmpeq_epi8(c, _mm_set1_epi8('"'));
    block backslash = _mm_cmpeq_epi8(c, _mm_set1_epi8('\\'));
    block outside = _mm_cmplt_epi8(c, _mm_set1_epi8(' ')); /* signed, as above */
    block del = _mm_cmpeq_epi8(c, _mm_set1_epi8(0x7f));

    return first_in(_mm_or_si128(_mm_or_si128(outside, del), _mm_or_si128(quote, backslash)));
}

static inline unsigned name_end_in(block c)
{
    block lower = _mm_or_si128(c, _mm_set1_epi8(0x20));
    block alpha = at_most(_mm_sub_epi8(lower, _mm_set1_epi8('a')), 25);
    block digit = at_most(_mm_sub_epi8(c, _mm_set1_epi8('0')), 9);
    block dash = _mm_cmpeq_epi8(c, _mm_set1_epi8('-'));
    block in = _mm_or_si128(_mm_or_si128(alpha, digit), dash);

    return first_in(_mm_cmpeq_epi8(in, _mm_setzero_si128()));
}

#elif defined(__ARM_NEON) && defined(__aarch64__)

typedef uint8x16_t block;

static inline block load(const char *p)
{
    return vld1q_u8((const uint8_t *)p);
}

static inline block load_half(const char *p)
{
    return vcombine_u8(vld1_u8((const uint8_t *)p), vdup_n_u8(0));
}

/* NEON has no movemask: narrowing by four bits leaves a nibble for each byte. */
static inline unsigned first_in(block hits)
{
    uint8x8_t nibbles = vshrn_n_u16(vreinterpretq_u16_u8(hits), 4);
    uint64_t mask = vget_lane_u64(vreinterpret_u64_u8(nibbles), 0);

    return mask == 0 ? BLOCK : (unsigned)__builtin_ctzll(mask) >> 2;
}

static inline unsigned value_end_in(block c)
{
    block tab = vceqq_u8(c, vdupq_n_u8('\t'));
    block del = vceqq_u8(c, vdupq_n_u8(0x7f));

    return first_in(vorrq_u8(vbicq_u8(vcltq_u8(c, vdupq_n_u8(0x20)), tab), del));
}

static inline unsigned target_end_in(block c)
{
    block hash = vceqq_u8(c, vdupq_n_u8('#'));
    block outside = vcgtq_u8(vsubq_u8(c, vdupq_n_u8('!')), vdupq_n_u8('~' - '!'));

    return first_in(vorrq_u8(outside, hash));
}

static inline unsigned log_text_end_in(block c)
{
    block quote = vceqq_u8(c, vdupq_n_u8('"'));
    block backslash = vceqq_u8(c, vdupq_n_u8('\\'));
    block outside = vcgtq_u8(vsubq_u8(c, vdupq_n_u8(' ')), vdupq_n_u8('~' - ' '));

    return first_in(vorrq_u8(vorrq_u8(quote, backslash), outside));
}

static inline unsigned name_end_in(block c)
{
    block lower = vorrq_u8(c, vdupq_n_u8(0x20));
    block alpha = vcleq_u8(vsubq_u8(lower, vdupq_n_u8('a')), vdupq_n_u8(25));
    block digit = vcleq_u8(vsubq_u8(c, vdupq_n_u8('0')), vdupq_n_u8(9));
    block dash = vceqq_u8(c, vdupq_n_u8('-'));

    return first_in(vmvnq_u8(vorrq_u8(vorrq_u8(alpha, digit), dash)));
}

#else

typedef struct {
    char bytes[BLOCK];
} block;

static inline block load(const char *p)
{
    block b;

    memcpy(b.bytes, p, BLOCK);
    return b;
}

static inline block load_half(const char *p)
{
    block b = { { 0 } };

    memcpy(b.bytes, p, HALF);
    return b;
}

static inline unsigned value_end_in(block c)
{
    return (unsigned)(scan_field_value_scalar(c.bytes, c.bytes + BLOCK) - c.bytes);
}

static inline unsigned target_end_in(block c)
{
    return (unsigned)(scan_target_scalar(c.bytes, c.bytes + BLOCK) - c.bytes);
}

static inline unsigned log_text_end_in(block c)
{
    return (unsigned)(scan_log_text_scalar(c.bytes, c.bytes + BLOCK) - c.bytes);
}

static inline unsigned name_end_in(block c)
{
    return (unsigned)(scan_token_scalar(c.bytes, c.bytes + BLOCK) - c.bytes);
}

#endif

/* Goes on from *p by whole blocks and a half one; true: *p is at a byte that ends the run. */
static inline __attribute__((always_inline)) bool scan_blocks(const char **p, const char *end,
                                                              unsigned (*end_in)(block c))
{
    unsigned at;

    for (; end - *p >= BLOCK; *p += BLOCK) {
        at = end_in(load(*p));
        if (at < BLOCK) {
            *p += at;
            return true;
        }
    }
    if (end - *p >= HALF) {
        at = end_in(load_half(*p));
        *p += at;
        return at < HALF;
    }
    return false;
}

const char *scan_field_value(const char *p, const char *end)
{
    return scan_blocks(&p, end, value_end_in) ? p : scan_field_value_scalar(p, end);
}

const char *scan_target(const char *p, const char *end)
{
    return scan_blocks(&p, end, target_end_in) ? p : scan_target_scalar(p, end);
}

const char *scan_log_text(const char *p, const char *end)
{
    return scan_blocks(&p, end, log_text_end_in) ? p : scan_log_text_scalar(p, end);
}

const char *scan_token(const char *p, const char *end)
{
    scan_blocks(&p, end, name_end_in);
    return scan_token_scalar(p, end);
}
