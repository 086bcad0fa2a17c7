#include "config/check.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/xmalloc.h"

static char folder[] = "/tmp/remuda-check-XXXXXX";

static void set_up(void)
{
    cr_assert_not_null(mkdtemp(folder));
}

static void tear_down(void)
{
    rmdir(folder);
}

TestSuite(check, .init = set_up, .fini = tear_down);

/* All that is wrong with this text, "@" standing for a folder that exists. */
static struct config_errors check(const char *text)
{
    struct config_errors errors = { 0 };
    struct buf whole = { 0 };
    struct config *config;

    for (; *text != '\0'; text++)
        if (*text == '@')
            buf_add(&whole, str_of(folder));
        else
            buf_add_char(&whole, *text);
    config = config_parse(buf_str(&whole), "/c.yaml", &errors);
    cr_assert_not_null(config, "%s", config_errors_text(&errors));
    config_check(config, NULL, &errors);
    config_free(&config);
    buf_fini(&whole);
    return errors;
}

static const struct {
    const char *why, *text;
    unsigned line, column;
    const char *phrase; /* NULL: nothing is wrong */
} rows[] = {
    { "all there", "root: @\naccess_log: @/a.log\nerror_log: @/e.log\n", 0, 0, NULL },
    { "no root", "workers: 1\nroot: @/none\n", 2, 7, "No such file or directory" },
    { "a root that is a file", "root: /etc/passwd\n", 1, 7, "not a folder" },
    { "a site's root", "root: @\nsites:\n  - hosts: a\n    root: /none\n", 4, 11, "root /none" },
    { "an alias", "root: @\nroutes:\n  - path: /x\n    alias: @/none\n", 4, 12, "alias" },
    { "inherited by many, said once",
      "root: /none\nroutes:\n  - path: /x\n  - path: /y\n    etag: off\n", 1, 7, "root /none" },
    { "user", "root: @\nuser: no-such-user\n", 2, 7, "no user \"no-such-user\"" },
    { "group", "root: @\ngroup: no-such-group\n", 2, 8, "no group" },
    { "a user by number", "root: @\nuser: 4242\n", 0, 0, NULL },
    { "error log's folder", "root: @\nerror_log: @/none/e.log\n", 2, 12, "make it first" },
    { "an error log that is a folder", "root: @\nerror_log: @\n", 2, 12, "not a file" },
    { "access log of a map", "root: @\naccess_log: {to: /none/a.log, format: json}\n", 2, 13,
      "access_log /none/a.log: the folder /none: No such file" },
    { "access logs that are no files",
      "root: @\naccess_log: stderr\nroutes:\n  - {path: /a, access_log: 'syslog:/dev/none'}\n", 0,
      0, NULL },
    { "access log of a route", "root: @\nroutes:\n  - path: /x\n    access_log: /none/a.log\n", 4,
      17, "/none" },
    { "users", "root: @\nauth_basic: x\nauth_basic_user_file: /none/users\n", 3, 23,
      "/none/users" },
    { "users in a folder", "root: @\nauth_basic: x\nauth_basic_user_file: @\n", 3, 23,
      "not a file" },
    { "users that nobody asks for", "root: @\nauth_basic_user_file: /none/users\n", 0, 0, NULL },
    { "control socket's group", "root: @\ncontrol_socket_group: nosuchgroup\n", 2, 23,
      "no group \"nosuchgroup\"" },
    { "control socket", "root: @\ncontrol_socket: /none/x.sock\n", 2, 17, "/none" },
};

Test(check, judges_each_row)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct config_errors errors = check(rows[i].text);

        cr_expect_eq(errors.count, rows[i].phrase != NULL, "%s: %s", rows[i].why,
                     config_errors_text(&errors));
        if (rows[i].phrase != NULL && errors.count > 0) {
            const struct config_error *e = &errors.list[0];

            cr_expect(e->line == rows[i].line && e->column == rows[i].column, "%s: at %u:%u",
                      rows[i].why, e->line, e->column);
            cr_expect_not_null(strstr(e->text, rows[i].phrase), "%s: %s", rows[i].why, e->text);
        }
        config_errors_fini(&errors);
    }
}

Test(check, finds_all_that_is_missing_in_one_run)
{
    struct config_errors errors =
        check("user: no-such-user\nerror_log: /none/e\nroot: /none1\n"
              "sites:\n  - hosts: a\n    root: /none2\n"
              "  - hosts: b\n    root: /none3\n    access_log: /none/a\n");

    cr_expect_eq(errors.count, 6, "%s", config_errors_text(&errors));
    config_errors_fini(&errors);
}

/* A disk that does not answer must not hold a reload up. */
Test(check, does_not_look_at_logs_that_are_open_already)
{
    static const char text[] = "root: /\naccess_log: /none/a.log\nerror_log: /none/e.log\n";
    struct config_errors errors = { 0 };
    struct config *running = config_parse(str_of(text), "/c.yaml", &errors);
    struct config *next = config_parse(str_of(text), "/c.yaml", &errors);

    config_check(next, running, &errors);
    cr_expect_eq(errors.count, 0);
    config_check(next, NULL, &errors);
    cr_expect_eq(errors.count, 2);
    config_errors_fini(&errors);
    config_free(&running);
    config_free(&next);
}
