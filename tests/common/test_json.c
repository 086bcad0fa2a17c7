#include "common/json.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/json_check.h"

static const struct {
    const char *why;
    struct str text;
    const char *expect;
} texts[] = {
    { "plain", STR_INIT("GET /a HTTP/1.1"), "\"GET /a HTTP/1.1\"" },
    { "empty", STR_INIT(""), "\"\"" },
    { "not there", { NULL, 0 }, "null" },
    { "quote and backslash", STR_INIT("a\"b\\c"), "\"a\\\"b\\\\c\"" },
    { "those with a letter", STR_INIT("\b\t\n\f\r"), "\"\\b\\t\\n\\f\\r\"" },
    { "NUL and other controls", STR_INIT("\0\x01\x1f\x7f"), "\"\\u0000\\u0001\\u001f\\u007f\"" },
    { "C1: a terminal obeys them", STR_INIT("\xc2\x9b"), "\"\\u009b\"" },
    { "UTF-8 stays", STR_INIT("\xc3\xbc \xe2\x82\xac \xf0\x9f\x90\xb4"),
      "\"\xc3\xbc \xe2\x82\xac \xf0\x9f\x90\xb4\"" },
    { "a byte that begins nothing",
      STR_INIT("a\xff"
               "b"),
      "\"a\xef\xbf\xbd"
      "b\"" },
    { "cut short", STR_INIT("a\xe2\x82"), "\"a\xef\xbf\xbd\xef\xbf\xbd\"" },
    { "overlong", STR_INIT("\xc0\xaf"), "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
    { "half a surrogate pair", STR_INIT("\xed\xa0\x80"),
      "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
};

Test(json, escapes_each_text)
{
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct buf out = { 0 };
        struct str exact = texts[i].text;
        char *copy = exact.p != NULL ? malloc(exact.n) : NULL;

        if (copy != NULL)
            exact.p = memcpy(copy, exact.p, exact.n);
        json_text(&out, exact);
        cr_expect_str_eq(buf_cstr(&out), texts[i].expect, "%s: %s", texts[i].why, buf_cstr(&out));
        cr_expect(json_is_valid(buf_str(&out)), "%s", texts[i].why);
        buf_fini(&out);
        free(copy);
    }
}

Test(json, puts_within_the_room_that_it_promises)
{
    for (unsigned first = 0; first < 256; first++)
        for (unsigned second = 0; second < 256; second++) {
            const char text[2] = { (char)first, (char)second };
            char *room = malloc(sizeof(text) * JSON_PUT_MOST);
            char *end = json_put(room, (struct str){ text, sizeof(text) });

            cr_assert_leq((size_t)(end - room), sizeof(text) * JSON_PUT_MOST);
            free(room);
        }
}

Test(json, puts_commas_where_they_belong)
{
    struct buf out = { 0 };

    json_open(&out, '{');
    json_add_text(&out, "a:", STR("{["));
    json_key(&out, "list");
    json_open(&out, '[');
    json_u64(&out, 0);
    json_u64(&out, UINT64_MAX);
    json_open(&out, '{');
    json_close(&out, '}');
    json_open(&out, '[');
    json_close(&out, ']');
    json_text(&out, STR(":"));
    json_null(&out);
    json_close(&out, ']');
    json_add_bool(&out, "yes", true);
    json_add_bool(&out, "no", false);
    json_add_u64(&out, "n", 7);
    json_add_decimal(&out, "d", 1.5);
    json_close(&out, '}');
    cr_expect_str_eq(buf_cstr(&out), "{\"a:\":\"{[\",\"list\":[0,18446744073709551615,{},[],\":\","
                                     "null],\"yes\":true,\"no\":false,\"n\":7,\"d\":1.500}");
    buf_fini(&out);
}

Test(json, writes_decimals)
{
    static const struct {
        double value;
        const char *expect;
    } rows[] = {
        { 0, "0.000" },        { 1.0005, "1.001" },      { -2.25, "-2.250" },
        { -0.0001, "0.000" },  { 86400.5, "86400.500" }, { INFINITY, "null" },
        { -INFINITY, "null" }, { NAN, "null" },          { 1e300, "null" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct buf out = { 0 };

        json_decimal(&out, rows[i].value);
        cr_expect_str_eq(buf_cstr(&out), rows[i].expect, "%g: %s", rows[i].value, buf_cstr(&out));
        buf_fini(&out);
    }
}
