#include "common/log_writer.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/log.h"

enum { LONG_MS = 10000 };

static int reader, writer;

/* A pipe whose reader does nothing is what a stalled disk is: a write that does not return. */
static void set_up(void)
{
    int ends[2];

    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    cr_assert_gt(fcntl(ends[1], F_SETPIPE_SZ, 4096), 0);
    reader = ends[0];
    writer = ends[1];
}

TestSuite(log_writer, .init = set_up, .timeout = 60);

static void add(const char *text)
{
    log_writer_add(LOG_REQUESTS, writer, str_of(text));
}

/* `n` bytes of lines of 100. */
static struct buf lines_of(size_t n)
{
    struct buf b = { NULL, 0, 0 };

    memset(buf_reserve(&b, n), 'x', n);
    b.n = n;
    for (size_t i = 99; i < n; i += 100)
        b.p[i] = '\n';
    b.p[n - 1] = '\n';
    return b;
}

/* Until end-of-file. */
static struct buf read_all(void)
{
    struct buf b = { NULL, 0, 0 };
    ssize_t n;

    while ((n = read(reader, buf_reserve(&b, 65536), 65536)) > 0)
        b.n += (size_t)n;
    return b;
}

static void stall(void)
{
    struct buf much = lines_of(8192);

    log_writer_put(LOG_REQUESTS, writer, &much);
    buf_fini(&much);
    cr_assert_not(log_writer_settle(LOG_REQUESTS, 20), "the pipe took more than it has room for");
}

Test(log_writer, writes_in_the_order_of_handing_over_and_then_closes)
{
    struct buf big = lines_of(9000), got;

    log_writer_set_room(1 << 20);
    add("first\n");
    log_writer_put(LOG_REQUESTS, writer, &big);
    cr_expect_eq(big.n, 0);
    add("last\n");
    log_writer_close(LOG_REQUESTS, writer);
    got = read_all();
    cr_assert_eq(got.n, 6 + 9000 + 5);
    cr_expect_eq(memcmp(got.p, "first\nxxx", 9), 0);
    cr_expect_eq(memcmp(got.p + got.n - 7, "x\nlast\n", 7), 0);
    cr_expect(log_writer_end(LONG_MS));
    cr_expect_lt(fcntl(writer, F_GETFD), 0, "closed");
    buf_fini(&got);
    buf_fini(&big);
}

Test(log_writer, gives_memory_for_memory)
{
    struct buf big = lines_of(3000), got;
    const char *ours;
    char *theirs;

    /* In the pipe whole, so that nobody waits. */
    buf_reserve(&big, 100000);
    big.n = 0;
    add("x\n");
    cr_assert(log_writer_settle(LOG_REQUESTS, LONG_MS));
    fcntl(writer, F_SETPIPE_SZ, 1 << 18);
    memset(big.p, 'y', 50000);
    big.p[49999] = '\n';
    big.n = 50000;
    ours = big.p;
    log_writer_put(LOG_REQUESTS, writer, &big);
    cr_assert(log_writer_settle(LOG_REQUESTS, LONG_MS));
    cr_expect_null(big.p, "the first has nothing to swap with");
    theirs = buf_reserve(&big, 50000);
    memset(theirs, 'z', 50000);
    theirs[49999] = '\n';
    big.n = 50000;
    log_writer_put(LOG_REQUESTS, writer, &big);
    cr_expect_eq(big.p, ours);
    cr_expect(log_writer_end(LONG_MS));
    close(writer);
    got = read_all();
    cr_expect_eq(got.n, 100002);
    buf_fini(&got);
    buf_fini(&big);
}

Test(log_writer, drops_and_counts_what_has_no_room_and_goes_on_when_it_has)
{
    uint64_t put = 8192, kept;
    struct log_losses lost;
    struct buf got;

    log_writer_set_room(128 * 1024);
    stall();
    for (unsigned i = 0; i < 40; i++) {
        struct buf more = lines_of(10000);

        log_writer_put(LOG_REQUESTS, writer, &more);
        cr_assert_eq(more.n, 0);
        put += 10000;
        buf_fini(&more);
    }
    lost = log_writer_take_losses(LOG_REQUESTS);
    cr_expect_gt(lost.bytes, 200000);
    cr_expect_eq(lost.bytes, lost.lines * 100, "whole lines");
    cr_expect_eq(lost.error, 0);
    cr_expect_eq(log_writer_take_losses(LOG_REQUESTS).bytes, 0, "taken");
    kept = put - lost.bytes;
    for (uint64_t seen = 0; seen < kept;) {
        char bytes[4096];
        ssize_t n = read(reader, bytes, sizeof(bytes));

        cr_assert_gt(n, 0);
        seen += (uint64_t)n;
        cr_assert_leq(seen, kept);
    }
    cr_assert(log_writer_settle(LOG_REQUESTS, LONG_MS));
    add("again\n");
    log_writer_close(LOG_REQUESTS, writer);
    got = read_all();
    cr_expect_str_eq(buf_cstr(&got), "again\n");
    cr_expect_eq(log_writer_take_losses(LOG_REQUESTS).bytes, 0);
    buf_fini(&got);
}

Test(log_writer, the_error_log_waits_for_no_access_log)
{
    int other[2];
    char text[16] = "";

    cr_assert_eq(pipe(other), 0);
    stall();
    log_writer_add(LOG_ERRORS, other[1], STR("it stalls\n"));
    cr_expect(log_writer_settle(LOG_ERRORS, LONG_MS));
    cr_expect_gt(read(other[0], text, sizeof(text) - 1), 0);
    cr_expect_str_eq(text, "it stalls\n");
}

Test(log_writer, waits_no_longer_than_told)
{
    stall();
    cr_expect_not(log_writer_end(50));
    add("still possible\n");
    cr_expect_not(log_writer_end(1));
}

/* The parent's lock may be held, and its thread is not there. */
Test(log_writer, a_child_starts_afresh)
{
    int other[2], status;
    pid_t pid;

    cr_assert_eq(pipe(other), 0);
    stall();
    add("the parent's\n");
    log_writer_close(LOG_REQUESTS, dup(other[1]));
    fcntl(reader, F_SETFL, O_NONBLOCK);
    for (unsigned round = 0; round < 50; round++) {
        pid = fork();
        if (pid == 0) {
            log_writer_add(LOG_REQUESTS, other[1], STR("the child's\n"));
            _exit(log_writer_end(LONG_MS) ? 0 : 1);
        }
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        cr_assert_eq(status, 0, "round %u", round);
    }
    close(other[1]);
    reader = other[0];
    {
        char bytes[50 * 12 + 1];
        size_t seen = 0;

        while (seen < 50 * 12) {
            ssize_t n = read(reader, bytes + seen, sizeof(bytes) - seen);

            cr_assert_gt(n, 0);
            seen += (size_t)n;
        }
        bytes[12] = '\0';
        cr_expect_str_eq(bytes, "the child's\n");
    }
}

/* A file that may grow to `n` bytes: write(2) is cut there, and the next one fails, as on a full disk. */
static int small_file(char *path, rlim_t n, int flags)
{
    struct rlimit limit = { n, RLIM_INFINITY };

    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    return mkostemp(path, flags);
}

static void make_room(void)
{
    struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };

    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static const char *content(const char *path)
{
    static char text[8192];
    int fd = open(path, O_RDONLY);
    ssize_t n = read(fd, text, sizeof(text) - 1);

    close(fd);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

static void fill_disk(int flags, uint64_t lost_bytes, const char *expected)
{
    char path[] = "/tmp/remuda-log-XXXXXX";
    int fd = small_file(path, 10, flags);
    struct log_losses lost;

    log_writer_add(LOG_REQUESTS, fd, STR("first\nsecond\nthird\n"));
    cr_assert(log_writer_settle(LOG_REQUESTS, LONG_MS));
    lost = log_writer_take_losses(LOG_REQUESTS);
    cr_expect_eq(lost.bytes, lost_bytes);
    cr_expect_eq(lost.lines, 2);
    cr_expect_eq(lost.error, EFBIG);
    log_writer_add(LOG_REQUESTS, fd, STR("fourth\n"));
    cr_assert(log_writer_settle(LOG_REQUESTS, LONG_MS));
    cr_expect_eq(log_writer_take_losses(LOG_REQUESTS).bytes, 7);
    make_room();
    log_writer_add(LOG_REQUESTS, fd, STR("fifth\n"));
    log_writer_add(LOG_REQUESTS, fd, STR("sixth\n"));
    cr_assert(log_writer_end(LONG_MS));
    cr_expect_str_eq(content(path), expected);
    unlink(path);
}

/* So that no other process begins its next line behind it. */
Test(log_writer, takes_back_the_line_that_a_full_disk_cut)
{
    fill_disk(O_APPEND, 13, "first\nfifth\nsixth\n");
}

Test(log_writer, ends_the_line_that_was_cut_where_it_cannot_be_taken_back)
{
    fill_disk(0, 9, "first\nseco\nfifth\nsixth\n");
}

Test(log_writer, the_error_log_tells_what_it_lost)
{
    char path[] = "/tmp/remuda-log-XXXXXX", *told;
    int fd = small_file(path, 5, 0);

    log_init(LOG_NOTICE, 0);
    log_set_fd(fd);
    log_defer(true);
    for (unsigned i = 0; i < 3; i++) {
        log_notice("line %u", i);
        cr_assert(log_writer_settle(LOG_ERRORS, LONG_MS));
    }
    cr_expect_eq(log_writer_take_losses(LOG_ERRORS).lines, 3);
    make_room();
    log_notice("line 3");
    log_tell_losses();
    log_notice("line 4");
    cr_assert(log_writer_end(LONG_MS));
    told = strstr(content(path), ": 3 lines of this log could not be written\n");
    cr_assert_not_null(told, "%s", content(path));
    cr_expect_not_null(strstr(told, ": line 3\n"));
    cr_expect_null(strstr(told + 20, "of this log"), "once");
    log_defer(false);
    log_set_fd(STDERR_FILENO);
    unlink(path);
}

Test(log_writer, a_last_word_comes_behind_what_waited)
{
    char text[512] = "";

    log_init(LOG_NOTICE, 0);
    log_set_fd(writer);
    log_defer(true);
    log_notice("first");
    log_crit("last");
    cr_assert_gt(read(reader, text, sizeof(text) - 1), 0);
    cr_expect_not_null(strstr(text, "first\n"));
    cr_expect_not_null(strstr(strstr(text, "first\n"), "last\n"));
    log_defer(false);
    log_set_fd(STDERR_FILENO);
}
