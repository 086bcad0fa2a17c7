#include "common/inbox.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static int give_fd, take_fd;

static void open_inbox(void)
{
    cr_assert_eq(inbox_open(&give_fd, &take_fd), 0);
}

TestSuite(inbox, .init = open_inbox);

static struct inbox_message message(uint64_t number)
{
    struct inbox_message m;
    struct address parsed[2];
    const char *why;

    memset(&m, 0, sizeof(m));
    m.number = number;
    cr_assert_eq(address_parse(STR("127.0.0.1:80"), parsed, &why), 1);
    m.listen = parsed[0];
    m.peer.sin6_family = AF_INET6;
    m.peer.sin6_port = htons(4660);
    m.has_proxy_protocol = true;
    return m;
}

/* A pipe that the message's end of can be told by. */
static int give_pipe(uint64_t number)
{
    struct inbox_message m = message(number);
    int pipe_fds[2];

    cr_assert_eq(pipe(pipe_fds), 0);
    cr_assert_eq(inbox_give(give_fd, &m, pipe_fds[1]), 0);
    close(pipe_fds[1]);
    return pipe_fds[0];
}

static void expect_joined(int fd, int pipe_fd)
{
    char byte = 0;

    cr_expect_eq(write(fd, "x", 1), 1);
    cr_expect_eq(read(pipe_fd, &byte, 1), 1);
    cr_expect_eq(byte, 'x');
}

Test(inbox, brings_what_was_given_in_order)
{
    int pipes[3], fd;
    struct inbox_message m;

    for (unsigned i = 0; i < 3; i++)
        pipes[i] = give_pipe(i);
    for (unsigned i = 0; i < 3; i++) {
        struct inbox_message expected = message(i);

        cr_assert_eq(inbox_take(take_fd, &m, &fd), 1);
        cr_expect_eq(memcmp(&m, &expected, sizeof(m)), 0, "message %u", i);
        cr_expect(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        expect_joined(fd, pipes[i]);
        close(fd);
    }
    cr_expect_eq(inbox_take(take_fd, &m, &fd), -1);
    cr_expect_eq(errno, EAGAIN);
}

/* Or the last copy of a connection would live on, and its client would see no end. */
Test(inbox, keeps_no_copy_of_what_was_taken)
{
    int pipe_fd = give_pipe(1), fd;
    struct inbox_message m;
    char byte;

    cr_assert_eq(inbox_take(take_fd, &m, &fd), 1);
    close(fd);
    cr_expect_eq(read(pipe_fd, &byte, 1), 0, "a copy is left");
}

Test(inbox, outlives_the_one_it_was_for)
{
    int pipe_fd, fd, heirs = dup(take_fd);
    struct inbox_message m;

    pipe_fd = give_pipe(1);
    close(take_fd);
    cr_assert_eq(inbox_take(heirs, &m, &fd), 1);
    expect_joined(fd, pipe_fd);
}

Test(inbox, says_when_it_is_full_and_goes_on_when_it_is_not)
{
    struct inbox_message m = message(1);
    int fd, count = 0;

    while (inbox_give(give_fd, &m, STDOUT_FILENO) == 0 && count < 100000)
        count++;
    cr_expect(errno == EAGAIN || errno == ETOOMANYREFS, "%s", strerror(errno));
    cr_expect(count >= 64 && count < 100000, "%d messages", count);
    while (inbox_take(take_fd, &m, &fd) == 1)
        close(fd);
    cr_expect_eq(inbox_give(give_fd, &m, STDOUT_FILENO), 0);
}

/* A plain recvmsg(2) would drop the connection. */
Test(inbox, loses_nothing_at_the_descriptor_limit)
{
    struct rlimit limit;
    struct inbox_message m;
    int pipe_fd = give_pipe(7), fd;

    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = (rlim_t)dup(take_fd); /* the next free number, or one more */
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    while (dup(take_fd) >= 0)
        continue;
    cr_expect_eq(inbox_take(take_fd, &m, &fd), -1);
    cr_expect_eq(errno, EMFILE);
    limit.rlim_cur += 10;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    cr_assert_eq(inbox_take(take_fd, &m, &fd), 1, "it waits on: %s", strerror(errno));
    cr_expect_eq(m.number, 7);
    expect_joined(fd, pipe_fd);
}

Test(inbox, ends_when_nobody_can_give_any_more)
{
    struct inbox_message m;
    int fd;

    close(give_fd);
    cr_expect_eq(inbox_take(take_fd, &m, &fd), 0);
}

Test(inbox, refuses_what_is_no_message)
{
    struct inbox_message m = message(1);
    int fd;

    cr_assert_eq(send(give_fd, "junk", 4, 0), 4);
    cr_assert_eq(send(give_fd, &m, sizeof(m), 0), (ssize_t)sizeof(m), "without a descriptor");
    for (int i = 0; i < 2; i++) {
        cr_expect_eq(inbox_take(take_fd, &m, &fd), -1);
        cr_expect_eq(errno, EPROTO);
    }
    cr_expect_eq(inbox_take(take_fd, &m, &fd), -1);
    cr_expect_eq(errno, EAGAIN);
}
