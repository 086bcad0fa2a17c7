/*
 * status - what runs, as lines for people: the answer to `remuda -s status`.
 */
#ifndef MASTER_STATUS_H
#define MASTER_STATUS_H

#include "common/buf.h"

struct master;

void status_write(const struct master *m, struct buf *out);

/* The same and more as members of an object that is open. */
void status_write_json(const struct master *m, struct buf *out);

/* "http://localhost:8080/" lines, each with `indent` before it; Unix sockets as they are. */
void status_write_urls(const struct master *m, const char *indent, struct buf *out);

#endif
