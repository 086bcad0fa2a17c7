/*
 * encodings - the content codings that files are served in, in our order of preference: brotli
 * makes the smallest text, zstd is close and quicker to decode, gzip is what everybody has.
 */
#ifndef CONFIG_ENCODINGS_H
#define CONFIG_ENCODINGS_H

/* One row makes the enum, the name in Content-Encoding and the config, and the file's suffix. */
#define ENCODINGS(X)        \
    X(BR, "br", ".br")      \
    X(ZSTD, "zstd", ".zst") \
    X(GZIP, "gzip", ".gz")

enum encoding {
    ENCODING_IDENTITY, /* the bytes as they are */
#define ENCODING_ENUM(name, word, suffix) ENCODING_##name,
    ENCODINGS(ENCODING_ENUM)
#undef ENCODING_ENUM
        ENCODING_COUNT
};

/* A set of encodings has bit 1 << encoding for each. Identity is never in it: it is always there. */
#define ENCODING_BIT(encoding) (1u << (encoding))
enum { ENCODINGS_ALL = (1u << ENCODING_COUNT) - 2 };

#endif
