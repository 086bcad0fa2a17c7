/*
 * top - `remuda -s top`: a live view of what the server does, redrawn in place on a terminal, as
 * lines of text for a pipe. It maps the server's counters and does all the sums itself, so that the
 * server has no work with it, however often it looks.
 */
#ifndef MASTER_TOP_H
#define MASTER_TOP_H

#include "master/args.h"

/* An exit code: EXIT_OK, EXIT_FAILED, EXIT_NOT_RUNNING. */
int top_run(const struct args *args);

#endif
