/*
 * regex - Perl-compatible expressions (PCRE2) that a request cannot make expensive: subjects are
 * bounded, and so is the work of one match.
 *
 * Bytes, not characters; '.' takes any byte and '$' means the very end, so that no line break in
 * a path slips past an expression.
 */
#ifndef COMMON_REGEX_H
#define COMMON_REGEX_H

#include "common/str.h"

enum {
    REGEX_GROUPS = 10,         /* the whole match and $1 to $9 */
    REGEX_SUBJECT_MAX = 16384, /* bytes */
    REGEX_PATTERN_MAX = 4096,  /* bytes */
};

enum regex_result {
    REGEX_NO,
    REGEX_YES,
    REGEX_TOO_MUCH, /* the subject is too long, or matching it takes too many steps */
};

struct regex;

/* NULL: *why says what is wrong, `*at` is the byte where; the caller frees *why. */
struct regex *regex_new(struct str pattern, char **why, size_t *at);
void regex_free(struct regex **regex);
/* How many groups the expression has, those beyond $9 too. */
unsigned regex_group_count(const struct regex *regex);

/* On REGEX_YES the groups are views into the subject; p NULL: the group took no part. */
enum regex_result regex_match(const struct regex *regex, struct str subject,
                              struct str groups[REGEX_GROUPS]);

#endif
