/*
 * daemon - going to the background, where the command returns only once the server serves: the
 * caller's process waits on a pipe for the outcome, and takes it as its exit code.
 */
#ifndef MASTER_DAEMON_H
#define MASTER_DAEMON_H

/*
 * Returns in the new process alone, with the pipe's write end; -1: errno of fork(2) or pipe(2).
 * The old one waits for daemon_ready() and exits with 0, or with 1 when the new one ends first.
 */
int daemon_fork(void);

/* A daemon keeps no file system busy; all our paths are absolute. */
void daemon_leave_folder(void);

/* Lets the waiting process go. Closes *ready_fd and sets it to -1. */
void daemon_ready(int *ready_fd);

/*
 * Standard input and output to /dev/null, errors (asserts, mostly) to the error log. Before it
 * the daemon still has its caller's, for what goes wrong at the start.
 */
void daemon_redirect(int log_fd);

#endif
