#include "common/inbox.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fd_pass.h"

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
    return fd_pass_send_one(give_fd, m, sizeof(*m), fd, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -1 : 0;
}

static ssize_t receive(int take_fd, struct inbox_message *m, int *fd, int flags, bool *is_cut)
{
    return fd_pass_receive_one(take_fd, m, sizeof(*m), fd, flags | MSG_DONTWAIT, is_cut);
}

/*
 * Looked at first, which brings a descriptor, then removed: a plain recvmsg(2) at the descriptor
 * limit removes the message and drops the connection. In between another process may have taken it;
 * what was removed is then another one, and its own descriptor counts.
 */
int inbox_take(int take_fd, struct inbox_message *m, int *fd)
{
    struct inbox_message seen;
    int seen_fd, saved_errno;
    bool is_cut;
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
