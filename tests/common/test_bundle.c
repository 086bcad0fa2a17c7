#include "common/bundle.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/xmalloc.h"

static int master, worker;

static void open_pair(void)
{
    cr_assert_eq(channel_open(&master, &worker), 0);
}

TestSuite(bundle, .init = open_pair);

static int new_file(void)
{
    char name[] = "/tmp/remuda-bundle-XXXXXX";
    int fd = mkostemp(name, O_CLOEXEC);

    cr_assert_geq(fd, 0);
    unlink(name);
    return fd;
}

static bool is_same_file(int fd, int other)
{
    struct stat st, other_st;

    return fstat(fd, &st) == 0 && fstat(other, &other_st) == 0 && st.st_ino == other_st.st_ino;
}

static struct bundle new_bundle(size_t listener_count, size_t log_count, size_t peer_count,
                                const char *path)
{
    struct bundle b = {
        .generation = 7, .listener_count = listener_count, .log_count = log_count, .owns_fds = 1
    };
    const char *why;

    b.config_path = path != NULL ? xstrdup(path) : NULL;
    buf_printf(&b.config_text, "root: /srv\nlisten: 80\n");
    b.addresses = xmalloc(listener_count * 2 * sizeof(*b.addresses));
    b.listener_fds = xmalloc(listener_count * sizeof(int));
    b.log_fds = xmalloc(log_count * sizeof(int));
    for (size_t i = 0; i < listener_count; i++) {
        cr_assert_eq(address_parse(STR("127.0.0.1:0"), &b.addresses[i], &why), 1);
        address_set_port(&b.addresses[i], (unsigned)(1000 + i));
        b.listener_fds[i] = new_file();
    }
    for (size_t i = 0; i < log_count; i++)
        b.log_fds[i] = new_file();
    b.has_inbox = peer_count > 0;
    b.inbox_fd = b.has_inbox ? new_file() : -1;
    b.peer_count = peer_count;
    for (size_t i = 0; i < peer_count; i++)
        b.peers[i] = (struct bundle_peer){ .slot = (unsigned)(1000 - i), .fd = new_file() };
    return b;
}

/* What a worker does: messages until the bundle is complete. */
static int receive(struct bundle *b)
{
    struct fd_list list = { 0 };
    struct message m;
    int result = 0;

    while (result == 0) {
        if (channel_receive(worker, &m) != 1)
            return -2;
        result = bundle_take(&list, &m, b);
    }
    cr_expect_null(list.fds);
    return result;
}

static void check_equal(const struct bundle *sent, const struct bundle *got)
{
    cr_assert_eq(got->listener_count, sent->listener_count);
    cr_assert_eq(got->log_count, sent->log_count);
    cr_expect_eq(got->generation, sent->generation);
    cr_expect(got->owns_fds);
    cr_expect(str_eq(buf_str(&got->config_text), buf_str(&sent->config_text)));
    if (sent->config_path != NULL)
        cr_expect_str_eq(got->config_path, sent->config_path);
    else
        cr_expect_null(got->config_path);
    for (size_t i = 0; i < got->listener_count; i++) {
        cr_expect(address_eq(&got->addresses[i], &sent->addresses[i]));
        cr_expect(is_same_file(got->listener_fds[i], sent->listener_fds[i]), "listener %zu", i);
    }
    for (size_t i = 0; i < got->log_count; i++)
        cr_expect(is_same_file(got->log_fds[i], sent->log_fds[i]), "log %zu", i);
    cr_assert_eq(got->has_inbox, sent->has_inbox);
    cr_assert_eq(got->peer_count, sent->peer_count);
    cr_expect(!got->has_inbox || is_same_file(got->inbox_fd, sent->inbox_fd));
    for (size_t i = 0; i < got->peer_count; i++) {
        cr_expect_eq(got->peers[i].slot, sent->peers[i].slot);
        cr_expect(is_same_file(got->peers[i].fd, sent->peers[i].fd), "peer %zu", i);
    }
}

static const struct {
    const char *why;
    size_t listener_count, log_count, peer_count;
    const char *path;
} rows[] = {
    { "an ordinary one", 2, 2, 0, "/etc/remuda/remuda.yaml" },
    { "of several workers", 2, 1, 3, "/x" },
    { "of many workers", 2, 1, INBOX_PEERS_MAX, "/x" },
    { "from the command line: no path", 1, 1, 0, NULL },
    { "no listener at all", 0, 1, 0, "/x" },
    { "exactly one message full of descriptors", 64, CHANNEL_FDS_MAX - 65, 0, "/x" },
    { "one descriptor more than a message takes", 64, CHANNEL_FDS_MAX - 64, 0, "/x" },
    { "three messages", 64, 2 * CHANNEL_FDS_MAX, 2, "/x" },
};

Test(bundle, of_heirs_comes_with_the_quit)
{
    struct bundle sent = new_bundle(0, 0, 3, NULL), got;
    struct message m;

    cr_assert_eq(bundle_send_quit(&sent, 1, 500, master), 0);
    cr_assert_eq(receive(&got), 1);
    sent.generation = 500;
    check_equal(&sent, &got);
    bundle_fini(&got);
    bundle_fini(&sent);

    sent = (struct bundle){ .peer_count = 0 };
    cr_assert_eq(bundle_send_quit(&sent, 1, 500, master), 0);
    cr_assert_eq(channel_receive(worker, &m), 1);
    cr_expect(m.type == MESSAGE_QUIT && m.slot == 1 && m.generation == 500 && m.fd_count == 0);
    cr_assert_eq(bundle_take(&(struct fd_list){ .count = 0 }, &m, &got), 1, "nobody is an answer");
    cr_expect_eq(got.peer_count, 0);
    bundle_fini(&got);
}

Test(bundle, arrives_as_it_was_sent)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct bundle sent =
            new_bundle(rows[i].listener_count, rows[i].log_count, rows[i].peer_count, rows[i].path);
        struct bundle got;

        cr_assert_eq(bundle_send(&sent, master), 0, "%s", rows[i].why);
        cr_assert_eq(receive(&got), 1, "%s", rows[i].why);
        check_equal(&sent, &got);
        bundle_fini(&sent);
        bundle_fini(&got);
    }
}

Test(bundle, carries_a_text_larger_than_any_message)
{
    struct bundle sent = new_bundle(1, 1, 2, "/x"), got;

    for (int i = 0; i < 50000; i++)
        buf_printf(&sent.config_text, "# %d: a comment that makes the text long\n", i);
    cr_assert_eq(bundle_send(&sent, master), 0);
    cr_assert_eq(receive(&got), 1);
    check_equal(&sent, &got);
    bundle_fini(&sent);
    bundle_fini(&got);
}

Test(bundle, that_lost_a_descriptor_is_refused_and_leaves_none_open)
{
    struct bundle sent = new_bundle(2, 2, 0, "/x"), got;
    struct fd_list list = { 0 };
    struct message m;
    int last;

    cr_assert_eq(bundle_send(&sent, master), 0);
    cr_assert_eq(channel_receive(worker, &m), 1);
    last = m.fds[0];
    close(m.fds[--m.fd_count]); /* as the kernel does at the descriptor limit */
    cr_expect_eq(bundle_take(&list, &m, &got), -1);
    cr_expect_eq(errno, EMFILE);
    cr_expect_eq(fcntl(last, F_GETFD), -1);
    cr_expect_null(list.fds);
    bundle_fini(&sent);
}

Test(bundle, without_its_memfd_is_refused)
{
    struct fd_list list = { 0 };
    struct bundle got;
    struct message m = { .type = MESSAGE_PREPARE, .fd_count = 1, .fds = { new_file() } };

    cr_expect_eq(bundle_take(&list, &m, &got), -1, "an empty file has no header");
    m = (struct message){ .type = MESSAGE_PREPARE };
    cr_expect_eq(bundle_take(&list, &m, &got), -1, "no descriptor at all");
}

Test(bundle, with_lengths_that_do_not_add_up_is_refused)
{
    struct bundle sent = new_bundle(1, 1, 2, "/x"), got;

    for (off_t cut = 0; cut < 100; cut += 9) {
        struct fd_list list = { 0 };
        struct message m;

        cr_assert_eq(bundle_send(&sent, master), 0);
        cr_assert_eq(channel_receive(worker, &m), 1);
        cr_assert_eq(ftruncate(m.fds[0], cut), 0);
        cr_expect_eq(bundle_take(&list, &m, &got), -1, "cut at %d", (int)cut);
    }
    bundle_fini(&sent);
}

Test(bundle, closes_only_descriptors_that_were_not_taken)
{
    struct bundle b = new_bundle(2, 1, 1, NULL);
    int taken = b.listener_fds[0], left = b.listener_fds[1];
    int inbox = b.inbox_fd, peer = b.peers[0].fd;

    b.listener_fds[0] = -1;
    bundle_fini(&b);
    cr_expect_neq(fcntl(taken, F_GETFD), -1);
    cr_expect_eq(fcntl(left, F_GETFD), -1);
    cr_expect_eq(fcntl(inbox, F_GETFD), -1);
    cr_expect_eq(fcntl(peer, F_GETFD), -1);
    close(taken);
}

Test(bundle, leaves_the_senders_descriptors_alone)
{
    struct bundle b = new_bundle(1, 1, 0, NULL);
    int fd = b.listener_fds[0], log_fd = b.log_fds[0];

    b.owns_fds = 0;
    cr_assert_eq(bundle_send(&b, master), 0);
    bundle_fini(&b);
    cr_expect_neq(fcntl(fd, F_GETFD), -1);
    cr_expect_neq(fcntl(log_fd, F_GETFD), -1);
}
