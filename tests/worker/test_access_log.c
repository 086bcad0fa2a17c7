#include "worker/access_log.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/log_writer.h"
#include "tests/config/parse.h"

static struct shared_slot slot;

static const struct clock now = {
    .log_time = "21/Nov/2026:20:58:24 +0000",
    .iso_time = "2026-11-21T20:58:24+00:00",
};
static const struct sockaddr_in peer = { .sin_family = AF_INET };
static const struct request req = { .line = STR_INIT("GET / HTTP/1.1") };

/* A config with one log. */
static struct config *config_of(const char *log)
{
    char *text = xasprintf("root: /r\naccess_log: %s\n", log);
    struct config *config = parse_good(text);

    free(text);
    return config;
}

static struct access_log *log_of(const struct config *config, int fd, size_t buffer_bytes)
{
    return access_log_new(&config->access_logs[0], fd, buffer_bytes, 1000, &slot);
}

static void add_at(struct access_log *log, unsigned status, uint64_t duration_ms, uint64_t now_ms)
{
    struct clock clock = now;
    struct access_log_entry e = {
        .peer = (const struct sockaddr *)&peer,
        .clock = &clock,
        .fd = -1,
        .status = status,
        .duration_ns = duration_ms * 1000000,
        .req = &req,
    };

    clock.now_ms = now_ms;
    access_log_add(log, &e);
}

static size_t bytes_in(int fd)
{
    cr_assert(log_writer_settle(LOG_REQUESTS, 10000));
    return (size_t)lseek(fd, 0, SEEK_END);
}

Test(access_log, writes_when_full_when_old_and_at_the_end)
{
    char path[] = "/tmp/remuda-log-XXXXXX";
    int fd = mkstemp(path), seen = dup(fd);
    struct config *config = config_of("a.log");
    struct access_log *log = log_of(config, fd, 120);
    size_t line_n;

    unlink(path);
    add_at(log, 200, 0, 5000);
    cr_expect_eq(bytes_in(seen), 0, "gathered");
    access_log_flush_if_due(log, 5999);
    cr_expect_eq(bytes_in(seen), 0, "not yet due");
    access_log_flush_if_due(log, 6000);
    line_n = bytes_in(seen);
    cr_expect_gt(line_n, 0, "due");
    add_at(log, 200, 0, 6000);
    add_at(log, 200, 0, 6000);
    cr_expect_eq(bytes_in(seen), 3 * line_n, "full");
    add_at(log, 200, 0, 6000);
    access_log_free(&log);
    config_free(&config);
    cr_expect_eq(bytes_in(seen), 4 * line_n, "at the end");
    close(seen);
}

Test(access_log, leaves_the_gathered_lines_in_the_old_file_when_reopened)
{
    int old[2], new[2];
    struct config *config = config_of("a.log");
    char bytes[512];
    struct access_log *log;

    cr_assert_eq(pipe(old), 0);
    cr_assert_eq(pipe(new), 0);
    log = log_of(config, old[1], 4096);
    add_at(log, 200, 0, 1);
    access_log_reopen(log, new[1]);
    cr_assert(log_writer_settle(LOG_REQUESTS, 10000));
    cr_expect_gt(read(old[0], bytes, sizeof(bytes)), 0);
    add_at(log, 200, 0, 1);
    access_log_free(&log);
    config_free(&config);
    cr_assert(log_writer_settle(LOG_REQUESTS, 10000));
    cr_expect_gt(read(new[0], bytes, sizeof(bytes)), 0);
}

/* How many of `count` such requests are logged. */
static unsigned logged(const char *options, unsigned count, unsigned status, uint64_t duration_ms)
{
    char path[] = "/tmp/remuda-log-XXXXXX",
         *text = xasprintf("{to: a.log, format: $$, %s}", options);
    int fd = mkstemp(path), seen = dup(fd);
    struct config *config = config_of(text);
    struct access_log *log = log_of(config, fd, 4096);
    size_t bytes;

    unlink(path);
    for (unsigned i = 0; i < count; i++)
        add_at(log, status, duration_ms, 1);
    access_log_free(&log);
    cr_assert(log_writer_settle(LOG_REQUESTS, 10000));
    bytes = bytes_in(seen);
    close(seen);
    config_free(&config);
    free(text);
    return (unsigned)bytes / 2; /* "$" and LF */
}

Test(access_log, logs_what_a_condition_wants)
{
    cr_expect_eq(logged("if_status: [4xx, 503]", 10, 404, 0), 10);
    cr_expect_eq(logged("if_status: [4xx, 503]", 10, 499, 0), 10);
    cr_expect_eq(logged("if_status: [4xx, 503]", 10, 503, 0), 10);
    cr_expect_eq(logged("if_status: [4xx, 503]", 10, 500, 0), 0);
    cr_expect_eq(logged("if_status: [4xx, 503]", 10, 200, 9000), 0);
    cr_expect_eq(logged("if_slower: 500ms", 10, 200, 499), 0);
    cr_expect_eq(logged("if_slower: 500ms", 10, 200, 500), 10);
    cr_expect_eq(logged("if_slower: 500ms, if_status: 5xx", 10, 200, 500), 10);
    cr_expect_eq(logged("if_slower: 500ms, if_status: 5xx", 10, 500, 0), 10);
    cr_expect_eq(logged("if_slower: 500ms, if_status: 5xx", 10, 404, 0), 0);
}

Test(access_log, samples_exactly_over_time)
{
    static const struct {
        const char *share;
        unsigned expected; /* of 100,000 */
    } shares[] = {
        { "1%", 1000 },     { "0.05%", 50 },    { "33.3333%", 33333 }, { "50%", 50000 },
        { "66.6%", 66600 }, { "100%", 100000 }, { "99.9999%", 99999 }, { "0.0001%", 0 },
    };

    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
        char *options = xasprintf("sample: %s", shares[i].share);
        int off = (int)logged(options, 100000, 200, 0) - (int)shares[i].expected;

        cr_expect(off >= -1 && off <= 1, "%s: %d off", shares[i].share, off);
        free(options);
    }
    cr_expect_eq(logged("if_status: 5xx, sample: 10%", 1000, 200, 0), 100);
    cr_expect_eq(logged("if_status: 5xx, sample: 10%", 1000, 500, 0), 1000);
    cr_expect_eq(logged("if_status: 5xx, sample: 0%", 1000, 200, 0), 0);
}

/* A datagram socket at this path, and a log that goes there. */
struct daemon {
    char folder[32], path[48];
    int fd;
    struct config *config;
    struct access_log *log;
};

static void daemon_bind(struct daemon *d)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };

    strcpy(un.sun_path, d->path);
    d->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    cr_assert_eq(bind(d->fd, (struct sockaddr *)&un, sizeof(un)), 0);
}

static void daemon_init(struct daemon *d, size_t buffer_bytes)
{
    char *text;

    strcpy(d->folder, "/tmp/remuda-log-XXXXXX");
    cr_assert_not_null(mkdtemp(d->folder));
    snprintf(d->path, sizeof(d->path), "%s/log", d->folder);
    daemon_bind(d);
    text = xasprintf("{to: 'syslog:%s', format: $status}", d->path);
    d->config = config_of(text);
    d->log = log_of(d->config, socket(AF_UNIX, SOCK_DGRAM, 0), buffer_bytes);
    free(text);
}

static void daemon_end(struct daemon *d)
{
    close(d->fd);
    unlink(d->path);
}

static void daemon_fini(struct daemon *d)
{
    access_log_free(&d->log);
    config_free(&d->config);
    daemon_end(d);
    rmdir(d->folder);
}

/* The status at the end of the next message; 0: there is none. */
static unsigned daemon_take(const struct daemon *d)
{
    char message[512];
    ssize_t n = recv(d->fd, message, sizeof(message) - 1, 0);

    if (n <= 0)
        return 0;
    message[n] = '\0';
    cr_expect_eq(strncmp(message, "<190>1 ", 7), 0, "%s", message);
    cr_expect_null(strchr(message, '\n'), "%s", message);
    return (unsigned)atoi(strrchr(message, ' '));
}

static uint64_t dropped(void)
{
    return counter_read(&slot, COUNTER_LOG_BYTES_DROPPED);
}

/* Its queue is short: what does not fit waits, in order, and nothing is lost. */
Test(access_log, waits_for_room_at_a_slow_syslog)
{
    struct daemon d;
    uint64_t before = dropped();
    unsigned next = 0;

    daemon_init(&d, 1 << 20);
    for (unsigned i = 0; i < 800; i++)
        add_at(d.log, 1000 + i, 0, 1);
    for (unsigned got; next < 800;) {
        unsigned had = next;

        access_log_flush(d.log);
        while ((got = daemon_take(&d)) != 0)
            cr_assert_eq(got, 1000 + next++);
        cr_assert_gt(next, had, "nothing came");
    }
    cr_expect_eq(dropped(), before);
    daemon_fini(&d);
}

/* However many come while it takes nothing: a bounded number waits, the others are counted. */
Test(access_log, drops_and_counts_what_a_stalled_syslog_does_not_take)
{
    struct daemon d;
    uint64_t before = dropped();

    daemon_init(&d, 4096);
    for (unsigned i = 0; i < 20000; i++)
        add_at(d.log, 200, 0, 1);
    cr_expect_gt(dropped(), before + 500000);
    cr_expect_eq(daemon_take(&d), 200);
    daemon_fini(&d);
}

Test(access_log, finds_a_syslog_that_was_started_anew)
{
    struct daemon d;
    uint64_t before;

    daemon_init(&d, 0);
    add_at(d.log, 200, 0, 1);
    cr_expect_eq(daemon_take(&d), 200);
    daemon_end(&d);
    before = dropped();
    add_at(d.log, 201, 0, 1);
    cr_expect_gt(dropped(), before);
    daemon_bind(&d);
    add_at(d.log, 202, 0, 1);
    cr_expect_eq(daemon_take(&d), 202);
    daemon_fini(&d);
}

/* One that is longer than a datagram can be is lost alone. */
Test(access_log, sends_what_stands_around_a_line_that_is_too_long)
{
    struct daemon d;
    uint64_t before = dropped();
    struct request long_req = { .line = { calloc(1, 400000), 400000 } };
    struct access_log_entry e = {
        .peer = (const struct sockaddr *)&peer, .clock = &now, .fd = -1, .req = &long_req
    };
    struct config *config;
    struct access_log *log;
    char *text;

    daemon_init(&d, 1 << 20);
    text = xasprintf("{to: 'syslog:%s', format: '$request $status'}", d.path);
    config = config_of(text);
    log = log_of(config, socket(AF_UNIX, SOCK_DGRAM, 0), 1 << 20);
    add_at(log, 200, 0, 1);
    access_log_add(log, &e);
    add_at(log, 201, 0, 1);
    access_log_free(&log);
    cr_expect_eq(daemon_take(&d), 200);
    cr_expect_eq(daemon_take(&d), 201);
    cr_expect_gt(dropped(), before + 4 * 400000);
    config_free(&config);
    free(text);
    free((void *)(uintptr_t)long_req.line.p);
    daemon_fini(&d);
}
