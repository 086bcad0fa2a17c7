#include "worker/http_date.h"

#include <stdint.h>
#include <string.h>

static const char day_names[7][10] = { "Sunday",   "Monday", "Tuesday", "Wednesday",
                                       "Thursday", "Friday", "Saturday" };
static const char month_names[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

enum { DAY_S = 86400, DAYS_PER_400_YEARS = 146097, DAYS_FROM_0000_03_TO_1970_01 = 719468 };

struct civil {
    int year, month, day; /* month and day from 1 */
    int hour, minute, second;
};

/*
 * Days since 1970-01-01 in the Gregorian calendar. Years are counted from March, so that the
 * leap day is the last of its year and a month's offset needs no table.
 */
static int64_t days_of(int year, int month, int day)
{
    int64_t y = (int64_t)year - (month <= 2);
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

    return era * DAYS_PER_400_YEARS + day_of_era - DAYS_FROM_0000_03_TO_1970_01;
}

static struct civil civil_of(int64_t days)
{
    int64_t z = days + DAYS_FROM_0000_03_TO_1970_01;
    int64_t era = (z >= 0 ? z : z - (DAYS_PER_400_YEARS - 1)) / DAYS_PER_400_YEARS;
    int64_t doe = z - era * DAYS_PER_400_YEARS;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t shifted_month = (5 * doy + 2) / 153;
    struct civil c = { 0 };

    c.day = (int)(doy - (153 * shifted_month + 2) / 5 + 1);
    c.month = (int)(shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
    c.year = (int)(yoe + era * 400 + (c.month <= 2));
    return c;
}

static void write_two(char *out, int value)
{
    out[0] = (char)('0' + value / 10);
    out[1] = (char)('0' + value % 10);
}

void http_date_write(char out[HTTP_DATE_N], time_t when)
{
    int64_t days = when / DAY_S - (when % DAY_S < 0);
    int second = (int)(when - days * DAY_S);
    struct civil c = civil_of(days);
    int64_t weekday = ((days + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */

    memcpy(out, "Sun, 06 Nov 1994 08:49:37 GMT", HTTP_DATE_N);
    memcpy(out, day_names[weekday], 3);
    write_two(out + 5, c.day);
    memcpy(out + 8, month_names[c.month - 1], 3);
    write_two(out + 12, c.year / 100 % 100);
    write_two(out + 14, c.year % 100);
    write_two(out + 17, second / 3600);
    write_two(out + 20, second / 60 % 60);
    write_two(out + 23, second % 60);
}

/* Takes `literal` off the front of *s. */
static bool take(struct str *s, struct str literal)
{
    if (!str_starts(*s, literal))
        return false;
    *s = (struct str){ s->p + literal.n, s->n - literal.n };
    return true;
}

/* Takes exactly `digits` digits. */
static bool take_number(struct str *s, unsigned digits, int *value)
{
    int sum = 0;

    if (s->n < digits)
        return false;
    for (unsigned i = 0; i < digits; i++) {
        if (!ascii_is_digit(s->p[i]))
            return false;
        sum = sum * 10 + (s->p[i] - '0');
    }
    *s = (struct str){ s->p + digits, s->n - digits };
    *value = sum;
    return true;
}

/* The date tells the day of the week already, so a wrong name is no reason to refuse it. */
static bool take_day_name(struct str *s, bool is_long)
{
    for (size_t i = 0; i < 7; i++)
        if (take(s, (struct str){ day_names[i], is_long ? strlen(day_names[i]) : 3 }))
            return true;
    return false;
}

static bool take_month(struct str *s, int *month)
{
    for (int i = 0; i < 12; i++) {
        if (take(s, (struct str){ month_names[i], 3 })) {
            *month = i + 1;
            return true;
        }
    }
    return false;
}

static bool take_time(struct str *s, struct civil *c)
{
    return take_number(s, 2, &c->hour) && take(s, STR(":")) && take_number(s, 2, &c->minute) &&
           take(s, STR(":")) && take_number(s, 2, &c->second);
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" */
static bool parse_imf_fixdate(struct str s, struct civil *c)
{
    return take_day_name(&s, false) && take(&s, STR(", ")) && take_number(&s, 2, &c->day) &&
           take(&s, STR(" ")) && take_month(&s, &c->month) && take(&s, STR(" ")) &&
           take_number(&s, 4, &c->year) && take(&s, STR(" ")) && take_time(&s, c) &&
           take(&s, STR(" GMT")) && s.n == 0;
}

/* "Sunday, 06-Nov-94 08:49:37 GMT"; leaves 0 to 99 in c->year. */
static bool parse_rfc850(struct str s, struct civil *c)
{
    return take_day_name(&s, true) && take(&s, STR(", ")) && take_number(&s, 2, &c->day) &&
           take(&s, STR("-")) && take_month(&s, &c->month) && take(&s, STR("-")) &&
           take_number(&s, 2, &c->year) && take(&s, STR(" ")) && take_time(&s, c) &&
           take(&s, STR(" GMT")) && s.n == 0;
}

/* "Sun Nov  6 08:49:37 1994" */
static bool parse_asctime(struct str s, struct civil *c)
{
    return take_day_name(&s, false) && take(&s, STR(" ")) && take_month(&s, &c->month) &&
           take(&s, STR(" ")) &&
           (take(&s, STR(" ")) ? take_number(&s, 1, &c->day) : take_number(&s, 2, &c->day)) &&
           take(&s, STR(" ")) && take_time(&s, c) && take(&s, STR(" ")) &&
           take_number(&s, 4, &c->year) && s.n == 0;
}

static bool is_leap_year(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Second 60 is a leap second (RFC 9110, 5.6.7 with RFC 5322, 3.3). */
static bool is_possible(const struct civil *c)
{
    static const int days[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    int last_day = days[c->month - 1] + (c->month == 2 && is_leap_year(c->year));

    return c->day >= 1 && c->day <= last_day && c->hour <= 23 && c->minute <= 59 && c->second <= 60;
}

static time_t time_of(const struct civil *c)
{
    return (time_t)(days_of(c->year, c->month, c->day) * DAY_S + c->hour * 3600 + c->minute * 60 +
                    c->second);
}

/* The century of a two-digit year: this one, unless that is more than 50 years ahead. */
static void complete_year(struct civil *c, time_t now)
{
    int this_year = civil_of(now / DAY_S - (now % DAY_S < 0)).year;
    struct civil fifty_before;

    c->year += this_year - this_year % 100;
    fifty_before = *c;
    fifty_before.year -= 50;
    if (time_of(&fifty_before) > now)
        c->year -= 100;
}

bool http_date_parse(struct str text, time_t now, time_t *when)
{
    struct civil c;

    if (parse_rfc850(text, &c))
        complete_year(&c, now);
    else if (!parse_imf_fixdate(text, &c) && !parse_asctime(text, &c))
        return false;
    if (!is_possible(&c))
        return false;
    *when = time_of(&c);
    return true;
}
