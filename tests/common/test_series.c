/* What is counted of each route: names, records, histograms. */
#include "common/series.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

/* As in the shared block: zeroed, and its pages are there when they are used. */
static struct series *series_new(void)
{
    struct series *s =
        mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    cr_assert_neq(s, MAP_FAILED);
    return s;
}

static void series_free(struct series *s)
{
    munmap(s, sizeof(*s));
}

static unsigned add(struct series *s, const char *site, const char *route)
{
    return series_name_add(s, str_of(site), str_of(route));
}

/* ---- names ---- */

Test(series, gives_the_same_name_the_same_number)
{
    struct series *s = series_new();
    unsigned a = add(s, "a.example", "/"), b = add(s, "a.example", "/b"),
             c = add(s, "b.example", "/");

    cr_expect(a != 0 && b != 0 && c != 0);
    cr_expect(a != b && b != c && a != c);
    cr_expect_eq(add(s, "a.example", "/"), a);
    cr_expect_eq(add(s, "b.example", "/"), c);
    cr_expect_eq(s->name_count, 3);
    cr_expect_eq(series_name_find(s, STR("a.example"), STR("/b")), b);
    cr_expect_eq(series_name_find(s, STR("a.example"), STR("/c")), 0);
    cr_expect_str_eq(series_name(s, b)->site, "a.example");
    cr_expect_str_eq(series_name(s, b)->route, "/b");
    series_free(s);
}

Test(series, does_not_confuse_where_a_site_ends)
{
    struct series *s = series_new();

    cr_expect_neq(add(s, "a", "b/"), add(s, "ab", "/"));
    cr_expect_neq(add(s, "", "x"), add(s, "x", ""));
    series_free(s);
}

Test(series, calls_number_0_other_and_knows_no_number_that_was_not_given)
{
    struct series *s = series_new();

    cr_expect_str_eq(series_name(s, 0)->site, "other");
    cr_expect_str_eq(series_name(s, 0)->route, "other");
    for (unsigned number = 1; number < SERIES_MAX; number++)
        cr_assert_null(series_name(s, number));
    series_free(s);
}

/* A name with a part of `n` bytes, of which the last is `last`. */
static const struct series_name *add_long(struct series *s, size_t n, char last)
{
    char text[512];

    memset(text, 'x', n);
    text[n - 1] = last;
    text[n] = '\0';
    return series_name(s, add(s, "a", text));
}

Test(series, keeps_names_apart_that_are_cut)
{
    struct series *s = series_new();
    const struct series_name *whole = add_long(s, SERIES_TEXT - 1, 'a');
    const struct series_name *a = add_long(s, SERIES_TEXT, 'a'), *b = add_long(s, SERIES_TEXT, 'b');

    cr_expect_eq(strlen(whole->route), SERIES_TEXT - 1, "it just fits");
    cr_expect_eq(whole->route[SERIES_TEXT - 2], 'a');
    cr_expect_neq(a, b);
    cr_expect_str_neq(a->route, b->route);
    cr_expect_eq(strlen(a->route), SERIES_TEXT - 1);
    cr_expect_eq(a->route[SERIES_TEXT - 10], '~');
    cr_expect_eq(add_long(s, SERIES_TEXT, 'a'), a);
    series_free(s);
}

Test(series, cuts_no_character_in_two)
{
    struct series *s = series_new();
    char text[256];

    for (size_t before = 0; before < 4; before++) {
        const struct series_name *name;
        size_t n = 0, cut;

        memset(text, 'x', before);
        for (n = before; n < 200; n += 3)
            memcpy(text + n, "\xe2\x82\xac", 3);
        text[n] = '\0';
        name = series_name(s, add(s, text, "/"));
        cut = (size_t)(strchr(name->site, '~') - name->site);
        cr_expect_eq((cut - before) % 3, 0, "%zu before: cut at %zu", before, cut);
        cr_expect_geq(cut, SERIES_TEXT - 10 - 2);
        cr_expect_eq(strlen(name->site), cut + 9);
    }
    series_free(s);
}

Test(series, has_room_for_so_many_names_and_counts_the_rest_together)
{
    struct series *s = series_new();
    static bool is_taken[SERIES_MAX];
    char route[32];

    for (int i = 0; i < SERIES_NAMES_MAX; i++) {
        unsigned number;

        snprintf(route, sizeof(route), "/%d", i);
        number = add(s, "a", route);
        cr_assert(number > 0 && number < SERIES_MAX && !is_taken[number], "%d: %u", i, number);
        is_taken[number] = true;
    }
    cr_expect_eq(add(s, "a", "/one too many"), 0);
    cr_expect_eq(series_name_find(s, STR("a"), STR("/one too many")), 0);
    cr_expect_neq(add(s, "a", "/0"), 0, "those that are there stay");
    for (int i = 0; i < SERIES_NAMES_MAX; i++) {
        snprintf(route, sizeof(route), "/%d", i);
        cr_assert_str_eq(series_name(s, series_name_find(s, STR("a"), str_of(route)))->route,
                         route);
    }
    series_free(s);
}

/* ---- records ---- */

static uint64_t requests(const struct series *s, unsigned slot, unsigned number)
{
    struct series_totals totals = { { 0 }, 0, 0, { 0 } };

    series_add(s, slot, number, &totals);
    return series_requests(&totals);
}

Test(series, has_a_record_for_each_slot_and_number)
{
    struct series *s = series_new();
    struct series_record *a = series_record(s, 1, 5), *b = series_record(s, 2, 5),
                         *c = series_record(s, 1, 6);

    cr_expect(a != b && b != c && a != c);
    cr_expect_eq(series_record(s, 1, 5), a, "kept");
    series_count(a, 200, 10);
    series_count(a, 404, 5);
    series_count(b, 200, 1);
    cr_expect_eq(requests(s, 1, 5), 2);
    cr_expect_eq(requests(s, 2, 5), 1);
    cr_expect_eq(requests(s, 1, 6), 0);
    series_free(s);
}

Test(series, tells_who_never_had_a_record)
{
    struct series *s = series_new();
    struct series_totals totals = { { 0 }, 0, 0, { 0 } };

    cr_expect_not(series_add(s, 3, 7, &totals));
    series_record(s, 3, 7);
    cr_expect(series_add(s, 3, 7, &totals));
    cr_expect_not(series_add(s, 4, 0, &totals), "the record is there, and empty");
    series_count(series_record(s, 4, 0), 200, 1);
    cr_expect(series_add(s, 4, 0, &totals));
    series_free(s);
}

Test(series, counts_other_apart_for_each_slot)
{
    struct series *s = series_new();

    series_count(series_record(s, 0, 0), 200, 1);
    series_count(series_record(s, SERIES_SLOTS - 1, 0), 200, 1);
    series_count(series_record(s, SERIES_SLOTS - 1, 0), 200, 1);
    series_count(series_record(s, 0, 1), 200, 1);
    cr_expect_eq(requests(s, 0, 0), 1);
    cr_expect_eq(requests(s, 1, 0), 0);
    cr_expect_eq(requests(s, SERIES_SLOTS - 1, 0), 2);
    series_free(s);
}

/* Whatever is counted is in a sum. */
Test(series, counts_as_other_when_no_record_is_left)
{
    struct series *s = series_new();
    struct series_totals totals = { { 0 }, 0, 0, { 0 } };
    struct series_record *last, *other;

    s->record_count = SERIES_RECORDS - SERIES_SLOTS - 1;
    last = series_record(s, 9, 1);
    other = series_record(s, 9, 2);
    cr_expect_eq(last, &s->records[SERIES_RECORDS - 1]);
    cr_expect_eq(other, series_record(s, 9, 0));
    cr_expect_eq(series_record(s, 9, 3), other);
    cr_expect_neq(series_record(s, 8, 3), other, "each slot has its own");
    cr_expect_eq(series_record(s, 9, 1), last, "who has one keeps it");
    series_count(last, 200, 7);
    series_count(other, 503, 9);
    series_add_all(s, 9, &totals);
    cr_expect_eq(series_requests(&totals), 2);
    cr_expect_eq(totals.body_bytes, 16);
    cr_expect_eq(s->record_count, SERIES_RECORDS - SERIES_SLOTS);
    series_free(s);
}

Test(series, counts_by_the_first_digit_of_the_status)
{
    struct series *s = series_new();
    struct series_record *r = series_record(s, 0, 1);
    static const unsigned statuses[] = { 200, 206, 304, 404, 499, 500, 999, 101 };
    struct series_totals totals = { { 0 }, 0, 0, { 0 } };

    for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++)
        series_count(r, statuses[i], i);
    series_add(s, 0, 1, &totals);
    cr_expect_eq(totals.responses[1], 1);
    cr_expect_eq(totals.responses[2], 2);
    cr_expect_eq(totals.responses[3], 1);
    cr_expect_eq(totals.responses[4], 2);
    cr_expect_eq(totals.responses[5], 1);
    cr_expect_eq(totals.responses[9], 1);
    cr_expect_eq(series_requests(&totals), 8);
    cr_expect_eq(totals.body_bytes, 28);
    series_free(s);
}

/* ---- latencies ---- */

static void check_bucket(uint64_t ns)
{
    unsigned bucket = latency_bucket(ns);

    cr_assert_lt(bucket, LATENCY_BUCKETS);
    cr_assert(ns < latency_bucket_end_ns(bucket) || bucket == LATENCY_BUCKETS - 1,
              "%llu ns in bucket %u, which ends at %llu", (unsigned long long)ns, bucket,
              (unsigned long long)latency_bucket_end_ns(bucket));
    cr_assert(bucket == 0 || ns >= latency_bucket_end_ns(bucket - 1),
              "%llu ns in bucket %u, before which ends %llu", (unsigned long long)ns, bucket,
              (unsigned long long)latency_bucket_end_ns(bucket - 1));
}

Test(series, puts_each_latency_into_the_bucket_whose_ends_enclose_it)
{
    for (uint64_t ns = 0; ns < 3000000; ns++)
        check_bucket(ns);
    for (uint64_t ns = 1; ns < UINT64_MAX / 2; ns += 1 + ns / 1000)
        check_bucket(ns);
    for (unsigned bucket = 0; bucket + 1 < LATENCY_BUCKETS; bucket++) {
        uint64_t end = latency_bucket_end_ns(bucket);

        check_bucket(end - 1);
        check_bucket(end);
        cr_expect_eq(latency_bucket(end - 1), bucket);
        cr_expect_eq(latency_bucket(end), bucket + 1);
    }
}

Test(series, has_buckets_that_grow_by_a_quarter_of_a_doubling)
{
    cr_expect_eq(latency_bucket(0), 0);
    cr_expect_eq(latency_bucket_end_ns(0), 64);
    for (unsigned bucket = 1; bucket + 1 < LATENCY_BUCKETS; bucket++) {
        uint64_t begin = latency_bucket_end_ns(bucket - 1), end = latency_bucket_end_ns(bucket);

        cr_assert_gt(end, begin);
        cr_assert(end - begin <= 64 || end - begin <= (begin + LATENCY_FIRST) / 4, "bucket %u",
                  bucket);
    }
    cr_expect_gt(latency_bucket_end_ns(LATENCY_BUCKETS - 2), 110 * (uint64_t)1000000000);
    cr_expect_eq(latency_bucket_end_ns(LATENCY_BUCKETS - 1), UINT64_MAX);
    cr_expect_eq(latency_bucket((uint64_t)1000 * 1000000000), LATENCY_BUCKETS - 1);
}

static struct series_totals latencies(const uint64_t *ns, size_t count)
{
    struct series *s = series_new();
    struct series_record *r = series_record(s, 0, 1);
    struct series_totals totals = { { 0 }, 0, 0, { 0 } };

    for (size_t i = 0; i < count; i++)
        series_count_latency(r, ns[i]);
    series_add(s, 0, 1, &totals);
    series_free(s);
    return totals;
}

/* Within a quarter of a doubling. */
static void expect_near(uint64_t got, uint64_t expected)
{
    cr_expect(got > expected * 3 / 4 && got < expected * 5 / 4, "%llu, not about %llu",
              (unsigned long long)got, (unsigned long long)expected);
}

Test(series, tells_quantiles)
{
    static uint64_t ns[1000];
    struct series_totals t;

    for (size_t i = 0; i < 1000; i++)
        ns[i] = (i + 1) * 10000;
    t = latencies(ns, 1000);
    expect_near(series_quantile_ns(&t, 0.5), 5000000);
    expect_near(series_quantile_ns(&t, 0.99), 9900000);
    expect_near(series_quantile_ns(&t, 0), 10000);
    expect_near(series_quantile_ns(&t, 1), 10000000);
    cr_expect_eq(t.latency_ns, 10000 * (uint64_t)500500);
}

Test(series, tells_the_quantiles_of_little)
{
    static const uint64_t one = 5000000, long_ones[] = { 1, (uint64_t)1000 * 1000000000 };
    struct series_totals t = latencies(NULL, 0);

    cr_expect_eq(series_quantile_ns(&t, 0.5), 0, "there were none");
    t = latencies(&one, 1);
    for (double share = 0; share <= 1; share += 0.25)
        expect_near(series_quantile_ns(&t, share), one);
    t = latencies(long_ones, 2);
    cr_expect_eq(series_quantile_ns(&t, 0.5), 32, "the middle of the first bucket");
    cr_expect_eq(series_quantile_ns(&t, 1), latency_bucket_end_ns(LATENCY_BUCKETS - 2));
}

Test(series, tells_what_happened_between_two_looks)
{
    static const uint64_t ns[] = { 1000, 2000, 3000000 };
    struct series_totals before = latencies(ns, 2), after = latencies(ns, 3);

    before.responses[2] = 2;
    before.body_bytes = 100;
    after.responses[2] = 3;
    after.body_bytes = 140;
    series_subtract(&after, &before);
    cr_expect_eq(series_requests(&after), 1);
    cr_expect_eq(after.body_bytes, 40);
    cr_expect_eq(after.latency_ns, 3000000);
    expect_near(series_quantile_ns(&after, 0.5), 3000000);
}
