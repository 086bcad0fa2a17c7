#include "tests/config/parse.h"

#include "tests/config/rows_bad_configs.h"

Test(bad_configs, are_refused_with_one_error_at_its_place)
{
    for (size_t i = 0; i < BAD_ROW_COUNT; i++) {
        const struct bad_row *row = &bad_rows[i];
        struct config_errors errors = { 0 };
        struct config *config = parse_bytes(row->text, strlen(row->text), TEST_PATH, &errors);

        cr_expect_null(config, "%s: was taken", row->why);
        cr_assert_gt(errors.count, 0, "%s: no error", row->why);
        cr_expect_eq(errors.count, 1, "%s: more than one error:\n%s", row->why,
                     config_errors_text(&errors));
        cr_expect(errors.list[0].line == row->line && errors.list[0].column == row->column,
                  "%s: expected at %u:%u:\n%s", row->why, row->line, row->column,
                  config_errors_text(&errors));
        cr_expect_not_null(strstr(errors.list[0].text, row->phrase), "%s: expected \"%s\" in:\n%s",
                           row->why, row->phrase, config_errors_text(&errors));
        config_free(&config);
        config_errors_fini(&errors);
    }
}

Test(bad_configs, show_the_mistake_under_the_caret)
{
    for (size_t i = 0; i < BAD_ROW_COUNT; i++) {
        const struct bad_row *row = &bad_rows[i];
        struct config_errors errors = { 0 };
        struct config *config = parse_bytes(row->text, strlen(row->text), TEST_PATH, &errors);
        const char *text = config_errors_text(&errors);

        cr_expect_eq(strncmp(text, TEST_PATH ":", strlen(TEST_PATH) + 1), 0, "%s", row->why);
        cr_expect_eq(strchr(text, '^') != NULL, row->line > 0, "%s:\n%s", row->why, text);
        config_free(&config);
        config_errors_fini(&errors);
    }
}

/* Every prefix is a config that an editor could have left behind; none may break the parser. */
Test(bad_configs, may_end_anywhere)
{
    for (size_t i = 0; i < BAD_ROW_COUNT; i++) {
        const struct bad_row *row = &bad_rows[i];
        size_t n = strlen(row->text);

        for (size_t cut = n > 120 ? n - 20 : 0; cut < n; cut++) {
            struct config_errors errors = { 0 };
            struct config *config = parse_bytes(row->text, cut, TEST_PATH, &errors);

            cr_expect_eq(config == NULL, errors.count > 0, "%s, cut at %zu", row->why, cut);
            config_errors_text(&errors);
            config_free(&config);
            config_errors_fini(&errors);
        }
    }
}

Test(bad_configs, have_all_their_mistakes_told_in_the_order_of_lines)
{
    const char *text = "root: /r\n"
                       "sites:\n"
                       "  - hosts: [a, b:80]\n"
                       "    workers: 1\n"
                       "    routes:\n"
                       "      - path: c\n"
                       "        etag: 3\n"
                       "send_timeout: x\n"
                       "worker: 1\n";
    static const unsigned lines[] = { 3, 4, 6, 7, 8, 9 };
    struct config_errors errors = { 0 };
    struct config *config = parse_bytes(text, strlen(text), TEST_PATH, &errors);

    cr_expect_null(config);
    cr_assert_eq(errors.count, 6, "%s", config_errors_text(&errors));
    for (size_t i = 0; i < 6; i++)
        cr_expect_eq(errors.list[i].line, lines[i], "%zu", i);
    config_errors_fini(&errors);
}
