#include "common/inbox.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* Room for one descriptor, aligned as cmsg(3) asks. */
union control {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
};

int inbox_open(int *give_fd, int *take_fd)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
        return -1;
    *give_fd = pair[0];
    *take_fd = pair[1];
    return 0;
}

int inbox_give(int give_fd, const struct inbox_message *m, int fd)
{
    struct iovec iov = { .iov_base = (void *)m, .iov_len = sizeof(*m) };
    union control control = { { 0 } };
    struct msghdr msg = { .msg_iov = &iov,
                          .msg_iovlen = 1,
                          .msg_control = control.bytes,
                          .msg_controllen = sizeof(control.bytes) };
    struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
    ssize_t n;

    cmsg->cmsg_level = SOL_SOCKET;
    cmsg->cmsg_type = SCM_RIGHTS;
    cmsg->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
    do
        n = sendmsg(give_fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -1 : 0;
}

/* -1: there is none, because the message has none or no number was free for it. */
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

static ssize_t receive(int take_fd, struct inbox_message *m, int *fd, int flags, int *cut)
{
    struct iovec iov = { .iov_base = m, .iov_len = sizeof(*m) };
    union control control;
    struct msghdr msg = { .msg_iov = &iov,
                          .msg_iovlen = 1,
                          .msg_control = control.bytes,
                          .msg_controllen = sizeof(control.bytes) };
    ssize_t n;

    do
        n = recvmsg(take_fd, &msg, flags | MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    *fd = n > 0 ? descriptor_of(&msg) : -1;
    *cut = n > 0 && (msg.msg_flags & MSG_CTRUNC);
    return n;
}

/*
 * Looked at first, which brings a descriptor, then removed: a plain recvmsg(2) at the descriptor
 * limit removes the message and drops the connection. In between another process may have taken it;
 * what was removed is then another one, and its own descriptor counts.
 */
int inbox_take(int take_fd, struct inbox_message *m, int *fd)
{
    struct inbox_message seen;
    int seen_fd, is_cut, saved_errno;
    ssize_t n = receive(take_fd, &seen, &seen_fd, MSG_PEEK, &is_cut);

    if (n <= 0)
        return (int)n;
    if (seen_fd < 0 && is_cut) {
        errno = EMFILE;
        return -1;
    }
    n = receive(take_fd, m, fd, 0, &is_cut);
    saved_errno = errno;
    if (n == (ssize_t)sizeof(*m) && *fd < 0 && seen_fd >= 0 && seen.number == m->number) {
        *fd = seen_fd; /* the last free descriptor was the first copy's */
        return 1;
    }
    if (seen_fd >= 0)
        close(seen_fd);
    errno = saved_errno;
    if (n <= 0)
        return (int)n;
    if (n == (ssize_t)sizeof(*m) && *fd >= 0)
        return 1;
    if (*fd >= 0)
        close(*fd);
    errno = EPROTO;
    return -1;
}
