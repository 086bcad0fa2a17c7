#include <criterion/criterion.h>
#include <stdlib.h>

#include "worker/compress.h"
#include "worker/encoding.h"

#if defined(HAVE_BROTLI)
#include <brotli/decode.h>
#endif
#if defined(HAVE_ZLIB)
#include <zlib.h>
#endif
#if defined(HAVE_ZSTD)
#include <zstd.h>
#endif

/* Bytes that come out, at most `room`; -1: not this encoding. */
static long decode(enum encoding encoding, const char *in, size_t n, char *out, size_t room)
{
    switch (encoding) {
#if defined(HAVE_BROTLI)
    case ENCODING_BR:
        return BrotliDecoderDecompress(n, (const uint8_t *)in, &room, (uint8_t *)out) ==
                       BROTLI_DECODER_RESULT_SUCCESS
                   ? (long)room
                   : -1;
#endif
#if defined(HAVE_ZSTD)
    case ENCODING_ZSTD: {
        size_t got = ZSTD_decompress(out, room, in, n);

        return ZSTD_isError(got) ? -1 : (long)got;
    }
#endif
#if defined(HAVE_ZLIB)
    case ENCODING_GZIP: {
        z_stream s = { .next_in = (Bytef *)(uintptr_t)in,
                       .avail_in = (uInt)n,
                       .next_out = (Bytef *)out,
                       .avail_out = (uInt)room };
        bool is_good = inflateInit2(&s, 15 + 16) == Z_OK && inflate(&s, Z_FINISH) == Z_STREAM_END;

        inflateEnd(&s);
        return is_good && s.avail_in == 0 ? (long)s.total_out : -1;
    }
#endif
    default:
        return -1;
    }
}

/* Text that repeats itself now and then. */
static char *make_text(size_t n)
{
    char *text = malloc(n + 1);
    unsigned state = 1;

    for (size_t i = 0; i < n; i++) {
        state = state * 1103515245 + 12345;
        text[i] = i % 64 < 40 ? "The quick brown fox jumps over the lazy dog."[i % 40]
                              : (char)('a' + (state >> 16) % 16);
    }
    return text;
}

static const size_t sizes[] = { 1,      100,       65535,     65536,          65537,
                                200000, 512 << 10, 600 << 10, (1 << 20) + 10, 3 << 20 };

Test(compress, gives_back_what_went_in, .timeout = 110)
{
    atomic_bool stop = false;

    for (int e = 1; e < ENCODING_COUNT; e++) {
        if ((compress_encodings() & ENCODING_BIT(e)) == 0)
            continue;
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            struct str text = { make_text(sizes[i]), sizes[i] };
            size_t most = text.n + 100, n = 0;
            char *small = compress_bytes((enum encoding)e, text, most, &stop, &n);
            char *back = malloc(text.n + 1);

            cr_assert_not_null(small, "%s, %zu bytes", encoding_name((enum encoding)e).p, text.n);
            cr_expect(text.n < 1000 || n < text.n, "%zu of %zu", n, text.n);
            cr_expect_eq(decode((enum encoding)e, small, n, back, text.n), (long)text.n, "%s %zu",
                         encoding_name((enum encoding)e).p, text.n);
            cr_expect_eq(memcmp(back, text.p, text.n), 0);
            free(back);
            free(small);
            free((char *)(uintptr_t)text.p);
        }
    }
}

Test(compress, makes_the_same_bytes_each_time)
{
    struct str text = { make_text(100000), 100000 };
    atomic_bool stop = false;

    for (int e = 1; e < ENCODING_COUNT; e++) {
        size_t n[2] = { 0, 0 };
        char *made[2];

        if ((compress_encodings() & ENCODING_BIT(e)) == 0)
            continue;
        for (int i = 0; i < 2; i++)
            made[i] = compress_bytes((enum encoding)e, text, text.n, &stop, &n[i]);
        cr_assert(made[0] != NULL && made[1] != NULL && n[0] == n[1]);
        cr_expect_eq(memcmp(made[0], made[1], n[0]), 0, "the tag is made from them");
        free(made[0]);
        free(made[1]);
    }
    free((char *)(uintptr_t)text.p);
}

Test(compress, gives_up_what_gains_too_little)
{
    char noise[50000];
    struct str bytes = { noise, sizeof(noise) };
    uint64_t state = 88172645463325252u;
    atomic_bool stop = false;

    for (size_t i = 0; i < sizeof(noise); i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        noise[i] = (char)(state >> 32);
    }
    for (int e = 1; e < ENCODING_COUNT; e++) {
        size_t n = 0;

        cr_expect_null(compress_bytes((enum encoding)e, bytes, bytes.n - bytes.n / 20, &stop, &n),
                       "%s", encoding_name((enum encoding)e).p);
    }
}

Test(compress, stops_when_told)
{
    struct str text = { make_text(1 << 20), 1 << 20 };
    atomic_bool stop = true;
    size_t n = 0;

    for (int e = 1; e < ENCODING_COUNT; e++)
        cr_expect_null(compress_bytes((enum encoding)e, text, text.n, &stop, &n));
    free((char *)(uintptr_t)text.p);
}

Test(compress, does_not_know_identity)
{
    atomic_bool stop = false;
    size_t n = 0;

    cr_expect_null(compress_bytes(ENCODING_IDENTITY, STR("aaaa"), 4, &stop, &n));
}

Test(compress, names_what_is_built_in)
{
    for (int e = 1; e < ENCODING_COUNT; e++) {
        bool is_in = (compress_encodings() & ENCODING_BIT(e)) != 0;
        bool is_named = strstr(encoding_builtins(), encoding_name((enum encoding)e).p) != NULL;

        cr_expect_eq(is_in, is_named, "%s", encoding_builtins());
    }
}
