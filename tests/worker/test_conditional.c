#include "worker/conditional.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

/* The representation of all rows: 1000 bytes, "v1", modified at the example date of RFC 9110. */
#define MODIFIED "Sun, 06 Nov 1994 08:49:37 GMT"
#define EARLIER  "Sun, 06 Nov 1994 08:49:36 GMT"
#define LATER    "Sun, 06 Nov 1994 08:49:38 GMT"
#define FUTURE   "Sun, 06 Nov 2095 08:49:37 GMT"

static const time_t modified = 784111777, y2026 = 1795294800;

struct row {
    const char *why;
    enum method method;
    const char *fields; /* "name: value" lines */
    enum verdict expect;
    off_t first, count; /* of VERDICT_RANGE */
};

/* Values are heap copies of the exact size; the caller frees *lines. */
static struct request *request_of(enum method method, const char *fields, char ***lines)
{
    struct request *req = calloc(1, sizeof(*req));
    struct str rest = str_of(fields);

    *lines = calloc(REQUEST_FIELDS_MAX, sizeof(**lines));
    req->method = method;
    while (rest.p != NULL && rest.n > 0) {
        struct str value = str_cut(&rest, '\n');
        struct field *f = &req->fields[req->field_count];
        struct str name = str_cut(&value, ':');

        value = str_trim(value);
        f->name = name;
        f->id = request_field_id(name);
        f->value.n = value.n;
        f->value.p = (*lines)[req->field_count] = malloc(value.n > 0 ? value.n : 1);
        memcpy((*lines)[req->field_count], value.p, value.n);
        if (req->known[f->id].p == NULL)
            req->known[f->id] = f->value;
        req->field_count++;
    }
    return req;
}

static enum verdict judge(enum method method, const char *fields, const struct representation *rep,
                          time_t now, unsigned max_ranges, struct byte_ranges *ranges)
{
    char **lines;
    struct request *req = request_of(method, fields, &lines);
    enum verdict got = conditional_judge(req, rep, now, max_ranges, ranges);

    for (size_t i = 0; i < req->field_count; i++)
        free(lines[i]);
    free(lines);
    free(req);
    return got;
}

static void check_rows(const struct row *rows, size_t count, const struct representation *rep)
{
    for (size_t i = 0; i < count; i++) {
        struct byte_ranges ranges = { .count = 0 };
        enum verdict got = judge(rows[i].method, rows[i].fields, rep, y2026, 16, &ranges);

        cr_expect_eq(got, rows[i].expect, "%s: got %d", rows[i].why, got);
        if (got == VERDICT_RANGE && rows[i].expect == VERDICT_RANGE)
            cr_expect(ranges.count == 1 && ranges.at[0].first == rows[i].first &&
                          ranges.at[0].count == rows[i].count,
                      "%s: got %u, %lld+%lld", rows[i].why, ranges.count,
                      (long long)ranges.at[0].first, (long long)ranges.at[0].count);
    }
}

#define CHECK(rows, rep) check_rows(rows, sizeof(rows) / sizeof((rows)[0]), rep)

static const struct representation v1 = {
    .etag = STR_INIT("\"v1\""), .last_modified = 784111777, .has_last_modified = true, .size = 1000
};

static const struct row precondition_rows[] = {
    { "nothing asked", METHOD_GET, "", VERDICT_WHOLE, 0, 0 },
    { "unrelated fields", METHOD_GET, "Host: a\nAccept: */*", VERDICT_WHOLE, 0, 0 },

    { "If-Match: the tag", METHOD_GET, "If-Match: \"v1\"", VERDICT_WHOLE, 0, 0 },
    { "If-Match: another", METHOD_GET, "If-Match: \"v2\"", VERDICT_PRECONDITION_FAILED, 0, 0 },
    { "If-Match: any", METHOD_GET, "If-Match: *", VERDICT_WHOLE, 0, 0 },
    { "If-Match: in a list", METHOD_GET, "If-Match: \"v0\", \"v1\"", VERDICT_WHOLE, 0, 0 },
    { "If-Match: on the second line, RFC 9110 5.3", METHOD_GET,
      "If-Match: \"v0\"\nIf-Match: \"v1\"", VERDICT_WHOLE, 0, 0 },
    { "If-Match: weak never matches, RFC 9110 13.1.1", METHOD_GET, "If-Match: W/\"v1\"",
      VERDICT_PRECONDITION_FAILED, 0, 0 },
    { "If-Match: malformed", METHOD_GET, "If-Match: v1", VERDICT_PRECONDITION_FAILED, 0, 0 },
    { "If-Match: one malformed spoils the list", METHOD_GET, "If-Match: \"v1\", v2",
      VERDICT_PRECONDITION_FAILED, 0, 0 },
    { "If-Match: empty", METHOD_GET, "If-Match:", VERDICT_PRECONDITION_FAILED, 0, 0 },
    { "If-Match: * among others", METHOD_GET, "If-Match: *, \"v1\"", VERDICT_PRECONDITION_FAILED, 0,
      0 },
    { "If-Match: * on two lines", METHOD_GET, "If-Match: *\nIf-Match: *",
      VERDICT_PRECONDITION_FAILED, 0, 0 },
    { "If-Match for PUT", METHOD_PUT, "If-Match: \"v2\"", VERDICT_PRECONDITION_FAILED, 0, 0 },

    { "If-Unmodified-Since: same", METHOD_GET, "If-Unmodified-Since: " MODIFIED, VERDICT_WHOLE, 0,
      0 },
    { "If-Unmodified-Since: earlier", METHOD_GET, "If-Unmodified-Since: " EARLIER,
      VERDICT_PRECONDITION_FAILED, 0, 0 },
    { "If-Unmodified-Since: later", METHOD_GET, "If-Unmodified-Since: " LATER, VERDICT_WHOLE, 0,
      0 },
    { "If-Unmodified-Since: no date, RFC 9110 13.1.4", METHOD_GET, "If-Unmodified-Since: soon",
      VERDICT_WHOLE, 0, 0 },
    { "If-Unmodified-Since twice is no date", METHOD_GET,
      "If-Unmodified-Since: " EARLIER "\nIf-Unmodified-Since: " EARLIER, VERDICT_WHOLE, 0, 0 },
    { "If-Match overrules If-Unmodified-Since, RFC 9110 13.2.2", METHOD_GET,
      "If-Match: \"v1\"\nIf-Unmodified-Since: " EARLIER, VERDICT_WHOLE, 0, 0 },

    { "If-None-Match: the tag", METHOD_GET, "If-None-Match: \"v1\"", VERDICT_NOT_MODIFIED, 0, 0 },
    { "If-None-Match: another", METHOD_GET, "If-None-Match: \"v2\"", VERDICT_WHOLE, 0, 0 },
    { "If-None-Match: weak, RFC 9110 13.1.2", METHOD_GET, "If-None-Match: W/\"v1\"",
      VERDICT_NOT_MODIFIED, 0, 0 },
    { "If-None-Match: any", METHOD_GET, "If-None-Match: *", VERDICT_NOT_MODIFIED, 0, 0 },
    { "If-None-Match: HEAD", METHOD_HEAD, "If-None-Match: \"v1\"", VERDICT_NOT_MODIFIED, 0, 0 },
    { "If-None-Match: others, RFC 9110 13.1.2", METHOD_POST, "If-None-Match: \"v1\"",
      VERDICT_PRECONDITION_FAILED, 0, 0 },
    { "If-None-Match: * for PUT", METHOD_PUT, "If-None-Match: *", VERDICT_PRECONDITION_FAILED, 0,
      0 },
    { "list", METHOD_GET, "If-None-Match: \"v0\", W/\"x\", \"v1\"", VERDICT_NOT_MODIFIED, 0, 0 },
    { "list without spaces", METHOD_GET, "If-None-Match: \"v0\",\"v1\"", VERDICT_NOT_MODIFIED, 0,
      0 },
    { "empty elements, RFC 9110 5.6.1.2", METHOD_GET, "If-None-Match: , ,\"v0\" ,\t, \"v1\",",
      VERDICT_NOT_MODIFIED, 0, 0 },
    { "second line", METHOD_GET, "If-None-Match: \"v0\"\nIf-None-Match: \"v1\"",
      VERDICT_NOT_MODIFIED, 0, 0 },
    { "a comma inside a tag, RFC 9110 8.8.3", METHOD_GET, "If-None-Match: \"a,\", \"v1\"",
      VERDICT_NOT_MODIFIED, 0, 0 },
    { "part of another tag", METHOD_GET, "If-None-Match: \"x,\"v1\"", VERDICT_WHOLE, 0, 0 },
    { "unquoted", METHOD_GET, "If-None-Match: v1", VERDICT_WHOLE, 0, 0 },
    { "unclosed", METHOD_GET, "If-None-Match: \"v1", VERDICT_WHOLE, 0, 0 },
    { "no comma between", METHOD_GET, "If-None-Match: \"v1\" \"v2\"", VERDICT_WHOLE, 0, 0 },
    { "w/ is not W/, RFC 9110 8.8.3", METHOD_GET, "If-None-Match: w/\"v1\"", VERDICT_WHOLE, 0, 0 },
    { "only W/", METHOD_GET, "If-None-Match: W/", VERDICT_WHOLE, 0, 0 },
    { "a space inside a tag", METHOD_GET, "If-None-Match: \"v1\", \"a b\"", VERDICT_WHOLE, 0, 0 },
    { "empty tag", METHOD_GET, "If-None-Match: \"\"", VERDICT_WHOLE, 0, 0 },
    { "empty", METHOD_GET, "If-None-Match:", VERDICT_WHOLE, 0, 0 },

    { "If-Modified-Since: same", METHOD_GET, "If-Modified-Since: " MODIFIED, VERDICT_NOT_MODIFIED,
      0, 0 },
    { "If-Modified-Since: later", METHOD_GET, "If-Modified-Since: " LATER, VERDICT_NOT_MODIFIED, 0,
      0 },
    { "If-Modified-Since: earlier", METHOD_GET, "If-Modified-Since: " EARLIER, VERDICT_WHOLE, 0,
      0 },
    { "If-Modified-Since: HEAD", METHOD_HEAD, "If-Modified-Since: " MODIFIED, VERDICT_NOT_MODIFIED,
      0, 0 },
    { "If-Modified-Since: ignored for others, RFC 9110 13.1.3", METHOD_POST,
      "If-Modified-Since: " MODIFIED, VERDICT_WHOLE, 0, 0 },
    { "If-Modified-Since: no date", METHOD_GET, "If-Modified-Since: yesterday", VERDICT_WHOLE, 0,
      0 },
    { "If-Modified-Since: a clock ahead of ours, RFC 9110 13.1.3", METHOD_GET,
      "If-Modified-Since: " FUTURE, VERDICT_NOT_MODIFIED, 0, 0 },
    { "If-Modified-Since: RFC 850", METHOD_GET, "If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT",
      VERDICT_NOT_MODIFIED, 0, 0 },
    { "If-Modified-Since: asctime", METHOD_GET, "If-Modified-Since: Sun Nov  6 08:49:37 1994",
      VERDICT_NOT_MODIFIED, 0, 0 },
    { "If-None-Match overrules If-Modified-Since, RFC 9110 13.1.3", METHOD_GET,
      "If-None-Match: \"v2\"\nIf-Modified-Since: " LATER, VERDICT_WHOLE, 0, 0 },
    { "even when it is malformed", METHOD_GET, "If-None-Match: v2\nIf-Modified-Since: " LATER,
      VERDICT_WHOLE, 0, 0 },
    { "If-Match comes first, RFC 9110 13.2.2", METHOD_GET,
      "If-None-Match: \"v1\"\nIf-Match: \"v2\"", VERDICT_PRECONDITION_FAILED, 0, 0 },
    { "then If-None-Match", METHOD_GET, "If-None-Match: \"v1\"\nIf-Match: \"v1\"",
      VERDICT_NOT_MODIFIED, 0, 0 },
    { "304 before Range, RFC 9110 13.2.2", METHOD_GET, "If-None-Match: \"v1\"\nRange: bytes=0-1",
      VERDICT_NOT_MODIFIED, 0, 0 },
    { "412 before Range, RFC 9110 13.2.2", METHOD_GET, "If-Match: \"v2\"\nRange: bytes=5000-",
      VERDICT_PRECONDITION_FAILED, 0, 0 },
    { "OPTIONS selects nothing, RFC 9110 13.2.1", METHOD_OPTIONS, "If-Match: \"v2\"", VERDICT_WHOLE,
      0, 0 },
    { "TRACE neither", METHOD_TRACE, "If-None-Match: *", VERDICT_WHOLE, 0, 0 },
};

Test(conditional, judges_preconditions_in_the_order_of_rfc_9110)
{
    CHECK(precondition_rows, &v1);
}

static const struct row range_rows[] = {
    { "first and last", METHOD_GET, "Range: bytes=0-499", VERDICT_RANGE, 0, 500 },
    { "one byte", METHOD_GET, "Range: bytes=0-0", VERDICT_RANGE, 0, 1 },
    { "last byte", METHOD_GET, "Range: bytes=999-999", VERDICT_RANGE, 999, 1 },
    { "open end", METHOD_GET, "Range: bytes=500-", VERDICT_RANGE, 500, 500 },
    { "suffix", METHOD_GET, "Range: bytes=-1", VERDICT_RANGE, 999, 1 },
    { "suffix longer than all, RFC 9110 14.1.2", METHOD_GET, "Range: bytes=-5000", VERDICT_RANGE, 0,
      1000 },
    { "end beyond the end, RFC 9110 14.1.2", METHOD_GET, "Range: bytes=990-5000", VERDICT_RANGE,
      990, 10 },
    { "all of it", METHOD_GET, "Range: bytes=0-", VERDICT_RANGE, 0, 1000 },
    { "leading zeros", METHOD_GET, "Range: bytes=00000000000000000000001-0002", VERDICT_RANGE, 1,
      2 },
    { "the unit in any case, RFC 9110 14.1", METHOD_GET, "Range: BYTES=0-1", VERDICT_RANGE, 0, 2 },
    { "an end that no number holds", METHOD_GET, "Range: bytes=1-99999999999999999999999",
      VERDICT_RANGE, 1, 999 },
    { "a suffix that no number holds", METHOD_GET, "Range: bytes=-99999999999999999999999",
      VERDICT_RANGE, 0, 1000 },
    { "2^63 as the end", METHOD_GET, "Range: bytes=1-9223372036854775808", VERDICT_RANGE, 1, 999 },
    { "empty elements, RFC 9110 5.6.1.2", METHOD_GET, "Range: bytes=,0-1, ,", VERDICT_RANGE, 0, 2 },
    { "white space after a comma", METHOD_GET, "Range: bytes=, \t0-1", VERDICT_RANGE, 0, 2 },

    { "beyond the end", METHOD_GET, "Range: bytes=1000-", VERDICT_UNSATISFIABLE, 0, 0 },
    { "beyond the end, closed", METHOD_GET, "Range: bytes=1000-2000", VERDICT_UNSATISFIABLE, 0, 0 },
    { "empty suffix, RFC 9110 14.1.2", METHOD_GET, "Range: bytes=-0", VERDICT_UNSATISFIABLE, 0, 0 },
    { "a start that no number holds", METHOD_GET, "Range: bytes=99999999999999999999999-",
      VERDICT_UNSATISFIABLE, 0, 0 },
    { "both beyond any number, in order", METHOD_GET,
      "Range: bytes=99999999999999999999998-99999999999999999999999", VERDICT_UNSATISFIABLE, 0, 0 },

    { "last before first, RFC 9110 14.1.1", METHOD_GET, "Range: bytes=5-4", VERDICT_WHOLE, 0, 0 },
    { "the same beyond any number", METHOD_GET,
      "Range: bytes=99999999999999999999999-99999999999999999999998", VERDICT_WHOLE, 0, 0 },
    { "the same beyond the end", METHOD_GET, "Range: bytes=2000-1500", VERDICT_WHOLE, 0, 0 },
    { "several, some malformed", METHOD_GET, "Range: bytes=0-1,x", VERDICT_WHOLE, 0, 0 },
    { "two lines", METHOD_GET, "Range: bytes=0-1\nRange: bytes=0-1", VERDICT_WHOLE, 0, 0 },
    { "other unit", METHOD_GET, "Range: lines=0-1", VERDICT_WHOLE, 0, 0 },
    { "no unit", METHOD_GET, "Range: 0-1", VERDICT_WHOLE, 0, 0 },
    { "nothing", METHOD_GET, "Range: bytes=", VERDICT_WHOLE, 0, 0 },
    { "only commas", METHOD_GET, "Range: bytes=,,", VERDICT_WHOLE, 0, 0 },
    { "only a dash", METHOD_GET, "Range: bytes=-", VERDICT_WHOLE, 0, 0 },
    { "no dash", METHOD_GET, "Range: bytes=5", VERDICT_WHOLE, 0, 0 },
    { "two dashes", METHOD_GET, "Range: bytes=5--6", VERDICT_WHOLE, 0, 0 },
    { "three numbers", METHOD_GET, "Range: bytes=5-6-7", VERDICT_WHOLE, 0, 0 },
    { "negative", METHOD_GET, "Range: bytes=-5-6", VERDICT_WHOLE, 0, 0 },
    { "sign", METHOD_GET, "Range: bytes=+5-6", VERDICT_WHOLE, 0, 0 },
    { "hex", METHOD_GET, "Range: bytes=0x1-0x2", VERDICT_WHOLE, 0, 0 },
    { "space before =", METHOD_GET, "Range: bytes =0-1", VERDICT_WHOLE, 0, 0 },
    { "space behind =", METHOD_GET, "Range: bytes= 0-1", VERDICT_WHOLE, 0, 0 },
    { "space inside", METHOD_GET, "Range: bytes=0 -1", VERDICT_WHOLE, 0, 0 },
    { "HEAD has no ranges, RFC 9110 14.2", METHOD_HEAD, "Range: bytes=0-1", VERDICT_WHOLE, 0, 0 },
    { "nor has POST", METHOD_POST, "Range: bytes=0-1", VERDICT_WHOLE, 0, 0 },

    { "If-Range: the tag", METHOD_GET, "Range: bytes=0-1\nIf-Range: \"v1\"", VERDICT_RANGE, 0, 2 },
    { "If-Range: another", METHOD_GET, "Range: bytes=0-1\nIf-Range: \"v2\"", VERDICT_WHOLE, 0, 0 },
    { "If-Range: weak, RFC 9110 13.1.5", METHOD_GET, "Range: bytes=0-1\nIf-Range: W/\"v1\"",
      VERDICT_WHOLE, 0, 0 },
    { "If-Range: the date", METHOD_GET, "Range: bytes=0-1\nIf-Range: " MODIFIED, VERDICT_RANGE, 0,
      2 },
    { "If-Range: the date must be exact, RFC 9110 13.1.5", METHOD_GET,
      "Range: bytes=0-1\nIf-Range: " LATER, VERDICT_WHOLE, 0, 0 },
    { "If-Range: earlier", METHOD_GET, "Range: bytes=0-1\nIf-Range: " EARLIER, VERDICT_WHOLE, 0,
      0 },
    { "If-Range: neither", METHOD_GET, "Range: bytes=0-1\nIf-Range: v1", VERDICT_WHOLE, 0, 0 },
    { "If-Range is no list, RFC 9110 13.1.5", METHOD_GET,
      "Range: bytes=0-1\nIf-Range: \"v1\", \"v2\"", VERDICT_WHOLE, 0, 0 },
    { "If-Range: empty", METHOD_GET, "Range: bytes=0-1\nIf-Range:", VERDICT_WHOLE, 0, 0 },
    { "If-Range twice", METHOD_GET, "Range: bytes=0-1\nIf-Range: \"v1\"\nIf-Range: \"v1\"",
      VERDICT_WHOLE, 0, 0 },
    { "If-Range without Range", METHOD_GET, "If-Range: \"v2\"", VERDICT_WHOLE, 0, 0 },
    { "a failed If-Range spares the 416", METHOD_GET, "Range: bytes=5000-\nIf-Range: \"v2\"",
      VERDICT_WHOLE, 0, 0 },
};

Test(conditional, judges_each_range)
{
    CHECK(range_rows, &v1);
}

/* What is left of several, as "first-last" of the 1000 bytes, at most 4 of them. */
static const struct {
    const char *why, *range;
    enum verdict expect;
    const char *left;
} several_rows[] = {
    { "two parts", "0-1,5-6", VERDICT_RANGE, "0-1,5-6" },
    { "in the order asked for, RFC 9110 15.3.7.2", "500-,0-9", VERDICT_RANGE, "500-999,0-9" },
    { "a suffix among them", "-10,0-9", VERDICT_RANGE, "990-999,0-9" },
    { "empty elements between, RFC 9110 5.6.1.2", "0-1,, ,5-6,", VERDICT_RANGE, "0-1,5-6" },
    { "the same thrice", "0-,0-,0-", VERDICT_RANGE, "0-999" },
    { "overlapping, RFC 9110 15.3.7.2", "0-99,50-149", VERDICT_RANGE, "0-149" },
    { "overlapping from behind", "50-149,0-99", VERDICT_RANGE, "0-149" },
    { "one inside the other", "0-99,10-19", VERDICT_RANGE, "0-99" },
    { "one around the other", "10-19,0-99", VERDICT_RANGE, "0-99" },
    { "touching", "0-9,10-19", VERDICT_RANGE, "0-19" },
    { "touching from behind", "10-19,0-9", VERDICT_RANGE, "0-19" },
    { "a gap of one byte stays", "0-9,11-19", VERDICT_RANGE, "0-9,11-19" },
    { "one that bridges two", "0-9,500-509,5-505", VERDICT_RANGE, "0-509" },
    { "and keeps the first's place", "0-9,800-809,400-409,5-405", VERDICT_RANGE, "0-409,800-809" },
    { "growing step by step", "40-49,20-29,0-9,10-39", VERDICT_RANGE, "0-49" },
    { "what cannot be satisfied is left out, RFC 9110 14.1.2", "0-1,2000-,5-6", VERDICT_RANGE,
      "0-1,5-6" },
    { "also at the end", "0-1,2000-", VERDICT_RANGE, "0-1" },
    { "one is left: no multipart, RFC 9110 15.3.7.2", "2000-3000,0-1", VERDICT_RANGE, "0-1" },
    { "none is left", "1000-,2000-,-0", VERDICT_UNSATISFIABLE, "" },
    { "one malformed spoils all, RFC 9110 14.2", "0-1,x", VERDICT_WHOLE, "" },
    { "also behind too many", "0-1,9-8", VERDICT_WHOLE, "" },
    { "as many as may be", "0-0,200-200,400-400,600-600", VERDICT_RANGE,
      "0-0,200-200,400-400,600-600" },
    { "one more, far away: all, RFC 9110 17.15", "0-0,200-200,400-400,600-600,800-800",
      VERDICT_WHOLE, "" },
    { "one more, but there already", "0-0,200-200,400-400,600-600,200-210", VERDICT_RANGE,
      "0-0,200-210,400-400,600-600" },
    { "too many: near ones are joined, RFC 9110 15.3.7.2", "0-0,2-2,4-4,6-6,8-8,10-10",
      VERDICT_RANGE, "0-10" },
    { "the same backwards", "10-10,8-8,6-6,4-4,2-2,0-0", VERDICT_RANGE, "0-10" },
    { "near is a gap of 80", "0-0,81-81,400-400,481-481,700-700", VERDICT_RANGE,
      "0-81,400-481,700-700" },
    { "81 is far", "0-0,82-82,200-200,282-282,700-700", VERDICT_WHOLE, "" },
    { "tiny ones without end", "0-0,90-90,180-180,270-270,360-360,450-450,540-540,630-630",
      VERDICT_WHOLE, "" },
};

static void format_ranges(const struct byte_ranges *ranges, char *out, size_t size)
{
    size_t n = 0;

    out[0] = '\0';
    for (unsigned i = 0; i < ranges->count; i++)
        n += (size_t)snprintf(out + n, size - n, "%s%lld-%lld", i > 0 ? "," : "",
                              (long long)ranges->at[i].first,
                              (long long)(ranges->at[i].first + ranges->at[i].count - 1));
}

Test(conditional, joins_and_bounds_several_ranges)
{
    for (size_t i = 0; i < sizeof(several_rows) / sizeof(several_rows[0]); i++) {
        struct byte_ranges ranges = { .count = 0 };
        char fields[256], left[256];
        enum verdict got;

        snprintf(fields, sizeof(fields), "Range: bytes=%s", several_rows[i].range);
        got = judge(METHOD_GET, fields, &v1, y2026, 4, &ranges);
        cr_expect_eq(got, several_rows[i].expect, "%s: got %d", several_rows[i].why, got);
        if (got != VERDICT_RANGE)
            continue;
        format_ranges(&ranges, left, sizeof(left));
        cr_expect_str_eq(left, several_rows[i].left, "%s", several_rows[i].why);
    }
}

Test(conditional, knows_no_ranges_where_none_are_allowed)
{
    struct byte_ranges ranges;

    cr_expect_eq(judge(METHOD_GET, "Range: bytes=0-1", &v1, y2026, 0, &ranges), VERDICT_WHOLE);
    cr_expect_eq(judge(METHOD_GET, "Range: bytes=5000-", &v1, y2026, 0, &ranges), VERDICT_WHOLE);
    cr_expect_eq(judge(METHOD_GET, "Range: bytes=0-1", &v1, y2026, 1, &ranges), VERDICT_RANGE);
    cr_expect_eq(judge(METHOD_GET, "Range: bytes=0-1,900-", &v1, y2026, 1, &ranges), VERDICT_WHOLE);
}

/* Whatever is asked for, no byte is in two parts and there are never more parts than allowed. */
Test(conditional, keeps_any_mix_of_ranges_disjoint)
{
    unsigned seed = 1;

    for (int round = 0; round < 2000; round++) {
        char fields[2048] = "Range: bytes=0-0", taken[1000] = { 0 };
        struct byte_ranges ranges = { .count = 0 };
        size_t n = strlen(fields);

        for (int i = 0; i < 40; i++) {
            int first = rand_r(&seed) % 1000;

            n += (size_t)snprintf(fields + n, sizeof(fields) - n, ",%d-%d", first,
                                  first + rand_r(&seed) % (1 << rand_r(&seed) % 9));
        }
        if (judge(METHOD_GET, fields, &v1, y2026, 8, &ranges) != VERDICT_RANGE)
            continue;
        cr_assert(ranges.count >= 1 && ranges.count <= 8);
        for (unsigned i = 0; i < ranges.count; i++) {
            cr_assert(ranges.at[i].first >= 0 && ranges.at[i].count > 0);
            cr_assert(ranges.at[i].first + ranges.at[i].count <= 1000);
            for (off_t at = ranges.at[i].first; at < ranges.at[i].first + ranges.at[i].count; at++)
                cr_assert_eq(taken[at]++, 0, "%s", fields);
        }
    }
}

static const struct row empty_rows[] = {
    { "open end", METHOD_GET, "Range: bytes=0-", VERDICT_UNSATISFIABLE, 0, 0 },
    { "closed", METHOD_GET, "Range: bytes=0-0", VERDICT_UNSATISFIABLE, 0, 0 },
    { "suffix, RFC 9110 14.1.2: satisfiable", METHOD_GET, "Range: bytes=-5", VERDICT_WHOLE, 0, 0 },
    { "empty suffix", METHOD_GET, "Range: bytes=-0", VERDICT_UNSATISFIABLE, 0, 0 },
};

Test(conditional, finds_no_range_in_an_empty_file)
{
    struct representation empty = v1;

    empty.size = 0;
    CHECK(empty_rows, &empty);
}

static const struct row untagged_rows[] = {
    { "If-Match: no tag to match", METHOD_GET, "If-Match: \"v1\"", VERDICT_PRECONDITION_FAILED, 0,
      0 },
    { "If-Match: * asks for existence only", METHOD_GET, "If-Match: *", VERDICT_WHOLE, 0, 0 },
    { "If-None-Match: no tag to match", METHOD_GET, "If-None-Match: \"v1\", \"\"", VERDICT_WHOLE, 0,
      0 },
    { "If-Range: tag", METHOD_GET, "Range: bytes=0-1\nIf-Range: \"v1\"", VERDICT_WHOLE, 0, 0 },
    { "If-Unmodified-Since: no date, RFC 9110 13.1.4", METHOD_GET, "If-Unmodified-Since: " EARLIER,
      VERDICT_WHOLE, 0, 0 },
    { "If-Modified-Since: no date, RFC 9110 13.1.3", METHOD_GET, "If-Modified-Since: " LATER,
      VERDICT_WHOLE, 0, 0 },
    { "If-Range: no date", METHOD_GET, "Range: bytes=0-1\nIf-Range: " MODIFIED, VERDICT_WHOLE, 0,
      0 },
};

Test(conditional, copes_without_validators)
{
    CHECK(untagged_rows, (&(struct representation){ .last_modified = modified, .size = 1000 }));
}

static const struct row weak_rows[] = {
    { "weak tags match for a cache", METHOD_GET, "If-None-Match: W/\"v1\"", VERDICT_NOT_MODIFIED, 0,
      0 },
    { "not for If-Match", METHOD_GET, "If-Match: W/\"v1\"", VERDICT_PRECONDITION_FAILED, 0, 0 },
    { "not for If-Range", METHOD_GET, "Range: bytes=0-1\nIf-Range: W/\"v1\"", VERDICT_WHOLE, 0, 0 },
    { "nor does its date", METHOD_GET, "Range: bytes=0-1\nIf-Range: " MODIFIED, VERDICT_WHOLE, 0,
      0 },
    { "a range without If-Range stays possible", METHOD_GET, "Range: bytes=0-1", VERDICT_RANGE, 0,
      2 },
};

Test(conditional, joins_no_parts_by_a_weak_tag)
{
    struct representation weak = v1;

    weak.etag = STR("W/\"v1\"");
    CHECK(weak_rows, &weak);
}

Test(conditional, takes_a_date_for_strong_once_its_second_is_over)
{
    struct byte_ranges ranges;
    const char *fields = "Range: bytes=0-1\nIf-Range: " MODIFIED;

    cr_expect_eq(judge(METHOD_GET, fields, &v1, modified, 16, &ranges), VERDICT_WHOLE);
    cr_expect_eq(judge(METHOD_GET, fields, &v1, modified + 1, 16, &ranges), VERDICT_RANGE);
}

Test(conditional, compares_tags_as_the_table_of_rfc_9110_does)
{
    /* RFC 9110, 8.8.3.2 */
    static const struct {
        const char *a, *b;
        bool is_strong, is_weak;
    } rows[] = {
        { "W/\"1\"", "W/\"1\"", false, true }, { "W/\"1\"", "W/\"2\"", false, false },
        { "W/\"1\"", "\"1\"", false, true },   { "\"1\"", "\"1\"", true, true },
        { "\"1\"", "\"2\"", false, false },    { "", "", false, false },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct str a = str_of(rows[i].a), b = str_of(rows[i].b);

        cr_expect_eq(etag_eq_strong(a, b), rows[i].is_strong, "%s %s", rows[i].a, rows[i].b);
        cr_expect_eq(etag_eq_strong(b, a), rows[i].is_strong, "%s %s", rows[i].b, rows[i].a);
        cr_expect_eq(etag_eq_weak(a, b), rows[i].is_weak, "%s %s", rows[i].a, rows[i].b);
        cr_expect_eq(etag_eq_weak(b, a), rows[i].is_weak, "%s %s", rows[i].b, rows[i].a);
    }
}
