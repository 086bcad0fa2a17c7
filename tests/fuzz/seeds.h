/*
 * seeds - starts a fuzzer from the rows of a unit test, without files: now and then a mutation
 * begins with a row instead of with what it was given.
 */
#ifndef TESTS_FUZZ_SEEDS_H
#define TESTS_FUZZ_SEEDS_H

#include <stdint.h>

#include "common/str.h"

/* libFuzzer's own, and its three entry points. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

enum { SEED_ONE_IN = 16 };

/* For LLVMFuzzerCustomMutator: row `seed / SEED_ONE_IN` of `count` is what `row` returns. */
static inline size_t seeds_mutate(uint8_t *data, size_t size, size_t max_size, unsigned seed,
                                  struct str (*row)(size_t i), size_t count)
{
    if (size < 2 || seed % SEED_ONE_IN == 0) {
        struct str start = row(seed / SEED_ONE_IN % count);

        size = start.n < max_size ? start.n : max_size;
        if (size > 0)
            memcpy(data, start.p, size);
        if (seed / SEED_ONE_IN / count % 2 == 0 && size > 0)
            return size;
    }
    return LLVMFuzzerMutate(data, size, max_size);
}

#endif
