#include "worker/scan.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__ARM_NEON) && defined(__aarch64__)
#include <arm_neon.h>
#endif

enum { BLOCK = 16 };

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

const char *scan_token_scalar(const char *p, const char *end)
{
    while (p < end && is_token[(unsigned char)*p])
        p++;
    return p;
}

/*
 * For each run: the index of the first byte of the block at p that ends it, BLOCK when none does.
 * The one for tokens knows only letters, digits and '-', of which names are made, and stops at
 * the rarer token characters too.
 */
#if defined(__SSE2__)

static inline unsigned first_in(__m128i hits)
{
    return (unsigned)__builtin_ctz((unsigned)_mm_movemask_epi8(hits) | 1u << BLOCK);
}

/* 0xff where c <= limit, unsigned. */
static inline __m128i at_most(__m128i c, unsigned char limit)
{
    return _mm_cmpeq_epi8(_mm_min_epu8(c, _mm_set1_epi8((char)limit)), c);
}

static inline unsigned value_end_in(const char *p)
{
    __m128i c = _mm_loadu_si128((const __m128i *)p);
    __m128i tab = _mm_cmpeq_epi8(c, _mm_set1_epi8('\t'));
    __m128i del = _mm_cmpeq_epi8(c, _mm_set1_epi8(0x7f));

    return first_in(_mm_or_si128(_mm_andnot_si128(tab, at_most(c, 0x1f)), del));
}

static inline unsigned target_end_in(const char *p)
{
    __m128i c = _mm_loadu_si128((const __m128i *)p);
    __m128i hash = _mm_cmpeq_epi8(c, _mm_set1_epi8('#'));
    /* As signed bytes, 0x80 to 0xff are below '!' too. */
    __m128i outside = _mm_cmplt_epi8(c, _mm_set1_epi8('!'));
    __m128i del = _mm_cmpeq_epi8(c, _mm_set1_epi8(0x7f));

    return first_in(_mm_or_si128(_mm_or_si128(outside, del), hash));
}

static inline unsigned name_end_in(const char *p)
{
    __m128i c = _mm_loadu_si128((const __m128i *)p);
    __m128i lower = _mm_or_si128(c, _mm_set1_epi8(0x20));
    __m128i alpha = at_most(_mm_sub_epi8(lower, _mm_set1_epi8('a')), 25);
    __m128i digit = at_most(_mm_sub_epi8(c, _mm_set1_epi8('0')), 9);
    __m128i dash = _mm_cmpeq_epi8(c, _mm_set1_epi8('-'));
    __m128i in = _mm_or_si128(_mm_or_si128(alpha, digit), dash);

    return first_in(_mm_cmpeq_epi8(in, _mm_setzero_si128()));
}

#elif defined(__ARM_NEON) && defined(__aarch64__)

/* NEON has no movemask: narrowing by four bits leaves a nibble for each byte. */
static inline unsigned first_in(uint8x16_t hits)
{
    uint8x8_t nibbles = vshrn_n_u16(vreinterpretq_u16_u8(hits), 4);
    uint64_t mask = vget_lane_u64(vreinterpret_u64_u8(nibbles), 0);

    return mask == 0 ? BLOCK : (unsigned)__builtin_ctzll(mask) >> 2;
}

static inline unsigned value_end_in(const char *p)
{
    uint8x16_t c = vld1q_u8((const uint8_t *)p);
    uint8x16_t tab = vceqq_u8(c, vdupq_n_u8('\t'));
    uint8x16_t del = vceqq_u8(c, vdupq_n_u8(0x7f));

    return first_in(vorrq_u8(vbicq_u8(vcltq_u8(c, vdupq_n_u8(0x20)), tab), del));
}

static inline unsigned target_end_in(const char *p)
{
    uint8x16_t c = vld1q_u8((const uint8_t *)p);
    uint8x16_t hash = vceqq_u8(c, vdupq_n_u8('#'));
    uint8x16_t outside = vcgtq_u8(vsubq_u8(c, vdupq_n_u8('!')), vdupq_n_u8('~' - '!'));

    return first_in(vorrq_u8(outside, hash));
}

static inline unsigned name_end_in(const char *p)
{
    uint8x16_t c = vld1q_u8((const uint8_t *)p);
    uint8x16_t lower = vorrq_u8(c, vdupq_n_u8(0x20));
    uint8x16_t alpha = vcleq_u8(vsubq_u8(lower, vdupq_n_u8('a')), vdupq_n_u8(25));
    uint8x16_t digit = vcleq_u8(vsubq_u8(c, vdupq_n_u8('0')), vdupq_n_u8(9));
    uint8x16_t dash = vceqq_u8(c, vdupq_n_u8('-'));

    return first_in(vmvnq_u8(vorrq_u8(vorrq_u8(alpha, digit), dash)));
}

#else

static inline unsigned value_end_in(const char *p)
{
    return (unsigned)(scan_field_value_scalar(p, p + BLOCK) - p);
}

static inline unsigned target_end_in(const char *p)
{
    return (unsigned)(scan_target_scalar(p, p + BLOCK) - p);
}

static inline unsigned name_end_in(const char *p)
{
    return (unsigned)(scan_token_scalar(p, p + BLOCK) - p);
}

#endif

const char *scan_field_value(const char *p, const char *end)
{
    for (; end - p >= BLOCK; p += BLOCK) {
        unsigned at = value_end_in(p);

        if (at < BLOCK)
            return p + at;
    }
    return scan_field_value_scalar(p, end);
}

const char *scan_target(const char *p, const char *end)
{
    for (; end - p >= BLOCK; p += BLOCK) {
        unsigned at = target_end_in(p);

        if (at < BLOCK)
            return p + at;
    }
    return scan_target_scalar(p, end);
}

const char *scan_token(const char *p, const char *end)
{
    for (; end - p >= BLOCK; p += BLOCK) {
        unsigned at = name_end_in(p);

        if (at < BLOCK)
            return scan_token_scalar(p + at, end);
    }
    return scan_token_scalar(p, end);
}
