#include "worker/out.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "worker/acceptor.h"
#include "worker/conn.h"
#include "worker/transport.h"

/* A connection that is only a socket: what out_send() needs of one. */
struct fixture {
    struct conn conn;
    int peer;
    struct out *out;
};

static struct fixture set_up(void)
{
    static struct listener listener = { .transport = &transport_plain };
    struct fixture f;
    int pair[2];

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    memset(&f.conn, 0, sizeof(f.conn));
    f.conn.io.fd = pair[0];
    f.conn.listener = &listener;
    f.peer = pair[1];
    f.out = out_new(OUT_BYTES, OUT_CHUNKS);
    return f;
}

static void tear_down(struct fixture *f)
{
    out_free(&f->out);
    close(f->conn.io.fd);
    close(f->peer);
}

static struct file *memory_file(size_t n)
{
    struct file *f = calloc(1, sizeof(*f) + n);

    memset(f + 1, 'm', n);
    f->refs = 2; /* one stays the test's, so that file_put() never frees it */
    f->fd = -1;
    f->body = (char *)(f + 1);
    f->size = (off_t)n;
    return f;
}

static enum out_result send_all(struct fixture *f, struct out *out, uint64_t *sent)
{
    size_t budget = SIZE_MAX;

    return out_send(out, &f->conn, false, &budget, sent);
}

static size_t drain(int fd)
{
    char bytes[65536];
    size_t sum = 0;
    ssize_t n;

    while ((n = read(fd, bytes, sizeof(bytes))) > 0)
        sum += (size_t)n;
    return sum;
}

Test(out, sends_gathered_bytes_as_one)
{
    struct fixture f = set_up();
    uint64_t sent = 0;
    char bytes[16];

    out_add(f.out, STR("one"));
    out_add(f.out, STR("two"));
    cr_expect_eq(f.out->count, 1, "neighbours are one chunk");
    cr_expect_eq(send_all(&f, f.out, &sent), OUT_SENT);
    cr_expect_eq(sent, 6);
    cr_expect_eq(read(f.peer, bytes, sizeof(bytes)), 6);
    cr_expect_eq(memcmp(bytes, "onetwo", 6), 0);
    cr_expect(out_is_empty(f.out));
    tear_down(&f);
}

Test(out, copies_small_bodies_and_references_larger_ones)
{
    struct fixture f = set_up();
    struct file *small = memory_file(OUT_COPY_MAX), *large = memory_file(OUT_COPY_MAX + 1);
    uint64_t sent = 0;

    out_add_file(f.out, small, 0, OUT_COPY_MAX);
    cr_expect_eq(small->refs, 2);
    out_add_file(f.out, large, 0, OUT_COPY_MAX + 1);
    cr_expect_eq(large->refs, 3);
    cr_expect_eq(out_last_file_left(f.out), OUT_COPY_MAX + 1);
    cr_expect_eq(send_all(&f, f.out, &sent), OUT_SENT);
    cr_expect_eq(large->refs, 2, "let go once sent");
    cr_expect_eq(drain(f.peer), 2 * OUT_COPY_MAX + 1);
    tear_down(&f);
    free(small);
    free(large);
}

Test(out, detaches_what_a_full_socket_leaves_and_loses_no_byte)
{
    struct fixture f = set_up();
    struct file *body = memory_file(4 << 20);
    struct out *rest;
    uint64_t sent = 0;
    size_t got = 0;
    enum out_result result;

    out_add(f.out, STR("head"));
    out_add_file(f.out, body, 0, 4 << 20);
    out_add(f.out, STR("tail"));
    cr_assert_eq(send_all(&f, f.out, &sent), OUT_BLOCKED);
    rest = out_detach(f.out);
    cr_expect(out_is_empty(f.out));
    cr_expect_leq(rest->cap, 8, "only the bytes are copied, not the body");
    do {
        got += drain(f.peer);
        result = send_all(&f, rest, &sent);
    } while (result == OUT_BLOCKED);
    got += drain(f.peer);
    cr_expect_eq(result, OUT_SENT);
    cr_expect_eq(got, (4 << 20) + 8);
    cr_expect_eq(sent, got);
    cr_expect_eq(body->refs, 2);
    out_free(&rest);
    tear_down(&f);
    free(body);
}

static unsigned calls;

static ssize_t count_write(struct conn *c, struct iovec *iov, int count, bool has_more)
{
    calls++;
    return transport_plain.write(c, iov, count, has_more);
}

static ssize_t count_send_file(struct conn *c, int fd, off_t offset, size_t n)
{
    calls++;
    return transport_plain.send_file(c, fd, offset, n);
}

/* Removed as soon as it is made; holes will do. */
static struct file *disk_file(size_t n)
{
    char path[] = "/tmp/remuda-test-XXXXXX";
    struct file *f = calloc(1, sizeof(*f));
    struct stat st;

    f->fd = mkstemp(path);
    cr_assert(f->fd >= 0 && unlink(path) == 0 && ftruncate(f->fd, (off_t)n) == 0 &&
              fstat(f->fd, &st) == 0);
    f->refs = 2;
    f->size = st.st_size;
    f->mtime = st.st_mtim;
    return f;
}

Test(out, does_not_ask_a_full_socket_what_it_has_said)
{
    const struct transport counted = { .write = count_write, .send_file = count_send_file };
    struct listener listener = { .transport = &counted };
    struct file *files[2] = { memory_file(4 << 20), disk_file(4 << 20) };

    for (int i = 0; i < 2; i++) {
        struct fixture f = set_up();
        enum out_result result = OUT_BLOCKED;
        uint64_t sent = 0;
        size_t got = 0;

        f.conn.listener = &listener;
        out_add_file(f.out, files[i], 0, 4 << 20);
        while (result == OUT_BLOCKED) {
            calls = 0;
            result = send_all(&f, f.out, &sent);
            cr_expect_eq(calls, 1);
            got += drain(f.peer);
        }
        cr_expect_eq(result, OUT_SENT);
        cr_expect_eq(got, 4 << 20);
        tear_down(&f);
    }
    close(files[1]->fd);
    free(files[0]);
    free(files[1]);
}

Test(out, stops_when_its_share_of_a_turn_is_used_up)
{
    struct fixture f = set_up();
    uint64_t sent = 0;
    size_t budget = 0;

    out_add(f.out, STR("x"));
    cr_expect_eq(out_send(f.out, &f.conn, false, &budget, &sent), OUT_TURN_OVER);
    cr_expect_not(out_is_empty(f.out));
    budget = 1;
    cr_expect_eq(out_send(f.out, &f.conn, false, &budget, &sent), OUT_SENT);
    tear_down(&f);
}

Test(out, reports_a_peer_that_is_gone)
{
    struct fixture f = set_up();
    uint64_t sent = 0;

    close(f.peer);
    out_add(f.out, STR("x"));
    cr_expect_eq(send_all(&f, f.out, &sent), OUT_FAILED);
    cr_expect_eq(errno, EPIPE);
    f.peer = -1;
    out_clear(f.out);
    tear_down(&f);
}
