/*
 * kinds - what a route can do other than to serve files: settings that are a value or a map.
 */
#ifndef CONFIG_KINDS_H
#define CONFIG_KINDS_H

#include "config/values.h"

/* `redirect: TARGET` or `redirect: {to: TARGET, status: 301}`. */
void redirect_read(struct value_reader *r, const struct setting *row, const struct yaml_item *item,
                   struct redirect *redirect);
void redirect_write(const struct redirect *redirect, struct buf *out);

/* `respond: 204` or `respond: {status: 200, body: TEXT, type: text/plain}`. */
void respond_read(struct value_reader *r, const struct setting *row, const struct yaml_item *item,
                  struct respond *respond);
void respond_write(const struct respond *respond, struct buf *out);

/* `rewrite: [{match: REGEX, to: PATH}]`, in place of what the field had. */
void rewrites_read(struct value_reader *r, const struct setting *row, const struct yaml_item *item,
                   struct pairs *rewrites);
void rewrites_write(const struct pairs *rewrites, unsigned indent, struct buf *out);

/* How many groups the expression has; -1: it is none, and that was said. */
int regex_check(struct value_reader *r, const struct yaml_node *node);

#endif
