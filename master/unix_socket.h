/*
 * unix_socket - a listening Unix socket at a path, with the two things that go wrong there: a
 * file that a dead server left is removed, one that somebody answers on is not.
 */
#ifndef MASTER_UNIX_SOCKET_H
#define MASTER_UNIX_SOCKET_H

#include <sys/stat.h>

/* Who made the file, so that only our own is unlinked again. */
struct unix_socket_id {
    dev_t dev;
    ino_t ino;
};

/* Bound, not listening yet; `mode` is the file's. -1: errno; EADDRINUSE: somebody answers there. */
int unix_socket_bind(const char *path, mode_t mode, struct unix_socket_id *id);

/* A connection to it, close-on-exec. -1: errno. */
int unix_socket_connect(const char *path, int flags);

/* Unless another file has taken its place. */
void unix_socket_unlink(const char *path, const struct unix_socket_id *id);

#endif
