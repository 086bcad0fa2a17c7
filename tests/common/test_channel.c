#include "common/channel.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int a, b;

static void open_pair(void)
{
    cr_assert_eq(channel_open(&a, &b), 0);
}

static void close_pair(void)
{
    if (a >= 0)
        close(a);
    if (b >= 0)
        close(b);
}

TestSuite(channel, .init = open_pair, .fini = close_pair);

static bool is_same_file(int fd, int other)
{
    struct stat st, other_st;

    return fstat(fd, &st) == 0 && fstat(other, &other_st) == 0 && st.st_ino == other_st.st_ino;
}

Test(channel, carries_type_generation_and_text)
{
    struct message sent = { .type = MESSAGE_FAILED, .generation = 1ull << 40 }, got;

    strcpy(sent.text, "no such folder");
    cr_assert_eq(channel_send(b, &sent), 0);
    memset(&got, 0xff, sizeof(got));
    cr_assert_eq(channel_receive(a, &got), 1);
    cr_expect_eq(got.type, MESSAGE_FAILED);
    cr_expect_eq(got.generation, 1ull << 40);
    cr_expect_str_eq(got.text, "no such folder");
    cr_expect_eq(got.fd_count, 0);
}

Test(channel, ends_a_text_that_fills_the_field)
{
    struct message sent = { .type = MESSAGE_FAILED }, got;

    memset(sent.text, 'x', sizeof(sent.text));
    cr_assert_eq(channel_send(b, &sent), 0);
    cr_assert_eq(channel_receive(a, &got), 1);
    cr_expect_eq(strlen(got.text), CHANNEL_TEXT_MAX - 1);
}

Test(channel, hands_over_as_many_descriptors_as_it_promises)
{
    struct message sent = { .type = MESSAGE_FDS, .fd_count = CHANNEL_FDS_MAX }, got;

    for (int i = 0; i < CHANNEL_FDS_MAX; i++)
        sent.fds[i] = b;
    cr_assert_eq(channel_send(a, &sent), 0);
    cr_assert_eq(channel_receive(b, &got), 1);
    cr_assert_eq(got.fd_count, CHANNEL_FDS_MAX);
    for (int i = 0; i < CHANNEL_FDS_MAX; i++) {
        cr_expect(is_same_file(got.fds[i], b));
        cr_expect(fcntl(got.fds[i], F_GETFD) & FD_CLOEXEC);
        close(got.fds[i]);
    }
}

Test(channel, keeps_messages_apart_and_in_order)
{
    struct message m = { .type = MESSAGE_PREPARE }, got;

    for (uint64_t i = 1; i <= 3; i++) {
        m.generation = i;
        cr_assert_eq(channel_send(a, &m), 0);
    }
    for (uint64_t i = 1; i <= 3; i++) {
        cr_assert_eq(channel_receive(b, &got), 1);
        cr_expect_eq(got.generation, i);
    }
    cr_expect_eq(channel_receive(b, &got), -1);
    cr_expect_eq(errno, EAGAIN);
}

Test(channel, does_not_block_when_the_peer_never_reads)
{
    struct message m = { .type = MESSAGE_REOPEN };

    for (int i = 0; i < 1000000 && channel_send(a, &m) == 0; i++)
        ;
    cr_expect_eq(errno, EAGAIN);
}

Test(channel, reads_the_end_when_the_peer_is_gone)
{
    struct message m = { .type = MESSAGE_STOP };

    close(a);
    a = -1;
    cr_expect_eq(channel_receive(b, &m), 0);
    cr_expect_eq(channel_send(b, &m), -1);
    cr_expect_eq(errno, EPIPE);
}

/* unix(7): unread input at the peer's close gives ECONNRESET, in front of its last words. */
Test(channel, reads_the_last_words_of_a_peer_that_did_not_listen)
{
    struct message m = { .type = MESSAGE_FAILED }, got;

    strcpy(m.text, "last words");
    cr_assert_eq(channel_send(a, &m), 0);
    cr_assert_eq(channel_send(b, &m), 0);
    close(b);
    b = -1;
    cr_assert_eq(channel_receive(a, &got), 1);
    cr_expect_str_eq(got.text, "last words");
    cr_expect_eq(channel_receive(a, &got), 0);
}

Test(channel, delivers_what_fits_when_descriptors_run_out)
{
    struct message sent = { .type = MESSAGE_FDS, .fd_count = 20 }, got;
    struct rlimit limit = { (rlim_t)b + 8, (rlim_t)b + 8 };

    for (int i = 0; i < 20; i++)
        sent.fds[i] = b;
    cr_assert_eq(channel_send(a, &sent), 0);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    cr_assert_eq(channel_receive(b, &got), 1);
    cr_expect_lt(got.fd_count, 20);
}

Test(channel, refuses_what_is_no_message)
{
    static const char longer[sizeof(struct message) + 1];
    static const size_t sizes[] = { 1, offsetof(struct message, text),
                                    offsetof(struct message, fds) + 1, sizeof(longer) };
    struct message got;

    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        cr_assert_eq(send(a, longer, sizes[i], 0), (ssize_t)sizes[i]);
        cr_expect_eq(channel_receive(b, &got), -1, "%zu bytes", sizes[i]);
        cr_expect_eq(errno, EPROTO);
    }
}

Test(channel, carries_texts_of_any_length)
{
    static const size_t sizes[] = { 0, 1, CHANNEL_TEXT_MAX - 1, CHANNEL_TEXT_MAX, 300000 };

    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        struct message sent = { .type = MESSAGE_ANSWER, .generation = 7 }, got;
        struct buf text = { 0 }, out = { 0 };

        for (size_t n = 0; n < sizes[i]; n++)
            buf_add_char(&text, (char)('a' + n % 26));
        buf_add_char(&out, '>');
        cr_assert_eq(channel_send_text(b, &sent, buf_str(&text)), 0);
        cr_assert_eq(channel_receive(a, &got), 1);
        cr_expect_eq(got.generation, 7);
        cr_expect_eq(channel_take_text(&got, 300000, &out), 0);
        cr_expect_eq(got.fd_count, 0);
        cr_expect_eq(out.n, sizes[i] + 1);
        cr_expect(text.n == 0 || memcmp(out.p + 1, text.p, text.n) == 0);
        buf_fini(&text);
        buf_fini(&out);
    }
}

Test(channel, takes_no_text_that_is_too_long)
{
    struct message sent = { .type = MESSAGE_ANSWER }, got;
    struct buf text = { 0 }, out = { 0 };

    for (size_t n = 0; n < 1000; n++)
        buf_add_char(&text, 'x');
    cr_assert_eq(channel_send_text(b, &sent, buf_str(&text)), 0);
    cr_assert_eq(channel_receive(a, &got), 1);
    cr_expect_eq(channel_take_text(&got, 999, &out), -1);
    cr_expect_eq(errno, EFBIG);
    cr_expect_eq(got.fd_count, 0);
    buf_fini(&text);
    buf_fini(&out);
}
