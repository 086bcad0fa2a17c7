/* The access log: what a line says, when it is written, and what reopening does. */
#include <criterion/criterion.h>
#include <regex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/integration/load.h"

TestSuite(log, .timeout = 40);

#define AT_ONCE "access_log: access.log\naccess_log_buffer: 0\n"
#define STAMP   "\\[[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:[0-9]{2}:[0-9]{2}:[0-9]{2} [+-][0-9]{4}\\]"

static bool matches(const char *text, const char *pattern)
{
    regex_t regex;
    bool is_match;

    cr_assert(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) == 0, "%s", pattern);
    is_match = regexec(&regex, text, 0, NULL, 0) == 0;
    regfree(&regex);
    return is_match;
}

static unsigned lines_in(const char *path)
{
    struct buf b = file_read(path);
    unsigned count = 0;

    for (size_t i = 0; i < b.n; i++)
        count += b.p[i] == '\n';
    buf_fini(&b);
    return count;
}

/* Each request is sent alone; its line must match. */
static const struct {
    const char *why, *bytes, *pattern;
} rows[] = {
    { "plain", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
      "^127\\.0\\.0\\.1 - - " STAMP " \"GET / HTTP/1\\.1\" 200 6 \"-\" \"-\"$" },
    { "1.0", "GET / HTTP/1.0\r\n\r\n", "\"GET / HTTP/1\\.0\" 200 6 \"-\" \"-\"$" },
    { "Referer and User-Agent",
      "GET / HTTP/1.1\r\nHost: a\r\nReferer: http://b/c?d\r\nUser-Agent: x/1 (y; z)\r\n"
      "Connection: close\r\n\r\n",
      "\"GET / HTTP/1\\.1\" 200 6 \"http://b/c\\?d\" \"x/1 \\(y; z\\)\"$" },
    { "the target as sent, with its query",
      "GET /%69ndex.html?a=%20b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
      "\"GET /%69ndex\\.html\\?a=%20b HTTP/1\\.1\" 200 6 " },
    { "HEAD sends no body", "HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
      "\"HEAD / HTTP/1\\.1\" 200 0 " },
    { "304 sends no body",
      "GET / HTTP/1.1\r\nHost: a\r\nIf-None-Match: *\r\nConnection: close\r\n\r\n",
      "\"GET / HTTP/1\\.1\" 304 0 " },
    { "206 counts its part",
      "GET / HTTP/1.1\r\nHost: a\r\nRange: bytes=0-2\r\nConnection: close\r\n\r\n",
      "\"GET / HTTP/1\\.1\" 206 3 " },
    { "404", "GET /none HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
      "\"GET /none HTTP/1\\.1\" 404 [1-9][0-9]* " },
    { "405", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx",
      "\"POST / HTTP/1\\.1\" 405 [1-9][0-9]* " },
    { "400 for a field", "GET /bad HTTP/1.1\r\nHost : a\r\n\r\n",
      "\"(GET /bad HTTP/1\\.1|-)\" 400 [0-9]+ " },
    { "400 for nonsense", "nonsense\r\n\r\n", "\"(nonsense|-)?\" 400 [0-9]+ " },
    { "505", "GET / HTTP/9.9\r\n\r\n", "\"(GET / HTTP/9\\.9|-)\" 505 [0-9]+ " },
    { "a quote cannot end its string",
      "GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: \" 200 0 \"x\r\nConnection: close\r\n\r\n",
      "\" 200 6 \"-\" \"(\\\\\"|\\\\x22) 200 0 (\\\\\"|\\\\x22)x\"$" },
    { "a backslash is told from an escape",
      "GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: a\\x22\r\nConnection: close\r\n\r\n",
      "\" 200 6 \"-\" \"a(\\\\\\\\|\\\\x5[Cc])x22\"$" },
    { "a tab", "GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: a\tb\r\nConnection: close\r\n\r\n",
      "\" 200 6 \"-\" \"a(\\\\t|\\\\x09)b\"$" },
    { "a quote in the target", "GET /?\" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
      "\"(GET /\\?(\\\\\"|\\\\x22) HTTP/1\\.1|-)\" (200|400) " },
    { "control bytes of a bad request", "G\x1b[31m\x07 / HTTP/1.1\r\n\r\n",
      "\"(G\\\\x1[Bb]\\[31m\\\\x07 / HTTP/1\\.1|-)?\" 400 " },
};

Test(log, tells_each_request_in_combined_format)
{
    char log[128];
    struct server s;

    server_open(&s);
    server_start(&s, AT_ONCE);
    snprintf(log, sizeof(log), "%s", server_path(&s, "access.log"));
    for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct client c;
        struct buf b;
        char *line;

        client_open(&c, &s);
        client_send_text(&c, rows[i].bytes);
        client_read_to_end(&c, DEADLINE_MS);
        client_close(&c);
        for (uint64_t end = now_ms() + 3000; lines_in(log) <= i && now_ms() < end;)
            pause_ms(2);
        b = file_read(log);
        cr_assert(b.n > 0 && buf_cstr(&b)[b.n - 1] == '\n' && lines_in(log) == i + 1,
                  "%s: %u lines", rows[i].why, lines_in(log));
        b.p[b.n - 1] = '\0';
        line = strrchr(b.p, '\n');
        line = line != NULL ? line + 1 : b.p;
        cr_expect(matches(line, rows[i].pattern), "%s: %s", rows[i].why, line);
        for (char *p = line; *p != '\0'; p++)
            cr_expect((unsigned char)*p >= ' ' && *p != 0x7f, "%s: control byte", rows[i].why);
        buf_fini(&b);
    }
    server_close(&s);
}

Test(log, writes_what_was_really_sent)
{
    struct client c;
    struct server s;

    server_open(&s);
    server_blob(&s, "root/big.bin", 20000000, 1);
    server_start(&s, AT_ONCE);
    cr_expect_eq(fetch_status(&s, "/big.bin"), 200);
    cr_expect(file_wait(server_path(&s, "access.log"), 0, "\" 200 20000000 ", DEADLINE_MS));
    client_open(&c, &s);
    client_send_text(&c, "GET /big.bin?cut HTTP/1.1\r\nHost: a\r\n\r\n");
    client_receive(&c, DEADLINE_MS);
    client_reset(&c);
    cr_expect(file_wait(server_path(&s, "access.log"), 0, "/big.bin?cut", DEADLINE_MS));
    cr_expect(!file_wait(server_path(&s, "access.log"), 0, "?cut HTTP/1.1\" 200 20000000 ", 0));
    server_close(&s);
}

Test(log, is_flushed_by_time)
{
    struct server s;

    server_open(&s);
    server_start(&s, "access_log: access.log\naccess_log_buffer: 64KiB\naccess_log_flush: 300ms\n");
    cr_expect_eq(fetch_status(&s, "/"), 200);
    cr_expect(file_wait(server_path(&s, "access.log"), 0, "GET / ", 2000 * SLOWNESS));
    server_close(&s);
}

Test(log, is_flushed_by_size_and_at_exit)
{
    struct response r;
    struct client c;
    struct server s;
    unsigned lines;

    server_open(&s);
    server_start(&s, "workers: 1\naccess_log: access.log\naccess_log_buffer: 4KiB\n"
                     "access_log_flush: 1h\n");
    client_open(&c, &s);
    for (unsigned i = 0; i < 100; i++) { /* about 70 bytes each */
        cr_assert(client_ask(&c, &r, "GET", "/", NULL));
        response_fini(&r);
    }
    client_close(&c);
    cr_expect(file_wait(server_path(&s, "access.log"), 0, "GET / ", 2000), "4 KiB were full");
    lines = lines_in(server_path(&s, "access.log"));
    cr_expect(lines > 30 && lines < 100, "%u lines: nothing is buffered", lines);
    server_signal(&s, SIGTERM);
    cr_expect_eq(server_wait_exit(&s, DEADLINE_MS), 0);
    cr_expect_eq(lines_in(server_path(&s, "access.log")), 100, "the rest at exit");
    server_close(&s);
}

Test(log, belongs_to_its_site_and_route)
{
    struct server s;

    server_open(&s);
    server_file(&s, "root/loud/index.html", "x");
    server_file(&s, "root/quiet/index.html", "x");
    server_start(&s, "access_log: main.log\naccess_log_buffer: 0\nroutes:\n"
                     "  - path: /loud\n    access_log: loud.log\n"
                     "  - path: /quiet\n    access_log: off\n");
    cr_expect_eq(fetch_status(&s, "/quiet/"), 200);
    cr_expect_eq(fetch_status(&s, "/loud/"), 200);
    cr_expect_eq(fetch_status(&s, "/"), 200);
    cr_expect(file_wait(server_path(&s, "loud.log"), 0, "GET /loud/ ", 2000));
    cr_expect(file_wait(server_path(&s, "main.log"), 0, "GET / ", 2000));
    cr_expect_eq(lines_in(server_path(&s, "main.log")), 1);
    cr_expect_eq(lines_in(server_path(&s, "loud.log")), 1);
    server_close(&s);
}

/* As logrotate does it: rename, USR1, wait for the new file, and nothing is lost. */
Test(log, loses_no_line_when_it_is_reopened)
{
    static struct load load;
    char from[96], to[112];
    unsigned lines = 0;
    struct server s;

    server_open(&s);
    server_start(&s, "access_log: access.log\naccess_log_buffer: 4KiB\n");
    snprintf(from, sizeof(from), "%s", server_path(&s, "access.log"));
    load_start(&load, &s, LOAD_KEEP_ALIVE, "/", 4);
    for (unsigned i = 0; i < 5; i++) {
        snprintf(to, sizeof(to), "%s.%u", from, i);
        cr_assert(rename(from, to) == 0);
        if (i % 2 == 0)
            server_signal(&s, SIGUSR1);
        else
            cr_expect_eq(server_verb(&s, "reopen", NULL), 0);
        cr_expect(file_wait_exists(from, true, DEADLINE_MS), "no new log, round %u", i);
        cr_expect(load_go_on(&load, 200), "%s", load.failure);
    }
    load_stop(&load);
    cr_expect_eq(load.failed, 0, "%s", load.failure);
    server_signal(&s, SIGQUIT);
    cr_expect_eq(server_wait_exit(&s, DEADLINE_MS), 0);
    for (unsigned i = 0; i < 5; i++) {
        snprintf(to, sizeof(to), "%s.%u", from, i);
        lines += lines_in(to);
    }
    lines += lines_in(from);
    cr_expect_eq(lines, load.done, "%u lines for %u requests", lines, load.done);
    server_close(&s);
}

Test(log, reopens_the_error_log_too)
{
    struct server s;

    server_open(&s);
    server_start(&s, "");
    cr_assert(rename(s.log, server_path(&s, "old.log")) == 0);
    cr_expect_eq(server_verb(&s, "reopen", NULL), 0, "it answers once all have reopened");
    cr_expect(file_wait_exists(s.log, true, 1000));
    server_signal(&s, SIGHUP);
    cr_expect(server_wait_log(&s, 0, "reload: generation 2", DEADLINE_MS));
    server_close(&s);
}

Test(log, errors_are_objects_when_asked_for_also_after_a_reload)
{
    struct client c;
    struct server s;

    server_open(&s);
    server_start(&s, "workers: 1\nlog_level: info\n");
    cr_expect(!server_wait_log(&s, 0, "{\"time\"", 0));
    server_reload(&s, "workers: 1\nlog_level: info\nerror_log_format: json\n");
    cr_expect(server_wait_log(&s, 0, "\"worker\":0,\"message\":\"reload: generation 2", 1000));
    client_open(&c, &s);
    client_send_text(&c, "GET /\xff\" HTTP/1.1\r\nHost: a\r\nNo colon\r\n\r\n");
    client_read_to_end(&c, DEADLINE_MS);
    client_close(&c);
    cr_expect(server_wait_log(&s, 0, "\"worker\":1,\"message\":\"127.0.0.1: 400: ", DEADLINE_MS));
    cr_expect(server_wait_log(&s, 0, "\"client\":\"127.0.0.1\"", DEADLINE_MS));
    server_close(&s);
}

/* Lines of the master are lost there, and counted. */
Test(log, counts_what_the_master_could_not_write)
{
    struct server s;

    if (access("/dev/full", W_OK) != 0)
        cr_skip_test("no /dev/full");
    server_open(&s);
    server_start(&s, "routes: [{path: /status, status_page: on}]\n");
    server_reload(&s, "error_log: /dev/full\nroutes: [{path: /status, status_page: on}]\n");
    for (uint64_t end = now_ms() + DEADLINE_MS; now_ms() < end;)
        if (status_figure(&s, "log_lines_dropped") >= 2)
            break;
    cr_expect_geq(status_figure(&s, "log_lines_dropped"), 2, "the answer to the reload has two");
    server_close(&s);
}

/* A log that cannot be written must not stop the service. */
Test(log, does_not_stop_the_service_when_the_disk_is_full)
{
    struct response r;
    struct client c;
    struct server s;

    if (access("/dev/full", W_OK) != 0)
        cr_skip_test("no /dev/full");
    server_open(&s);
    server_start(&s, "access_log: /dev/full\naccess_log_buffer: 4KiB\n");
    client_open(&c, &s);
    for (unsigned i = 0; i < 500; i++) {
        cr_assert(client_ask(&c, &r, "GET", "/", NULL) && r.status == 200, "request %u: %s", i,
                  r.failure);
        response_fini(&r);
    }
    client_close(&c);
    server_close(&s);
}
