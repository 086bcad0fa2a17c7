#include "worker/basic_auth.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static bool read_lines(const char *const lines[], struct pool *pool, struct credentials *out,
                       char **copy)
{
    static struct request req;

    request_clear(&req);
    for (int i = 0; i < 2 && lines[i] != NULL; i++) {
        size_t n = strlen(lines[i]);
        struct str value = { copy[i] = malloc(n + (n == 0)), n };

        memcpy(copy[i], lines[i], n);
        req.fields[req.field_count++] =
            (struct field){ STR("Authorization"), value, FIELD_AUTHORIZATION };
        if (req.known[FIELD_AUTHORIZATION].p == NULL)
            req.known[FIELD_AUTHORIZATION] = value;
    }
    return credentials_read(&req, pool, out);
}

Test(basic_auth, reads_user_and_password)
{
    static const struct {
        const char *why, *lines[2], *user, *password; /* user NULL: refused */
    } rows[] = {
        { "RFC 7617, 2", { "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==" }, "Aladdin", "open sesame" },
        { "RFC 7617, 2.1: UTF-8", { "Basic dGVzdDoxMjPCow==" }, "test", "123\xc2\xa3" },
        { "scheme in any case (RFC 9110, 11.1)", { "bAsIc YTpi" }, "a", "b" },
        { "more blanks", { "Basic   YTpi" }, "a", "b" },
        { "no padding needed", { "Basic YTpiYw==" }, "a", "bc" },
        { "an empty password", { "Basic YTo=" }, "a", "" },
        { "a colon in the password (RFC 7617, 2)", { "Basic YTpiOmM=" }, "a", "b:c" },
        { "none", { NULL }, NULL, NULL },
        { "empty", { "" }, NULL, NULL },
        { "scheme alone", { "Basic" }, NULL, NULL },
        { "scheme and a blank", { "Basic " }, NULL, NULL },
        { "another scheme", { "Bearer YTpi" }, NULL, NULL },
        { "a longer scheme", { "Basics YTpi" }, NULL, NULL },
        { "no user", { "Basic OmI=" }, NULL, NULL },
        { "no colon", { "Basic YWI=" }, NULL, NULL },
        { "no base64", { "Basic a:b!" }, NULL, NULL },
        { "URL alphabet (RFC 4648, 5)", { "Basic YTo_Pz8_" }, NULL, NULL },
        { "padding is missing", { "Basic YTpiYw" }, NULL, NULL },
        { "padding alone", { "Basic ====" }, NULL, NULL },
        { "padding in the middle", { "Basic YTo=YTpi" }, NULL, NULL },
        { "three of padding", { "Basic Y===" }, NULL, NULL },
        { "parameters", { "Basic YTpi, x=y" }, NULL, NULL },
        { "NUL in the password", { "Basic YTpiAGM=" }, NULL, NULL },
        { "a control character in the user (RFC 7617, 2)", { "Basic YQE6Yg==" }, NULL, NULL },
        { "DEL in the password", { "Basic YTp/" }, NULL, NULL },
        { "two lines", { "Basic YTpi", "Basic YTpi" }, NULL, NULL },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct pool pool;
        struct credentials given;
        char *copy[2] = { NULL, NULL };
        bool is_read;

        pool_init(&pool);
        is_read = read_lines(rows[i].lines, &pool, &given, copy);
        cr_expect_eq(is_read, rows[i].user != NULL, "%s", rows[i].why);
        if (is_read && rows[i].user != NULL) {
            cr_expect(str_eq(given.user, str_of(rows[i].user)), "%s", rows[i].why);
            cr_expect(str_eq(given.password, str_of(rows[i].password)), "%s", rows[i].why);
        }
        free(copy[0]);
        free(copy[1]);
        pool_fini(&pool);
    }
}

Test(basic_auth, refuses_what_is_longer_than_any_password)
{
    enum { LONG = 1028 };
    char line[6 + LONG + 1] = "Basic YTpi", *copy[2] = { NULL, NULL };
    const char *const lines[2] = { line, NULL };
    struct credentials given;
    struct pool pool;

    pool_init(&pool);
    for (size_t i = 10; i + 4 < sizeof(line); i += 4)
        memcpy(line + i, "YWFh", 4);
    cr_expect_not(read_lines(lines, &pool, &given, copy));
    free(copy[0]);
    line[6 + 1024] = '\0'; /* the base64 is short enough, what it holds is not */
    cr_expect_not(read_lines(lines, &pool, &given, copy));
    free(copy[0]);
    line[6 + 680] = '\0';
    cr_expect(read_lines(lines, &pool, &given, copy));
    cr_expect_eq(given.password.n, 508);
    free(copy[0]);
    pool_fini(&pool);
}
