/*
 * client - `remuda -s VERB`: speaks to the running master over its control socket, waits for the
 * outcome and prints it.
 */
#ifndef MASTER_CLIENT_H
#define MASTER_CLIENT_H

#include "master/args.h"

/*
 * A connection to the control socket of who runs with args->config. -1: *result is the exit code,
 * and `why` one line or more of what is wrong.
 */
int client_connect(const struct args *args, enum exit_code *result, struct buf *why);

/* An exit code: EXIT_OK, EXIT_FAILED, EXIT_NOT_RUNNING. */
int client_run(const struct args *args);

#endif
