/*
 * diff - what one config changes of another, in lines for people:
 *
 *     keepalive_timeout: 75s -> 60s
 *     + site new.example
 *     site example.org, route /downloads: access_log: /a.log -> off
 *     312 routes of 104 sites (site a.example, route /x, and others): etag: on -> content
 *
 * It goes by the table of settings, as the dump does: what dumps equal has no diff. Pure.
 */
#ifndef CONFIG_DIFF_H
#define CONFIG_DIFF_H

#include "common/buf.h"
#include "config/config.h"

/* Some hundred lines at most, however much differs; nothing if nothing does. */
void config_diff(const struct config *old, const struct config *new, struct buf *out);

#endif
