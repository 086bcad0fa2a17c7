/*
 * load_head - what the head of an answer says about what follows it.
 */
#ifndef REMUDA_BENCH_LOAD_HEAD_H
#define REMUDA_BENCH_LOAD_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HEAD_MAX = 16 * 1024 };
#define BODY_TO_EOF UINT64_MAX /* length of a body that ends with the connection */

struct head {
    char bytes[HEAD_MAX]; /* the very head, with the empty line */
    size_t length;        /* 0: none yet */
    unsigned status;
    uint64_t body; /* bytes that follow, or BODY_TO_EOF */
    bool closes;   /* the server ends the connection after it */
};

/* Fills `h` from bytes that end with an empty line. NULL, or what is wrong with them. */
const char *head_read(struct head *h, const char *bytes, size_t length);

#endif
