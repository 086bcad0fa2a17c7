/*
 * fd_pass - descriptors beside some bytes, over a Unix socket, unix(7). What arrives is close-on-exec.
 */
#ifndef COMMON_FD_PASS_H
#define COMMON_FD_PASS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { FD_PASS_MAX = 128 }; /* at once; the kernel takes 253 */

/* As send(2), at least one byte; the descriptors, none or up to FD_PASS_MAX, stay the caller's. */
ssize_t fd_pass_send(int socket, const void *bytes, size_t n, const int *fds, size_t count,
                     int flags);

/*
 * As recv(2), and up to `room` descriptors, which are the caller's: *count came. *is_cut: there were
 * more, and no number was free for them, or no room.
 */
ssize_t fd_pass_receive(int socket, void *bytes, size_t n, int *fds, size_t room, size_t *count,
                        int flags, bool *is_cut);

/* The same of one. *fd is -1 when none came. */
static inline ssize_t fd_pass_send_one(int socket, const void *bytes, size_t n, int fd, int flags)
{
    return fd_pass_send(socket, bytes, n, &fd, 1, flags);
}

static inline ssize_t fd_pass_receive_one(int socket, void *bytes, size_t n, int *fd, int flags,
                                          bool *is_cut)
{
    size_t count;
    ssize_t received = fd_pass_receive(socket, bytes, n, fd, 1, &count, flags, is_cut);

    if (count == 0)
        *fd = -1;
    return received;
}

#endif
