#include "common/pool.h"

#include <stdlib.h>

#include "common/xmalloc.h"

enum { ALIGN = 16, BLOCK_BYTES = 8192 };

struct pool_block {
    struct pool_block *next;
    _Alignas(ALIGN) char bytes[];
};

void pool_init(struct pool *pool)
{
    pool->blocks = NULL;
    pool->at = pool->first;
    pool->end = pool->first + sizeof(pool->first);
}

void pool_reset(struct pool *pool)
{
    while (pool->blocks != NULL) {
        struct pool_block *block = pool->blocks;

        pool->blocks = block->next;
        free(block);
    }
    pool->at = pool->first;
    pool->end = pool->first + sizeof(pool->first);
}

void pool_fini(struct pool *pool)
{
    pool_reset(pool);
}

static void add_block(struct pool *pool, size_t size)
{
    size_t room = size > BLOCK_BYTES ? size : BLOCK_BYTES;
    struct pool_block *block = xmalloc(sizeof(*block) + room);

    block->next = pool->blocks;
    pool->blocks = block;
    pool->at = block->bytes;
    pool->end = block->bytes + room;
}

void *pool_alloc(struct pool *pool, size_t size)
{
    void *p;

    size = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if ((size_t)(pool->end - pool->at) < size)
        add_block(pool, size);
    p = pool->at;
    pool->at += size;
    return p;
}

struct str pool_str(struct pool *pool, struct str s)
{
    char *copy;

    if (s.p == NULL)
        return s;
    copy = pool_alloc(pool, s.n);
    memcpy(copy, s.p, s.n);
    return (struct str){ copy, s.n };
}
