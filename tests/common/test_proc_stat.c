#include "common/proc_stat.h"

#include <criterion/criterion.h>
#include <unistd.h>

#define STAT(name) \
    STR("4242 (" name ") S 1 2 3 4 -1 5 6 7 8 9 150 50 0 0 20 0 1 0 100 1000 200 1844\n")

Test(proc_stat, reads_cpu_time_and_memory)
{
    struct proc_stat got;

    cr_assert(proc_stat_parse(STAT("remuda"), STR("500 300 100 1 0 2 0\n"), 100, 4096, &got));
    cr_expect_float_eq(got.user_s, 1.5, 1e-9);
    cr_expect_float_eq(got.system_s, 0.5, 1e-9);
    cr_expect_eq(got.memory_bytes, 300 * 4096);
    cr_expect_eq(got.private_bytes, 200 * 4096);
}

Test(proc_stat, is_not_misled_by_the_name)
{
    struct proc_stat got;

    cr_assert(proc_stat_parse(STAT("a) S 1 (b"), STR("5 3 1 0 0 0 0\n"), 100, 4096, &got));
    cr_expect_float_eq(got.user_s, 1.5, 1e-9);
}

Test(proc_stat, refuses_what_is_cut_or_empty)
{
    static const struct str stats[] = { STR_INIT(""), STR_INIT("1 (a"), STR_INIT("1 (a)"),
                                        STR_INIT("1 (a) S 1 2") };
    struct proc_stat got;

    for (size_t i = 0; i < sizeof(stats) / sizeof(*stats); i++)
        cr_expect_not(proc_stat_parse(stats[i], STR("5 3 1 0 0 0 0\n"), 100, 4096, &got));
    cr_expect_not(proc_stat_parse(STAT("a"), STR(""), 100, 4096, &got));
    cr_expect_not(proc_stat_parse(STAT("a"), STR("5 3"), 100, 4096, &got));
}

Test(proc_stat, reads_a_living_process)
{
    struct proc_stat got;

    cr_assert(proc_stat_read(getpid(), &got));
    cr_expect_gt(got.memory_bytes, 0);
    cr_expect_leq(got.private_bytes, got.memory_bytes);
}
