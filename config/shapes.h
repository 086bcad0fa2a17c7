/*
 * shapes - settings that are lists of words or maps of names to texts: read, copied, merged, freed
 * and written the same way for each of them. What a word, a name or a value may be, the row's
 * checks say.
 */
#ifndef CONFIG_SHAPES_H
#define CONFIG_SHAPES_H

#include "config/values.h"

void words_add(struct words *words, struct str word);
void words_fini(struct words *words);
/* Any case. */
bool words_have(const struct words *words, struct str word);

/* Behind the others, whatever their names. */
void pairs_add(struct pairs *pairs, struct str name, struct str value);
/* Replaces the value of an equal name, any case. */
void pairs_put(struct pairs *pairs, struct str name, struct str value);
void pairs_fini(struct pairs *pairs);
/* What is equal in any case; the others keep their order. */
void pairs_remove(struct pairs *pairs, struct str name);
void words_remove(struct words *words, struct str word);
/* NULL: no such name, any case. */
const char *pairs_find(const struct pairs *pairs, struct str name);

/* One word or a list of them, in place of what the field had. */
void words_read(struct value_reader *r, const struct setting *row, const struct yaml_item *item,
                struct words *words);
/* A map, which adds to what the field has. */
void pairs_read(struct value_reader *r, const struct setting *row, const struct yaml_item *item,
                struct pairs *pairs);

/* A map to one text or a list of them, each a pair behind those that the field has. */
void fields_read(struct value_reader *r, const struct setting *row, const struct yaml_item *item,
                 struct pairs *pairs);

/* As YAML, with a leading blank. */
void words_write(const struct setting *row, const struct words *words, struct buf *out);
void pairs_write(const struct pairs *pairs, unsigned indent, struct buf *out);
void fields_write(const struct pairs *pairs, unsigned indent, struct buf *out);

/* Checks for rows: NULL: good, else what would be right. */
const char *check_token(struct str text);
const char *check_field_value(struct str text);
const char *check_method(struct str text);
const char *check_try(struct str text);

const char *check_origin(struct str text);
const char *check_extension(struct str text);
const char *check_type(struct str text);
const char *check_expires_name(struct str text);
const char *check_expires(struct str text);
/* A field that is not written by the server itself. */
const char *check_header_name(struct str text);
/* Vary too: several are one list. */
const char *check_added_name(struct str text);

/* One text; NULL for the row's word for none. */
void text_read(struct value_reader *r, const struct setting *row, const struct yaml_item *item,
               char **field);

#endif
