#include "common/channel.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

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

static int write_all(int fd, struct str text)
{
    while (text.n > 0) {
        ssize_t n = write(fd, text.p, text.n);

        if (n < 0 && errno != EINTR)
            return -1;
        if (n > 0)
            text = (struct str){ text.p + n, text.n - (size_t)n };
    }
    return 0;
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
    memfd = memfd_create("remuda-text", MFD_CLOEXEC);
    if (memfd < 0)
        return -1;
    m->fd_count = 1;
    m->fds[0] = memfd;
    result = write_all(memfd, text) < 0 ? -1 : channel_send(fd, m);
    saved_errno = errno;
    close(memfd);
    errno = saved_errno;
    return result;
}

/* Read, not mapped: who sent it may still cut it short. */
static int read_memfd(int fd, size_t most, struct buf *out)
{
    struct stat st;
    off_t at = 0;
    ssize_t n = 1;

    if (fstat(fd, &st) < 0)
        return -1;
    if (st.st_size < 0 || (uint64_t)st.st_size > most) {
        errno = EFBIG;
        return -1;
    }
    while (at < st.st_size && n > 0) {
        n = pread(fd, buf_reserve(out, (size_t)(st.st_size - at)), (size_t)(st.st_size - at), at);
        if (n < 0 && errno == EINTR)
            n = 1;
        else if (n > 0) {
            out->n += (size_t)n;
            at += n;
        }
    }
    return n < 0 ? -1 : 0;
}

int channel_take_text(struct message *m, size_t most, struct buf *out)
{
    int result = 0, saved_errno;

    buf_add(out, str_of(m->text));
    if (m->fd_count > 0)
        result = read_memfd(m->fds[0], most, out);
    saved_errno = errno;
    for (uint32_t i = 0; i < m->fd_count; i++)
        close(m->fds[i]);
    m->fd_count = 0;
    errno = saved_errno;
    return result;
}
