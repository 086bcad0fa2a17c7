#include "worker/htpasswd.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define C43      "0123456789012345678901234567890123456789012"
#define SHA256   "$5$salt$" C43
#define SHA512   "$6$rounds=1000$salt$" C43 C43
#define BCRYPT   "$2y$05$" C43 "0123456789"
#define YESCRYPT "$y$j9T$salt$" C43

static struct htpasswd *parse(const char *text, char **why)
{
    size_t n = strlen(text);
    char *copy = malloc(n + (n == 0));
    struct htpasswd *h;

    memcpy(copy, text, n);
    h = htpasswd_parse((struct str){ copy, n }, "users", why);
    free(copy);
    return h;
}

Test(htpasswd, finds_its_users_and_nobody_else)
{
    char *why = NULL;
    struct htpasswd *h = parse("# staff\n\nanna:" SHA256 "\r\nbob:" SHA512 ":a comment\n  \n"
                               "J\xc3\xbcrgen Z:" BCRYPT "\nx:" YESCRYPT,
                               &why);
    static const struct {
        const char *name, *hash;
    } rows[] = {
        { "anna", SHA256 },    { "bob", SHA512 }, { "J\xc3\xbcrgen Z", BCRYPT },
        { "x", YESCRYPT },     { "Anna", NULL },  { "ann", NULL },
        { "annas", NULL },     { "", NULL },      { "# staff", NULL },
        { "a comment", NULL },
    };

    cr_assert_not_null(h, "%s", why);
    cr_expect_eq(h->count, 4);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const struct htpasswd_user *user = htpasswd_find(h, str_of(rows[i].name));

        cr_expect_str_eq(user != NULL ? user->hash : "", rows[i].hash != NULL ? rows[i].hash : "",
                         "%s", rows[i].name);
    }
    htpasswd_free(&h);
    cr_expect_null(h);
}

Test(htpasswd, refuses_a_file_with_one_bad_line_and_says_what_is_right)
{
    static const struct {
        const char *why, *text, *phrase;
    } rows[] = {
        { "plain", "a:secret\n", "users:1: no hash that is taken" },
        { "DES", "a:rqXexS6ZhobKA\n", "plain passwords and DES" },
        { "apr1", "\na:$apr1$salt$0123456789012345678901\n", "users:2: MD5" },
        { "MD5", "a:$1$salt$0123456789012345678901\n", "MD5" },
        { "SHA-1", "a:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n", "SHA-1" },
        { "it says how to make one", "a:{SSHA}x\n", "mkpasswd -m yescrypt, or htpasswd -nB" },
        { "a bcrypt that is cut", "a:$2y$05$0123456789\n", "cut or too long" },
        { "a sha256 with more", "a:" SHA256 "x\n", "cut or too long" },
        { "a blank in the hash", "a:$5$sa lt$" C43 "\n", "a blank" },
        { "a blank behind it", "a:" SHA256 " \n", "a blank" },
        { "no colon", "a\n", "USER:HASH" },
        { "no user", ":" SHA256 "\n", "USER:HASH" },
        { "no hash", "a:\n", "no hash" },
        { "a control character", "a\tb:" SHA256 "\n", "control" },
        { "a user twice", "a:" SHA256 "\nb:" SHA256 "\na:" SHA512 "\n", "\"a\" stands twice" },
        { "a good line before", "a:" SHA256 "\nb:x\n", "users:2:" },
        { "nobody", "# none\n", "has no users" },
        { "nothing", "", "has no users" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char *why = NULL;
        struct htpasswd *h = parse(rows[i].text, &why);

        cr_expect_null(h, "%s", rows[i].why);
        cr_expect(why != NULL && strstr(why, rows[i].phrase) != NULL, "%s: %s", rows[i].why, why);
        free(why);
        htpasswd_free(&h);
    }
}

Test(htpasswd, reads_a_file_once_and_names_one_that_cannot_be_read)
{
    struct htpasswd *all = NULL;
    char *why = NULL, path[] = "/tmp/remuda-htpasswd-XXXXXX";
    int fd = mkstemp(path);
    const struct htpasswd *first;

    cr_assert_geq(fd, 0);
    cr_assert_gt(write(fd, "a:" SHA256 "\n", sizeof(SHA256) + 2), 0);
    close(fd);
    first = htpasswd_load(&all, path, &why);
    cr_assert_not_null(first, "%s", why);
    cr_expect_eq(htpasswd_load(&all, path, &why), first);
    unlink(path);
    cr_expect_null(htpasswd_load(&all, "/nonexistent/users", &why));
    cr_expect(strstr(why, "/nonexistent/users: No such file") != NULL, "%s", why);
    free(why);
    cr_expect_null(htpasswd_load(&all, "/", &why));
    cr_expect(strstr(why, "Is a directory") != NULL, "%s", why);
    free(why);
    htpasswd_free(&all);
}
