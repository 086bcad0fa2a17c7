/*
 * Any bytes as a config: refused with errors, or taken, and then the dump loads to an equal dump.
 * Fuzzed by tests/fuzz/fuzz_config.c, and tried on mutated rows by test_any.c.
 */
#ifndef TESTS_CONFIG_CHECK_ANY_H
#define TESTS_CONFIG_CHECK_ANY_H

#include <assert.h>
#include <stdlib.h>

#include "config/config.h"

static inline char *dump_to_text(const struct config *config, size_t *n)
{
    char *text;
    FILE *out = open_memstream(&text, n);

    config_dump(config, out);
    fclose(out);
    return text;
}

static inline void check_round_trip(const struct config *config)
{
    struct config_errors errors = { 0 };
    size_t n, again_n;
    char *text = dump_to_text(config, &n), *again;
    struct config *loaded = config_parse((struct str){ text, n }, "/f/fuzz.yaml", &errors);

    assert(loaded != NULL);
    again = dump_to_text(loaded, &again_n);
    assert(n == again_n && memcmp(text, again, n) == 0);
    free(text);
    free(again);
    config_free(&loaded);
    config_errors_fini(&errors);
}

static inline void check_any_text(struct str text)
{
    struct config_errors errors = { 0 };
    struct config *config = config_parse(text, "/f/fuzz.yaml", &errors);

    assert((config == NULL) == (errors.count > 0));
    assert(strlen(config_errors_text(&errors)) > 0 || config != NULL);
    if (config != NULL)
        check_round_trip(config);
    config_free(&config);
    config_errors_fini(&errors);
}

#endif
