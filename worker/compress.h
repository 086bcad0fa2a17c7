/*
 * compress - bytes into an encoding, slowly and well: for what is made once and sent often. Pure,
 * and at home on a helper thread.
 */
#ifndef WORKER_COMPRESS_H
#define WORKER_COMPRESS_H

#include <stdatomic.h>

#include "common/str.h"
#include "config/encodings.h"

/* The encodings that this build can make. */
unsigned compress_encodings(void);
/* Their names, as in "br zstd gzip"; "none". */
const char *encoding_builtins(void);

/*
 * A new buffer with `n` bytes, which the caller frees. NULL: they would be more than `most`, it was
 * stopped, took too long, or the encoding is not built in.
 */
char *compress_bytes(enum encoding encoding, struct str bytes, size_t most, const atomic_bool *stop,
                     size_t *n);

#endif
