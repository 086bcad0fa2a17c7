/*
 * Any bytes as a config: refused with errors, or taken, and then the dump loads to an equal dump.
 * Built by clang's -fsanitize=fuzzer; tests/config/test_fuzz.c runs it on mutated rows.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *dump(const struct config *config, size_t *n)
{
    char *text;
    FILE *out = open_memstream(&text, n);

    config_dump(config, out);
    fclose(out);
    return text;
}

static void check_round_trip(const struct config *config)
{
    struct config_errors errors = { 0 };
    size_t n, again_n;
    char *text = dump(config, &n), *again;
    struct config *loaded = config_parse((struct str){ text, n }, "/f/fuzz.yaml", &errors);

    assert(loaded != NULL);
    again = dump(loaded, &again_n);
    assert(n == again_n && memcmp(text, again, n) == 0);
    free(text);
    free(again);
    config_free(&loaded);
    config_errors_fini(&errors);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config_errors errors = { 0 };
    struct str text = { (const char *)data, size };
    struct config *config = config_parse(text, "/f/fuzz.yaml", &errors);

    assert((config == NULL) == (errors.count > 0));
    assert(strlen(config_errors_text(&errors)) > 0 || config != NULL);
    if (config != NULL)
        check_round_trip(config);
    config_free(&config);
    config_errors_fini(&errors);
    return 0;
}
