#include "worker/transport.h"

#include <sys/sendfile.h>
#include <sys/socket.h>

#include "worker/calls.h"
#include "worker/conn.h"

static ssize_t plain_read(struct conn *c, void *into, size_t n)
{
    ssize_t got = call_recv(c->io.fd, into, n, 0);

    c->is_drained = got < (ssize_t)n;
    return got;
}

static ssize_t plain_write(struct conn *c, struct iovec *iov, int count, bool has_more)
{
    int flags = MSG_NOSIGNAL | (has_more ? MSG_MORE : 0);
    struct msghdr m = { .msg_iov = iov, .msg_iovlen = (size_t)count };

    if (count == 1)
        return call_send(c->io.fd, iov->iov_base, iov->iov_len, flags);
    return call_sendmsg(c->io.fd, &m, flags);
}

static ssize_t plain_send_file(struct conn *c, int fd, off_t offset, size_t n)
{
    return sendfile(c->io.fd, fd, &offset, n);
}

static int plain_shut_write(struct conn *c)
{
    return shutdown(c->io.fd, SHUT_WR);
}

static void plain_close(struct conn *c)
{
    call_close(c->io.fd);
}

const struct transport transport_plain = { "plain",         plain_read,       plain_write,
                                           plain_send_file, plain_shut_write, plain_close };
