#include "worker/http1_parse.h"

#include <stdlib.h>

#include <criterion/criterion.h>

#include "common/buf.h"
#include "tests/worker/rows_http1_chunked.h"

static void on_data(void *context, struct str data)
{
    cr_expect_gt(data.n, 0);
    buf_add(context, data);
}

/* Feeds exact-size copies of at most `step` bytes: 0 complete, 1 more, or the status. */
static unsigned feed(struct http1_chunked *c, struct str text, size_t step, struct buf *body,
                     size_t *used)
{
    enum parse_result result = PARSE_MORE;
    struct http1_fault fault = { 0, NULL };

    *used = 0;
    while (result == PARSE_MORE && *used < text.n) {
        size_t n = text.n - *used < step ? text.n - *used : step, taken = 0;
        char *copy = malloc(n);

        memcpy(copy, text.p + *used, n);
        result = http1_parse_chunked(c, copy, n, &taken, &fault, on_data, body);
        free(copy);
        cr_expect(result != PARSE_MORE || taken == n);
        *used += taken;
    }
    if (result != PARSE_BAD)
        return result == PARSE_DONE ? 0 : 1;
    cr_expect_not_null(fault.text);
    return fault.status;
}

Test(http1_chunked, judges_each_row_in_steps_of_any_size)
{
    for (size_t i = 0; i < CHUNKED_ROW_COUNT; i++) {
        struct str text = chunked_rows[i].text;

        for (size_t step = 1; step <= text.n + 1; step++) {
            struct http1_chunked c = { 0 };
            struct buf body = { 0 };
            size_t used;
            unsigned got = feed(&c, text, step, &body, &used);

            cr_expect_eq(got, chunked_rows[i].status, "%s, steps of %zu: got %u",
                         chunked_rows[i].why, step, got);
            if (got < 400) {
                cr_expect_eq(used, text.n, "%s: used %zu", chunked_rows[i].why, used);
                cr_expect(str_eq(buf_str(&body), str_of(chunked_rows[i].body)), "%s: got \"%.*s\"",
                          chunked_rows[i].why, (int)body.n, body.p);
                cr_expect_eq(c.body_bytes, body.n, "%s", chunked_rows[i].why);
            }
            buf_fini(&body);
        }
    }
}

Test(http1_chunked, gives_one_answer_wherever_the_bytes_are_cut)
{
    for (size_t i = 0; i < CHUNKED_ROW_COUNT; i++) {
        struct str text = chunked_rows[i].text;
        unsigned want = chunked_rows[i].status;

        for (size_t n = 0; n < text.n; n++) {
            struct http1_chunked c = { 0 };
            struct buf body = { 0 };
            size_t used;
            unsigned got = feed(&c, (struct str){ text.p, n }, n + 1, &body, &used);

            cr_expect(got == 1 || (want >= 400 && got == want), "%s, cut at %zu: got %u",
                      chunked_rows[i].why, n, got);
            buf_fini(&body);
        }
    }
}

Test(http1_chunked, leaves_what_follows_the_body_alone)
{
    struct str text = STR("1\r\nx\r\n0\r\nA: b\r\n\r\nGET / HTTP/1.1\r\n");
    struct http1_chunked c = { 0 };
    struct buf body = { 0 };
    size_t used;

    cr_expect_eq(feed(&c, text, text.n, &body, &used), 0);
    cr_expect(str_starts((struct str){ text.p + used, text.n - used }, STR("GET ")));
    buf_fini(&body);
}

Test(http1_chunked, works_without_anyone_who_wants_the_data)
{
    struct str text = STR("3\r\nabc\r\n0\r\n\r\n");
    struct http1_chunked c = { 0 };
    struct http1_fault fault;
    size_t used;

    cr_expect_eq(http1_parse_chunked(&c, text.p, text.n, &used, &fault, NULL, NULL), PARSE_DONE);
    cr_expect_eq(c.body_bytes, 3);
}

/* Feeds `text` `count` times and then `end`. */
static unsigned feed_many(struct str text, size_t count, struct str end)
{
    struct http1_chunked c = { 0 };
    struct buf body = { 0 };
    unsigned got = 1;
    size_t used;

    for (size_t i = 0; i < count && got == 1; i++)
        got = feed(&c, text, text.n, &body, &used);
    if (got == 1 && end.n > 0)
        got = feed(&c, end, end.n, &body, &used);
    buf_fini(&body);
    return got;
}

/* A line or section that grows by one byte at a time: what fits, and what does not. */
static unsigned feed_grown(struct str before, size_t count, struct str end)
{
    struct buf text = { 0 };
    unsigned got;

    buf_add(&text, before);
    for (size_t i = 0; i < count; i++)
        buf_add_char(&text, 'a');
    buf_add(&text, end);
    got = feed_many(buf_str(&text), 1, (struct str){ NULL, 0 });
    buf_fini(&text);
    return got;
}

Test(http1_chunked, bounds_one_size_line)
{
    cr_expect_eq(feed_grown(STR("0;"), 254, STR("\r\n\r\n")), 0);
    cr_expect_eq(feed_grown(STR("0;"), 255, STR("\r\n\r\n")), 400);
    cr_expect_eq(feed_grown(STR("0;"), 255, STR("")), 400);
}

Test(http1_chunked, takes_many_small_chunks)
{
    cr_expect_eq(feed_many(STR("1\r\nx\r\n"), 100000, STR("0\r\n\r\n")), 0);
    cr_expect_eq(feed_many(STR("4;a=b\r\nxxxx\r\n"), 100000, STR("0\r\n\r\n")), 0);
}

Test(http1_chunked, cuts_off_extensions_that_outweigh_the_data)
{
    cr_expect_eq(feed_many(STR("1;abc\r\nx\r\n"), 5461, STR("0\r\n\r\n")), 0);
    cr_expect_eq(feed_many(STR("1;abc\r\nx\r\n"), 5463, STR("0\r\n\r\n")), 400);
}

Test(http1_chunked, bounds_the_trailer_section)
{
    struct buf lines = { 0 };

    buf_add(&lines, STR("0\r\n"));
    for (int i = 0; i < 64; i++)
        buf_add(&lines, STR("A:\r\n"));
    cr_expect_eq(feed_many(buf_str(&lines), 1, STR("\r\n")), 0);
    cr_expect_eq(feed_many(buf_str(&lines), 1, STR("B")), 431);
    buf_fini(&lines);
    cr_expect_eq(feed_grown(STR("0\r\nA:"), 8192 - 4, STR("\r\n\r\n")), 0);
    cr_expect_eq(feed_grown(STR("0\r\nA:"), 8192 - 3, STR("\r\n\r\n")), 431);
    cr_expect_eq(feed_grown(STR("0\r\nA:"), 8192, STR("")), 431);
}
