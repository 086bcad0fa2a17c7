#include "worker/syslog.h"

#include <errno.h>
#include <sys/socket.h>

enum { BATCH = 64 }; /* datagrams for one system call */

/* Messages of the first lines, without their LF. */
static unsigned make_batch(struct str lines, const struct address *to, struct mmsghdr *messages,
                           struct iovec *parts)
{
    unsigned count = 0;

    while (count < BATCH && lines.n > 0) {
        struct str line = str_cut(&lines, '\n');

        parts[count] = (struct iovec){ (void *)(uintptr_t)line.p, line.n };
        messages[count].msg_hdr = (struct msghdr){
            .msg_name = (void *)(uintptr_t)&to->sa,
            .msg_namelen = to->len,
            .msg_iov = &parts[count],
            .msg_iovlen = 1,
        };
        count++;
    }
    return count;
}

/* Sends what it can of one batch. False: the rest has to wait. */
static bool send_batch(int fd, const struct address *to, struct str lines,
                       struct syslog_result *result)
{
    struct mmsghdr messages[BATCH];
    struct iovec parts[BATCH];
    unsigned count = make_batch(lines, to, messages, parts);
    int sent = sendmmsg(fd, messages, count, MSG_DONTWAIT | MSG_NOSIGNAL);

    for (int i = 0; i < sent; i++)
        result->sent += str_cut(&lines, '\n').n + 1;
    if (sent >= 0 || errno == EINTR)
        return true;
    if (errno == EAGAIN || errno == ENOBUFS)
        return false;
    if (errno == EMSGSIZE) { /* a long request's alone: the daemon is well */
        result->dropped += str_cut(&lines, '\n').n + 1;
        return true;
    }
    result->error = errno;
    result->dropped += lines.n;
    return true;
}

struct syslog_result syslog_send(int fd, const struct address *to, struct str lines)
{
    struct syslog_result result = { 0, 0, 0 };

    for (;;) {
        size_t done = result.sent + result.dropped;

        if (done == lines.n ||
            !send_batch(fd, to, str_range(lines.p + done, lines.p + lines.n), &result))
            return result;
    }
}
