#include "master/backoff.h"

#include <criterion/criterion.h>

Test(backoff, replaces_at_once_what_lived_long)
{
    struct backoff b = { 0 };

    cr_expect_eq(backoff_next(&b, BACKOFF_YOUNG_MS), 0);
    cr_expect_eq(backoff_next(&b, 86400000), 0);
}

Test(backoff, doubles_up_to_its_bound_for_those_that_die_young)
{
    static const unsigned expect[] = { 100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000 };
    struct backoff b = { 0 };

    for (size_t i = 0; i < sizeof(expect) / sizeof(*expect); i++)
        cr_expect_eq(backoff_next(&b, BACKOFF_YOUNG_MS - 1), expect[i], "death %zu", i + 1);
}

Test(backoff, starts_over_after_one_that_lived_long)
{
    struct backoff b = { 0 };

    backoff_next(&b, 0);
    backoff_next(&b, 0);
    cr_expect_eq(backoff_next(&b, 5000), 0);
    cr_expect_eq(backoff_next(&b, 0), 100);
}
