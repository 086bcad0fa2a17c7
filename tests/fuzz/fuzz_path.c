/* Any bytes: what comes out clean is, stays so, and survives encoding and cleaning again. */
#include <assert.h>
#include <stdlib.h>

#include "tests/fuzz/seeds.h"
#include "tests/worker/rows_path.h"

static void check_clean(struct str clean)
{
    struct str rest = clean, segment;

    assert(clean.n > 0 && clean.p[0] == '/' && memchr(clean.p, '\0', clean.n) == NULL);
    str_cut(&rest, '/');
    while (rest.p != NULL) {
        segment = str_cut(&rest, '/');
        assert(segment.n > 0 || rest.p == NULL);
        assert(!str_eq(segment, STR(".")) && !str_eq(segment, STR("..")));
    }
}

static void check_round_trip(struct str clean)
{
    struct buf encoded = { 0 };
    struct str again;
    char *out;

    path_encode(&encoded, clean);
    out = malloc(encoded.n);
    assert(path_clean(buf_str(&encoded), out, &again) == PATH_CLEAN);
    assert(str_eq(again, clean));
    free(out);
    buf_fini(&encoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *raw = malloc(size + (size == 0)), *out = malloc(size + (size == 0));
    struct str clean;

    if (size > 0)
        memcpy(raw, data, size);
    if (path_clean((struct str){ raw, size }, out, &clean) == PATH_CLEAN) {
        assert(clean.n <= size);
        check_clean(clean);
        check_round_trip(clean);
    }
    free(raw);
    free(out);
    return 0;
}

static struct str row(size_t i)
{
    return path_rows[i].raw;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    return seeds_mutate(data, size, max_size, seed, row, PATH_ROW_COUNT);
}
