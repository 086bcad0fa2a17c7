#include "worker/http_date.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

static const time_t y2026 = 1795294800; /* 2026-11-21 21:00:00 */

Test(http_date, writes_what_gmtime_knows)
{
    /* A prime step of some eight days over all the years that a date can have. */
    for (time_t t = -62167219200; t <= 253402300799; t += 700001) {
        char got[HTTP_DATE_N], expect[64];
        struct tm tm;

        http_date_write(got, t);
        gmtime_r(&t, &tm);
        strftime(expect, sizeof(expect), "%a, %d %b ", &tm);
        snprintf(expect + 12, sizeof(expect) - 12, "%04d %02d:%02d:%02d GMT", tm.tm_year + 1900,
                 tm.tm_hour, tm.tm_min, tm.tm_sec);
        cr_assert_arr_eq(got, expect, HTTP_DATE_N, "%lld: got %.29s, not %s", (long long)t, got,
                         expect);
    }
}

Test(http_date, reads_back_what_it_wrote)
{
    for (time_t t = -62167219200; t <= 253402300799; t += 7000003) {
        char text[HTTP_DATE_N];
        time_t got;

        http_date_write(text, t);
        cr_assert(http_date_parse((struct str){ text, HTTP_DATE_N }, y2026, &got));
        cr_assert_eq(got, t, "%.29s: %lld, not %lld", text, (long long)got, (long long)t);
    }
}

static const struct {
    const char *why, *text;
    time_t now, expect; /* expect -1: refused */
} rows[] = {
    { "IMF-fixdate, RFC 9110 5.6.7", "Sun, 06 Nov 1994 08:49:37 GMT", y2026, 784111777 },
    { "RFC 850, RFC 9110 5.6.7", "Sunday, 06-Nov-94 08:49:37 GMT", y2026, 784111777 },
    { "asctime, RFC 9110 5.6.7", "Sun Nov  6 08:49:37 1994", y2026, 784111777 },
    { "asctime, two-digit day", "Wed Nov 16 08:49:37 1994", y2026, 784975777 },
    { "the epoch", "Thu, 01 Jan 1970 00:00:00 GMT", y2026, 0 },
    { "29 February of a leap year", "Thu, 29 Feb 2024 00:00:00 GMT", y2026, 1709164800 },
    { "2000 is one", "Tue, 29 Feb 2000 00:00:00 GMT", y2026, 951782400 },
    { "1900 is none", "Thu, 29 Feb 1900 00:00:00 GMT", y2026, -1 },
    { "2023 is none", "Wed, 29 Feb 2023 00:00:00 GMT", y2026, -1 },
    { "leap second", "Sat, 31 Dec 2016 23:59:60 GMT", y2026, 1483228800 },
    { "second 61", "Sat, 31 Dec 2016 23:59:61 GMT", y2026, -1 },
    { "hour 24", "Sat, 31 Dec 2016 24:00:00 GMT", y2026, -1 },
    { "minute 60", "Sat, 31 Dec 2016 23:60:00 GMT", y2026, -1 },
    { "day 0", "Sat, 00 Dec 2016 23:00:00 GMT", y2026, -1 },
    { "31 April", "Sat, 31 Apr 2016 23:00:00 GMT", y2026, -1 },
    { "wrong name of day: the date counts", "Mon, 06 Nov 1994 08:49:37 GMT", y2026, 784111777 },
    { "no such day", "Foo, 06 Nov 1994 08:49:37 GMT", y2026, -1 },
    { "no such month", "Sun, 06 Foo 1994 08:49:37 GMT", y2026, -1 },
    { "case counts, RFC 9110 5.6.7", "sun, 06 nov 1994 08:49:37 gmt", y2026, -1 },
    { "UTC is not GMT, RFC 9110 5.6.7", "Sun, 06 Nov 1994 08:49:37 UTC", y2026, -1 },
    { "offset", "Sun, 06 Nov 1994 08:49:37 +0000", y2026, -1 },
    { "no zone", "Sun, 06 Nov 1994 08:49:37", y2026, -1 },
    { "one-digit day", "Sun, 6 Nov 1994 08:49:37 GMT", y2026, -1 },
    { "two spaces", "Sun,  06 Nov 1994 08:49:37 GMT", y2026, -1 },
    { "something behind", "Sun, 06 Nov 1994 08:49:37 GMT ", y2026, -1 },
    { "something behind asctime", "Sun Nov  6 08:49:37 1994 GMT", y2026, -1 },
    { "the old length parameter", "Sun, 06 Nov 1994 08:49:37 GMT; length=5", y2026, -1 },
    { "ISO 8601", "1994-11-06T08:49:37Z", y2026, -1 },
    { "empty", "", y2026, -1 },
    { "seconds since the epoch", "784111777", y2026, -1 },
    { "sign in a number", "Sun, 06 Nov 1994 -8:49:37 GMT", y2026, -1 },
    { "short name of day in RFC 850", "Sun, 06-Nov-94 08:49:37 GMT", y2026, -1 },
    { "four-digit year in RFC 850", "Sunday, 06-Nov-1994 08:49:37 GMT", y2026, -1 },
    { "49 years ahead stays ahead", "Friday, 01-Nov-75 00:00:00 GMT", y2026, 3339792000 },
    { "50 years ahead to the second", "Saturday, 21-Nov-76 21:00:00 GMT", y2026, 3373218000 },
    { "a second more is the past", "Sunday, 21-Nov-76 21:00:01 GMT", y2026, 217458001 },
    { "29 February of the past century's end", "Tuesday, 29-Feb-00 00:00:00 GMT", y2026,
      951782400 },
};

Test(http_date, judges_each_row)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t n = strlen(rows[i].text);
        char *copy = malloc(n > 0 ? n : 1);
        time_t got = -1;

        memcpy(copy, rows[i].text, n);
        if (!http_date_parse((struct str){ copy, n }, rows[i].now, &got))
            got = -1;
        cr_expect_eq(got, rows[i].expect, "%s: got %lld", rows[i].why, (long long)got);
        free(copy);
    }
}

Test(http_date, refuses_each_date_that_is_cut)
{
    static const char *const dates[] = { "Sun, 06 Nov 1994 08:49:37 GMT",
                                         "Sunday, 06-Nov-94 08:49:37 GMT",
                                         "Sun Nov  6 08:49:37 1994" };

    for (size_t i = 0; i < 3; i++) {
        for (size_t n = 0; n < strlen(dates[i]); n++) {
            char *copy = malloc(n > 0 ? n : 1);
            time_t got;

            memcpy(copy, dates[i], n);
            cr_expect_not(http_date_parse((struct str){ copy, n }, y2026, &got), "%.*s", (int)n,
                          dates[i]);
            free(copy);
        }
    }
}
