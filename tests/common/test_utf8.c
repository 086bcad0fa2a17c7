#include "common/utf8.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "common/xmalloc.h"

static const struct {
    const char *why, *bytes;
    uint32_t expect;
    size_t length;
} rows[] = {
    { "ASCII", "a", 'a', 1 },
    { "two bytes", "\xc3\xa4", 0xe4, 2 },
    { "three bytes", "\xe6\x97\xa5", 0x65e5, 3 },
    { "four bytes", "\xf0\x9f\x90\x8e", 0x1f40e, 4 },
    { "the last character", "\xf4\x8f\xbf\xbf", 0x10ffff, 4 },
    { "beyond the last, RFC 3629 3", "\xf4\x90\x80\x80", UTF8_BAD, 1 },
    { "a continuation alone", "\x80", UTF8_BAD, 1 },
    { "overlong slash, RFC 3629 10", "\xc0\xaf", UTF8_BAD, 1 },
    { "overlong in three bytes", "\xe0\x80\xaf", UTF8_BAD, 1 },
    { "overlong in four bytes", "\xf0\x80\x80\xaf", UTF8_BAD, 1 },
    { "surrogate, RFC 3629 3", "\xed\xa0\x80", UTF8_BAD, 1 },
    { "cut after one byte", "\xe6", UTF8_BAD, 1 },
    { "cut after two bytes", "\xe6\x97", UTF8_BAD, 1 },
    { "broken by ASCII",
      "\xc3"
      "a",
      UTF8_BAD, 1 },
    { "no such first byte", "\xff", UTF8_BAD, 1 },
};

Test(utf8, reads_each_row)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t n = strlen(rows[i].bytes);
        char *copy = xmalloc(n);
        struct str rest = { copy, n };

        memcpy(copy, rows[i].bytes, n);
        cr_expect_eq(utf8_next(&rest), rows[i].expect, "%s", rows[i].why);
        cr_expect_eq(rest.n, n - rows[i].length, "%s", rows[i].why);
        free(copy);
    }
}

Test(utf8, takes_lines_as_YAML_does)
{
    static const char *const lines[] = { "a", "b", "", "c", "d", "e", "f", "" };
    struct str rest = STR("a\nb\r\n\rc\xc2\x85"
                          "d\xe2\x80\xa8"
                          "e\xe2\x80\xa9"
                          "f\n");

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct str line = utf8_take_line(&rest);

        cr_expect(str_eq(line, str_of(lines[i])), "%zu: %.*s", i, STR_ARG(line));
    }
    cr_expect_null(rest.p);
}

Test(utf8, shortens_between_characters)
{
    char horses[200] = "";

    for (unsigned i = 0; i < 45; i++)
        memcpy(horses + 4 * (size_t)i, "\xf0\x9f\x90\x8e", 5);
    cr_expect_str_eq(utf8_short(STR("short")).text, "short");
    cr_expect_str_eq(utf8_short(STR_NONE).text, "");
    cr_expect_eq(strlen(utf8_short(str_of(horses)).text), 163);
    cr_expect_str_eq(utf8_short(str_of(horses)).text + 160, "...");
}
