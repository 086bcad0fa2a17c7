/*
 * choices - settings that are one word of a few, or a set of encodings: read, written and described,
 * for values.c, fields.c and settings.c. Both are an unsigned that owns nothing.
 */
#ifndef CONFIG_CHOICES_H
#define CONFIG_CHOICES_H

#include "config/values.h"

/* SET_WORD or SET_ENCODINGS; all other functions here are for such rows only. */
bool choice_has_type(enum setting_type type);

void choice_value_read(struct value_reader *r, const struct setting *row,
                       const struct yaml_item *item, unsigned *field);
void choice_value_describe(const struct setting *row, struct buf *out);
void choice_field_write(const struct setting *row, unsigned value, struct buf *out);

/* A check for a row of SET_WORDS: media types, with at most one '*' each. */
const char *check_type_pattern(struct str text);

#endif
