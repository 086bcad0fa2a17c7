/*
 * follow - shows the lines of an answer as they come, for as long as they do: `-s trace`.
 */
#ifndef MASTER_FOLLOW_H
#define MASTER_FOLLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"

/* Waits for some bytes more. False: there are no more. */
bool follow_read(int fd, struct buf *text);

/*
 * Waits for the first line. True: it says that lines follow, of which the first may be in `text`;
 * else `text` is the beginning of an answer like any other.
 */
bool follow_begins(int fd, struct buf *text);

/* Prints them to standard output, `most` of them (0: no bound). An exit code. */
int follow(int fd, struct buf *text, uint64_t most);

#endif
