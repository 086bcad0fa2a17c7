#include "worker/location.h"

#include <criterion/criterion.h>

/* What the expression's groups hold; the last one took no part. */
static const struct str groups[10] = {
    STR_INIT("all"),       STR_INIT("a b"), STR_INIT("/evil.example"), STR_INIT("sub"),
    STR_INIT("a\r\nX: y"), STR_INIT("\\x"), STR_INIT(".evil.example"), STR_INIT("a&b=c#d?"),
    STR_INIT(""),          { NULL, 0 },
};

static const struct {
    const char *why, *target, *path, *query, *expect; /* NULL: refused */
} rows[] = {
    { "as it is", "/new", "/old", NULL, "/new" },
    { "the query is kept", "/new", "/old", "a=b&c", "/new?a=b&c" },
    { "an empty query is one", "/new", "/old", "", "/new?" },
    { "a query of its own", "/new?x=1", "/old", "a=b", "/new?x=1" },
    { "a '?' at the end leaves it out", "/new?", "/old", "a=b", "/new" },
    { "both", "/new?x=1&$query", "/old", "a=b", "/new?x=1&a=b" },
    { "before a fragment, RFC 3986 3", "/new#top", "/old", "a=b", "/new?a=b#top" },
    { "$args", "/new?$args", "/old", "a=b", "/new?a=b" },
    { "$uri", "https://h.example$uri", "/p/q", "a=b", "https://h.example/p/q?a=b" },
    { "$path", "https://h.example$path", "/p q", "a", "https://h.example/p%20q?a" },
    { "$host", "https://$host$path", "/p", NULL, "https://www.example/p" },
    { "$host and a port", "https://$host:8443$path", "/p", NULL, "https://www.example:8443/p" },
    { "$scheme", "$scheme://$host/", "/p", NULL, "http://www.example/" },
    { "a dollar", "/a$$b", "/", NULL, "/a$b" },
    { "braces", "/${path}x", "/p", NULL, "/px" },
    { "a group, encoded, RFC 3986 2.1", "/n/$1", "/", NULL, "/n/a%20b" },
    { "line breaks cannot end the field", "/n/$4", "/", NULL, "/n/a%0D%0AX:%20y" },
    { "a backslash is a slash to browsers", "/$5", "/", NULL, "/%5Cx" },
    { "a group that took no part", "/n/$9.html", "/", NULL, "/n/.html" },
    { "a group in a query", "/n?q=$7", "/", NULL, "/n?q=a%26b%3Dc%23d%3F" },
    { "no second slash in front", "/$2", "/", NULL, "/evil.example" },
    { "no second slash in front, from an empty group", "/$8$2", "/", NULL, "/evil.example" },
    { "a value alone is a path", "$1", "/", NULL, "/a%20b" },
    { "a value that begins with a slash", "$2", "/", NULL, "/evil.example" },
    { "nothing at all", "$9", "/", NULL, "/" },
    { "behind a host comes a slash", "https://h.example$6", "/", NULL,
      "https://h.example/.evil.example" },
    { "a path behind a host", "https://h.example$2", "/", NULL, "https://h.example/evil.example" },
    { "a part of a host", "https://$3.h.example/", "/", NULL, "https://sub.h.example/" },
    { "no path as part of a host", "https://$2.h.example/", "/", NULL, NULL },
    { "no blank in a host", "https://$1.h.example/", "/", NULL, NULL },
    { "a host without a scheme, written out", "//cdn.example/x", "/", NULL, "//cdn.example/x" },
    { "... and a value behind it", "//cdn.example$6", "/", NULL, "//cdn.example/.evil.example" },
    { "a raw query with odd bytes", "/n", "/", "a=\"<\x80>\\", "/n?a=%22%3C%80%3E%5C" },
    { "its percent-encodings stay", "/n", "/", "a=%41%zz", "/n?a=%41%zz" },
    { "not UTF-8", "/n$path", "/\xff", NULL, "/n/%FF" },
};

Test(location, writes_each_row)
{
    static struct request req;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *why = NULL;
        struct template *t = template_new(str_of(rows[i].target), &why);
        struct buf out = { 0 };
        bool is_good;

        cr_assert_not_null(t, "%s: %s", rows[i].why, why);
        cr_expect_null(template_check_target(str_of(rows[i].target)), "%s: %s", rows[i].why,
                       template_check_target(str_of(rows[i].target)));
        request_clear(&req);
        req.host = STR("www.example");
        req.path = str_of(rows[i].path);
        req.query = str_of(rows[i].query);
        is_good = location_write(&out, t, &req, groups);
        cr_expect_eq(is_good, rows[i].expect != NULL, "%s", rows[i].why);
        if (rows[i].expect != NULL)
            cr_expect_str_eq(buf_cstr(&out), rows[i].expect, "%s: %s", rows[i].why, buf_cstr(&out));
        buf_fini(&out);
        template_free(&t);
    }
}

Test(location, needs_a_host_where_the_target_does)
{
    static struct request req;
    const char *why;
    struct template *t = template_new(STR("https://$host/"), &why);
    struct buf out = { 0 };

    request_clear(&req);
    req.path = STR("/");
    cr_expect_not(location_write(&out, t, &req, NULL));
    buf_fini(&out);
    template_free(&t);
}
