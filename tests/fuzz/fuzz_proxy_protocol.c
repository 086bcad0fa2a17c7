/* Any bytes, cut anywhere: one answer, within the input, and an address of a known family. */
#include <assert.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "tests/fuzz/seeds.h"
#include "tests/worker/rows_proxy_protocol.h"

static enum parse_result parse_copy(const uint8_t *data, size_t n, struct proxy_header *header)
{
    char *copy = malloc(n + (n == 0));
    const char *why = NULL;
    enum parse_result result;

    if (n > 0)
        memcpy(copy, data, n);
    result = proxy_header_parse(copy, n, header, &why);
    assert(result != PARSE_BAD || why != NULL);
    assert(result != PARSE_DONE || (header->bytes > 0 && header->bytes <= n));
    assert(header->source.len == 0 || result != PARSE_DONE ||
           header->source.sa.ss_family == AF_INET || header->source.sa.ss_family == AF_INET6);
    free(copy);
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct proxy_header header, cut_header;
    enum parse_result result = parse_copy(data, size, &header);

    for (size_t cut = 0; cut < size; cut++) {
        enum parse_result got = parse_copy(data, cut, &cut_header);

        if (got == PARSE_MORE)
            assert(result != PARSE_DONE || cut < header.bytes);
        else
            assert(got == result && (got != PARSE_DONE || cut_header.bytes == header.bytes));
    }
    return 0;
}

static struct str row(size_t i)
{
    return proxy_rows[i].input;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    return seeds_mutate(data, size, max_size, seed, row, PROXY_ROW_COUNT);
}
