#include "worker/path.h"

#include <stdlib.h>

#include <criterion/criterion.h>

#include "tests/worker/rows_path.h"

static enum path_result clean_copy(struct str raw, char **copy, char **out, struct str *clean)
{
    *copy = malloc(raw.n + (raw.n == 0));
    *out = malloc(raw.n + (raw.n == 0));
    memcpy(*copy, raw.p, raw.n);
    return path_clean((struct str){ *copy, raw.n }, *out, clean);
}

Test(path, judges_each_row)
{
    for (size_t i = 0; i < PATH_ROW_COUNT; i++) {
        struct str clean = STR_NONE;
        char *copy, *out;
        enum path_result got = clean_copy(path_rows[i].raw, &copy, &out, &clean);

        cr_expect_eq(got, path_rows[i].expect, "%s: got %d", path_rows[i].why, got);
        if (got == PATH_CLEAN)
            cr_expect(str_eq(clean, path_rows[i].clean), "%s: got \"%.*s\"", path_rows[i].why,
                      STR_ARG(clean));
        free(copy);
        free(out);
    }
}

Test(path, returns_a_view_of_the_raw_path_when_nothing_changes)
{
    static const char *const same[] = { "/", "/a", "/a/b/", "/.well-known/x", "/a/..b/.c", "/a.b" };

    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        struct str raw = str_of(same[i]), clean;

        cr_expect_eq(path_clean(raw, NULL, &clean), PATH_CLEAN, "%s", same[i]);
        cr_expect_eq(clean.p, raw.p, "%s", same[i]);
        cr_expect_eq(clean.n, raw.n, "%s", same[i]);
    }
}

Test(path, is_clean_after_one_cleaning_unless_data_looks_encoded)
{
    for (size_t i = 0; i < PATH_ROW_COUNT; i++) {
        struct str clean = STR_NONE, again;
        char *copy, *out;

        if (clean_copy(path_rows[i].raw, &copy, &out, &clean) == PATH_CLEAN) {
            cr_expect(clean.n > 0 && clean.p[0] == '/', "%s", path_rows[i].why);
            if (memchr(clean.p, '%', clean.n) == NULL) {
                cr_expect_eq(path_clean(clean, NULL, &again), PATH_CLEAN, "%s", path_rows[i].why);
                cr_expect_eq(again.p, clean.p, "%s: changed again", path_rows[i].why);
            }
        }
        free(copy);
        free(out);
    }
}

static const struct {
    const char *why;
    struct str clean, encoded;
} encodings[] = {
    { "unreserved, RFC 3986 2.3", STR_INIT("/aZ09-._~"), STR_INIT("/aZ09-._~") },
    { "sub-delims, RFC 3986 2.2", STR_INIT("/!$&'()*+,;="), STR_INIT("/!$&'()*+,;=") },
    { "':' and '@' are pchar, RFC 3986 3.3", STR_INIT("/a:b@c"), STR_INIT("/a:b@c") },
    { "slashes stay", STR_INIT("/a/b/"), STR_INIT("/a/b/") },
    { "space", STR_INIT("/a b"), STR_INIT("/a%20b") },
    { "percent is data once decoded", STR_INIT("/a%20"), STR_INIT("/a%2520") },
    { "'?' is data", STR_INIT("/a?b"), STR_INIT("/a%3Fb") },
    { "'#' is data", STR_INIT("/a#b"), STR_INIT("/a%23b") },
    { "backslash, which browsers take for a slash", STR_INIT("/\\evil"), STR_INIT("/%5Cevil") },
    { "CR and LF cannot split a head", STR_INIT("/a\r\nb"), STR_INIT("/a%0D%0Ab") },
    { "quotes and brackets", STR_INIT("/\"<>[]^`{|}"),
      STR_INIT("/%22%3C%3E%5B%5D%5E%60%7B%7C%7D") },
    { "UTF-8", STR_INIT("/\xc3\xa9"), STR_INIT("/%C3%A9") },
    { "DEL", STR_INIT("/\x7f"), STR_INIT("/%7F") },
    { "nothing", STR_INIT(""), STR_INIT("") },
};

Test(path, encodes_each_row_behind_what_is_there)
{
    for (size_t i = 0; i < sizeof(encodings) / sizeof(encodings[0]); i++) {
        struct buf out = { 0 };

        buf_add(&out, STR("x"));
        path_encode(&out, encodings[i].clean);
        cr_expect(str_eq((struct str){ out.p + 1, out.n - 1 }, encodings[i].encoded),
                  "%s: got \"%.*s\"", encodings[i].why, (int)out.n, out.p);
        buf_fini(&out);
    }
}

Test(path, encodes_every_byte_so_that_cleaning_gives_it_back)
{
    for (int c = 1; c < 256; c++) {
        char name[] = { '/', 'x', (char)c, 'y' };
        struct str clean = { name, sizeof(name) }, back;
        struct buf out = { 0 };
        char decoded[3 * sizeof(name)];

        path_encode(&out, clean);
        cr_expect_eq(path_clean(buf_str(&out), decoded, &back), PATH_CLEAN, "byte %d", c);
        cr_expect(str_eq(back, clean), "byte %d", c);
        for (size_t i = 0; i < out.n; i++)
            cr_expect(out.p[i] > 0x20 && out.p[i] < 0x7f, "byte %d", c);
        buf_fini(&out);
    }
}
