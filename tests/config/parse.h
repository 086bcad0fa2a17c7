/* Parsing for tests: from an exact-size copy, so that a sanitizer sees one byte too far. */
#ifndef TESTS_CONFIG_PARSE_H
#define TESTS_CONFIG_PARSE_H

#include <criterion/criterion.h>
#include <stdlib.h>

#include "common/xmalloc.h"
#include "config/config.h"

#define TEST_PATH "/etc/remuda/test.yaml"

static inline struct config *parse_bytes(const char *text, size_t n, const char *path,
                                         struct config_errors *errors)
{
    char *copy = xmalloc(n);
    struct config *config;

    memcpy(copy, text, n);
    config = config_parse((struct str){ copy, n }, path, errors);
    free(copy);
    return config;
}

/* Fails the test, with the errors shown, if the text does not load. */
static inline struct config *parse_good(const char *text)
{
    struct config_errors errors = { 0 };
    struct config *config = parse_bytes(text, strlen(text), TEST_PATH, &errors);

    cr_assert_not_null(config, "does not load:\n%s\n%s", text, config_errors_text(&errors));
    cr_expect_eq(errors.count, 0);
    config_errors_fini(&errors);
    return config;
}

/* What a function writes, as a string that the caller frees. */
static inline char *dump_text(const struct config *config)
{
    char *text;
    size_t n;
    FILE *out = open_memstream(&text, &n);

    config_dump(config, out);
    fclose(out);
    return text;
}

#endif
