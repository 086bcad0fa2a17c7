/*
 * memfd - a text for another process, in a file that is memory alone, memfd_create(2).
 */
#ifndef COMMON_MEMFD_H
#define COMMON_MEMFD_H

#include <stddef.h>

#include "common/buf.h"

/* A new one with these bytes, close-on-exec. `name` is for /proc alone. -1: errno. */
int memfd_of(const char *name, struct str bytes);

/*
 * Adds all of it to `out`, whatever its offset is, for several processes may share that. Read, not
 * mapped: who sent it may still cut it short. -1: EPROTO, it is no regular file; EFBIG, it is longer
 * than `most` bytes; else errno.
 */
int memfd_read(int fd, size_t most, struct buf *out);

#endif
