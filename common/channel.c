#include "common/channel.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fd_pass.h"
#include "common/memfd.h"

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
    /* Of the text only what is used. */
    size_t n = offsetof(struct message, text) + strnlen(m->text, CHANNEL_TEXT_MAX - 1) + 1;
    ssize_t sent = fd_pass_send(fd, m, n, m->fds, m->fd_count, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (sent < 0 && (errno == ECONNRESET || errno == ENOTCONN))
        errno = EPIPE;
    return sent < 0 ? -1 : 0;
}

size_t channel_next_fds(int fd)
{
    struct message m; /* its beginning */
    const size_t n = offsetof(struct message, generation);

    if (recv(fd, &m, n, MSG_PEEK | MSG_DONTWAIT) != (ssize_t)n || m.fd_count > CHANNEL_FDS_MAX)
        return 0;
    return m.fd_count;
}

int channel_receive(int fd, struct message *m)
{
    const size_t most = offsetof(struct message, fds);
    size_t count;
    bool is_cut;
    ssize_t n;

    /*
     * A peer that went away with messages unread leaves ECONNRESET, once, in front of what it
     * sent itself; its last words (FAILED, mostly) still follow.
     */
    do
        n = fd_pass_receive(fd, m, most, m->fds, CHANNEL_FDS_MAX, &count, MSG_DONTWAIT | MSG_TRUNC,
                            &is_cut);
    while (n < 0 && errno == ECONNRESET);
    if (n <= 0)
        return (int)n;
    /*
     * Whatever came is the reader's, even when the kernel cut the list at the descriptor limit: the
     * message then carries fewer than its bundle needs, which bundle_take() sees.
     */
    m->fd_count = (uint32_t)count;
    if ((size_t)n <= offsetof(struct message, text) || (size_t)n > most) {
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
