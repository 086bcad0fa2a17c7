/* The fuzzer's check on mutated rows, so that every test run tries some that nobody wrote. */
#include "tests/config/check_any.h"

#include <criterion/criterion.h>

#include "common/buf.h"
#include "common/xmalloc.h"
#include "tests/config/rows_bad_configs.h"

enum { ROUNDS = 20 }; /* for each row */

/* The same numbers in every run (Numerical Recipes' generator): a failure can be repeated. */
static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

/* Bytes that mean something to YAML or to a setting, more often than chance would bring them. */
static char random_byte(uint32_t *state)
{
    static const char telling[] = "\n\t :-[]{},&*#?|>'\"%@`!~/.0189kmson\\\r\x00\x7f\x80\xc3\xef";

    if (next_random(state) % 4 == 0)
        return (char)next_random(state);
    return telling[next_random(state) % (sizeof(telling) - 1)];
}

static void mutate(struct buf *text, uint32_t *state)
{
    for (uint32_t edits = 1 + next_random(state) % 4; edits > 0; edits--) {
        size_t at = next_random(state) % (text->n + 1), more = next_random(state) % 16;

        switch (next_random(state) % 4) {
        case 0: /* another byte */
            if (at < text->n)
                text->p[at] = random_byte(state);
            break;
        case 1: /* one more byte */
            buf_add_char(text, ' ');
            memmove(text->p + at + 1, text->p + at, text->n - at - 1);
            text->p[at] = random_byte(state);
            break;
        case 2: /* some bytes less */
            more = more < text->n - at ? more : text->n - at;
            memmove(text->p + at, text->p + at + more, text->n - at - more);
            text->n -= more;
            break;
        default: /* another row's text behind it */
            text->n = at;
            buf_add(text, str_of(bad_rows[next_random(state) % BAD_ROW_COUNT].text));
        }
    }
}

Test(any_config, is_refused_or_dumps_to_what_loads_the_same)
{
    uint32_t state = 1;

    for (size_t i = 0; i < (size_t)BAD_ROW_COUNT * ROUNDS; i++) {
        struct buf text = { 0 };
        char *exact;

        buf_add(&text, str_of(bad_rows[i % BAD_ROW_COUNT].text));
        buf_cstr(&text); /* not NULL, even if empty */
        mutate(&text, &state);
        exact = xmalloc(text.n);
        if (text.n > 0)
            memcpy(exact, text.p, text.n);
        check_any_text((struct str){ exact, text.n });
        free(exact);
        buf_fini(&text);
    }
}
