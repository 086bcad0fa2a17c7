#include "worker/file_purge.h"

#include <criterion/criterion.h>

Test(file_purge, finds_a_path_below_a_root)
{
    static const struct {
        struct str root, path;
        const char *expect; /* NULL: elsewhere */
    } rows[] = {
        { STR_INIT("/srv/www"), STR_INIT("/srv/www"), "" },
        { STR_INIT("/srv/www"), STR_INIT("/srv"), "" },
        { STR_INIT("/srv/www"), STR_INIT("/"), "" },
        { STR_INIT("/srv/www"), STR_INIT("/srv/www/a/b"), "/a/b" },
        { STR_INIT("/srv/www"), STR_INIT("/srv/www2"), NULL },
        { STR_INIT("/srv/www"), STR_INIT("/srv/ww"), NULL },
        { STR_INIT("/srv/www2"), STR_INIT("/srv/www"), NULL },
        { STR_INIT("/"), STR_INIT("/a"), "/a" },
        { STR_INIT("/"), STR_INIT("/"), "" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct str got = file_purge_below(rows[i].root, rows[i].path);

        cr_expect_eq(got.p != NULL, rows[i].expect != NULL, "row %zu", i);
        if (rows[i].expect != NULL)
            cr_expect(str_eq(got, str_of(rows[i].expect)), "row %zu: %.*s", i, STR_ARG(got));
    }
}

Test(file_purge, judges_each_entry)
{
    static const struct {
        const char *why;
        struct str below, entry;
        bool expect;
    } rows[] = {
        { "the root has all", STR_INIT(""), STR_INIT("/x"), true },
        { "the file itself", STR_INIT("/a.html"), STR_INIT("/a.html"), true },
        { "another file", STR_INIT("/a.html"), STR_INIT("/b.html"), false },
        { "a name that goes on", STR_INIT("/a"), STR_INIT("/ab"), false },
        { "a file of the folder", STR_INIT("/a"), STR_INIT("/a/b/c"), true },
        { "the folder's index", STR_INIT("/a"), STR_INIT("/a/"), true },
        { "not the folder above", STR_INIT("/a/b"), STR_INIT("/"), false },
        { "an index by its name", STR_INIT("/a/index.html"), STR_INIT("/a/"), true },
        { "the root's index", STR_INIT("/index.html"), STR_INIT("/"), true },
        { "an encoding", STR_INIT("/a.html.br"), STR_INIT("/a.html"), true },
        { "another encoding", STR_INIT("/a.html.gz"), STR_INIT("/a.html"), true },
        { "an encoding of an index", STR_INIT("/a/index.html.zst"), STR_INIT("/a/"), true },
        { "no encoding", STR_INIT("/a.html.xz"), STR_INIT("/a.html"), false },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        cr_expect_eq(file_purge_touches(rows[i].below, rows[i].entry), rows[i].expect, "%s",
                     rows[i].why);
}
