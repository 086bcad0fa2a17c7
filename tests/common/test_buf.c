#include "common/buf.h"

#include <criterion/criterion.h>
#include <stdlib.h>

Test(buf, is_empty_when_zeroed)
{
    struct buf b = { 0 };

    cr_expect_eq(buf_str(&b).n, 0);
    cr_expect_str_eq(buf_cstr(&b), "");
    buf_fini(&b);
}

Test(buf, keeps_the_bytes_in_order_over_many_growths)
{
    struct buf b = { 0 };

    for (unsigned i = 0; i < 10000; i++) {
        buf_add_char(&b, (char)('a' + i % 26));
        buf_add(&b, STR("--"));
    }
    cr_assert_eq(b.n, 30000);
    cr_expect(b.cap >= b.n);
    for (unsigned i = 0; i < 10000; i++)
        cr_assert_arr_eq(b.p + (size_t)i * 3, ((char[]){ (char)('a' + i % 26), '-', '-' }), 3);
    buf_fini(&b);
}

Test(buf, reserves_room_that_the_caller_may_fill_to_the_last_byte)
{
    static const size_t sizes[] = { 0, 1, 63, 64, 65, 128, 129, 5000 };

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct buf b = { 0 };
        char *room;

        buf_add(&b, STR("head"));
        room = buf_reserve(&b, sizes[i]);
        cr_expect_eq(b.n, 4, "reserving raises nothing");
        cr_expect_eq(room, b.p + 4);
        memset(room, 'x', sizes[i]);
        b.n += sizes[i];
        cr_expect(str_starts(buf_str(&b), STR("head")));
        buf_fini(&b);
    }
}

Test(buf, adds_nothing_for_a_view_that_is_not_there)
{
    struct buf b = { 0 };

    buf_add(&b, STR_NONE);
    buf_add(&b, STR(""));
    cr_expect_null(b.p, "nothing was allocated either");
    buf_fini(&b);
}

Test(buf, prints_behind_what_it_holds)
{
    struct buf b = { 0 };

    buf_add(&b, STR("a"));
    buf_printf(&b, "%d-%s", 42, "x");
    cr_expect(str_eq(buf_str(&b), STR("a42-x")));
    buf_printf(&b, "%s", "");
    cr_expect_eq(b.n, 5);
    buf_printf(&b, "%1000s|", "wide");
    cr_expect_eq(b.n, 5 + 1001, "a text that has to grow the buffer is whole");
    cr_expect_eq(b.p[b.n - 1], '|');
    buf_fini(&b);
}

Test(buf, ends_a_string_without_counting_the_nul)
{
    struct buf b = { 0 };

    /* 64 bytes fill the first allocation: the NUL has to grow it. */
    for (int i = 0; i < 64; i++)
        buf_add_char(&b, 'x');
    cr_expect_eq(strlen(buf_cstr(&b)), 64);
    cr_expect_eq(b.n, 64);
    buf_fini(&b);
}

Test(buf, hands_its_bytes_over_and_is_usable_again)
{
    struct buf b = { 0 };
    char *taken;

    buf_add(&b, STR("one"));
    taken = buf_take(&b);
    cr_expect_str_eq(taken, "one");
    cr_expect_null(b.p);
    cr_expect_eq(b.cap, 0);
    buf_add(&b, STR("two"));
    cr_expect_str_eq(buf_cstr(&b), "two");
    cr_expect_str_eq(taken, "one");
    free(taken);
    buf_fini(&b);
    taken = buf_take(&b);
    cr_expect_str_eq(taken, "", "taken from an empty buffer: an empty string, not NULL");
    free(taken);
}

Test(buf, is_empty_and_usable_after_fini)
{
    struct buf b = { 0 };

    buf_add(&b, STR("gone"));
    buf_fini(&b);
    buf_fini(&b);
    cr_expect_eq(b.n, 0);
    buf_add(&b, STR("back"));
    cr_expect_str_eq(buf_cstr(&b), "back");
    buf_fini(&b);
}
