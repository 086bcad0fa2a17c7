#include "worker/access_log.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/log_writer.h"

static struct sockaddr_in peer(const char *ip)
{
    struct sockaddr_in in = { .sin_family = AF_INET };

    inet_pton(AF_INET, ip, &in.sin_addr);
    return in;
}

static struct access_log_entry entry(const struct sockaddr_in *in)
{
    return (struct access_log_entry){
        .peer = (const struct sockaddr *)in,
        .time = STR("21/Nov/2026:20:58:24 +0000"),
        .line = STR("GET / HTTP/1.1"),
        .status = 200,
        .body_bytes = 151,
    };
}

static void expect_line(const struct access_log_entry *e, const char *line)
{
    struct buf out = { NULL, 0, 0 };

    access_log_format(&out, e);
    cr_expect_str_eq(buf_cstr(&out), line);
    buf_fini(&out);
}

Test(access_log, writes_the_combined_format)
{
    struct sockaddr_in in = peer("192.0.2.255");
    struct access_log_entry e = entry(&in);

    expect_line(&e, "192.0.2.255 - - [21/Nov/2026:20:58:24 +0000] \"GET / HTTP/1.1\" 200 151 "
                    "\"-\" \"-\"\n");
    e.user = STR("anna");
    expect_line(&e, "192.0.2.255 - anna [21/Nov/2026:20:58:24 +0000] \"GET / HTTP/1.1\" 200 151 "
                    "\"-\" \"-\"\n");
    e.user = STR(" a \"]\n ");
    expect_line(&e, "192.0.2.255 - \\x20a\\x20\\x22]\\x0A\\x20 [21/Nov/2026:20:58:24 +0000] "
                    "\"GET / HTTP/1.1\" 200 151 \"-\" \"-\"\n");
    e.user = STR_NONE;
    e.referer = STR("http://a/");
    e.user_agent = STR("curl/7");
    e.body_bytes = UINT64_MAX;
    expect_line(&e, "192.0.2.255 - - [21/Nov/2026:20:58:24 +0000] \"GET / HTTP/1.1\" 200 "
                    "18446744073709551615 \"http://a/\" \"curl/7\"\n");
}

Test(access_log, keeps_a_hostile_line_in_its_quotes)
{
    struct sockaddr_in in = peer("0.0.0.0");
    struct access_log_entry e = entry(&in);

    e.line = (struct str){ "a\"\\\n\x7f\xff\0", 7 };
    e.user_agent = STR("");
    expect_line(&e, "0.0.0.0 - - [21/Nov/2026:20:58:24 +0000] "
                    "\"a\\x22\\x5C\\x0A\\x7F\\xFF\\x00\" 200 151 \"-\" \"\"\n");
    e.line = STR_NONE;
    expect_line(&e, "0.0.0.0 - - [21/Nov/2026:20:58:24 +0000] \"-\" 200 151 \"-\" \"\"\n");
}

Test(access_log, names_ipv6_and_unix_peers)
{
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    struct access_log_entry e = entry(NULL);

    e.peer = (const struct sockaddr *)&in6;
    expect_line(&e,
                "::1 - - [21/Nov/2026:20:58:24 +0000] \"GET / HTTP/1.1\" 200 151 \"-\" \"-\"\n");
    e.peer = (const struct sockaddr *)&un;
    expect_line(&e,
                "unix: - - [21/Nov/2026:20:58:24 +0000] \"GET / HTTP/1.1\" 200 151 \"-\" \"-\"\n");
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
    struct sockaddr_in in = peer("127.0.0.1");
    struct access_log_entry e = entry(&in);
    struct access_log *log = access_log_new(fd, 150, 1000);
    size_t line_n;

    unlink(path);
    access_log_add(log, &e, 5000);
    cr_expect_eq(bytes_in(seen), 0, "gathered");
    access_log_flush_if_due(log, 5999);
    cr_expect_eq(bytes_in(seen), 0, "not yet due");
    access_log_flush_if_due(log, 6000);
    line_n = bytes_in(seen);
    cr_expect_gt(line_n, 0, "due");
    access_log_add(log, &e, 6000);
    access_log_add(log, &e, 6000);
    cr_expect_eq(bytes_in(seen), 3 * line_n, "full");
    access_log_add(log, &e, 6000);
    access_log_free(&log);
    cr_expect_eq(bytes_in(seen), 4 * line_n, "at the end");
    close(seen);
}

Test(access_log, leaves_the_gathered_lines_in_the_old_file_when_reopened)
{
    int old[2], new[2];
    struct sockaddr_in in = peer("127.0.0.1");
    struct access_log_entry e = entry(&in);
    char bytes[512];
    struct access_log *log;

    cr_assert_eq(pipe(old), 0);
    cr_assert_eq(pipe(new), 0);
    log = access_log_new(old[1], 4096, 1000);
    access_log_add(log, &e, 1);
    access_log_reopen(log, new[1]);
    cr_assert(log_writer_settle(LOG_REQUESTS, 10000));
    cr_expect_gt(read(old[0], bytes, sizeof(bytes)), 0);
    access_log_add(log, &e, 1);
    access_log_free(&log);
    cr_assert(log_writer_settle(LOG_REQUESTS, 10000));
    cr_expect_gt(read(new[0], bytes, sizeof(bytes)), 0);
}
