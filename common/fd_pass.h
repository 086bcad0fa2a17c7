/*
 * fd_pass - one descriptor beside some bytes, over a Unix socket. What arrives is close-on-exec.
 */
#ifndef COMMON_FD_PASS_H
#define COMMON_FD_PASS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* As send(2), at least one byte; `fd` stays the caller's. */
ssize_t fd_pass_send(int socket, const void *bytes, size_t n, int fd, int flags);

/*
 * As recv(2). *fd is the caller's, or -1: none came, or it was cut: *is_cut, there was no number
 * free for it.
 */
ssize_t fd_pass_receive(int socket, void *bytes, size_t n, int *fd, int flags, bool *is_cut);

#endif
