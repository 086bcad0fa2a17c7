#include "common/fd_pass.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* Room for the most, aligned as cmsg(3) asks. */
union control {
    char bytes[CMSG_SPACE(FD_PASS_MAX * sizeof(int))];
    struct cmsghdr align;
};

static void attach(struct msghdr *msg, union control *control, const int *fds, size_t count)
{
    struct cmsghdr *c;

    memset(control, 0, CMSG_SPACE(count * sizeof(int)));
    msg->msg_control = control->bytes;
    msg->msg_controllen = CMSG_SPACE(count * sizeof(int));
    c = CMSG_FIRSTHDR(msg);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(c), fds, count * sizeof(int));
}

ssize_t fd_pass_send(int socket, const void *bytes, size_t n, const int *fds, size_t count,
                     int flags)
{
    struct iovec iov = { .iov_base = (void *)bytes, .iov_len = n };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
    union control control;
    ssize_t sent;

    assert(count <= FD_PASS_MAX);
    if (count > 0)
        attach(&msg, &control, fds, count);
    do
        sent = sendmsg(socket, &msg, flags);
    while (sent < 0 && errno == EINTR);
    return sent;
}

/* The kernel fills up what alignment leaves behind the room: what is too much is closed. */
static size_t detach(struct msghdr *msg, int *fds, size_t room, bool *is_cut)
{
    size_t count = 0;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
        size_t came = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t i = 0; i < came; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
            if (count < room) {
                fds[count++] = fd;
            } else {
                close(fd);
                *is_cut = true;
            }
        }
    }
    return count;
}

ssize_t fd_pass_receive(int socket, void *bytes, size_t n, int *fds, size_t room, size_t *count,
                        int flags, bool *is_cut)
{
    struct iovec iov = { .iov_base = bytes, .iov_len = n };
    union control control;
    struct msghdr msg = { .msg_iov = &iov,
                          .msg_iovlen = 1,
                          .msg_control = control.bytes,
                          .msg_controllen = CMSG_SPACE(room * sizeof(int)) };
    ssize_t received;

    assert(room <= FD_PASS_MAX);
    do
        received = recvmsg(socket, &msg, flags | MSG_CMSG_CLOEXEC);
    while (received < 0 && errno == EINTR);
    *is_cut = received >= 0 && (msg.msg_flags & MSG_CTRUNC);
    *count = received >= 0 ? detach(&msg, fds, room, is_cut) : 0;
    return received;
}
