/*
 * access_logs - the setting `access_log`: read, written and freed, for values.c, fields.c and
 * sites.c. A config has each log once, however many routes write to it.
 */
#ifndef CONFIG_ACCESS_LOGS_H
#define CONFIG_ACCESS_LOGS_H

#include "config/values.h"

/*
 * `off`, a target, or {to: TARGET, format: FORMAT, if_status: [4xx], if_slower: 1s, sample: 1%}. The
 * index of the log, among r->config->access_logs, goes into *field.
 */
void access_log_read(struct value_reader *r, const struct setting *row,
                     const struct yaml_item *item, int *field);

/* Frees what it owns. */
void access_log_fini(struct access_log_config *log);

#endif
