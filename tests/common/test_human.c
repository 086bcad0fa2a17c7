#include "common/human.h"

#include <criterion/criterion.h>

Test(human, writes_sizes)
{
    static const struct {
        uint64_t bytes;
        const char *expect;
    } rows[] = {
        { 0, "0" },           { 1023, "1023" },       { 1024, "1.0K" },
        { 10188, "9.9K" },    { 10240, "10K" },       { 1048575, "1.0M" },
        { 5u << 20, "5.0M" }, { 3ull << 40, "3.0T" }, { UINT64_MAX, "16E" },
    };
    char text[HUMAN_MAX];

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        cr_expect_str_eq(human_size(rows[i].bytes, text), rows[i].expect, "%s", text);
}

Test(human, writes_durations)
{
    static const struct {
        uint64_t s;
        const char *expect;
    } rows[] = {
        { 0, "0s" },
        { 59, "59s" },
        { 60, "1m 0s" },
        { 3600, "1h 0m 0s" },
        { 90061, "1d 1h 1m 1s" },
        { 86400, "1d 0h 0m 0s" },
    };
    char text[HUMAN_MAX];

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        cr_expect_str_eq(human_duration(rows[i].s, text), rows[i].expect, "%s", text);
}

Test(human, writes_times)
{
    static const struct {
        double s;
        const char *expect;
    } rows[] = {
        { -1, "0.00s" },    { 0.254, "0.25s" }, { 12.34, "12.3s" },
        { 59.96, "1m 0s" }, { 192, "3m 12s" },  { 86461, "1d 0h" },
    };
    char text[HUMAN_MAX];

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        cr_expect_str_eq(human_time(rows[i].s, text), rows[i].expect, "%s", text);
}
