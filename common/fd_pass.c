#include "common/fd_pass.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* Room for one descriptor, aligned as cmsg(3) asks. */
union control {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
};

ssize_t fd_pass_send(int socket, const void *bytes, size_t n, int fd, int flags)
{
    struct iovec iov = { .iov_base = (void *)bytes, .iov_len = n };
    union control control = { { 0 } };
    struct msghdr msg = { .msg_iov = &iov,
                          .msg_iovlen = 1,
                          .msg_control = control.bytes,
                          .msg_controllen = sizeof(control.bytes) };
    struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
    ssize_t sent;

    cmsg->cmsg_level = SOL_SOCKET;
    cmsg->cmsg_type = SCM_RIGHTS;
    cmsg->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
    do
        sent = sendmsg(socket, &msg, flags);
    while (sent < 0 && errno == EINTR);
    return sent;
}

static int descriptor_of(struct msghdr *msg)
{
    struct cmsghdr *c = CMSG_FIRSTHDR(msg);
    int fd;

    if (c == NULL || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
        c->cmsg_len != CMSG_LEN(sizeof(int)))
        return -1;
    memcpy(&fd, CMSG_DATA(c), sizeof(int));
    return fd;
}

ssize_t fd_pass_receive(int socket, void *bytes, size_t n, int *fd, int flags, bool *is_cut)
{
    struct iovec iov = { .iov_base = bytes, .iov_len = n };
    union control control;
    struct msghdr msg = { .msg_iov = &iov,
                          .msg_iovlen = 1,
                          .msg_control = control.bytes,
                          .msg_controllen = sizeof(control.bytes) };
    ssize_t received;

    do
        received = recvmsg(socket, &msg, flags | MSG_CMSG_CLOEXEC);
    while (received < 0 && errno == EINTR);
    *fd = received > 0 ? descriptor_of(&msg) : -1;
    *is_cut = received > 0 && (msg.msg_flags & MSG_CTRUNC);
    return received;
}
