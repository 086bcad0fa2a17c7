/*
 * html - text of the world's in HTML: escaped, also for attributes, and shown as text that cannot do
 * anything: control characters as pictures of them, what turns text around and what is not UTF-8 as
 * U+FFFD.
 */
#ifndef WORKER_HTML_H
#define WORKER_HTML_H

#include <stdint.h>

#include "common/buf.h"

void html_add(struct buf *out, struct str text);

/* A character in UTF-8, as it is. */
void html_add_character(struct buf *out, uint32_t c);

#endif
