/*
 * pool - memory that lives as long as one request and is given back in one go.
 *
 * The first block stays with the pool for ever, so a request that needs less than POOL_FIRST
 * bytes allocates nothing. Larger needs take further blocks, freed by pool_reset().
 */
#ifndef COMMON_POOL_H
#define COMMON_POOL_H

#include <stddef.h>

#include "common/str.h"

enum { POOL_FIRST = 2048 };

struct pool_block;

struct pool {
    char *at, *end;            /* free bytes of the current block */
    struct pool_block *blocks; /* further blocks, newest first; owned */
    _Alignas(16) char first[POOL_FIRST];
};

void pool_init(struct pool *pool);
/* Gives back everything that was allocated since init or the last reset. */
void pool_reset(struct pool *pool);
void pool_fini(struct pool *pool);

/* Aligned for any object; never NULL. */
void *pool_alloc(struct pool *pool, size_t size);
/* A copy that lives in the pool. */
struct str pool_str(struct pool *pool, struct str s);

#endif
