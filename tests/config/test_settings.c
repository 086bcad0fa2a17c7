#include "config/settings.h"

#include <criterion/criterion.h>

#include "config/config.h"

Test(settings, have_names_help_and_sense)
{
    for (size_t i = 0; i < setting_count; i++) {
        const struct setting *row = &settings[i];
        struct buf takes = { 0 };

        cr_expect_not_null(row->help, "%s", row->name);
        cr_expect_neq(row->scopes, 0, "%s", row->name);
        cr_expect_leq(row->min, row->max, "%s", row->name);
        cr_expect(row->default_text != NULL || row->example != NULL || row->type == SET_GROUP,
                  "%s: full.yaml has nothing to show", row->name);
        cr_expect_lt(row->offset,
                     setting_is_scoped(row) ? sizeof(struct scope) : sizeof(struct config));
        for (size_t j = 0; j < i; j++)
            cr_expect(strcmp(settings[j].name, row->name) != 0 ||
                          (settings[j].scopes & row->scopes) == 0,
                      "%s stands twice", row->name);
        setting_describe(row, &takes);
        cr_expect_gt(takes.n, 0, "%s", row->name);
        cr_expect_eq(setting_find(str_of(row->name), row->scopes), row);
        buf_fini(&takes);
    }
}

/* Two rows for one field would be a slip that no parser test sees. */
Test(settings, fill_different_fields)
{
    for (size_t i = 0; i < setting_count; i++) {
        for (size_t j = 0; j < i; j++) {
            const struct setting *a = &settings[i], *b = &settings[j];

            if (a->type == SET_STRUCTURE || b->type == SET_STRUCTURE || b->type == SET_GROUP ||
                setting_is_scoped(a) != setting_is_scoped(b))
                continue;
            cr_expect_neq(a->offset, b->offset, "%s and %s", a->name, b->name);
        }
    }
}

Test(settings, are_found_by_scope_first)
{
    cr_expect_eq(setting_find(STR("alias"), SCOPE_ROUTE)->scopes, SCOPE_ROUTE);
    cr_expect_eq(setting_find(STR("alias"), SCOPE_SERVER)->scopes, SCOPE_ROUTE);
    cr_expect_null(setting_find(STR("nothing"), SCOPE_SERVER));
    cr_expect_null(setting_find(STR("worker"), SCOPE_SERVER));
}

Test(settings, guess_what_was_meant)
{
    static const struct {
        const char *written;
        enum setting_scope scope;
        const char *meant;
    } rows[] = {
        { "worker_conections", SCOPE_SERVER, "worker_connections" },
        { "KEEPALIVE-TIMEOUT", SCOPE_SERVER, "keepalive_timeout" },
        { "host", SCOPE_SITE, "hosts" },
        { "hots", SCOPE_SITE, "hosts" },
        { "rout", SCOPE_SITE, "root" },
        { "paht", SCOPE_ROUTE, "path" },
        { "lisen", SCOPE_SITE, "listen" }, /* of another scope: then the scope is told */
        { "server_name", SCOPE_SITE, "hosts" },
        { "smal", SCOPE_FILE_CACHE, "small" },
        { "encryption", SCOPE_SERVER, NULL },
        { "x", SCOPE_SERVER, NULL },
        { "xy", SCOPE_FILE_CACHE, NULL },
        { "ab", SCOPE_SERVER, NULL },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *guess = setting_guess(str_of(rows[i].written), rows[i].scope);

        if (rows[i].meant == NULL)
            cr_expect_null(guess, "%s: %s", rows[i].written, guess);
        else
            cr_expect_str_eq(guess != NULL ? guess : "nothing", rows[i].meant, "%s: %s",
                             rows[i].written, guess);
    }
}

Test(settings, format_numbers_in_the_largest_unit_that_divides)
{
    static const struct {
        enum setting_type type;
        uint64_t value;
        const char *text;
    } rows[] = {
        { SET_SIZE, 0, "0" },
        { SET_SIZE, 1023, "1023" },
        { SET_SIZE, 1024, "1KiB" },
        { SET_SIZE, 1536, "1536" },
        { SET_SIZE, 3 << 20, "3MiB" },
        { SET_SIZE, (uint64_t)5 << 30, "5GiB" },
        { SET_DURATION, 0, "0" },
        { SET_DURATION, 999, "999ms" },
        { SET_DURATION, 1000, "1s" },
        { SET_DURATION, 75000, "75s" },
        { SET_DURATION, 3600000, "1h" },
        { SET_DURATION, 172800000, "2d" },
        { SET_COUNT, 1024, "1024" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf text = { 0 };

        setting_format_number(rows[i].type, rows[i].value, &text);
        cr_expect_str_eq(buf_cstr(&text), rows[i].text);
        buf_fini(&text);
    }
}
