/*
 * client - `remuda -s VERB`: speaks to the running master over its control socket, waits for the
 * outcome and prints it.
 */
#ifndef MASTER_CLIENT_H
#define MASTER_CLIENT_H

#include "master/args.h"

/* An exit code: EXIT_OK, EXIT_FAILED, EXIT_NOT_RUNNING. */
int client_run(const struct args *args);

#endif
