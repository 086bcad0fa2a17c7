/*
 * calls - the system calls of every request, without the C library's wrappers.
 *
 * Those are cancellation points: in a process that has ever had a second thread (log_writer, offload)
 * each of them switches cancellation on and off around the call, by two locked instructions and some
 * ninety in all for a request. Nobody cancels our threads. Results are the wrappers': -1 and errno.
 */
#ifndef WORKER_CALLS_H
#define WORKER_CALLS_H

#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static inline ssize_t call_recv(int fd, void *into, size_t n, int flags)
{
    return syscall(SYS_recvfrom, fd, into, n, flags, NULL, NULL);
}

static inline ssize_t call_send(int fd, const void *from, size_t n, int flags)
{
    return syscall(SYS_sendto, fd, from, n, flags, NULL, 0);
}

static inline ssize_t call_sendmsg(int fd, const struct msghdr *m, int flags)
{
    return syscall(SYS_sendmsg, fd, m, flags);
}

static inline int call_accept(int fd, struct sockaddr *peer, socklen_t *n, int flags)
{
    return (int)syscall(SYS_accept4, fd, peer, n, flags);
}

static inline int call_close(int fd)
{
    return (int)syscall(SYS_close, fd);
}

#endif
