/* Any bytes: refused with errors, or taken, and then the dump loads to an equal dump. */
#include "tests/config/check_any.h"
#include "tests/config/rows_bad_configs.h"
#include "tests/fuzz/seeds.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_any_text((struct str){ (const char *)data, size });
    return 0;
}

static struct str row(size_t i)
{
    return str_of(bad_rows[i].text);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    return seeds_mutate(data, size, max_size, seed, row, BAD_ROW_COUNT);
}
