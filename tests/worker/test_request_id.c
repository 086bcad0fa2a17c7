#include "worker/request_id.h"

#include <criterion/criterion.h>
#include <string.h>

Test(request_id, makes_digits_that_do_not_come_again)
{
    static char made[2000][REQUEST_ID_MADE];
    struct request_ids ids, others;
    char other[REQUEST_ID_MADE];

    cr_assert_eq(request_ids_init(&ids), 0);
    cr_assert_eq(request_ids_init(&others), 0);
    for (size_t i = 0; i < 2000; i++) {
        request_ids_make(&ids, made[i]);
        for (size_t at = 0; at < REQUEST_ID_MADE; at++)
            cr_assert_not_null(memchr("0123456789abcdef", made[i][at], 16));
        for (size_t before = 0; before < i; before++)
            cr_assert_neq(memcmp(made[i], made[before], REQUEST_ID_MADE), 0);
    }
    request_ids_make(&others, other);
    cr_expect_neq(memcmp(made[0], other, REQUEST_ID_MADE), 0, "another worker, another key");
}

Test(request_id, judges_what_is_sent)
{
    char text[REQUEST_ID_MOST + 1];

    memset(text, 'x', sizeof(text));
    cr_expect(request_id_is_good(STR("AZaz09._~+/=-")));
    cr_expect(request_id_is_good(STR("x")));
    cr_expect(request_id_is_good((struct str){ text, REQUEST_ID_MOST }));
    cr_expect_not(request_id_is_good((struct str){ text, REQUEST_ID_MOST + 1 }));
    cr_expect_not(request_id_is_good(STR("")));
    for (unsigned c = 0; c < 256; c++) {
        text[0] = (char)c;
        cr_expect_eq(request_id_is_good((struct str){ text, 1 }),
                     c != 0 && c < 128 &&
                         strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789._~+/=-",
                                (int)c) != NULL,
                     "byte %u", c);
    }
}
