#include "worker/multipart.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static const char boundary[MULTIPART_BOUNDARY_N + 1] = "0123456789abcdef0123456789abcdef";
#define BOUNDARY "0123456789abcdef0123456789abcdef"

static const struct {
    const char *why;
    off_t first, count, size;
    const char *expect;
} content_range_rows[] = {
    { "RFC 9110 14.4", 42, 1192, 1234, "bytes 42-1233/1234" },
    { "one byte", 0, 1, 1, "bytes 0-0/1" },
    { "no range: of a 416", -1, 0, 47022, "bytes */47022" },
    { "of an empty file", -1, 0, 0, "bytes */0" },
    { "beyond 4 GiB", 5000000000, 10, 6000000000, "bytes 5000000000-5000000009/6000000000" },
    { "the longest numbers", INT64_MAX - 1, 1, INT64_MAX,
      "bytes 9223372036854775806-9223372036854775806/9223372036854775807" },
};

Test(multipart, writes_content_range)
{
    for (size_t i = 0; i < sizeof(content_range_rows) / sizeof(content_range_rows[0]); i++) {
        struct byte_range range = { content_range_rows[i].first, content_range_rows[i].count };
        char *out = malloc(CONTENT_RANGE_MOST);
        struct str got =
            content_range_write(out, range.first < 0 ? NULL : &range, content_range_rows[i].size);

        cr_expect(str_eq(got, str_of(content_range_rows[i].expect)), "%s: %.*s",
                  content_range_rows[i].why, STR_ARG(got));
        free(out);
    }
}

static void answer(struct response *res, struct pool *pool, const char *type)
{
    static struct file f;
    struct byte_ranges ranges = { .count = 2, .at = { { 500, 500 }, { 0, 10 } } };

    f = (struct file){ .refs = 2, .fd = -1, .size = 1000, .content_type = str_of(type) };
    response_init(res);
    response_file(res, 206, &f);
    multipart_answer(res, pool, &ranges, boundary);
}

static bool is(struct str got, const char *expect)
{
    return str_eq(got, str_of(expect));
}

Test(multipart, frames_each_part_as_rfc_2046_does)
{
    struct response res;
    struct pool pool;

    pool_init(&pool);
    answer(&res, &pool, "text/plain; charset=utf-8");
    cr_expect(is(res.content_type, "multipart/byteranges; boundary=" BOUNDARY));
    cr_assert_eq(res.part_count, 2);
    cr_expect(is(res.parts[0].before, "--" BOUNDARY "\r\n"
                                      "Content-Type: text/plain; charset=utf-8\r\n"
                                      "Content-Range: bytes 500-999/1000\r\n\r\n"));
    cr_expect(is(res.parts[1].before, "\r\n--" BOUNDARY "\r\n"
                                      "Content-Type: text/plain; charset=utf-8\r\n"
                                      "Content-Range: bytes 0-9/1000\r\n\r\n"));
    cr_expect(res.parts[0].first == 500 && res.parts[0].length == 500);
    cr_expect(res.parts[1].first == 0 && res.parts[1].length == 10);
    cr_expect(is(res.bytes, "\r\n--" BOUNDARY "--\r\n"));
    cr_expect_eq((size_t)res.length,
                 res.parts[0].before.n + 500 + res.parts[1].before.n + 10 + res.bytes.n);
    pool_fini(&pool);
}

Test(multipart, leaves_out_a_type_that_nobody_knows)
{
    struct response res;
    struct pool pool;

    pool_init(&pool);
    answer(&res, &pool, "");
    cr_expect(
        is(res.parts[0].before, "--" BOUNDARY "\r\nContent-Range: bytes 500-999/1000\r\n\r\n"));
    pool_fini(&pool);
}

Test(multipart, never_uses_a_boundary_twice)
{
    char a[MULTIPART_BOUNDARY_N], b[MULTIPART_BOUNDARY_N];

    multipart_boundary(a);
    multipart_boundary(b);
    cr_expect_neq(memcmp(a, b, sizeof(a)), 0);
    for (size_t i = 0; i < sizeof(a); i++) /* a token: RFC 2046, 5.1.1 needs no quotes for it */
        cr_expect(ascii_is_digit(a[i]) || (a[i] >= 'a' && a[i] <= 'v'), "%d", a[i]);
}
