/*
 * workers - what each worker is at and what it takes, as lines for people and as JSON: the answer to
 * `remuda -s workers`, and part of the status.
 *
 * The master knows it all by itself: from its own books, the shared block and /proc. So a worker
 * that does nothing any more is told of like the others.
 */
#ifndef MASTER_WORKERS_H
#define MASTER_WORKERS_H

#include <stdint.h>

#include "common/buf.h"

struct master;
struct shared_slot;

/* Answered in the slot since the first master: an upgrade counts in another bank. */
uint64_t workers_requests(const struct master *m, unsigned slot);

/* Whether it is worth telling how many connections the slot's worker gave to others and got. */
bool workers_are_dealt(const struct master *m, const struct shared_slot *slot);

void workers_write(const struct master *m, struct buf *out);

/* An array of objects. */
void workers_write_json(const struct master *m, struct buf *out);

#endif
