/* remudactl trace: requests as they are answered, of all workers, to whoever asks. */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/integration/load.h"
#include "tests/json_check.h"

TestSuite(trace, .timeout = 60);

/*
 * The control socket itself, at which "trace" was asked for, and answered. The workers hear of it a moment
 * later: when they answer another question, they have.
 */
static void open_trace(struct client *c, const struct server *s, const char *line)
{
    char text[700];

    cr_assert(client_open_unix(c, server_path(s, "config.sock")));
    snprintf(text, sizeof(text), "%s\n", line);
    cr_assert(client_send_text(c, text));
    while (strchr(buf_cstr(&c->in), '\n') == NULL)
        cr_assert(client_receive(c, DEADLINE_MS), "no answer to %s", line);
    cr_assert(strncmp(buf_cstr(&c->in), "ok ", 3) == 0 ||
                  strncmp(buf_cstr(&c->in), "{\"ok\":true", 10) == 0,
              "%s", c->in.p);
    c->taken = (size_t)((char *)memchr(c->in.p, '\n', c->in.n) + 1 - c->in.p);
    cr_assert_eq(server_verb(s, "connections 1", NULL), 0);
}

static const char *came(struct client *c)
{
    return buf_cstr(&c->in) + c->taken;
}

/* Waits until this has come. */
static bool comes(struct client *c, const char *text)
{
    uint64_t end = now_ms() + DEADLINE_MS;

    while (strstr(came(c), text) == NULL)
        if (now_ms() > end || !client_receive(c, DEADLINE_MS))
            return false;
    return true;
}

static unsigned lines(struct client *c)
{
    unsigned count = 0;

    for (size_t i = c->taken; i < c->in.n; i++)
        count += c->in.p[i] == '\n';
    return count;
}

static void ask(const struct server *s, const char *method, const char *target, const char *host)
{
    char request[512];
    struct response r;
    struct client c;

    snprintf(request, sizeof(request), "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
             method, target, host);
    client_open(&c, s);
    client_send_text(&c, request);
    cr_expect(client_read(&c, &r, strcmp(method, "HEAD") == 0), "%s", r.failure);
    response_fini(&r);
    client_close(&c);
}

static void start(struct server *s, const char *config)
{
    server_open(s);
    server_file(s, "root/a/b c", "abc");
    server_start(s, config);
}

Test(trace, tells_each_request)
{
    struct client c;
    struct server s;

    start(&s, "");
    open_trace(&c, &s, "trace");
    for (int i = 0; i < 3; i++) /* also those that would be answered as before */
        ask(&s, "GET", "/", "one.example");
    ask(&s, "HEAD", "/a/b%20c?d", "two.example:80");
    cr_expect(comes(&c, "/a/b%20c?d"));
    cr_expect_not_null(strstr(came(&c), " 127.0.0.1 GET one.example / 200 6 "));
    cr_expect_not_null(strstr(came(&c), " 127.0.0.1 HEAD two.example /a/b%20c?d 200 0 "));
    cr_expect_not_null(strstr(came(&c), "ms (* /)\n"));
    cr_expect_eq(lines(&c), 4, "%s", came(&c));
    client_close(&c);
    server_close(&s);
}

static const struct {
    const char *filter, *method, *target, *host;
} hits[] = {
    { "host=*.one.example", "GET", "/", "www.one.example" },
    { "path=/a/b", "GET", "/a/b%20c", "x" },
    { "path=/*c", "GET", "/a/b%20c", "x" },
    { "status=404", "GET", "/none", "x" },
    { "status=5xx,4xx", "GET", "/none", "x" },
    { "method=HEAD", "HEAD", "/", "x" },
    { "client=127.0.0.0/8 status=2xx path=/a", "GET", "/a/b%20c", "x" },
};

Test(trace, tells_only_what_meets_the_filter)
{
    struct client traces[sizeof(hits) / sizeof(*hits)];
    struct server s;
    char line[256];

    start(&s, "");
    for (size_t i = 0; i < sizeof(hits) / sizeof(*hits); i++) {
        snprintf(line, sizeof(line), "trace %s", hits[i].filter);
        open_trace(&traces[i], &s, line);
    }
    for (size_t i = 0; i < sizeof(hits) / sizeof(*hits); i++) {
        ask(&s, "GET", "/", "x");
        ask(&s, hits[i].method, hits[i].target, hits[i].host);
        cr_expect(comes(&traces[i], hits[i].target), "%s", hits[i].filter);
        cr_expect_null(strstr(came(&traces[i]), " GET x / "), "%s: %s", hits[i].filter,
                       came(&traces[i]));
    }
    for (size_t i = 0; i < sizeof(hits) / sizeof(*hits); i++)
        client_close(&traces[i]);
    server_close(&s);
}

Test(trace, tells_what_was_slow)
{
    struct client c, slow;
    struct response r;
    struct server s;

    start(&s, "");
    server_blob(&s, "root/big", 16 << 20, 1);
    open_trace(&c, &s, "trace slower=200ms");
    client_open(&slow, &s);
    client_send_text(&slow, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    pause_ms(300);
    ask(&s, "GET", "/", "quick.example");
    cr_expect(client_read(&slow, &r, false));
    response_fini(&r);
    cr_expect(comes(&c, " /big 200 16777216 "));
    cr_expect_null(strstr(came(&c), "quick.example"));
    client_close(&slow);
    client_close(&c);
    server_close(&s);
}

/* Each line is a document, whatever was sent. */
Test(trace, tells_it_as_json)
{
    struct client c, odd;
    struct server s;
    struct str rest;

    start(&s, "");
    open_trace(&c, &s, "json trace status=4xx");
    client_open(&odd, &s);
    client_send_text(&odd, "GET /\x1b]0;x\x07\xff\"\\ HTTP/1.1\r\nHost: a\"b\r\n\r\n");
    client_read_to_end(&odd, DEADLINE_MS);
    ask(&s, "GET", "/none?%c3%a4", "x.example");
    cr_expect(comes(&c, "x.example"));
    rest = str_range(c.in.p, c.in.p + c.in.n);
    while (rest.n > 0) {
        struct str line = str_cut(&rest, '\n');

        cr_expect(json_is_valid(line), "%.*s", STR_ARG(line));
        cr_expect_null(memchr(line.p, 0x1b, line.n));
    }
    cr_expect_not_null(strstr(came(&c), "\"status\":404"));
    cr_expect_not_null(strstr(came(&c), "\"status\":400"));
    client_close(&odd);
    client_close(&c);
    server_close(&s);
}

Test(trace, lets_no_byte_of_a_stranger_through)
{
    struct client c, odd;
    struct server s;

    start(&s, "");
    open_trace(&c, &s, "trace");
    client_open(&odd, &s);
    client_send_text(&odd, "GET /\x1b[31m HTTP/1.1\r\nHost: a\r\nCookie: secret\r\n\r\n");
    client_read_to_end(&odd, DEADLINE_MS);
    cr_expect(comes(&c, " 400 "), "%s", came(&c));
    for (size_t i = 0; i < c.in.n; i++)
        cr_expect(c.in.p[i] == '\n' || (c.in.p[i] >= 0x20 && c.in.p[i] < 0x7f));
    cr_expect_null(strstr(came(&c), "secret"));
    client_close(&odd);
    client_close(&c);
    server_close(&s);
}

/* ---- who follows ---- */

Test(trace, serves_several_and_goes_on_when_one_leaves)
{
    struct client a, b;
    struct server s;

    start(&s, "");
    open_trace(&a, &s, "trace");
    open_trace(&b, &s, "trace");
    ask(&s, "GET", "/1", "x");
    cr_expect(comes(&a, " /1 ") && comes(&b, " /1 "));
    client_close(&a);
    for (int i = 0; i < 20; i++)
        ask(&s, "GET", "/2", "x");
    cr_expect(comes(&b, " /2 "));
    client_reset(&b);
    for (int i = 0; i < 20; i++)
        ask(&s, "GET", "/3", "x");
    open_trace(&a, &s, "trace");
    ask(&s, "GET", "/4", "x");
    cr_expect(comes(&a, " /4 "));
    cr_expect_null(strstr(came(&a), " /3 "));
    client_close(&a);
    server_close(&s);
}

Test(trace, has_so_many_at_a_time_and_says_so)
{
    struct client traces[8], more;
    struct server s;
    uint64_t end = now_ms() + DEADLINE_MS;
    bool is_refused = true;

    start(&s, "");
    for (int i = 0; i < 8; i++)
        open_trace(&traces[i], &s, "trace");
    cr_assert(client_open_unix(&more, server_path(&s, "config.sock")));
    client_send_text(&more, "trace\n");
    client_read_to_end(&more, DEADLINE_MS);
    cr_expect_str_eq(buf_cstr(&more.in), "error 8 traces run already, and there may be no more\n");
    client_close(&more);
    client_close(&traces[3]);
    while (is_refused && now_ms() < end) { /* the master hears of the end in a moment */
        cr_assert(client_open_unix(&more, server_path(&s, "config.sock")));
        client_send_text(&more, "trace\n");
        cr_assert(client_receive(&more, DEADLINE_MS));
        is_refused = strncmp(buf_cstr(&more.in), "ok", 2) != 0;
        if (is_refused)
            client_close(&more);
    }
    cr_expect_not(is_refused);
    cr_assert_eq(server_verb(&s, "connections 1", NULL), 0); /* all workers have heard of it */
    ask(&s, "GET", "/x", "x");
    cr_expect(comes(&more, " /x "));
    client_close(&more);
    for (int i = 0; i < 8; i++)
        client_close(&traces[i]);
    server_close(&s);
}

/* How much was told to be missing; whatever came is whole lines. */
static uint64_t count_dropped(struct client *c, unsigned *told)
{
    struct str rest = str_range(came(c), c->in.p + c->in.n);
    uint64_t dropped = 0;

    *told = 0;
    while (rest.n > 0) {
        struct str line = str_cut(&rest, '\n');
        unsigned long long n;

        cr_assert(rest.p != NULL, "a line in part: %.*s", STR_ARG(line));
        if (line.p[0] == '(') {
            cr_assert(sscanf(line.p, "(%llu more", &n) == 1);
            dropped += n;
        } else {
            cr_assert(str_ends(line, STR("ms (* /)")), "%.*s", STR_ARG(line));
            (*told)++;
        }
    }
    return dropped;
}

Test(trace, holds_up_nobody_when_it_is_not_read)
{
    static struct load load;
    struct client c;
    struct server s;
    unsigned told, before;
    uint64_t dropped, end;

    start(&s, "workers: 1\n");
    open_trace(&c, &s, "trace");
    load_start(&load, &s, LOAD_KEEP_ALIVE, "/", 8);
    cr_expect(load_go_on(&load, 10000), "%u", load.done);
    load_stop(&load);
    cr_expect_eq(load.failed, 0, "%s", load.failure);
    before = load.done;
    while (client_receive(&c, 100 * SLOWNESS))
        ;
    cr_expect_eq(count_dropped(&c, &told), 0, "nobody was told yet");
    cr_expect_lt(told, before, "it cannot have fitted");
    end = now_ms() + DEADLINE_MS;
    do
        ask(&s, "GET", "/last", "x");
    while (!comes(&c, " /last ") && now_ms() < end);
    dropped = count_dropped(&c, &told);
    cr_expect_eq(told + dropped, before + 1, "%u told and %llu dropped of %u", told,
                 (unsigned long long)dropped, before);
    client_close(&c);
    server_close(&s);
}

/* ---- workers come and go ---- */

static void expect_all_workers_tell(struct client *c, const struct server *s, const char *target)
{
    uint64_t end = now_ms() + DEADLINE_MS;
    bool is_told = false;

    c->taken = c->in.n;
    while (!is_told && now_ms() < end) {
        ask(s, "GET", target, "x");
        client_receive(c, 10);
        is_told = strstr(came(c), "worker 1 ") != NULL && strstr(came(c), "worker 2 ") != NULL;
    }
    cr_expect_not_null(strstr(came(c), target));
    cr_expect(is_told, "%s: not by both: %s", target, came(c));
}

Test(trace, goes_on_when_a_worker_dies_and_its_successor_joins)
{
    pid_t pids[SERVER_WORKERS_MAX];
    struct client c;
    struct server s;

    start(&s, "");
    open_trace(&c, &s, "trace");
    expect_all_workers_tell(&c, &s, "/before");
    cr_assert_eq(server_workers(&s, pids), 2);
    kill(pids[0], SIGKILL);
    cr_assert(server_wait_workers(&s, 2, pids[0], DEADLINE_MS));
    expect_all_workers_tell(&c, &s, "/behind");
    client_close(&c);
    server_close(&s);
}

Test(trace, goes_on_over_reloads_rolls_and_other_numbers_of_workers)
{
    struct client c;
    struct server s;

    start(&s, "");
    open_trace(&c, &s, "trace path=/r/");
    server_reload(&s, "routes: [{path: /r}]\n");
    expect_all_workers_tell(&c, &s, "/r/1");
    cr_expect_not_null(strstr(came(&c), "(* /r)"));
    server_reload(&s, "worker_rlimit_nofile: 2048\n");
    expect_all_workers_tell(&c, &s, "/r/2");
    server_reload(&s, "workers: 1\nworker_rlimit_nofile: 2048\n");
    server_reload(&s, "workers: 2\nworker_rlimit_nofile: 2048\n");
    expect_all_workers_tell(&c, &s, "/r/3");
    client_close(&c);
    server_close(&s);
}

Test(trace, joins_a_worker_that_was_stuck)
{
    pid_t pids[SERVER_WORKERS_MAX];
    struct client early, late;
    struct server s;
    size_t from;

    start(&s, "");
    cr_assert_eq(server_workers(&s, pids), 2);
    open_trace(&early, &s, "trace");
    from = server_log_size(&s);
    kill(pids[0], SIGSTOP);
    cr_assert(server_wait_log(&s, from, "does nothing", DEADLINE_MS));
    client_close(&early);
    open_trace(&late, &s, "trace");
    kill(pids[0], SIGCONT);
    cr_assert(server_wait_log(&s, from, "goes on", DEADLINE_MS));
    expect_all_workers_tell(&late, &s, "/both");
    client_close(&late);
    server_close(&s);
}

Test(trace, works_in_a_single_process)
{
    const char *const argv[] = { "--single", "-c", "config.yaml", NULL };
    struct client c;
    struct server s;

    server_open(&s);
    server_config(&s, "");
    server_spawn(&s, argv);
    cr_assert(server_wait_ready(&s, DEADLINE_MS));
    open_trace(&c, &s, "trace");
    ask(&s, "GET", "/x", "x");
    cr_expect(comes(&c, " worker 1 127.0.0.1 GET x /x 404 "));
    client_close(&c);
    ask(&s, "GET", "/y", "x");
    open_trace(&c, &s, "trace");
    ask(&s, "GET", "/z", "x");
    cr_expect(comes(&c, " /z "));
    client_close(&c);
    server_close(&s);
}

Test(trace, ends_with_the_server)
{
    struct client c;
    struct server s;

    start(&s, "");
    open_trace(&c, &s, "trace");
    server_stop(&s);
    cr_expect_eq(client_read_to_end(&c, DEADLINE_MS), CLIENT_FIN);
    client_close(&c);
    server_close(&s);
}

/* ---- the command ---- */

Test(trace, command_shows_so_many_lines_and_ends)
{
    static struct load load;
    struct command c;
    struct server s;

    start(&s, "");
    load_start(&load, &s, LOAD_KEEP_ALIVE, "/", 1);
    command_run(&c, &s,
                (const char *const[]){ server_binary(), "-c", s.config, "-s", "trace", "path=/",
                                       "limit=3", NULL });
    load_stop(&load);
    cr_expect_eq(c.exit_code, 0);
    cr_expect_not_null(strstr(buf_cstr(&c.output), " / 200 6 "), "%s", c.output.p);
    cr_expect_null(strstr(buf_cstr(&c.output), "ok"));
    cr_expect_eq(strchr(strchr(strchr(buf_cstr(&c.output), '\n') + 1, '\n') + 1, '\n') + 1,
                 c.output.p + c.output.n, "three lines: %s", c.output.p);
    command_fini(&c);
    server_close(&s);
}

Test(trace, command_says_what_is_wrong)
{
    struct command c;
    struct server s;

    start(&s, "");
    command_run(
        &c, &s,
        (const char *const[]){ server_binary(), "-c", s.config, "-s", "trace", "hots=a", NULL });
    cr_expect_eq(c.exit_code, 1);
    cr_expect_str_eq(buf_cstr(&c.output), "remuda: trace hots=a failed: unknown filter \"hots\"; "
                                          "did you mean host?\n");
    command_fini(&c);
    command_run(&c, &s,
                (const char *const[]){ server_binary(), "-c", s.config, "--json", "-s", "trace",
                                       "status=1", NULL });
    cr_expect_eq(c.exit_code, 1);
    cr_expect(json_is_valid(buf_str(&c.output)), "%s", c.output.p);
    command_fini(&c);
    server_close(&s);
}
