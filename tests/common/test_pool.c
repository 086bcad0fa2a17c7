#include "common/pool.h"

#include <criterion/criterion.h>
#include <stdint.h>

static struct pool pool;

static void set_up(void)
{
    pool_init(&pool);
}

static void tear_down(void)
{
    pool_fini(&pool);
}

TestSuite(pool, .init = set_up, .fini = tear_down);

static bool is_inside(const char *p)
{
    return p >= pool.first && p < pool.first + sizeof(pool.first);
}

Test(pool, gives_memory_aligned_for_any_object)
{
    static const size_t sizes[] = { 1, 2, 3, 7, 15, 16, 17, 33, 0, 5000, 1, 9000, 3 };

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        char *p = pool_alloc(&pool, sizes[i]);

        cr_assert_not_null(p);
        cr_expect_eq((uintptr_t)p % _Alignof(max_align_t), 0, "%zu bytes", sizes[i]);
        memset(p, 0xaa, sizes[i]);
    }
}

Test(pool, takes_small_requests_from_its_first_block)
{
    for (int i = 0; i < POOL_FIRST / 16; i++)
        cr_expect(is_inside(pool_alloc(&pool, 16)), "allocation %d", i);
    cr_expect_null(pool.blocks);
    cr_expect_not(is_inside(pool_alloc(&pool, 1)), "the first block is full");
    cr_expect_not_null(pool.blocks);
}

Test(pool, never_hands_out_a_byte_twice)
{
    enum { COUNT = 2000 };
    static unsigned char *got[COUNT];

    /* 1 to 97 bytes each: about 98 KiB over the first block and many more. */
    for (unsigned i = 0; i < COUNT; i++) {
        got[i] = pool_alloc(&pool, 1 + i % 97);
        memset(got[i], (int)(i % 251), 1 + i % 97);
    }
    for (unsigned i = 0; i < COUNT; i++)
        for (unsigned j = 0; j < 1 + i % 97; j++)
            cr_assert_eq(got[i][j], i % 251, "allocation %u, byte %u", i, j);
}

Test(pool, gives_a_large_request_a_block_of_its_own)
{
    enum { LARGE = 100000 };
    char *p = pool_alloc(&pool, LARGE);

    memset(p, 'x', LARGE);
    cr_expect_not(is_inside(p));
}

Test(pool, starts_over_after_a_reset)
{
    char *first = pool_alloc(&pool, 100);

    for (int i = 0; i < 10; i++)
        pool_alloc(&pool, 5000);
    pool_reset(&pool);
    cr_expect_null(pool.blocks, "further blocks are given back");
    cr_expect_eq((char *)pool_alloc(&pool, 100), first);
    pool_reset(&pool);
    pool_reset(&pool);
    cr_expect_eq((char *)pool_alloc(&pool, POOL_FIRST), first, "the whole first block is free");
}

Test(pool, copies_a_view)
{
    char text[] = "abc";
    struct str copy = pool_str(&pool, str_of(text)), empty = pool_str(&pool, STR(""));

    text[0] = 'x';
    cr_expect(str_eq(copy, STR("abc")));
    cr_expect_not_null(empty.p, "empty is not absent");
    cr_expect_null(pool_str(&pool, STR_NONE).p, "absent stays absent");
}
