#include "worker/route_table.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <time.h>

#include "common/buf.h"
#include "tests/config/parse.h"

static const char routes[] = "root: /r\n"
                             "routes:\n"
                             "  - {path: /a}\n"
                             "  - {path: /a/b/c}\n"
                             "  - {exact: /a/b}\n"
                             "  - {exact: /a/dir/}\n"
                             "  - {regex: '^/a/([0-9]+)$'}\n"
                             "  - {regex: '/([0-9]+)'}\n"
                             "  - {regex: '^/post/', methods: [POST, PUT]}\n"
                             "  - {path: /m, methods: [GET]}\n"
                             "  - {path: /m, request_headers: {X-Beta: '1'}}\n"
                             "  - {path: /m/sub, request_headers: {x-any: '*'}}\n"
                             "  - {path: /post/x}\n";

static void make_request(struct request *req, const char *method, const char *name,
                         const char *value)
{
    request_clear(req);
    req->method_text = str_of(method);
    req->method = request_method(req->method_text);
    if (name != NULL)
        req->fields[req->field_count++] =
            (struct field){ str_of(name), str_of(value), FIELD_OTHER };
}

/* A copy of exact size, so that the sanitizer sees one byte too far. */
static int find(const struct route_table *table, const struct request *req, const char *path,
                char *first_group)
{
    struct str groups[REGEX_GROUPS] = { { NULL, 0 } };
    size_t n = strlen(path);
    char *copy = malloc(n);
    int found;

    memcpy(copy, path, n);
    found = route_table_find(table, req, (struct str){ copy, n }, groups);
    snprintf(first_group, 32, "%.*s", groups[1].p != NULL ? (int)groups[1].n : 0,
             groups[1].p != NULL ? groups[1].p : "");
    free(copy);
    return found;
}

Test(route_table, finds_each_row)
{
    static const struct {
        const char *why, *method, *path, *name, *value, *route, *group;
    } rows[] = {
        { "the rest", "GET", "/", NULL, NULL, "/", "" },
        { "a beginning", "GET", "/a", NULL, NULL, "/a", "" },
        { "with a slash", "GET", "/a/", NULL, NULL, "/a", "" },
        { "below", "GET", "/a/x/y", NULL, NULL, "/a", "" },
        { "a longer word is another", "GET", "/ab", NULL, NULL, "/", "" },
        { "exact", "GET", "/a/b", NULL, NULL, "/a/b", "" },
        { "exact is not below", "GET", "/a/b/x", NULL, NULL, "/a", "" },
        { "exact is not the folder", "GET", "/a/b/", NULL, NULL, "/a", "" },
        { "an exact folder", "GET", "/a/dir/", NULL, NULL, "/a/dir/", "" },
        { "an exact folder without its slash", "GET", "/a/dir", NULL, NULL, "/a", "" },
        { "the longest", "GET", "/a/b/c/d", NULL, NULL, "/a/b/c", "" },
        { "the longest itself", "GET", "/a/b/c", NULL, NULL, "/a/b/c", "" },
        { "deeper than all routes", "GET", "/a/b/c/d/e/f/g/h/i", NULL, NULL, "/a/b/c", "" },
        { "an expression before a beginning", "GET", "/a/17", NULL, NULL, "^/a/([0-9]+)$", "17" },
        { "the first expression that fits", "GET", "/a/17/", NULL, NULL, "/([0-9]+)", "17" },
        { "a line break is not the end", "GET", "/a/17\n", NULL, NULL, "/([0-9]+)", "17" },
        { "a method", "POST", "/post/x", NULL, NULL, "^/post/", "" },
        { "methods are case-sensitive, RFC 9110 9.1", "post", "/post/x", NULL, NULL, "/post/x",
          "" },
        { "passed over for its method", "GET", "/post/x", NULL, NULL, "/post/x", "" },
        { "GET means HEAD too", "HEAD", "/m", NULL, NULL, "/m", "" },
        { "all of one path passed over", "PUT", "/m", NULL, NULL, "/", "" },
        { "the second of one path", "PUT", "/m", "x-bETA", "1", "/m", "" },
        { "another value", "PUT", "/m", "X-Beta", "2", "/", "" },
        { "any value", "PUT", "/m/sub/y", "X-Any", "", "/m/sub", "" },
        { "passed over for the shorter", "GET", "/m/sub/y", NULL, NULL, "/m", "" },
    };
    struct config *c = parse_good(routes);
    const struct site *site = &c->sites[0];
    struct route_table *table = route_table_new(site->routes, site->route_count);
    static struct request req;
    char group[32];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int found;

        make_request(&req, rows[i].method, rows[i].name, rows[i].value);
        found = find(table, &req, rows[i].path, group);
        cr_assert_geq(found, 0, "%s", rows[i].why);
        cr_expect_str_eq(site->routes[found].path, rows[i].route, "%s: %s", rows[i].why,
                         site->routes[found].path);
        cr_expect_str_eq(group, rows[i].group, "%s: %s", rows[i].why, group);
    }
    cr_expect_eq(route_table_find(table, &req, STR_NONE, NULL), (int)site->route_count - 1,
                 "no path: the last one");
    route_table_free(&table);
    config_free(&c);
}

Test(route_table, gives_up_on_an_expression_that_never_ends)
{
    struct config *c = parse_good("root: /r\nroutes: [{regex: '^/(a+)+$'}, {path: /b}]\n");
    struct route_table *table = route_table_new(c->sites[0].routes, c->sites[0].route_count);
    static struct request req;
    char path[64], group[32], *huge;

    make_request(&req, "GET", NULL, NULL);
    memset(path, 'a', sizeof(path));
    path[0] = '/';
    memcpy(path + sizeof(path) - 2, "!", 2);
    cr_expect_eq(find(table, &req, path, group), ROUTE_TOO_MUCH);
    huge = malloc(REGEX_SUBJECT_MAX + 2);
    memset(huge, 'a', REGEX_SUBJECT_MAX + 2);
    huge[0] = '/';
    huge[REGEX_SUBJECT_MAX + 1] = '\0';
    cr_expect_eq(find(table, &req, huge, group), ROUTE_TOO_MUCH);
    free(huge);
    route_table_free(&table);
    config_free(&c);
}

static double ns_per_look_up(unsigned count)
{
    enum { ROUNDS = 200000 };
    struct buf text = { 0 };
    struct timespec from, to;
    static struct request req;
    struct str groups[REGEX_GROUPS];
    struct route_table *table;
    struct config *c;
    char path[64];

    buf_add(&text, STR("root: /r\nroutes:\n"));
    for (unsigned i = 0; i < count; i++)
        buf_printf(&text, "  - {%s: /group%u/part%u}\n", i % 2 == 0 ? "path" : "exact", i % 100, i);
    c = parse_good(buf_cstr(&text));
    table = route_table_new(c->sites[0].routes, c->sites[0].route_count);
    make_request(&req, "GET", NULL, NULL);
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned route = i * 7919 % count & ~1u;
        int n = snprintf(path, sizeof(path), "/group%u/part%u/x.png", route % 100, route);
        int found = route_table_find(table, &req, (struct str){ path, (size_t)n }, groups);

        cr_assert_lt(found, (int)c->sites[0].route_count - 1);
    }
    clock_gettime(CLOCK_MONOTONIC, &to);
    route_table_free(&table);
    config_free(&c);
    buf_fini(&text);
    return ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) / ROUNDS;
}

Test(route_table, costs_the_same_for_one_route_and_for_ten_thousand)
{
    double one = ns_per_look_up(1), hundred = ns_per_look_up(100), many = ns_per_look_up(10000);

    if (getenv("REMUDA_FIGURES") != NULL)
        fprintf(stderr,
                "ns for a look-up, writing its path included: 1 route %.0f, 100 %.0f, 10000 %.0f\n",
                one, hundred, many);
    /* A hundred times is what a list would cost; caches and a busy machine are allowed for. */
    cr_expect_lt(many, 30 * one + 2000, "1: %.0f ns, 10000: %.0f ns", one, many);
}
