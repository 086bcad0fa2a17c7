#include "config/errors.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static const struct {
    const char *why, *source;
    unsigned line, column, width;
    const char *expect;
} rows[] = {
    { "a word is underlined", "a: 1\nworker: 4\n", 2, 1, 6,
      "f.yaml:2:1: error: wrong\n    2 | worker: 4\n      | ^~~~~~\n" },
    { "no width is one character", "a: 1\n", 1, 4, 0,
      "f.yaml:1:4: error: wrong\n    1 | a: 1\n      |    ^\n" },
    { "a tab is shown as four blanks", "\tuser: x\n", 1, 2, 4,
      "f.yaml:1:2: error: wrong\n    1 |     user: x\n      |     ^~~~\n" },
    { "a tab itself", "\tx\n", 1, 1, 1, "f.yaml:1:1: error: wrong\n    1 |     x\n      | ^~~~\n" },
    { "letters of two bytes are one column", "\xc3\xa4\xc3\xb6: x\n", 1, 5, 1,
      "f.yaml:1:5: error: wrong\n    1 | \xc3\xa4\xc3\xb6: x\n      |     ^\n" },
    { "wide characters are two columns", "\xe6\x97\xa5\xe6\x9c\xac: x\n", 1, 5, 1,
      "f.yaml:1:5: error: wrong\n    1 | \xe6\x97\xa5\xe6\x9c\xac: x\n      |       ^\n" },
    { "a wide character is underlined whole", "\xe6\x97\xa5: x\n", 1, 1, 1,
      "f.yaml:1:1: error: wrong\n    1 | \xe6\x97\xa5: x\n      | ^~\n" },
    { "combining marks take no column", "e\xcc\x81: x\n", 1, 5, 1,
      "f.yaml:1:5: error: wrong\n    1 | e\xcc\x81: x\n      |    ^\n" },
    { "a bad byte is one column", "\xff\xfe: x\n", 1, 5, 1,
      "f.yaml:1:5: error: wrong\n    1 | ?\?: x\n      |     ^\n" },
    { "no escape sequence reaches the terminal", "\x1b[31m\n", 1, 1, 1,
      "f.yaml:1:1: error: wrong\n    1 | ?[31m\n      | ^\n" },
    { "behind the line's end", "a:\n", 1, 3, 1,
      "f.yaml:1:3: error: wrong\n    1 | a:\n      |   ^\n" },
    { "the underline ends with the line", "abc\n", 1, 2, 50,
      "f.yaml:1:2: error: wrong\n    1 | abc\n      |  ^~\n" },
    { "CRLF", "a\r\nb\r\n", 2, 1, 1, "f.yaml:2:1: error: wrong\n    2 | b\n      | ^\n" },
    { "the last line without a break", "a\nb", 2, 1, 1,
      "f.yaml:2:1: error: wrong\n    2 | b\n      | ^\n" },
    { "the file as a whole", "a\n", 0, 0, 0, "f.yaml: error: wrong\n" },
    { "a line that is not there", "a", 7, 1, 1, "f.yaml:7:1: error: wrong\n" },
};

Test(errors, shows_each_row)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct config_errors errors = { .path = strdup("f.yaml") };

        buf_add(&errors.source, str_of(rows[i].source));
        config_error_add(&errors, rows[i].line, rows[i].column, rows[i].width, "%s", "wrong");
        cr_expect_str_eq(config_errors_text(&errors), rows[i].expect, "%s:\n%s", rows[i].why,
                         config_errors_text(&errors));
        config_errors_fini(&errors);
    }
}

/* The text above the caret's column, which is the same in both lines. */
static char above_caret(const char *text)
{
    const char *excerpt = strchr(text, '\n') + 1, *marks = strchr(excerpt, '\n') + 1;

    return excerpt[strchr(marks, '^') - marks];
}

Test(errors, cuts_a_long_line_around_the_caret)
{
    struct buf source = { 0 };

    for (unsigned i = 0; i < 1000; i++)
        buf_add_char(&source, (char)('a' + i % 26));
    for (unsigned column = 1; column <= 1000; column++) {
        struct config_errors errors = { .path = strdup("f.yaml") };
        const char *text;

        buf_add(&errors.source, buf_str(&source));
        config_error_add(&errors, 1, column, 30, "wrong");
        text = config_errors_text(&errors);
        cr_assert_eq(above_caret(text), 'a' + (int)((column - 1) % 26), "column %u:\n%s", column,
                     text);
        cr_assert_lt(strlen(text), 260, "column %u:\n%s", column, text);
        config_errors_fini(&errors);
    }
    buf_fini(&source);
}

Test(errors, come_in_the_order_of_lines_and_once)
{
    struct config_errors errors = { .path = strdup("f.yaml") };

    config_error_add(&errors, 3, 1, 1, "three");
    config_error_add(&errors, 1, 9, 1, "nine");
    config_error_add(&errors, 1, 2, 1, "two");
    config_error_add(&errors, 3, 1, 1, "three");
    config_error_add(&errors, 3, 1, 1, "more of three");
    config_error_add(&errors, 0, 0, 0, "whole");
    cr_expect_str_eq(config_errors_text(&errors), "f.yaml: error: whole\n"
                                                  "f.yaml:1:2: error: two\n"
                                                  "f.yaml:1:9: error: nine\n"
                                                  "f.yaml:3:1: error: three\n"
                                                  "f.yaml:3:1: error: more of three\n");
    config_errors_fini(&errors);
    cr_expect_eq(errors.count, 0);
}

Test(errors, of_the_command_line_name_no_line)
{
    struct config_errors errors = { 0 };

    cr_expect_str_eq(config_errors_text(&errors), "");
    buf_add(&errors.source, STR("listen: x\n"));
    config_error_add(&errors, 1, 9, 1, "wrong");
    cr_expect_str_eq(config_errors_text(&errors), "command line: error: wrong\n");
    config_errors_fini(&errors);
}

Test(errors, are_bounded)
{
    struct config_errors errors = { 0 };

    for (unsigned i = 1; i < 5000; i++)
        config_error_add(&errors, i, 1, 1, "wrong %u", i);
    cr_expect_eq(errors.count, 501);
    cr_expect_not_null(strstr(errors.list[0].text, "more than 500 mistakes"));
    config_errors_fini(&errors);
}
