/*
 * access - the settings about who may ask: their values read, copied, freed and written, for
 * values.c and fields.c. Each list replaces the one that it would inherit.
 */
#ifndef CONFIG_ACCESS_H
#define CONFIG_ACCESS_H

#include "config/values.h"

/* Whether the type is one of these; all other functions here are for such rows only. */
bool access_has_type(enum setting_type type);

void access_value_read(struct value_reader *r, const struct setting *row,
                       const struct yaml_item *item, void *base);
void access_value_describe(const struct setting *row, struct buf *out);

void access_field_copy(const struct setting *row, const void *from, void *to);
void access_field_fini(const struct setting *row, void *base);
void access_field_write(const struct setting *row, const void *base, struct buf *out);

#endif
