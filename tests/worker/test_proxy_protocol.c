#include "worker/proxy_protocol.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "tests/worker/rows_proxy_protocol.h"

static enum parse_result parse_copy(struct str input, size_t n, struct proxy_header *header,
                                    const char **why)
{
    char *copy = malloc(n + (n == 0));
    enum parse_result result;

    memcpy(copy, input.p, n);
    result = proxy_header_parse(copy, n, header, why);
    free(copy);
    return result;
}

Test(proxy_protocol, judges_each_row)
{
    for (size_t i = 0; i < PROXY_ROW_COUNT; i++) {
        const struct proxy_row *row = &proxy_rows[i];
        struct proxy_header header;
        const char *why = NULL;
        char text[ADDRESS_TEXT_MAX] = "";
        enum parse_result got = parse_copy(row->input, row->input.n, &header, &why);

        cr_expect_eq(got, row->result, "%s: got %d (%s)", row->why, got, why);
        cr_expect(got != PARSE_BAD || why != NULL, "%s", row->why);
        if (got != PARSE_DONE || row->result != PARSE_DONE)
            continue;
        if (header.source.len > 0)
            address_format(&header.source, text);
        cr_expect_str_eq(text, row->source, "%s", row->why);
        cr_expect_eq(row->input.n - header.bytes, row->rest, "%s: %zu", row->why, header.bytes);
    }
}

Test(proxy_protocol, gives_one_answer_wherever_the_bytes_are_cut)
{
    for (size_t i = 0; i < PROXY_ROW_COUNT; i++) {
        const struct proxy_row *row = &proxy_rows[i];
        struct proxy_header header;
        const char *why;

        for (size_t cut = 0; cut < row->input.n; cut++) {
            enum parse_result got = parse_copy(row->input, cut, &header, &why);

            if (got == PARSE_MORE)
                cr_expect(row->result != PARSE_DONE || cut < row->input.n - row->rest, "%s at %zu",
                          row->why, cut);
            else
                cr_expect_eq(got, row->result, "%s at %zu: %d", row->why, cut, got);
        }
    }
}
