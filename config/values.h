/*
 * values - one setting's value, from YAML into its field. What is right, the setting's row says
 * (config/settings.h); what is wrong becomes an error at its place.
 */
#ifndef CONFIG_VALUES_H
#define CONFIG_VALUES_H

#include "config/config.h"
#include "config/settings.h"
#include "config/yaml.h"

struct value_reader {
    struct config *config;        /* collects access logs */
    struct config_errors *errors; /* borrowed */
    const char *folder;           /* absolute: where relative paths start */
    bool is_default;              /* reads the table's own defaults, which stand in no line */
};

/*
 * Reads `item` into the row's field of `base`, which is a struct config or struct scope as
 * setting_is_scoped() tells; not for groups and structure. A wrong value leaves the field alone and adds an error.
 */
void value_read(struct value_reader *r, const struct setting *row, const struct yaml_item *item,
                void *base);

/* Complains about an item's value: says what the row takes, and what stands there. */
void value_refuse(struct value_reader *r, const struct setting *row, const struct yaml_item *item);

/* `path` seen from the absolute `folder`, without empty and "." segments; the caller frees it. */
char *value_absolute_path(const char *folder, struct str path);

/* The item's text as an absolute path of the caller's. NULL: refused, and that was said. */
char *value_read_path(struct value_reader *r, const struct setting *row,
                      const struct yaml_item *item);

/* The row's word for "nothing of it"; and where that is "off", its synonyms. */
bool value_is_none(const struct setting *row, struct str text);

/* "30s", "2m"; false: not a time. */
bool value_parse_duration(struct str text, uint64_t *ms);

/* type "/" subtype, and parameters in visible ASCII (RFC 9110, 8.3.1). */
bool value_is_media_type(struct str text);

/* A URL path of whole segments: starts with '/', no "//", "." or "..". NULL: good; else what would
 * be right. */
const char *value_check_url_path(struct str path);

#endif
