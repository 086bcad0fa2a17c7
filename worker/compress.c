#include "worker/compress.h"

#include <stdlib.h>

#include "common/now.h"
#include "common/xmalloc.h"

#if defined(HAVE_BROTLI)
#include <brotli/encode.h>
#endif
#if defined(HAVE_ZLIB)
#include <zlib.h>
#endif
#if defined(HAVE_ZSTD)
#include <zstd.h>
#endif

enum {
    STEP_BYTES = 64 * 1024, /* between two looks at `stop` and the clock */
    TIME_MAX_S = 20,        /* others wait for the thread too */
    /* The best levels need seconds for a megabyte or two; above these sizes the next best do. */
    BROTLI_BEST_MAX = 512 * 1024,
    ZSTD_BEST_MAX = 1024 * 1024,
};

unsigned compress_encodings(void)
{
    unsigned set = 0;

#if defined(HAVE_BROTLI)
    set |= ENCODING_BIT(ENCODING_BR);
#endif
#if defined(HAVE_ZSTD)
    set |= ENCODING_BIT(ENCODING_ZSTD);
#endif
#if defined(HAVE_ZLIB)
    set |= ENCODING_BIT(ENCODING_GZIP);
#endif
    return set;
}

const char *encoding_builtins(void)
{
    static const char names[] = ""
#if defined(HAVE_BROTLI)
                                " br"
#endif
#if defined(HAVE_ZSTD)
                                " zstd"
#endif
#if defined(HAVE_ZLIB)
                                " gzip"
#endif
        ;

    return sizeof(names) > 1 ? names + 1 : "none";
}

/* Where an encoder is in its work: the next step of input, the room that is left. */
struct run {
    const char *in;
    size_t in_n, left; /* of this step; behind it */
    char *out;
    size_t room;
    const atomic_bool *stop;
    uint64_t give_up_ms; /* CLOCK_MONOTONIC */
};

/* The next step of the input; false: it was stopped, or takes too long. */
__attribute__((unused)) static bool next_step(struct run *r)
{
    size_t n = r->left < STEP_BYTES ? r->left : STEP_BYTES;

    r->in_n = n;
    r->left -= n;
    return !atomic_load(r->stop) && monotonic_ms() < r->give_up_ms;
}

#if defined(HAVE_BROTLI)
/* The smallest window that holds everything: memory and time go with it. */
static uint32_t brotli_window(size_t n)
{
    uint32_t bits = BROTLI_MIN_WINDOW_BITS;

    while (bits < 22 && ((size_t)1 << bits) - 16 < n)
        bits++;
    return bits;
}

static bool brotli(struct run *r)
{
    size_t total = r->left;
    BrotliEncoderState *s = BrotliEncoderCreateInstance(NULL, NULL, NULL);
    const uint8_t *in = (const uint8_t *)r->in;
    uint8_t *out = (uint8_t *)r->out;
    bool is_good = s != NULL;

    if (!is_good)
        return false;
    BrotliEncoderSetParameter(s, BROTLI_PARAM_QUALITY, total <= BROTLI_BEST_MAX ? 11 : 9);
    BrotliEncoderSetParameter(s, BROTLI_PARAM_LGWIN, brotli_window(total));
    BrotliEncoderSetParameter(s, BROTLI_PARAM_SIZE_HINT, (uint32_t)total);
    do {
        is_good = next_step(r);
        do
            is_good = is_good && r->room > 0 &&
                      BrotliEncoderCompressStream(
                          s, r->left == 0 ? BROTLI_OPERATION_FINISH : BROTLI_OPERATION_PROCESS,
                          &r->in_n, &in, &r->room, &out, NULL);
        while (is_good && (r->in_n > 0 || BrotliEncoderHasMoreOutput(s)));
    } while (is_good && r->left > 0);
    is_good = is_good && BrotliEncoderIsFinished(s);
    BrotliEncoderDestroyInstance(s);
    return is_good;
}
#endif

#if defined(HAVE_ZSTD)
static bool zstd(struct run *r)
{
    size_t total = r->left, rest = 1;
    ZSTD_CCtx *s = ZSTD_createCCtx();
    ZSTD_outBuffer out = { r->out, r->room, 0 };
    bool is_good = s != NULL;

    if (!is_good)
        return false;
    /* Up to level 19 the window is at most the 8 MiB that clients must cope with (RFC 9659). */
    ZSTD_CCtx_setParameter(s, ZSTD_c_compressionLevel, total <= ZSTD_BEST_MAX ? 19 : 12);
    ZSTD_CCtx_setPledgedSrcSize(s, total);
    do {
        ZSTD_inBuffer in;

        is_good = next_step(r);
        in = (ZSTD_inBuffer){ r->in, r->in_n, 0 };
        do {
            is_good = is_good && out.pos < out.size;
            if (is_good)
                rest =
                    ZSTD_compressStream2(s, &out, &in, r->left == 0 ? ZSTD_e_end : ZSTD_e_continue);
            is_good = is_good && !ZSTD_isError(rest);
        } while (is_good && (in.pos < in.size || (r->left == 0 && rest > 0)));
        r->in += r->in_n;
    } while (is_good && r->left > 0);
    r->room -= out.pos;
    ZSTD_freeCCtx(s);
    return is_good;
}
#endif

#if defined(HAVE_ZLIB)
static bool gzip(struct run *r)
{
    enum { GZIP_WINDOW_BITS = 15 + 16, MEMORY_MAX = 9 };
    z_stream s = { .next_in = (Bytef *)(uintptr_t)r->in, .next_out = (Bytef *)r->out };
    int result;

    if (deflateInit2(&s, Z_BEST_COMPRESSION, Z_DEFLATED, GZIP_WINDOW_BITS, MEMORY_MAX,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    s.avail_out = (uInt)r->room;
    do {
        if (!next_step(r)) {
            result = Z_BUF_ERROR;
            break;
        }
        s.avail_in = (uInt)r->in_n;
        result = deflate(&s, r->left == 0 ? Z_FINISH : Z_NO_FLUSH);
    } while (result == Z_OK && s.avail_in == 0 && r->left > 0);
    r->room = s.avail_out;
    deflateEnd(&s);
    return result == Z_STREAM_END;
}
#endif

static bool encode(enum encoding encoding, struct run *r)
{
    switch (encoding) {
#if defined(HAVE_BROTLI)
    case ENCODING_BR:
        return brotli(r);
#endif
#if defined(HAVE_ZSTD)
    case ENCODING_ZSTD:
        return zstd(r);
#endif
#if defined(HAVE_ZLIB)
    case ENCODING_GZIP:
        return gzip(r);
#endif
    default:
        return false;
    }
}

char *compress_bytes(enum encoding encoding, struct str bytes, size_t most, const atomic_bool *stop,
                     size_t *n)
{
    char *out = xmalloc(most + 1);
    struct run r = { .in = bytes.p,
                     .left = bytes.n,
                     .out = out,
                     .room = most,
                     .stop = stop,
                     .give_up_ms = monotonic_ms() + TIME_MAX_S * 1000 };

    if (!encode(encoding, &r)) {
        free(out);
        return NULL;
    }
    *n = most - r.room;
    return out;
}
