#include "config/diff.h"

#include <stdio.h>

#include "config/settings.h"
#include "tests/config/parse.h"

/* The caller frees it. */
static char *diff_text(const char *old_text, const char *new_text)
{
    struct config *old = parse_good(old_text), *new = parse_good(new_text);
    struct buf out = { 0 };

    config_diff(old, new, &out);
    config_free(&old);
    config_free(&new);
    buf_cstr(&out);
    return buf_take(&out);
}

#define SITES(sites) "root: /r\nsites:\n  - {hosts: '*'" sites
#define A(more)      "}\n  - {hosts: [a, www.a]" more
#define B(more)      "}\n  - {hosts: b" more
#define END          "}\n"
#define LONG_20      "aaaaaaaaaaaaaaaaaaaa"
#define LONG_80      LONG_20 LONG_20 LONG_20 LONG_20

static const struct {
    const char *why, *old, *new, *expect;
} rows[] = {
    { "nothing", "root: /r\n", "root: /r # the same\n", "" },
    { "written in another way", "root: /r\nkeepalive_timeout: 75s\nsend_timeout: 60s\n",
      "send_timeout: 1m\nroot: '/r/'\n", "" },
    { "a setting of the server", "root: /r\n", "root: /r\nkeepalive_timeout: 60s\n",
      "keepalive_timeout: 75s -> 1m\n" },
    { "one that was not there", "root: /r\n", "root: /r\nuser: nobody\n",
      "user: not set -> nobody\n" },
    { "a member of a group", "root: /r\n", "root: /r\nopen_file_cache: {max: 5}\n",
      "open_file_cache.max: 10000 -> 5\n" },
    { "a list", "root: /r\nlisten: '127.0.0.1:1'\n",
      "root: /r\nlisten: ['127.0.0.1:1', '127.0.0.1:2']\n",
      "listen: ['127.0.0.1:1'] -> ['127.0.0.1:1', '127.0.0.1:2']\n" },
    { "one route needs no name", "root: /r\n", "root: /s\n", "root: /r -> /s\n" },
    { "a map", "root: /r\n", "root: /r\nerror_pages: {404: /a, 500: /b}\n",
      "error_pages: not set -> {404: /a, 500: /b}\n" },
    { "rules", "root: /r\nrewrite: [{match: a, to: /b}]\n",
      "root: /r\nrewrite: [{match: a, to: /c}, {match: b, to: /d}]\n",
      "rewrite: [{match: a, to: /b}] -> [{match: a, to: /c}, {match: b, to: /d}]\n" },
    { "what every route inherits is one line", "root: /r\nroutes: [{path: /a}, {path: /b}]\n",
      "root: /r\netag: off\nroutes: [{path: /a}, {path: /b}]\n", "all routes: etag: on -> off\n" },
    { "a route without sites", "root: /r\nroutes: [{path: /a}, {path: /b}]\n",
      "root: /r\nroutes: [{path: /a}, {path: /b, access_log: /l}]\n",
      "route /b: access_log: off -> /l\n" },
    { "kinds of routes", "root: /r\nroutes: [{path: /a}]\n",
      "root: /r\nroutes: [{exact: /a}, {regex: '^/a$'}]\n",
      "- route /a\n+ exact route /a\n+ regex route '^/a$'\n" },
    { "routes of one path: those with the same matchers",
      "root: /r\nroutes: [{path: /a, methods: PUT, etag: off}, {path: /a, methods: GET}]\n",
      "root: /r\nroutes: [{path: /a, methods: GET}, {path: /a, methods: PUT}]\n",
      "routes in another order\nroute /a (PUT): etag: off -> on\n" },
    { "a matcher that changed", "root: /r\nroutes: [{path: /a, methods: PUT}, {path: /a}]\n",
      "root: /r\nroutes: [{path: /a, methods: [PUT, GET]}, {path: /a}]\n",
      "route /a (PUT, ...): methods: [PUT] -> [PUT, GET]\n" },
    { "expressions in another order", "root: /r\nroutes: [{regex: a}, {regex: b}]\n",
      "root: /r\nroutes: [{regex: b}, {regex: a}]\n", "routes in another order\n" },
    { "sites come and go", SITES("") A("") END, SITES("") B("") END, "- site a\n+ site b\n" },
    { "a site is known by one of its hosts", SITES("") A("") END,
      "root: /r\nsites: [{hosts: '*'}, {hosts: [www.a, c]}]\n",
      "site www.a: hosts: [a, www.a] -> [www.a, c]\n" },
    { "sites in another order", SITES("") A("") B("") END,
      "root: /r\nsites: [{hosts: b}, {hosts: [a, www.a]}, {hosts: '*'}]\n",
      "sites in another order\n" },
    { "a route of a site", SITES("") A(", routes: [{path: /x}]") END,
      SITES("") A(", routes: [{path: /x, etag: content}]") END,
      "site a, route /x: etag: on -> content\n" },
    { "all that a site has", SITES("") A(", routes: [{path: /x}]") END,
      SITES("") A(", root: /s, routes: [{path: /x}]") END, "site a: root: /r -> /s\n" },
    { "some that a site has", SITES("") A(", routes: [{path: /x}, {path: /y}]") END,
      SITES("") A(", root: /s, routes: [{path: /x, root: /r}, {path: /y}]") END,
      "site a, route /y and 1 other: root: /r -> /s\n" },
    { "the same in several sites", SITES("") A("") B("") END,
      SITES("") A(", etag: off") B(", etag: off") END,
      "2 routes of 2 sites (site a, route /, and others): etag: on -> off\n" },
    { "a rewrite that all sites inherit", SITES("") A("") END,
      "rewrite: [{match: a, to: /b}]\n" SITES("") A("") END,
      "all sites: rewrite: not set -> [{match: a, to: /b}]\n" },
    { "a site without sites before", "root: /r\n", "sites: [{hosts: a, root: /r}]\n",
      "- site *\n+ site a\n" },
    { "one host at two addresses",
      "root: /r\nlisten: ['127.0.0.1:1', '127.0.0.1:2']\n"
      "sites: [{hosts: a, listen: '127.0.0.1:1'}, {hosts: a, listen: '127.0.0.1:2'}]\n",
      "root: /r\nlisten: ['127.0.0.1:2', '127.0.0.1:1']\nsites: [{hosts: a, listen: '127.0.0.1:2', "
      "etag: off}, {hosts: a, listen: '127.0.0.1:1'}]\n",
      "listen: ['127.0.0.1:1', '127.0.0.1:2'] -> ['127.0.0.1:2', '127.0.0.1:1']\n"
      "sites in another order\nsite a at ['127.0.0.1:2']: etag: on -> off\n" },
    { "a long value is cut behind what differs", "root: /r\ncache_control: '" LONG_80 "x, b'\n",
      "root: /r\ncache_control: '" LONG_80 "y, " LONG_80 "'\n",
      "cache_control: ...aaaaaaaaaaaaaaaaaaaaaaaax, b' -> ...aaaaaaaaaaaaaaaaaaaaaaaay, aaaa" },
};

Test(diff, says_what_each_row_changes)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char *text = diff_text(rows[i].old, rows[i].new);

        if (strstr(rows[i].expect, "...a") != NULL)
            cr_expect_eq(strncmp(text, rows[i].expect, strlen(rows[i].expect)), 0, "%s: %s",
                         rows[i].why, text);
        else
            cr_expect_str_eq(text, rows[i].expect, "%s: %s", rows[i].why, text);
        free(text);
    }
}

Test(diff, is_empty_where_the_dumps_are_equal_and_only_there)
{
    enum { COUNT = 2 * sizeof(rows) / sizeof(*rows) };
    struct config *configs[COUNT];
    char *dumps[COUNT];

    for (size_t i = 0; i < COUNT; i++) {
        configs[i] = parse_good(i % 2 == 0 ? rows[i / 2].old : rows[i / 2].new);
        dumps[i] = dump_text(configs[i]);
    }
    for (size_t i = 0; i < COUNT; i++)
        for (size_t j = 0; j < COUNT; j++) {
            struct buf out = { 0 };

            config_diff(configs[i], configs[j], &out);
            cr_expect_eq(out.n == 0, strcmp(dumps[i], dumps[j]) == 0, "%s%s\n---\n%s",
                         buf_cstr(&out), dumps[i], dumps[j]);
            buf_fini(&out);
        }
    for (size_t i = 0; i < COUNT; i++) {
        config_free(&configs[i]);
        free(dumps[i]);
    }
}

/* "cors: {origins: ...}" for a member of a group, "etag: ..." else. */
static void add_setting(const struct setting *row, struct buf *text)
{
    const char *value = row->example != NULL ? row->example : row->default_text;
    char other[32] = "";

    if (row->type == SET_BOOL)
        value =
            strcmp(row->default_text != NULL ? row->default_text : "off", "on") == 0 ? "off" : "on";
    else if (row->type == SET_SWITCH || row->type == SET_WORD)
        value = strcmp(row->default_text, row->words[0]) == 0 ? row->words[1] : row->words[0];
    else if (row->type == SET_ENCODINGS)
        value = "off";
    else if (row->type == SET_LOG_LEVEL)
        value = "debug";
    else if (row->type == SET_MODE)
        value = "0640";
    else if (row->type == SET_REAL_IP)
        value = "X-Real-IP";
    else if (strcmp(row->name, "compress_max") == 0)
        value = "7MiB"; /* above compress_min */
    else if (row->max > 0) {
        snprintf(other, sizeof(other), "%llu%s", (unsigned long long)(row->min + 7),
                 row->type == SET_DURATION && row->min > 0 ? "ms" : "");
        value = other;
    } else if (row->type == SET_MEDIA_TYPE)
        value = "text/x";
    else if (row->type == SET_CHARSET || row->type == SET_REALM)
        value = "latin1";
    else if (row->type == SET_INDEX)
        value = "other.html";
    else if (row->type == SET_LISTEN)
        value = "9999";
    for (size_t i = 0; i < setting_count; i++)
        if (settings[i].type == SET_GROUP && (unsigned)settings[i].group == row->scopes) {
            buf_printf(text, "%s: {%s: %s}", settings[i].name, row->name, value);
            return;
        }
    buf_printf(text, "%s: %s", row->name, value);
}

Test(diff, knows_every_setting_of_the_table)
{
    for (size_t i = 0; i < setting_count; i++) {
        const struct setting *row = &settings[i];
        struct config_errors errors = { 0 };
        struct config *old, *new;
        struct buf text = { 0 }, out = { 0 };

        if (row->type == SET_STRUCTURE || row->type == SET_GROUP)
            continue;
        buf_printf(&text, "auth_basic_user_file: /u\nroot: /r\nroutes: [{path: /x, ");
        if (row->scopes != SCOPE_ROUTE)
            text.n = 0;
        if (row->scopes != SCOPE_ROUTE && strcmp(row->name, "root") != 0)
            buf_printf(&text, "root: /r\n");
        if (strcmp(row->name, "auth_basic") == 0)
            buf_printf(&text, "auth_basic_user_file: /u\n");
        add_setting(row, &text);
        buf_add(&text, row->scopes == SCOPE_ROUTE ? STR("}]\n") : STR("\n"));
        old = parse_good(row->scopes == SCOPE_ROUTE
                             ? "auth_basic_user_file: /u\nroot: /r\nroutes: [{path: /x}]\n"
                             : "root: /r\n");
        new = parse_bytes(text.p, text.n, TEST_PATH, &errors);
        cr_assert_not_null(new, "%s\n%s", buf_cstr(&text), config_errors_text(&errors));
        config_diff(old, new, &out);
        cr_expect_not_null(strstr(buf_cstr(&out), row->name), "%s: %s", buf_cstr(&text), out.p);
        config_errors_fini(&errors);
        config_free(&old);
        config_free(&new);
        buf_fini(&text);
        buf_fini(&out);
    }
}

static struct config *many(size_t count, const char *name, const char *top, const char *root)
{
    struct buf text = { 0 };
    struct config *config;

    buf_printf(&text, "root: /r\n%ssites:\n", top);
    for (size_t i = 0; i < count; i++)
        buf_printf(&text, "  - {hosts: %s%zu, root: %s%zu, routes: [{path: /a}, {path: /b}]}\n",
                   name, i, root, i);
    config = parse_good(buf_cstr(&text));
    buf_fini(&text);
    return config;
}

static size_t line_count(struct str text)
{
    size_t count = 0;

    for (size_t i = 0; i < text.n; i++)
        count += text.p[i] == '\n';
    return count;
}

Test(diff, stays_short_however_much_differs)
{
    static const struct {
        const char *name, *top, *root, *expect;
    } changes[] = {
        { "h", "etag: off\n", "/s", "all routes: etag: on -> off\n" },
        { "h", "etag: off\n", "/other", "more changes of sites and routes\n" },
        { "other", "send_timeout: 1s\n", "/s", "send_timeout: 30s -> 1s\n- site h0\n" },
        { "other", "", "/s", "and 5975 more sites, new or gone\n" },
    };
    struct config *old = many(3000, "h", "", "/s");

    for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
        struct config *new = many(3000, changes[i].name, changes[i].top, changes[i].root);
        struct buf out = { 0 };

        config_diff(old, new, &out);
        cr_expect_leq(line_count(buf_str(&out)), 100);
        cr_expect_not_null(strstr(buf_cstr(&out), changes[i].expect), "%s", out.p);
        buf_fini(&out);
        config_free(&new);
    }
    config_free(&old);
}
