/*
 * utf8 - characters and lines of a text, counted the way libyaml counts those of a config, so that a
 * mark of libyaml's and an excerpt of ours speak of the same place.
 */
#ifndef COMMON_UTF8_H
#define COMMON_UTF8_H

#include <stdbool.h>
#include <stdint.h>

#include "common/str.h"

enum { UTF8_BAD = 0x7fffffff }; /* no character: a byte that is not UTF-8 (RFC 3629) */

/* Takes the first character off *rest, which must not be empty. A bad byte is taken alone. */
uint32_t utf8_next(struct str *rest);

/* Ends a line in YAML 1.1 (5.4): LF, CR, NEL, LS, PS. */
bool utf8_is_break(uint32_t c);

/* May stand in a value: neither a control character nor a line break nor half a character. */
bool utf8_is_text(uint32_t c);

/* Columns that a terminal gives it: 0 for combining marks, 2 for East Asian wide characters. */
unsigned utf8_cells(uint32_t c);

/* Takes the first line off *rest and returns it without its break; rest->p is NULL after the last. */
struct str utf8_take_line(struct str *rest);

/* The first characters of `s`, for a message; "..." tells that there is more. */
struct utf8_short {
    char text[168]; /* 40 characters of 4 bytes, the dots, NUL */
};
struct utf8_short utf8_short(struct str s);

#endif
