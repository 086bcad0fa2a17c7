#include "worker/metrics_figures.h"

#include <criterion/criterion.h>

Test(metrics_figures, seconds_are_exact)
{
    static const struct {
        uint64_t ns;
        const char *expect;
    } rows[] = {
        { 0, "0" },
        { 1, "0.000000001" },
        { 32511, "0.000032511" },
        { 1500000000, "1.5" },
        { 2000000000, "2" },
        { 10000000001, "10.000000001" },
        { UINT64_MAX, "18446744073.709551615" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct buf out = { 0 };

        figures_add_seconds(&out, rows[i].ns);
        cr_expect_str_eq(buf_cstr(&out), rows[i].expect);
        buf_fini(&out);
    }
}

Test(metrics_figures, durations_have_three_digits)
{
    static const struct {
        uint64_t ns;
        const char *expect;
    } rows[] = {
        { 0, "-" },
        { 1, "1 ns" },
        { 999, "999 ns" },
        { 1000, "1.00 us" },
        { 12345, "12.3 us" },
        { 999499, "999 us" },
        { 999600, "1.00 ms" },
        { 9996000, "10.0 ms" },
        { UINT64_C(137000000000), "137 s" },
    };
    char text[FIGURES_MAX];

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        cr_expect_str_eq(figures_duration(rows[i].ns, text), rows[i].expect);
}

Test(metrics_figures, groups_have_three_digits)
{
    char text[FIGURES_MAX];

    cr_expect_str_eq(figures_grouped(0, text), "0");
    cr_expect_str_eq(figures_grouped(999, text), "999");
    cr_expect_str_eq(figures_grouped(1000, text), "1,000");
    cr_expect_str_eq(figures_grouped(1234567, text), "1,234,567");
    cr_expect_str_eq(figures_grouped(UINT64_MAX, text), "18,446,744,073,709,551,615");
}
