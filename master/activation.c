#include "master/activation.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"

static bool get_number(const char *name, uint64_t *number)
{
    const char *value = getenv(name);

    return value != NULL && str_to_u64(str_of(value), number);
}

void activation_take(struct activation *a)
{
    uint64_t pid, count;

    a->count = 0;
    if (get_number("LISTEN_PID", &pid) && pid == (uint64_t)getpid() &&
        get_number("LISTEN_FDS", &count) && count <= ACTIVATION_MAX)
        a->count = (size_t)count;
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    for (size_t i = 0; i < a->count; i++) {
        int fd = ACTIVATION_FIRST_FD + (int)i, flags = fcntl(fd, F_GETFL);

        a->fds[i] = fd;
        if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
            a->fds[i] = -1; /* it is not open: promised, and not given */
    }
}

static bool has_option(int fd, int level, int option, int expected)
{
    int value = 0;
    socklen_t n = sizeof(value);

    return getsockopt(fd, level, option, &value, &n) == 0 && value == expected;
}

/* One that takes IPv4 too would show IPv4 clients by IPv6 addresses, to access rules as well. */
static bool is_dual(int fd, const struct address *a)
{
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&a->sa;

    return a->sa.ss_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr) &&
           has_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
}

bool activation_address(int fd, struct address *address, struct buf *why)
{
    struct address bound = { .len = sizeof(bound.sa) }, parsed[2];
    char text[ADDRESS_TEXT_MAX];
    const char *ignored;

    if (!has_option(fd, SOL_SOCKET, SO_TYPE, SOCK_STREAM) ||
        !has_option(fd, SOL_SOCKET, SO_ACCEPTCONN, 1)) {
        buf_printf(why, "is no listening stream socket");
        return false;
    }
    if (getsockname(fd, (struct sockaddr *)&bound.sa, &bound.len) < 0) {
        buf_printf(why, "has no address: %s", strerror(errno));
        return false;
    }
    address_format(&bound, text);
    if (is_dual(fd, &bound)) {
        buf_printf(why, "(%s) takes IPv4 too: set BindIPv6Only=ipv6-only, and give 0.0.0.0 apart",
                   text);
        return false;
    }
    if (address_parse(str_of(text), parsed, &ignored) != 1) {
        buf_printf(why, "(%s) is at an address that no `listen` can name", text);
        return false;
    }
    *address = parsed[0];
    return true;
}

void activation_fini(struct activation *a)
{
    for (size_t i = 0; i < a->count; i++)
        if (a->fds[i] >= 0)
            close(a->fds[i]);
    a->count = 0;
}
