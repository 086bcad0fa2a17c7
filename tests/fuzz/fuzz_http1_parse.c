/* Any bytes, cut anywhere: one answer, views inside the input, and what DONE promises. */
#include <assert.h>
#include <stdlib.h>

#include "tests/fuzz/seeds.h"
#include "tests/worker/rows_http1_parse.h"

static struct request req;

static void check_view(struct str view, const char *p, size_t n)
{
    if (view.p != NULL && !str_eq(view, STR("/")))
        assert(view.p >= p && view.p + view.n <= p + n);
}

static void check_request(const char *p, size_t used)
{
    assert(used >= 16 && memcmp(p + used - 4, "\r\n\r\n", 4) == 0);
    assert(req.version == 10 || req.version == 11);
    assert(req.version == 10 || req.known[FIELD_HOST].p != NULL);
    assert(req.framing != BODY_FRAMING_LENGTH || req.known[FIELD_TRANSFER_ENCODING].p == NULL);
    assert(req.content_length <= INT64_MAX);
    assert(req.field_count <= row_limits.fields_max_count);
    check_view(req.method_text, p, used);
    check_view(req.target, p, used);
    check_view(req.line, p, used);
    check_view(req.host, p, used);
    check_view(req.raw_path, p, used);
    check_view(req.query, p, used);
    for (size_t i = 0; i < req.field_count; i++) {
        check_view(req.fields[i].name, p, used);
        check_view(req.fields[i].value, p, used);
        assert(memchr(req.fields[i].value.p, '\n', req.fields[i].value.n) == NULL);
    }
}

static enum parse_result parse_copy(const uint8_t *data, size_t n, unsigned *status, size_t *used)
{
    char *copy = malloc(n + (n == 0)), *moved = malloc(n + (n == 0));
    struct http1_fault fault = { 0, NULL };
    enum parse_result result;

    if (n > 0)
        memcpy(copy, data, n);
    result = http1_parse_head(&req, copy, n, &row_limits, used, &fault);
    assert(result != PARSE_BAD || (fault.status >= 400 && fault.text != NULL));
    if (result == PARSE_DONE) {
        check_request(copy, *used);
        memcpy(moved, copy, n);
        request_move(&req, copy, n, moved);
        check_request(moved, *used);
    }
    *status = fault.status;
    free(copy);
    free(moved);
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned status, cut_status;
    size_t used, cut_used;
    enum parse_result result = parse_copy(data, size, &status, &used);

    for (size_t cut = 0; cut < size; cut++) {
        enum parse_result got = parse_copy(data, cut, &cut_status, &cut_used);

        if (got == PARSE_MORE) {
            assert(result != PARSE_DONE || cut < used);
            continue;
        }
        assert(got == result && (got != PARSE_BAD || cut_status == status));
        assert(got != PARSE_DONE || cut_used == used);
    }
    return 0;
}

static struct str row(size_t i)
{
    return head_rows[i].head;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    return seeds_mutate(data, size, max_size, seed, row, HEAD_ROW_COUNT);
}
