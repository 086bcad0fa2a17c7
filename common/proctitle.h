/*
 * proctitle - what ps(1) shows for a process: "remuda: worker process 2".
 *
 * Linux shows the memory that held argv and the environment. proctitle_init() moves the
 * environment out of it, once, before anything keeps a pointer from getenv(3); the arguments must
 * be read before the first proctitle_set().
 */
#ifndef COMMON_PROCTITLE_H
#define COMMON_PROCTITLE_H

void proctitle_init(int argc, char **argv);

/* Does nothing without proctitle_init(); a title that does not fit is cut. */
void proctitle_set(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
