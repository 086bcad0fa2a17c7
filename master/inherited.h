/*
 * inherited - listening sockets that another process has opened: rows of the listen table that are
 * there before it binds anything.
 */
#ifndef MASTER_INHERITED_H
#define MASTER_INHERITED_H

#include "master/activation.h"
#include "master/handoff.h"
#include "master/listen_table.h"

/* A line for each socket of the table, for the heir in an upgrade. */
void inherited_write(const struct listen_table *l, struct handoff *h);

/*
 * Takes them there; the rows are lent until listen_table_own(). A line that makes no sense is
 * another version's, and left to be closed.
 */
void inherited_take(struct listen_table *l, struct handoff *h);

/*
 * Rows for the sockets that a service manager has given. False: `errors` has a line for each that
 * the config does not listen on, or that cannot be served.
 */
bool inherited_take_given(struct listen_table *l, const struct config *config,
                          struct activation *given, struct buf *errors);

#endif
