#include "common/channel.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/memfd.h"

/* Room for the most descriptors a peer may send in one message, aligned as cmsg(3) asks. */
union control {
    char bytes[CMSG_SPACE(CHANNEL_FDS_MAX * sizeof(int))];
    struct cmsghdr align;
};

int channel_open(int *master_end, int *worker_end)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
        return -1;
    *master_end = pair[0];
    *worker_end = pair[1];
    return 0;
}

int channel_send(int fd, const struct message *m)
{
    /* The descriptors travel beside the bytes, and of the text only what is used. */
    struct iovec iov = { .iov_base = (void *)m,
                         .iov_len = offsetof(struct message, text) +
                                    strnlen(m->text, CHANNEL_TEXT_MAX - 1) + 1 };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
    union control control;
    ssize_t n;

    assert(m->fd_count <= CHANNEL_FDS_MAX);
    if (m->fd_count > 0) {
        struct cmsghdr *cmsg;

        memset(&control, 0, sizeof(control));
        msg.msg_control = control.bytes;
        msg.msg_controllen = CMSG_SPACE(m->fd_count * sizeof(int));
        cmsg = CMSG_FIRSTHDR(&msg);
        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = CMSG_LEN(m->fd_count * sizeof(int));
        memcpy(CMSG_DATA(cmsg), m->fds, m->fd_count * sizeof(int));
    }
    do
        n = sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n < 0 && (errno == ECONNRESET || errno == ENOTCONN))
        errno = EPIPE;
    return n < 0 ? -1 : 0;
}

/*
 * Whatever came is the reader's, even when the kernel cut the list at the descriptor limit
 * (MSG_CTRUNC): the message then carries fewer than its bundle needs, which bundle_take() sees.
 */
static void take_fds(struct msghdr *msg, struct message *m)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
        size_t count;

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(m->fds + m->fd_count, CMSG_DATA(c), count * sizeof(int));
        m->fd_count += (uint32_t)count;
    }
}

int channel_receive(int fd, struct message *m)
{
    struct iovec iov = { .iov_base = m, .iov_len = offsetof(struct message, fds) };
    union control control;
    struct msghdr msg = { .msg_iov = &iov,
                          .msg_iovlen = 1,
                          .msg_control = control.bytes,
                          .msg_controllen = sizeof(control.bytes) };
    ssize_t n;

    /*
     * A peer that went away with messages unread leaves ECONNRESET, once, in front of what it
     * sent itself; its last words (FAILED, mostly) still follow.
     */
    do
        n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    while (n < 0 && (errno == EINTR || errno == ECONNRESET));
    if (n <= 0)
        return (int)n;
    m->fd_count = 0;
    take_fds(&msg, m);
    if ((size_t)n <= offsetof(struct message, text) || (msg.msg_flags & MSG_TRUNC)) {
        for (uint32_t i = 0; i < m->fd_count; i++)
            close(m->fds[i]);
        errno = EPROTO;
        return -1;
    }
    m->text[(size_t)n - offsetof(struct message, text) - 1] = '\0';
    return 1;
}

int channel_send_text(int fd, struct message *m, struct str text)
{
    int result, memfd, saved_errno;

    m->fd_count = 0;
    m->text[0] = '\0';
    if (text.n < CHANNEL_TEXT_MAX) {
        if (text.n > 0)
            memcpy(m->text, text.p, text.n);
        m->text[text.n] = '\0';
        return channel_send(fd, m);
    }
    memfd = memfd_of("remuda-text", text);
    if (memfd < 0)
        return -1;
    m->fd_count = 1;
    m->fds[0] = memfd;
    result = channel_send(fd, m);
    saved_errno = errno;
    close(memfd);
    errno = saved_errno;
    return result;
}

int channel_take_text(struct message *m, size_t most, struct buf *out)
{
    int result = 0, saved_errno;

    buf_add(out, str_of(m->text));
    if (m->fd_count > 0)
        result = memfd_read(m->fds[0], most, out);
    saved_errno = errno;
    for (uint32_t i = 0; i < m->fd_count; i++)
        close(m->fds[i]);
    m->fd_count = 0;
    errno = saved_errno;
    return result;
}
