/*
 * explain_command - `remuda explain URL`: builds what a worker would get, without listeners, and
 * lets it explain the request.
 */
#ifndef MASTER_EXPLAIN_COMMAND_H
#define MASTER_EXPLAIN_COMMAND_H

#include "master/args.h"

/* Prints to stdout, or why not to stderr. */
enum exit_code explain_command(const struct args *args);

#endif
