/* Any bytes in two pieces or one by one: the same answer, length and data as in one go. */
#include <assert.h>
#include <stdlib.h>

#include "tests/fuzz/seeds.h"
#include "tests/worker/rows_http1_chunked.h"

struct outcome {
    enum parse_result result;
    unsigned status;
    size_t used;
    uint64_t body_bytes;
    uint32_t sum; /* of the data, in order */
};

static void on_data(void *context, struct str data)
{
    struct outcome *o = context;

    assert(data.n > 0);
    for (size_t i = 0; i < data.n; i++)
        o->sum = o->sum * 31 + (unsigned char)data.p[i];
    o->body_bytes += data.n;
}

/* The first piece has `first` bytes, the others `step`. */
static struct outcome feed(const uint8_t *data, size_t size, size_t first, size_t step)
{
    struct http1_chunked c = { 0 };
    struct http1_fault fault = { 0, NULL };
    struct outcome o = { .result = PARSE_MORE };

    for (size_t n = first; o.used < size && o.result == PARSE_MORE; n = step) {
        size_t taken;
        char *copy;

        if (n > size - o.used)
            n = size - o.used;
        copy = malloc(n + (n == 0));
        memcpy(copy, data + o.used, n);
        o.result = http1_parse_chunked(&c, copy, n, &taken, &fault, on_data, &o);
        assert(taken <= n && (o.result != PARSE_MORE || taken == n));
        o.used += taken;
        free(copy);
    }
    assert(c.body_bytes == o.body_bytes);
    o.status = fault.status;
    return o;
}

static void check_same(struct outcome a, struct outcome b)
{
    assert(a.result == b.result && a.status == b.status && a.used == b.used);
    assert(a.body_bytes == b.body_bytes && a.sum == b.sum);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct outcome whole = feed(data, size, size, size);

    check_same(whole, feed(data, size, 1, 1));
    for (size_t cut = 0; cut < size; cut++)
        check_same(whole, feed(data, size, cut, size));
    return 0;
}

static struct str row(size_t i)
{
    return chunked_rows[i].text;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    return seeds_mutate(data, size, max_size, seed, row, CHUNKED_ROW_COUNT);
}
