#include "common/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

#include "common/xmalloc.h"

/* What one match may cost: some milliseconds at most, and memory for the interpreter. */
enum { STEPS_MAX = 100000, HEAP_KIB_MAX = 1024 };

struct regex {
    pcre2_code *code;
    pcre2_match_data *data;
    pcre2_match_context *limits;
};

struct regex *regex_new(struct str pattern, char **why, size_t *at)
{
    struct regex *regex;
    pcre2_code *code;
    int error;

    *at = 0;
    if (pattern.n > REGEX_PATTERN_MAX) {
        *why = xasprintf("it has more than %d bytes", REGEX_PATTERN_MAX);
        return NULL;
    }
    code = pcre2_compile((PCRE2_SPTR)pattern.p, pattern.n,
                         PCRE2_DOTALL | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C, &error, at,
                         NULL);
    if (code == NULL) {
        PCRE2_UCHAR text[256];

        pcre2_get_error_message(error, text, sizeof(text));
        *why = xasprintf("%s", (const char *)text);
        return NULL;
    }
    regex = xmalloc(sizeof(*regex));
    regex->code = code;
    regex->data = pcre2_match_data_create(REGEX_GROUPS, NULL);
    regex->limits = pcre2_match_context_create(NULL);
    if (regex->data == NULL || regex->limits == NULL)
        abort(); /* as xmalloc() does */
    pcre2_set_match_limit(regex->limits, STEPS_MAX);
    pcre2_set_heap_limit(regex->limits, HEAP_KIB_MAX);
    /* Where it fails (no executable memory, an unusual machine) the interpreter serves. */
    pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
    return regex;
}

void regex_free(struct regex **regexp)
{
    struct regex *regex = *regexp;

    *regexp = NULL;
    if (regex == NULL)
        return;
    pcre2_match_context_free(regex->limits);
    pcre2_match_data_free(regex->data);
    pcre2_code_free(regex->code);
    free(regex);
}

unsigned regex_group_count(const struct regex *regex)
{
    uint32_t count = 0;

    pcre2_pattern_info(regex->code, PCRE2_INFO_CAPTURECOUNT, &count);
    return count;
}

enum regex_result regex_match(const struct regex *regex, struct str subject,
                              struct str groups[REGEX_GROUPS])
{
    PCRE2_SPTR p = (PCRE2_SPTR)subject.p;
    PCRE2_SIZE *ends;
    int count;

    if (subject.n > REGEX_SUBJECT_MAX)
        return REGEX_TOO_MUCH;
    count = pcre2_match(regex->code, p, subject.n, 0, 0, regex->data, regex->limits);
    if (count == PCRE2_ERROR_JIT_STACKLIMIT) /* 32 KiB of stack; the interpreter has a heap */
        count = pcre2_match(regex->code, p, subject.n, 0, PCRE2_NO_JIT, regex->data, regex->limits);
    if (count == PCRE2_ERROR_NOMATCH)
        return REGEX_NO;
    if (count < 0)
        return REGEX_TOO_MUCH;
    if (count == 0) /* it has more groups than we keep */
        count = REGEX_GROUPS;
    ends = pcre2_get_ovector_pointer(regex->data);
    for (int i = 0; i < REGEX_GROUPS; i++) {
        /* \K in a lookahead can put the start behind the end. */
        bool has_part = i < count && ends[2 * i] != PCRE2_UNSET && ends[2 * i] <= ends[2 * i + 1];

        groups[i] =
            has_part ? str_range(subject.p + ends[2 * i], subject.p + ends[2 * i + 1]) : STR_NONE;
    }
    return REGEX_YES;
}
