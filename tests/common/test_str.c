#include "common/str.h"

#include <criterion/criterion.h>
#include <stdlib.h>

/* An exact-size heap copy, so that the sanitizer sees one byte too far. */
static struct str heap(struct str s)
{
    char *copy = malloc(s.n > 0 ? s.n : 1);

    cr_assert_not_null(copy);
    if (s.n > 0)
        memcpy(copy, s.p, s.n);
    return (struct str){ copy, s.n };
}

static void drop(struct str s)
{
    free((char *)s.p);
}

Test(str, knows_what_is_not_there_from_what_is_empty)
{
    cr_expect_null(STR_NONE.p);
    cr_expect_not_null(STR("").p);
    cr_expect_null(str_of(NULL).p);
    cr_expect_eq(str_of(NULL).n, 0);
    cr_expect_eq(str_of("ab").n, 2);
    cr_expect(str_eq(STR_NONE, STR("")), "no bytes equal no bytes");
}

Test(str, compares_with_and_without_case)
{
    static const struct {
        const char *why;
        struct str a, b;
        bool is_eq, is_eq_case;
    } rows[] = {
        { "the same", STR_INIT("close"), STR_INIT("close"), true, true },
        { "letters differ in case", STR_INIT("Close"), STR_INIT("cLOSE"), false, true },
        { "a prefix", STR_INIT("close"), STR_INIT("clos"), false, false },
        { "last byte differs", STR_INIT("close"), STR_INIT("closf"), false, false },
        { "@ and ` differ by the case bit alone", STR_INIT("@"), STR_INIT("`"), false, false },
        { "[ and { differ by the case bit alone", STR_INIT("["), STR_INIT("{"), false, false },
        { "Z is the last letter", STR_INIT("Zz"), STR_INIT("zZ"), false, true },
        { "beyond ASCII nothing folds", STR_INIT("\xc4"), STR_INIT("\xe4"), false, false },
        { "NUL is a byte", STR_INIT("a\0b"), STR_INIT("a\0c"), false, false },
        { "nothing", STR_INIT(""), STR_INIT(""), true, true },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct str a = heap(rows[i].a), b = heap(rows[i].b);

        cr_expect_eq(str_eq(a, b), rows[i].is_eq, "str_eq, %s", rows[i].why);
        cr_expect_eq(str_eq_case(a, b), rows[i].is_eq_case, "str_eq_case, %s", rows[i].why);
        drop(a);
        drop(b);
    }
}

Test(str, finds_prefix_and_suffix)
{
    static const struct {
        const char *why;
        struct str s, part;
        bool starts, ends;
    } rows[] = {
        { "the start", STR_INIT("unix:/a"), STR_INIT("unix:"), true, false },
        { "the end", STR_INIT("a.yaml"), STR_INIT(".yaml"), false, true },
        { "the whole", STR_INIT("abc"), STR_INIT("abc"), true, true },
        { "longer than the whole", STR_INIT("abc"), STR_INIT("abcd"), false, false },
        { "in the middle only", STR_INIT("abc"), STR_INIT("b"), false, false },
        { "nothing is part of all", STR_INIT("abc"), STR_INIT(""), true, true },
        { "nothing in nothing", STR_INIT(""), STR_INIT(""), true, true },
        { "something in nothing", STR_INIT(""), STR_INIT("a"), false, false },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct str s = heap(rows[i].s);

        cr_expect_eq(str_starts(s, rows[i].part), rows[i].starts, "starts, %s", rows[i].why);
        cr_expect_eq(str_ends(s, rows[i].part), rows[i].ends, "ends, %s", rows[i].why);
        drop(s);
    }
}

Test(str, trims_spaces_and_tabs_at_both_ends)
{
    static const struct {
        const char *why;
        struct str in, out;
    } rows[] = {
        { "nothing around", STR_INIT("a b"), STR_INIT("a b") },
        { "OWS is SP and HTAB, RFC 9110 5.6.3", STR_INIT(" \t a \t"), STR_INIT("a") },
        { "CR is no OWS", STR_INIT("a\r"), STR_INIT("a\r") },
        { "LF is no OWS", STR_INIT("\na"), STR_INIT("\na") },
        { "a vertical tab is no OWS", STR_INIT("\va\f"), STR_INIT("\va\f") },
        { "spaces alone", STR_INIT(" \t "), STR_INIT("") },
        { "nothing", STR_INIT(""), STR_INIT("") },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct str in = heap(rows[i].in), out = str_trim(in);

        cr_expect(str_eq(out, rows[i].out), "%s: got \"%.*s\"", rows[i].why, STR_ARG(out));
        drop(in);
    }
}

Test(str, cuts_at_the_first_separator)
{
    static const struct {
        const char *why;
        struct str in, head, rest;
        bool has_rest;
    } rows[] = {
        { "two parts", STR_INIT("a,b"), STR_INIT("a"), STR_INIT("b"), true },
        { "the first of two", STR_INIT("a,b,c"), STR_INIT("a"), STR_INIT("b,c"), true },
        { "none: the whole, then no more", STR_INIT("ab"), STR_INIT("ab"), STR_INIT(""), false },
        { "at the end: an empty rest is there", STR_INIT("a,"), STR_INIT("a"), STR_INIT(""), true },
        { "at the start", STR_INIT(",b"), STR_INIT(""), STR_INIT("b"), true },
        { "nothing else", STR_INIT(","), STR_INIT(""), STR_INIT(""), true },
        { "nothing", STR_INIT(""), STR_INIT(""), STR_INIT(""), false },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct str in = heap(rows[i].in), rest = in, head = str_cut(&rest, ',');

        cr_expect(str_eq(head, rows[i].head), "%s: head \"%.*s\"", rows[i].why, STR_ARG(head));
        cr_expect(str_eq(rest, rows[i].rest), "%s: rest \"%.*s\"", rows[i].why, STR_ARG(rest));
        cr_expect_eq(rest.p != NULL, rows[i].has_rest, "%s", rows[i].why);
        drop(in);
    }
}

Test(str, walks_a_list_until_the_rest_is_not_there)
{
    struct str rest = STR("a,,b");
    unsigned count = 0;

    while (rest.p != NULL && count < 9) {
        str_cut(&rest, ',');
        count++;
    }
    cr_expect_eq(count, 3);
}

Test(str, reads_decimal_digits_and_nothing_else)
{
    static const struct {
        const char *why;
        struct str text;
        bool is_number;
        uint64_t value;
    } rows[] = {
        { "zero", STR_INIT("0"), true, 0 },
        { "plain", STR_INIT("8080"), true, 8080 },
        { "leading zeros are decimal", STR_INIT("0010"), true, 10 },
        { "UINT64_MAX", STR_INIT("18446744073709551615"), true, UINT64_MAX },
        { "one more: the addition overflows", STR_INIT("18446744073709551616"), false, 0 },
        { "ten times: the product overflows", STR_INIT("184467440737095516150"), false, 0 },
        { "nothing", STR_INIT(""), false, 0 },
        { "a sign; Content-Length = 1*DIGIT, RFC 9110 8.6", STR_INIT("+1"), false, 0 },
        { "a minus", STR_INIT("-1"), false, 0 },
        { "a space in front", STR_INIT(" 1"), false, 0 },
        { "a space behind", STR_INIT("1 "), false, 0 },
        { "hexadecimal", STR_INIT("0x10"), false, 0 },
        { "the byte before 0", STR_INIT("1/"), false, 0 },
        { "the byte behind 9", STR_INIT("1:"), false, 0 },
        { "NUL", STR_INIT("1\0"), false, 0 },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct str text = heap(rows[i].text);
        uint64_t value = 7;

        cr_expect_eq(str_to_u64(text, &value), rows[i].is_number, "%s", rows[i].why);
        cr_expect_eq(value, rows[i].is_number ? rows[i].value : 7, "%s", rows[i].why);
        drop(text);
    }
}

Test(str, counts_the_edits_between_two_words)
{
    static const struct {
        const char *why;
        struct str a, b;
        unsigned expect;
    } rows[] = {
        { "the same", STR_INIT("root"), STR_INIT("root"), 0 },
        { "insert", STR_INIT("listn"), STR_INIT("listen"), 1 },
        { "delete", STR_INIT("listten"), STR_INIT("listen"), 1 },
        { "replace", STR_INIT("rook"), STR_INIT("root"), 1 },
        { "swap of neighbours is one edit", STR_INIT("lisetn"), STR_INIT("listen"), 1 },
        { "swap at the start", STR_INIT("orot"), STR_INIT("root"), 1 },
        { "from nothing", STR_INIT(""), STR_INIT("abc"), 3 },
        { "to nothing", STR_INIT("abc"), STR_INIT(""), 3 },
        { "all differ", STR_INIT("abc"), STR_INIT("xyz"), 3 },
        { "several", STR_INIT("kitten"), STR_INIT("sitting"), 3 },
        { "nothing", STR_INIT(""), STR_INIT(""), 0 },
    };
    char letters[65];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct str a = heap(rows[i].a), b = heap(rows[i].b);

        cr_expect_eq(str_distance(a, b), rows[i].expect, "%s: got %u", rows[i].why,
                     str_distance(a, b));
        cr_expect_eq(str_distance(b, a), rows[i].expect, "the other way round: %s", rows[i].why);
        drop(a);
        drop(b);
    }
    memset(letters, 'a', sizeof(letters));
    cr_expect_eq(str_distance((struct str){ letters, 64 }, (struct str){ letters, 64 }), 0);
    cr_expect_eq(str_distance((struct str){ letters, 65 }, (struct str){ letters, 65 }), 64,
                 "words above 64 bytes are far from everything");
}

Test(str, copies_with_a_nul_at_the_end)
{
    struct str in = heap(STR("abc"));
    char *copy = str_dup(in), *empty = str_dup(STR_NONE);

    cr_expect_str_eq(copy, "abc");
    cr_expect_str_eq(empty, "");
    drop(in);
    free(copy);
    free(empty);
}
