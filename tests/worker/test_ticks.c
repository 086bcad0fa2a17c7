/* A clock from the processor's counter: it follows the kernel's, and believes no jump. */
#include "worker/ticks.h"

#include <criterion/criterion.h>

#define S  ((uint64_t)1000000000)
#define MS ((uint64_t)1000000)

static uint64_t clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * S + (uint64_t)now.tv_nsec;
}

static void wait_ms(unsigned ms)
{
    struct timespec pause = { 0, (long)(ms * MS) };

    nanosleep(&pause, NULL);
}

/* How far it is from the clock; the best of some looks, for we may be interrupted between two. */
static uint64_t apart_ns(const struct ticks *t)
{
    uint64_t best = UINT64_MAX;

    for (int i = 0; i < 20; i++) {
        uint64_t before = clock_ns(), now = ticks_now(t), after = clock_ns(), apart = 0;

        if (now < before)
            apart = before - now;
        else if (now > after)
            apart = now - after;
        best = apart < best ? apart : best;
    }
    return best;
}

Test(ticks, is_the_clock_at_first_and_follows_it_then)
{
    struct ticks t;

    ticks_init(&t);
    cr_expect_eq(apart_ns(&t), 0);
    for (int i = 0; i < 10; i++) {
        wait_ms(60);
        cr_expect_lt(apart_ns(&t), MS, "%d: before", i);
        ticks_adjust(&t);
        cr_expect_lt(apart_ns(&t), MS, "%d: behind", i);
    }
    cr_expect(t.base_count == 0 || t.rate != 0, "it was never learned");
}

Test(ticks, learns_nothing_from_a_moment)
{
    struct ticks t;

    ticks_init(&t);
    ticks_adjust(&t);
    cr_expect_eq(t.rate, 0);
    cr_expect_eq(apart_ns(&t), 0);
}

Test(ticks, is_the_clock_where_there_is_no_counter)
{
    struct ticks t = { 0 };

    wait_ms(60);
    ticks_adjust(&t);
    cr_expect_eq(t.limit, 0);
    cr_expect_eq(apart_ns(&t), 0);
}

/* One that counts three in a nanosecond. */
static struct ticks learned(void)
{
    struct ticks t = { .base_ns = 100 * S, .base_count = 1000 };

    ticks_compare(&t, 1000 + 3 * S, 101 * S);
    return t;
}

Test(ticks, learns_the_rate)
{
    struct ticks t = learned();

    cr_expect_eq(t.rate, ((uint64_t)1 << 32) / 3);
    cr_expect_eq(t.base_ns, 101 * S);
    cr_expect_eq(t.base_count, 1000 + 3 * S);
    cr_expect(t.limit > 11 * S && t.limit < 13 * S, "for some seconds");
    ticks_compare(&t, 1000 + 3 * S + 3000060000, 102 * S); /* 20 ppm more */
    cr_expect_neq(t.rate, 0);
}

Test(ticks, does_not_believe_a_counter_that_jumps)
{
    static const struct {
        const char *why;
        uint64_t count, ns;
    } rows[] = {
        { "backwards", 500, 102 * S },
        { "to nothing", 0, 102 * S },
        { "it stood still", 1000 + 3 * S, 102 * S },
        { "it ran on while the clock stood: the machine slept", 1000 + 40 * S, 102 * S },
        { "far ahead", UINT64_MAX - 5, 102 * S },
        { "another processor's rate", 1000 + 3 * S + 2 * S, 102 * S },
        { "the clock ran on, the counter hardly", 1000 + 3 * S + 10, 103 * S },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct ticks t = learned();

        ticks_compare(&t, rows[i].count, rows[i].ns);
        cr_expect_eq(t.limit, 0, "%s", rows[i].why);
        cr_expect_eq(t.base_ns, rows[i].ns, "%s", rows[i].why);
        cr_expect_eq(apart_ns(&t), 0, "%s: the clock is asked", rows[i].why);
        ticks_compare(&t, rows[i].count + 3 * S, rows[i].ns + S);
        cr_expect_gt(t.limit, 0, "%s: learned anew", rows[i].why);
    }
}

/* Between two adjustments nobody compares. */
Test(ticks, asks_the_clock_when_the_counter_is_before_or_far_behind_its_base)
{
    struct ticks t;

    ticks_init(&t);
    if (t.base_count == 0)
        cr_skip_test("no counter here");
    wait_ms(60);
    ticks_adjust(&t);
    t.base_count += 1000 * S; /* as if it had gone backwards */
    cr_expect_eq(apart_ns(&t), 0);
    t.base_count -= 2000 * S; /* and as if it had leapt ahead */
    cr_expect_eq(apart_ns(&t), 0);
}
