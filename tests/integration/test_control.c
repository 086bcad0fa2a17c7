/* The control socket: what can be asked, as lines and as JSON, whatever state the workers are in. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/integration/client.h"
#include "tests/json_check.h"

TestSuite(control, .timeout = 60);

#define UNWATCHED "open_file_cache: {watch: off, valid: 1h}\n"

/* One line to the socket; all that comes back. */
static struct buf ask(const struct server *s, const char *line)
{
    struct client c;
    struct buf answer = { 0 };

    cr_assert(client_open_unix(&c, server_path(s, "config.sock")), "%s: %m", line);
    client_send_text(&c, line);
    client_send_text(&c, "\n");
    cr_expect_eq(client_read_to_end(&c, DEADLINE_MS), CLIENT_FIN, "%s", line);
    buf_add(&answer, (struct str){ c.in.p, c.in.n });
    client_close(&c);
    return answer;
}

static struct buf ask_json(const struct server *s, const char *verb)
{
    char line[512];
    struct buf answer;

    snprintf(line, sizeof(line), "json %s", verb);
    answer = ask(s, line);
    cr_assert(json_is_valid(buf_str(&answer)), "%s: %s", verb, buf_cstr(&answer));
    return answer;
}

/* The value at `path` as it stands there. */
static void expect_at(const struct buf *json, const char *path, const char *expect)
{
    struct str got = json_at(buf_str(json), path);

    cr_expect(got.p != NULL && str_eq(got, str_of(expect)), "%s is %.*s, not %s", path,
              got.p != NULL ? (int)got.n : 7, got.p != NULL ? got.p : "missing", expect);
}

static uint64_t number_at(const struct buf *json, const char *path)
{
    struct str got = json_at(buf_str(json), path);
    uint64_t number = UINT64_MAX;

    cr_expect(got.p != NULL && str_to_u64(got, &number), "no number at %s: %.*s", path,
              (int)json->n, json->p);
    return number;
}

static void expect_answer(const struct server *s, const char *line, const char *part)
{
    struct buf answer = ask(s, line);

    cr_expect_not_null(strstr(buf_cstr(&answer), part), "%s: \"%s\" is not in \"%s\"", line, part,
                       buf_cstr(&answer));
    buf_fini(&answer);
}

/* ---- each verb as JSON ---- */

Test(control, answers_every_verb_as_json)
{
    static const char *const verbs[] = { "reload",          "reopen",    "status",  "workers",
                                         "connections",     "log level", "metrics", "set workers 3",
                                         "log level error", "purge /" };
    struct server s;
    struct buf answer;

    server_open(&s);
    server_start(&s, "");
    for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++) {
        answer = ask_json(&s, verbs[i]);
        expect_at(&answer, "ok", "true");
        buf_fini(&answer);
    }
    answer = ask_json(&s, "dance \xff\"");
    expect_at(&answer, "ok", "false");
    cr_expect_not_null(strstr(buf_cstr(&answer), "unknown verb"));
    buf_fini(&answer);
    answer = ask_json(&s, "stop");
    expect_at(&answer, "lines.0", "\"stopped\"");
    buf_fini(&answer);
    cr_expect_eq(server_wait_exit(&s, DEADLINE_MS), 0);
    server_close(&s);
}

Test(control, metrics_are_what_the_status_page_says)
{
    struct server s;
    struct buf answer;

    server_open(&s);
    server_start(&s, "");
    for (int i = 0; i < 3; i++)
        cr_expect_eq(fetch_status(&s, "/"), 200);
    expect_answer(&s, "metrics", "ok # HELP remuda_");
    expect_answer(&s, "metrics",
                  "\nremuda_http_requests_total{site=\"*\",route=\"/\",code=\"2xx\"} 3\n");
    answer = ask_json(&s, "metrics");
    expect_at(&answer, "metrics.sites.0.routes.0.requests", "3");
    buf_fini(&answer);
    server_verb(&s, "metrics", &answer);
    cr_expect(str_starts(buf_str(&answer), STR("# HELP remuda_build_info ")), "without the \"ok\"");
    buf_fini(&answer);
    server_close(&s);
}

Test(control, tells_why_a_reload_failed_as_json)
{
    struct server s;
    struct buf answer;

    server_open(&s);
    server_start(&s, "");
    server_config(&s, "wrokers: 2\n");
    answer = ask_json(&s, "reload");
    expect_at(&answer, "ok", "false");
    cr_expect_not_null(strstr(buf_cstr(&answer), "did you mean"));
    buf_fini(&answer);
    answer = ask_json(&s, "status");
    expect_at(&answer, "last_reload.ok", "false");
    buf_fini(&answer);
    server_close(&s);
}

Test(control, status_is_an_object)
{
    struct server s;
    struct buf answer;

    server_open(&s);
    server_start(&s, "");
    cr_expect_eq(fetch_status(&s, "/"), 200);
    answer = ask_json(&s, "status");
    expect_at(&answer, "state", "\"running\"");
    expect_at(&answer, "worker_count", "2");
    expect_at(&answer, "generation", "1");
    expect_at(&answer, "last_reload", "null");
    expect_at(&answer, "workers.1.state", "\"serving\"");
    cr_expect_eq(number_at(&answer, "pid"), (uint64_t)s.pid);
    buf_fini(&answer);
    server_close(&s);
}

/* ---- workers ---- */

Test(control, workers_tells_of_each_what_it_costs)
{
    pid_t pids[SERVER_WORKERS_MAX];
    struct server s;
    struct buf answer;

    server_open(&s);
    server_start(&s, "");
    cr_expect_eq(fetch_status(&s, "/"), 200);
    cr_assert_eq(server_workers(&s, pids), 2);
    kill(pids[0], SIGKILL);
    cr_expect(server_wait_workers(&s, 2, pids[0], DEADLINE_MS));
    answer = ask_json(&s, "workers");
    cr_expect_eq(
        number_at(&answer, "workers.0.respawned") + number_at(&answer, "workers.1.respawned"), 1);
    cr_expect_eq(
        number_at(&answer, "workers.0.requests") + number_at(&answer, "workers.1.requests"), 1);
    cr_expect_gt(number_at(&answer, "workers.0.memory_bytes"), 100000);
    expect_at(&answer, "workers.0.worker", "1");
    expect_at(&answer, "workers.1.generation", "1");
    buf_fini(&answer);
    expect_answer(&s, "workers", "ok worker  state");
    expect_answer(&s, "workers", "serving");
    server_close(&s);
}

/* ---- connections ---- */

/* Waits until as many are listed in this state. */
static struct buf wait_listed(const struct server *s, const char *verb, uint64_t matched)
{
    uint64_t end = now_ms() + DEADLINE_MS;
    struct buf answer = ask_json(s, verb);

    while (number_at(&answer, "matched") != matched && now_ms() < end) {
        pause_ms(5);
        buf_fini(&answer);
        answer = ask_json(s, verb);
    }
    cr_expect_eq(number_at(&answer, "matched"), matched, "%s: %s", verb, buf_cstr(&answer));
    return answer;
}

Test(control, connections_are_told_with_what_is_under_way)
{
    struct client idle, reading, body, sending;
    struct server s;
    struct response r;
    struct buf answer;

    server_open(&s);
    server_blob(&s, "root/big", 20 << 20, 1);
    server_start(&s, "");
    client_open(&idle, &s);
    cr_expect(client_ask(&idle, &r, "GET", "/", NULL));
    response_fini(&r);
    client_open(&reading, &s);
    client_send_text(&reading, "GET / HT");
    client_open(&body, &s);
    client_send_text(&body, "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx");
    client_open(&sending, &s);
    client_send_text(&sending, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");

    answer = wait_listed(&s, "connections", 4); /* accepted, with what they sent */
    buf_fini(&answer);
    answer = wait_listed(&s, "connections sending", 1);
    expect_at(&answer, "connections.0.request", "\"GET /big HTTP/1.1\"");
    expect_at(&answer, "connections.0.state", "\"sending\"");
    expect_at(&answer, "connections.0.requests", "1");
    expect_at(&answer, "open", "4");
    cr_expect_gt(number_at(&answer, "connections.0.bytes_out"), 0);
    buf_fini(&answer);
    answer = wait_listed(&s, "connections idle 127.0.0.0/8", 1);
    expect_at(&answer, "connections.0.request", "null");
    buf_fini(&answer);
    answer = wait_listed(&s, "connections reading", 2);
    expect_at(&answer, "connections.0.state", "\"reading body\"");
    expect_at(&answer, "connections.0.request", "\"POST /a HTTP/1.1\"");
    expect_at(&answer, "connections.1.state", "\"reading head\"");
    buf_fini(&answer);
    answer = wait_listed(&s, "connections 10.0.0.0/8", 0);
    buf_fini(&answer);
    answer = wait_listed(&s, "connections 3", 4);
    expect_at(&answer, "shown", "3");
    expect_at(&answer, "connections.0.state", "\"reading body\"");
    expect_at(&answer, "connections.1.state", "\"sending\"");
    buf_fini(&answer);
    expect_answer(&s, "connections", "4 open connections");
    expect_answer(&s, "connections 1", "1 of 4 open connections");
    expect_answer(&s, "connections 1 reading", "1 of 2 that match, of 4 open connections");
    expect_answer(&s, "connections dancing", "error connections takes");
    expect_answer(&s, "connections 100001", "error connections takes");

    client_close(&idle);
    client_close(&reading);
    client_close(&body);
    client_close(&sending);
    server_close(&s);
}

/* More than one slice, and more than a message holds. */
Test(control, connections_are_told_whole_when_they_are_many)
{
    enum { COUNT = 500 };
    static struct client clients[COUNT];
    struct server s;
    struct response r;
    struct buf answer;

    server_open(&s);
    server_start(&s, "");
    for (unsigned i = 0; i < COUNT; i++) {
        client_open(&clients[i], &s);
        cr_expect(client_ask(&clients[i], &r, "GET", "/", NULL));
        response_fini(&r);
    }
    answer = wait_listed(&s, "connections", COUNT);
    expect_at(&answer, "shown", "500");
    cr_expect_not_null(json_at(buf_str(&answer), "connections.499.peer").p);
    cr_expect_null(json_at(buf_str(&answer), "connections.500").p);
    for (unsigned i = 0; i < COUNT; i++)
        client_close(&clients[i]);
    buf_fini(&answer);
    server_close(&s);
}

/* ---- workers that cannot answer ---- */

Test(control, a_stopped_worker_holds_up_only_its_part)
{
    pid_t pids[SERVER_WORKERS_MAX];
    char expect[64];
    struct server s;
    struct buf answer;
    uint64_t start;

    server_open(&s);
    server_start(&s, "worker_stuck_timeout: 1m\n" UNWATCHED);
    cr_assert_eq(server_workers(&s, pids), 2);
    process_freeze(pids[0]);
    start = now_ms();
    answer = ask_json(&s, "workers"); /* the master knows by itself */
    buf_fini(&answer);
    cr_expect_lt(now_ms() - start, 1000 * SLOWNESS);
    answer = ask_json(&s, "connections"); /* 5 s, unless it is known to be stuck by then */
    snprintf(expect, sizeof(expect), "(pid %d) has not answered", (int)pids[0]);
    cr_expect_not_null(strstr(buf_cstr(&answer), expect), "%s", buf_cstr(&answer));
    expect_at(&answer, "ok", "true");
    buf_fini(&answer);
    answer = ask_json(&s, "purge /"); /* what it holds may be untrue: no success */
    expect_at(&answer, "ok", "false");
    expect_at(&answer, "workers", "1");
    buf_fini(&answer);
    cr_expect(server_wait_log(&s, 0, "does nothing", DEADLINE_MS));
    start = now_ms();
    for (unsigned i = 0; i < 200; i++) { /* more than it may have unread */
        answer = ask_json(&s, "connections");
        buf_fini(&answer);
    }
    cr_expect_lt(now_ms() - start, 4000 * SLOWNESS, "one that is stuck is not waited for");
    answer = ask_json(&s, "workers");
    cr_expect_not_null(strstr(buf_cstr(&answer), "\"stuck\""), "%s", buf_cstr(&answer));
    buf_fini(&answer);
    kill(pids[0], SIGCONT);
    cr_expect(server_wait_log(&s, 0, "goes on", DEADLINE_MS));
    server_reload(&s, UNWATCHED); /* its channel still takes messages, and it lives */
    answer = ask_json(&s, "connections");
    expect_at(&answer, "missing", "[]");
    buf_fini(&answer);
    cr_expect(server_wait_workers(&s, 2, 0, 0));
    cr_expect_eq(process_state(pids[0]) != 0, true, "nobody was killed for a question");
    server_close(&s);
}

Test(control, a_worker_that_dies_ends_its_part)
{
    pid_t pids[SERVER_WORKERS_MAX];
    struct server s;
    struct client c;
    uint64_t start;

    server_open(&s);
    server_start(&s, "");
    cr_assert_eq(server_workers(&s, pids), 2);
    process_freeze(pids[1]);
    cr_assert(client_open_unix(&c, server_path(&s, "config.sock")));
    start = now_ms();
    client_send_text(&c, "connections\n");
    expect_answer(&s, "log level", "ok"); /* clients are heard in turn: the question is out */
    cr_expect(client_is_quiet(&c));
    kill(pids[1], SIGKILL);
    cr_expect_eq(client_read_to_end(&c, DEADLINE_MS), CLIENT_FIN);
    buf_add_char(&c.in, '\0');
    cr_expect_not_null(strstr(c.in.p, "ended before it answered"), "%s", c.in.p);
    cr_expect_lt(now_ms() - start, 4000, "not only when its time was over");
    client_close(&c);
    cr_expect(server_wait_workers(&s, 2, pids[1], DEADLINE_MS));
    expect_answer(&s, "purge /", "ok 0 dropped in 2 workers");
    server_close(&s);
}

Test(control, serves_more_clients_than_it_has_places)
{
    enum { COUNT = 100 };
    static struct client clients[COUNT];
    struct server s;

    server_open(&s);
    server_start(&s, "");
    for (unsigned i = 0; i < COUNT; i++)
        cr_assert(client_open_unix(&clients[i], server_path(&s, "config.sock")), "%u: %m", i);
    for (unsigned i = 0; i < COUNT; i++)
        client_send_text(&clients[i], i % 2 == 0 ? "json connections\n" : "json purge /\n");
    for (unsigned i = 0; i < COUNT; i++) {
        cr_expect_eq(client_read_to_end(&clients[i], DEADLINE_MS), CLIENT_FIN);
        cr_expect(json_is_valid(buf_str(&clients[i].in)), "client %u: %.*s", i,
                  STR_ARG(buf_str(&clients[i].in)));
        expect_at(&clients[i].in, "ok", "true");
        client_close(&clients[i]);
    }
    server_close(&s);
}

Test(control, works_in_one_process)
{
    struct server s;
    struct buf answer;

    server_open(&s);
    server_config(&s, UNWATCHED);
    server_spawn(&s, (const char *const[]){ "--single", "-c", s.config, NULL });
    cr_assert(server_wait_ready(&s, DEADLINE_MS));
    cr_expect_eq(fetch_status(&s, "/"), 200);
    answer = ask_json(&s, "connections");
    expect_at(&answer, "missing", "[]");
    buf_fini(&answer);
    answer = ask_json(&s, "purge /");
    expect_at(&answer, "dropped", "1");
    buf_fini(&answer);
    answer = ask_json(&s, "workers");
    expect_at(&answer, "workers.0.requests", "1");
    buf_fini(&answer);
    server_close(&s);
}

/* ---- log level ---- */

static void provoke(const struct server *s)
{
    struct client c;

    client_open(&c, s);
    client_send_text(&c, "BAD\r\n\r\n");
    client_read_to_end(&c, DEADLINE_MS);
    client_close(&c);
}

Test(control, log_level_holds_for_all_until_a_reload)
{
    pid_t pids[SERVER_WORKERS_MAX];
    struct server s;
    struct buf answer;
    size_t from;

    server_open(&s);
    server_start(&s, "workers: 1\n");
    expect_answer(&s, "log level", "ok log level notice, as the config says");
    provoke(&s);
    expect_answer(&s, "log level info", "ok log level info until the next reload");
    from = server_log_size(&s);
    provoke(&s);
    cr_expect(server_wait_log(&s, from, "[info]", DEADLINE_MS));

    server_workers(&s, pids); /* the next one has it too */
    kill(pids[0], SIGKILL);
    cr_assert(server_wait_workers(&s, 1, pids[0], DEADLINE_MS));
    from = server_log_size(&s);
    provoke(&s);
    cr_expect(server_wait_log(&s, from, "[info]", DEADLINE_MS), "a new worker");
    answer = ask_json(&s, "set workers 2"); /* that is no reload */
    buf_fini(&answer);
    answer = ask_json(&s, "log level");
    expect_at(&answer, "level", "\"info\"");
    expect_at(&answer, "is_config", "false");
    buf_fini(&answer);
    from = server_log_size(&s);
    provoke(&s);
    cr_expect(server_wait_log(&s, from, "[info]", DEADLINE_MS), "after another number of workers");

    server_reload(&s, "workers: 1\n");
    expect_answer(&s, "log level", "notice, as the config says");
    from = server_log_size(&s);
    provoke(&s);
    expect_answer(&s, "log level loud", "error log level takes crit");
    cr_expect_not(server_wait_log(&s, from, "[info]", 0));
    server_close(&s);
}

/* ---- purge ---- */

/* As another machine would change it: its name, size and times stay. */
static void change_unseen(const struct server *s, const char *name, const char *text)
{
    struct stat st;
    FILE *f;

    cr_assert_eq(stat(server_path(s, name), &st), 0);
    f = fopen(server_path(s, name), "r+");
    cr_assert_not_null(f);
    fputs(text, f);
    fclose(f);
    server_set_mtime(s, name, st.st_mtime);
}

static void expect_body(const struct server *s, const char *target, const char *body)
{
    struct response r;

    /* Twice and thrice: an answer may be recalled by then. */
    for (int i = 0; i < 3; i++) {
        cr_expect(fetch(s, &r, "GET", target, NULL));
        cr_expect(response_body_is(&r, body), "%s: %s", target, buf_cstr(&r.body));
        response_fini(&r);
    }
}

Test(control, purge_forgets_what_inotify_did_not_tell)
{
    struct server s;
    char line[256];

    server_open(&s);
    server_file(&s, "root/a/x.txt", "old x");
    server_file(&s, "root/a/index.html", "old a");
    server_file(&s, "root/b.txt", "old b");
    pause_ms(60); /* young files are not kept for long, see worker/file.h */
    server_start(&s, "workers: 1\n" UNWATCHED);
    expect_body(&s, "/a/x.txt", "old x");
    expect_body(&s, "/a/", "old a");
    expect_body(&s, "/b.txt", "old b");
    cr_expect_eq(fetch_status(&s, "/c.txt"), 404);
    change_unseen(&s, "root/a/x.txt", "new x");
    change_unseen(&s, "root/a/index.html", "new a");
    change_unseen(&s, "root/b.txt", "new b");
    server_file(&s, "root/c.txt", "new c");
    expect_body(&s, "/a/x.txt", "old x");
    expect_body(&s, "/a/", "old a");
    cr_expect_eq(fetch_status(&s, "/c.txt"), 404);

    snprintf(line, sizeof(line), "purge %s/a", server_path(&s, "root"));
    expect_answer(&s, line, "ok 2 dropped in 1 worker");
    expect_body(&s, "/a/x.txt", "new x");
    expect_body(&s, "/a/", "new a");
    expect_body(&s, "/b.txt", "old b");
    snprintf(line, sizeof(line), "purge %s/c.txt\t%s/b.txt", server_path(&s, "root"),
             server_path(&s, "root"));
    expect_answer(&s, line, "ok 2 dropped in 1 worker");
    cr_expect_eq(fetch_status(&s, "/c.txt"), 200);
    expect_body(&s, "/b.txt", "new b");
    expect_answer(&s, "purge a/b", "error purge takes the absolute path");
    expect_answer(&s, "purge /a/../b", "error purge takes the absolute path");
    server_close(&s);
}

Test(control, purge_knows_a_docroot_by_both_names)
{
    struct server s;
    struct command c;

    server_open(&s);
    server_file(&s, "releases/1/x.txt", "old");
    cr_assert_eq(symlink("releases/1", server_path(&s, "current")), 0);
    pause_ms(60);
    server_start(&s, "workers: 1\nroot: current\n" UNWATCHED);
    expect_body(&s, "/x.txt", "old");
    change_unseen(&s, "releases/1/x.txt", "new");
    expect_body(&s, "/x.txt", "old");
    command_run(&c, &s,
                (const char *const[]){ server_ctl(), "-b", server_binary(), "-c", s.config, "purge",
                                       "releases/1/x.txt", NULL });
    cr_expect_eq(c.exit_code, 0);
    cr_expect_str_eq(buf_cstr(&c.output), "1 dropped in 1 worker\n");
    command_fini(&c);
    expect_body(&s, "/x.txt", "new");
    change_unseen(&s, "releases/1/x.txt", "3rd");
    command_run(&c, &s,
                (const char *const[]){ server_ctl(), "-b", server_binary(), "-c", s.config, "-j",
                                       "purge", "current/", NULL });
    cr_expect_eq(c.exit_code, 0);
    cr_expect(json_is_valid(buf_str(&c.output)));
    command_fini(&c);
    expect_body(&s, "/x.txt", "3rd");
    server_close(&s);
}

/* ---- who may ask ---- */

static void expect_mode(const struct server *s, const char *config, unsigned mode)
{
    struct stat st;

    server_config(s, config);
    cr_assert_eq(stat(server_path(s, "config.sock"), &st), 0);
    cr_expect_eq(st.st_mode & 07777, mode, "%o", st.st_mode & 07777);
}

Test(control, only_the_owner_may_ask_unless_the_config_says_so)
{
    struct server s;
    char config[128];
    struct stat st;

    server_open(&s);
    server_start(&s, "");
    expect_mode(&s, "", 0600);
    server_stop(&s);
    snprintf(config, sizeof(config), "control_socket_mode: 0660\ncontrol_socket_group: %u\n",
             geteuid() == 0 ? 1234u : (unsigned)getegid());
    server_start(&s, config);
    expect_mode(&s, config, 0660);
    cr_assert_eq(stat(server_path(&s, "config.sock"), &st), 0);
    cr_expect_eq(st.st_gid, geteuid() == 0 ? 1234u : getegid());
    server_close(&s);
}

Test(control, refuses_a_line_that_never_ends)
{
    struct server s;
    struct client c;
    static char line[40000];

    server_open(&s);
    server_start(&s, "");
    memset(line, 'x', sizeof(line));
    memcpy(line, "json ", 5);
    cr_assert(client_open_unix(&c, server_path(&s, "config.sock")));
    client_send(&c, line, sizeof(line));
    client_read_to_end(&c, DEADLINE_MS);
    expect_at(&c.in, "lines.0", "\"line too long\"");
    client_close(&c);
    c = (struct client){ .fd = -1 };
    cr_assert(client_open_unix(&c, server_path(&s, "config.sock")));
    client_send(&c, line + 5, sizeof(line) - 5);
    client_read_to_end(&c, DEADLINE_MS);
    cr_expect(str_starts(buf_str(&c.in), STR("error line too long")), "%.*s",
              STR_ARG(buf_str(&c.in)));
    client_close(&c);
    server_close(&s);
}
