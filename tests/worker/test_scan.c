#include "worker/scan.h"

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

typedef const char *scan_fn(const char *p, const char *end);

static const struct {
    const char *name;
    scan_fn *fast, *scalar;
} scans[] = {
    { "field_value", scan_field_value, scan_field_value_scalar },
    { "target", scan_target, scan_target_scalar },
    { "log_text", scan_log_text, scan_log_text_scalar },
    { "token", scan_token, scan_token_scalar },
};

enum { SCAN_COUNT = sizeof(scans) / sizeof(scans[0]), LONGEST = 80 };

static void expect_same(size_t scan, const char *p, size_t n, size_t want)
{
    const char *fast = scans[scan].fast(p, p + n), *scalar = scans[scan].scalar(p, p + n);

    cr_expect_eq(fast, scalar, "%s, %zu bytes: %td, twin %td", scans[scan].name, n, fast - p,
                 scalar - p);
    cr_expect_eq((size_t)(scalar - p), want, "%s, %zu bytes: %td, want %zu", scans[scan].name, n,
                 scalar - p, want);
}

/* The rules once more, from the RFCs' words rather than from tables. */
static int is_in_run(size_t scan, int c)
{
    switch (scan) {
    case 0:
        return c == '\t' || (c >= 0x20 && c != 0x7f);
    case 1:
        return c >= 0x21 && c <= 0x7e && c != '#';
    case 2:
        return c >= 0x20 && c <= 0x7e && c != '"' && c != '\\';
    default:
        return c > 0x20 && c < 0x7f && strchr("\"(),/:;<=>?@[\\]{}", c) == NULL;
    }
}

Test(scan, knows_every_byte_at_every_place_of_every_length)
{
    for (size_t scan = 0; scan < SCAN_COUNT; scan++)
        for (size_t n = 1; n <= 40; n++) {
            char *p = malloc(n);

            for (size_t at = 0; at < n; at++)
                for (int c = 0; c < 256; c++) {
                    memset(p, 'a', n);
                    p[at] = (char)c;
                    expect_same(scan, p, n, is_in_run(scan, c) ? n : at);
                }
            free(p);
        }
}

Test(scan, agrees_with_its_twin_on_any_length_and_alignment)
{
    srandom(1);
    for (size_t n = 0; n <= LONGEST; n++)
        for (size_t offset = 0; offset < 17; offset++) {
            char *p = malloc(offset + n + 1), *end = p + offset + n;

            for (int round = 0; round < 30; round++) {
                for (char *at = p; at < end; at++)
                    *at = random() % 8 != 0 ? 'x' : (char)random();
                for (size_t scan = 0; scan < SCAN_COUNT; scan++)
                    cr_expect_eq(scans[scan].fast(p + offset, end),
                                 scans[scan].scalar(p + offset, end), "%s, %zu bytes at %zu",
                                 scans[scan].name, n, offset);
            }
            free(p);
        }
}

Test(scan, leaves_the_byte_at_the_end_alone)
{
    for (size_t scan = 0; scan < SCAN_COUNT; scan++)
        for (size_t n = 0; n <= LONGEST; n++) {
            char *p = malloc(n + 1); /* exact but for one, for a malloc of nothing */

            memset(p, 'a', n);
            p[n] = '\r';
            expect_same(scan, p, n, n);
            free(p);
        }
}

Test(scan, hex_digit_knows_every_byte)
{
    static const char digits[] = "0123456789abcdef", upper[] = "0123456789ABCDEF";

    for (int c = 0; c < 256; c++) {
        int want = -1;

        for (int i = 0; i < 16; i++)
            if (c == digits[i] || c == upper[i])
                want = i;
        cr_expect_eq(scan_hex_digit((char)c), want, "byte %d", c);
    }
}
