/*
 * fields - what a setting's row says about its field, put to use: compared, copied when a
 * child inherits, freed, written as YAML. `base` is a struct config or a struct scope (setting_is_scoped()).
 */
#ifndef CONFIG_FIELDS_H
#define CONFIG_FIELDS_H

#include "config/config.h"
#include "config/settings.h"

/* A quick look: true: both are written the same; false: they have to be written to see. */
bool field_is_surely_same(const struct setting *row, const void *a, const void *b);

/* Fills the field of `to`, which must be zeroed, with a copy of the field of `from`. */
void field_copy(const struct setting *row, const void *from, void *to);
/* Frees what the field owns and clears it. */
void field_fini(const struct setting *row, void *base);

/* Frees the old text and takes the new one. */
void field_set_text(char **field, char *text);
void field_add_index(struct scope *scope, struct str name);
/* In the order of status; replaces what a parent set. */
void field_put_error_page(struct scope *scope, unsigned status, struct str path);

/* False: nothing to write, the setting is just not there. */
bool field_is_set(const struct setting *row, const void *base);
/* As YAML behind "name:", with its leading blank; items on lines of their own stand 2 columns
 * right of `indent`. */
void field_write(const struct setting *row, const struct config *config, const void *base,
                 unsigned indent, struct buf *out);

/* A scalar that reads back as this text, quoted if it has to be. */
void field_write_text(struct str text, struct buf *out);

#endif
