/* Any list: it comes to an end, and whatever is found in it is an address. */
#include <assert.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "tests/fuzz/seeds.h"
#include "tests/worker/rows_forwarded.h"

static void walk(struct str list, enum real_ip_header header)
{
    struct address address;
    enum forwarded_node node;
    size_t left = list.n + 2;

    while ((node = forwarded_cut_last(&list, header, &address)) != FORWARDED_END) {
        assert(list.p == NULL || list.n < left); /* it shrinks */
        assert(left-- > 0);
        if (node == FORWARDED_ADDRESS)
            assert(address.sa.ss_family == AF_INET || address.sa.ss_family == AF_INET6);
    }
    assert(list.p == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = malloc(size + (size == 0));

    if (size > 0)
        memcpy(copy, data, size);
    walk((struct str){ copy, size }, REAL_IP_X_FORWARDED_FOR);
    walk((struct str){ copy, size }, REAL_IP_FORWARDED);
    free(copy);
    return 0;
}

static struct str row(size_t i)
{
    return str_of(forwarded_rows[i].list);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    return seeds_mutate(data, size, max_size, seed, row, FORWARDED_ROW_COUNT);
}
