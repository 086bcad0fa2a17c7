/* Access logs: where their lines go, what they say, and of which requests they are. */
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/xmalloc.h"
#include "tests/integration/client.h"

TestSuite(access_log, .timeout = 40);

#define AT_ONCE "workers: 1\naccess_log_buffer: 0\n"

/* GETs on one connection. */
static void ask_often(const struct server *s, const char *target, const char *fields,
                      unsigned count)
{
    struct response r;
    struct client c;

    client_open(&c, s);
    for (unsigned i = 0; i < count; i++) {
        cr_assert(client_ask(&c, &r, "GET", target, fields), "%s", r.failure);
        response_fini(&r);
    }
    client_close(&c);
}

static unsigned lines_of(struct buf text)
{
    unsigned count = 0;

    for (size_t i = 0; i < text.n; i++)
        count += text.p[i] == '\n';
    return count;
}

/* The log once it has so many lines; the caller calls buf_fini(). */
static struct buf read_lines(const struct server *s, const char *name, unsigned count)
{
    const char *path = server_path(s, name);
    struct buf text = file_read(path);

    for (uint64_t end = now_ms() + DEADLINE_MS; lines_of(text) < count && now_ms() < end;) {
        buf_fini(&text);
        pause_ms(2);
        text = file_read(path);
    }
    return text;
}

static void expect_log(const struct server *s, const char *name, const char *expected)
{
    struct buf text = read_lines(
        s, name, lines_of((struct buf){ (char *)(uintptr_t)expected, strlen(expected), 0 }));

    cr_expect_str_eq(buf_cstr(&text), expected, "%s: %s", name, buf_cstr(&text));
    buf_fini(&text);
}

/* ---- what they say ---- */

/* From the third time on they are recalled. */
Test(access_log, says_the_same_of_a_recalled_request)
{
    static const char fields[] = "X-Some: a \"b\"\r\nReferer: http://r/\r\n";
    struct server s;

    server_open(&s);
    server_file(&s, "root/a.txt", "abc");
    server_start(&s, AT_ONCE
                 "access_log: {to: text.log, format: '$remote_addr $remote_user \"$request\" "
                 "$request_method $request_uri $uri $args $server_protocol $scheme $host $status "
                 "$body_bytes_sent $request_length $http_x_some $http_none $site $route $worker "
                 "#$connection_requests'}\n"
                 "routes:\n"
                 "  - exact: /a.txt\n"
                 "    access_log: {to: json.log, format: '{\"s\":$status,\"r\":\"$request\","
                 "\"x\":\"$http_x_some\",\"n\":\"$http_none\",\"c\":$connection_requests}'}\n");
    ask_often(&s, "/a.txt", fields, 4);
    ask_often(&s, "/?q=1", fields, 4);
#define TEXT                                                                                 \
    "127.0.0.1 - \"GET /?q=1 HTTP/1.1\" GET /?q=1 / q=1 HTTP/1.1 http localhost 200 6 74 a " \
    "\\x22b\\x22 - * / 1 #"
#define JSON "{\"s\":200,\"r\":\"GET /a.txt HTTP/1.1\",\"x\":\"a \\\"b\\\"\",\"n\":\"\",\"c\":"
    expect_log(&s, "text.log", TEXT "1\n" TEXT "2\n" TEXT "3\n" TEXT "4\n");
    expect_log(&s, "json.log", JSON "1}\n" JSON "2}\n" JSON "3}\n" JSON "4}\n");
    server_close(&s);
}

Test(access_log, tells_where_a_connection_came_in_and_how_long_it_took)
{
    double port = 0, time = -1, when = 0;
    struct buf text;
    struct server s;

    server_open(&s);
    server_start(&s, AT_ONCE "access_log: {to: a.log, format: '$server_port $request_time $msec "
                             "$server_addr $remote_port'}\n");
    ask_often(&s, "/", NULL, 1);
    text = read_lines(&s, "a.log", 1);
    cr_expect_eq(sscanf(buf_cstr(&text), "%lf %lf %lf", &port, &time, &when), 3);
    cr_expect_eq((unsigned)port, s.port);
    cr_expect(time >= 0 && time < 5, "%f", time);
    cr_expect_gt(when, 1.7e9);
    cr_expect_not_null(strstr(buf_cstr(&text), " 127.0.0.1 "));
    buf_fini(&text);
    server_close(&s);
}

Test(access_log, changes_its_format_at_a_reload)
{
    struct response r;
    struct client c;
    struct server s;

    server_open(&s);
    server_start(&s, AT_ONCE "access_log: {to: a.log, format: 'one $status'}\n");
    client_open(&c, &s);
    for (unsigned i = 0; i < 6; i++) {
        if (i == 3)
            server_reload(&s, AT_ONCE "access_log: {to: a.log, format: 'two $request_uri'}\n");
        cr_assert(client_ask(&c, &r, "GET", "/", NULL), "%s", r.failure);
        response_fini(&r);
    }
    expect_log(&s, "a.log", "one 200\none 200\none 200\ntwo /\ntwo /\ntwo /\n");
    client_close(&c);
    server_close(&s);
}

Test(access_log, has_several_formats_in_one_file)
{
    struct server s;

    server_open(&s);
    server_start(&s, AT_ONCE "access_log: {to: a.log, format: 'one $uri'}\nroutes:\n"
                             "  - {path: /b, access_log: {to: a.log, format: 'two $uri'}}\n");
    ask_often(&s, "/b", NULL, 2);
    ask_often(&s, "/", NULL, 2);
    expect_log(&s, "a.log", "two /b\ntwo /b\none /\none /\n");
    server_close(&s);
}

/* ---- of which requests ---- */

Test(access_log, is_of_errors_only_and_of_a_share_of_the_others)
{
    struct buf text;
    struct server s;

    server_open(&s);
    server_start(&s, AT_ONCE "access_log: {to: a.log, format: $uri, if_status: [4xx]}\nroutes:\n"
                             "  - path: /some\n    access_log: {to: some.log, sample: 10%}\n");
    ask_often(&s, "/", NULL, 5);
    ask_often(&s, "/none", NULL, 5);
    ask_often(&s, "/some", NULL, 500);
    server_signal(&s, SIGTERM);
    cr_expect_eq(server_wait_exit(&s, DEADLINE_MS), 0);
    expect_log(&s, "a.log", "/none\n/none\n/none\n/none\n/none\n");
    text = file_read(server_path(&s, "some.log"));
    cr_expect_eq(lines_of(text), 50);
    buf_fini(&text);
    server_close(&s);
}

Test(access_log, is_of_slow_requests_only)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct buf text;
    struct client c;
    struct server s;

    server_open(&s);
    server_blob(&s, "root/big.bin", 20000000, 1);
    server_start(&s, AT_ONCE "access_log: {to: a.log, format: '$uri $request_time', "
                             "if_slower: 1s}\n");
    ask_often(&s, "/", NULL, 3);
    in.sin_port = htons((uint16_t)s.port);
    cr_assert(client_open_to(&c, (struct sockaddr *)&in, sizeof(in), 4096));
    client_send_text(&c, "GET /big.bin HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    pause_ms(1100);
    client_read_to_end(&c, DEADLINE_MS);
    client_close(&c);
    text = read_lines(&s, "a.log", 1);
    cr_expect_eq(strncmp(buf_cstr(&text), "/big.bin ", 9), 0, "%s", buf_cstr(&text));
    cr_expect_geq(atof(buf_cstr(&text) + 9), 1.0, "%s", buf_cstr(&text));
    buf_fini(&text);
    server_close(&s);
}

/* ---- where to ---- */

Test(access_log, goes_to_stderr_and_stdout)
{
    struct server s;

    server_open(&s);
    server_start(&s,
                 AT_ONCE "access_log: {to: stderr, format: 'to stderr $uri'}\nroutes:\n"
                         "  - {path: /b, access_log: {to: stdout, format: 'to stdout $uri'}}\n");
    ask_often(&s, "/?a", NULL, 1);
    ask_often(&s, "/b", NULL, 1);
    cr_expect(server_wait_log(&s, 0, "to stderr /\n", DEADLINE_MS));
    cr_expect(file_wait(server_path(&s, "stdout.log"), 0, "to stdout /b\n", DEADLINE_MS));
    server_close(&s);
}

static void expect_message(int fd, const char *start, const char *end)
{
    struct pollfd ready = { .fd = fd, .events = POLLIN };
    char message[1024];
    ssize_t n;

    cr_assert_eq(poll(&ready, 1, DEADLINE_MS), 1, "no message");
    n = recv(fd, message, sizeof(message) - 1, MSG_DONTWAIT);
    cr_assert_gt(n, 0);
    message[n] = '\0';
    cr_expect_eq(strncmp(message, start, strlen(start)), 0, "%s", message);
    cr_expect_geq((size_t)n, strlen(end));
    cr_expect_str_eq(message + n - strlen(end), end, "%s", message);
}

static int bind_unix(const char *path)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
    cr_assert_eq(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
    return fd;
}

Test(access_log, goes_to_syslog_by_a_unix_socket)
{
    char path[128], *config;
    struct server s;
    int fd;

    server_open(&s);
    snprintf(path, sizeof(path), "%s", server_path(&s, "log.sock"));
    fd = bind_unix(path);
    config = xasprintf(AT_ONCE "access_log: {to: 'syslog:%s', format: '$uri $status', "
                               "tag: web, severity: notice}\n",
                       path);
    server_start(&s, config);
    ask_often(&s, "/", NULL, 3);
    for (int i = 0; i < 3; i++)
        expect_message(fd, "<189>1 2", " access - / 200");
    /* The daemon goes, is missed, and comes back. */
    close(fd);
    unlink(path);
    ask_often(&s, "/lost", NULL, 1);
    cr_expect(server_wait_log(&s, 0, "lines are dropped until it takes them", DEADLINE_MS));
    fd = bind_unix(path);
    ask_often(&s, "/none", NULL, 1);
    expect_message(fd, "<189>1 2", " access - /none 404");
    cr_expect(server_wait_log(&s, 0, "it takes lines again", DEADLINE_MS));
    /* And the log stays over a reload and a reopening. */
    server_reload(&s, config);
    cr_expect_eq(server_verb(&s, "reopen", NULL), 0);
    ask_often(&s, "/none2", NULL, 1);
    expect_message(fd, "<189>1 2", " access - /none2 404");
    close(fd);
    free(config);
    server_close(&s);
}

Test(access_log, goes_to_syslog_by_udp)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t n = sizeof(in);
    struct server s;
    char *config;

    cr_assert_eq(bind(fd, (struct sockaddr *)&in, n), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&in, &n), 0);
    config = xasprintf("workers: 1\naccess_log_flush: 50ms\n"
                       "access_log: {to: 'syslog:127.0.0.1:%u', format: '$uri $status'}\n",
                       ntohs(in.sin_port));
    server_open(&s);
    server_start(&s, config);
    ask_often(&s, "/", NULL, 20);
    for (int i = 0; i < 20; i++)
        expect_message(fd, "<190>1 2", " access - / 200");
    close(fd);
    ask_often(&s, "/", NULL, 20); /* nobody listens, and nobody minds */
    free(config);
    server_close(&s);
}

Test(access_log, has_the_id_that_the_client_is_told)
{
    struct response r;
    struct server s;
    char line[128], id[64];

    server_open(&s);
    server_start(&s, AT_ONCE
                 "request_id: any\naccess_log: {to: id.log, format: '$status $request_id'}\n");
    cr_assert(fetch(&s, &r, "GET", "/", ""), "%s", r.failure);
    cr_assert(response_field(&r, "X-Request-ID", id, sizeof(id)));
    response_fini(&r);
    cr_assert(fetch(&s, &r, "GET", "/none", "X-Request-ID: theirs\r\n"), "%s", r.failure);
    response_fini(&r);
    snprintf(line, sizeof(line), "200 %s\n404 theirs\n", id);
    expect_log(&s, "id.log", line);
    server_close(&s);
}
