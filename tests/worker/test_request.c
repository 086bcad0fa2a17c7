#include "worker/request.h"

#include <stdlib.h>

#include <criterion/criterion.h>

#include "worker/http1_parse.h"

static const struct {
    enum field_id id;
    const char *name;
} names[] = {
#define FIELD_ROW(name, text) { FIELD_##name, text },
    FIELDS(FIELD_ROW)
#undef FIELD_ROW
};

static enum field_id id_of_copy(const char *name, size_t n)
{
    char *copy = malloc(n + (n == 0));
    enum field_id id;

    memcpy(copy, name, n);
    id = request_field_id((struct str){ copy, n });
    free(copy);
    return id;
}

Test(request, finds_each_field_in_any_case)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        size_t n = strlen(names[i].name);
        char text[32];

        for (int shape = 0; shape < 4; shape++) {
            for (size_t k = 0; k < n; k++) {
                char c = names[i].name[k];
                bool is_upper = shape == 1 || (shape == 2 && k % 2) || (shape == 3 && k % 2 == 0);

                text[k] = is_upper && c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
            }
            cr_expect_eq(id_of_copy(text, n), names[i].id, "%.*s", (int)n, text);
        }
    }
}

Test(request, takes_no_other_name_for_a_known_one)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        size_t n = strlen(names[i].name);
        char text[32];

        memcpy(text, names[i].name, n + 1);
        cr_expect_eq(id_of_copy(text, n - 1), FIELD_OTHER, "%s, cut", text);
        text[n] = 'x';
        cr_expect_eq(id_of_copy(text, n + 1), FIELD_OTHER, "%s, longer", names[i].name);
        for (size_t k = 0; k < n; k++)
            for (int c = 0; c < 256; c++) {
                memcpy(text, names[i].name, n + 1);
                if (ascii_lower((char)c) == text[k])
                    continue;
                text[k] = (char)c;
                cr_expect_eq(id_of_copy(text, n), FIELD_OTHER, "%s, byte %d at %zu", names[i].name,
                             c, k);
            }
    }
    cr_expect_eq(id_of_copy("", 0), FIELD_OTHER);
}

Test(request, finds_each_method_as_it_is_spelt)
{
    static const struct {
        enum method method;
        const char *text;
    } methods[] = {
#define METHOD_ROW(name) { METHOD_##name, #name },
        METHODS(METHOD_ROW)
#undef METHOD_ROW
    };

    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        size_t n = strlen(methods[i].text);
        char text[16];

        cr_expect_eq(request_method(str_of(methods[i].text)), methods[i].method);
        for (size_t k = 0; k < n; k++) {
            memcpy(text, methods[i].text, n + 1);
            text[k] ^= 0x20;
            cr_expect_eq(request_method((struct str){ text, n }), METHOD_OTHER, "%s", text);
        }
        cr_expect_eq(request_method((struct str){ methods[i].text, n - 1 }), METHOD_OTHER);
    }
    cr_expect_eq(request_method(STR("")), METHOD_OTHER);
    cr_expect_eq(request_method(STR("BREW")), METHOD_OTHER);
    cr_expect_eq(request_method(STR("PROPFIND")), METHOD_OTHER);
}

static struct request req;

static void parse(const char *text)
{
    const struct http1_limits limits = { 200, 1000, 20 };
    struct http1_fault fault;
    size_t used;

    cr_assert_eq(http1_parse_head(&req, text, strlen(text), &limits, &used, &fault), PARSE_DONE);
}

Test(request, walks_the_lines_of_one_field)
{
    size_t at = 0;

    parse("GET / HTTP/1.0\r\nTE: 1\r\nA: 2\r\nte: 3\r\nTE:\r\nHost: a\r\n\r\n");
    cr_expect(str_eq(request_next_field(&req, FIELD_TE, &at), STR("1")));
    cr_expect(str_eq(request_next_field(&req, FIELD_TE, &at), STR("3")));
    cr_expect_not_null(request_next_field(&req, FIELD_TE, &at).p);
    cr_expect_null(request_next_field(&req, FIELD_TE, &at).p);
    cr_expect_null(request_next_field(&req, FIELD_TE, &at).p);
    at = 0;
    cr_expect_null(request_next_field(&req, FIELD_RANGE, &at).p);
}

Test(request, moves_every_view_with_its_bytes)
{
    static const char text[] = "GET http://h:1?q HTTP/1.1\r\nHost: a\r\nRange: r\r\nX: y\r\n\r\n";
    size_t n = sizeof(text) - 1;
    char *from = malloc(n + 1), *to = malloc(n + 1);
    static const char elsewhere[] = "/decoded";

    memcpy(from, text, n + 1);
    parse(from);
    req.path = STR(elsewhere);
    memcpy(to, from, n + 1);
    request_move(&req, from, n, to);
    memset(from, '#', n);
    free(from); /* whoever still looks there meets the sanitizer */
    cr_expect(str_eq(req.method_text, STR("GET")));
    cr_expect(str_eq(req.line, STR("GET http://h:1?q HTTP/1.1")));
    cr_expect(str_eq(req.target, STR("http://h:1?q")));
    cr_expect(str_eq(req.host, STR("h")));
    cr_expect(str_eq(req.query, STR("q")));
    cr_expect(str_eq(req.raw_path, STR("/")));
    cr_expect_eq(req.path.p, elsewhere);
    cr_expect(str_eq(req.known[FIELD_HOST], STR("a")));
    cr_expect(str_eq(req.known[FIELD_RANGE], STR("r")));
    cr_expect_null(req.known[FIELD_TE].p);
    cr_expect(str_eq(req.fields[2].name, STR("X")));
    cr_expect(str_eq(req.fields[2].value, STR("y")));
    cr_expect(req.fields[2].value.p > to && req.fields[2].value.p < to + n);
    free(to);
}
