/* What a reload says that it changed, and what `diff` says that it would. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/client.h"

TestSuite(diff_verb, .timeout = 60);

static void expect_answer(const struct server *s, const char *verb, int exit_code,
                          const char *const words[])
{
    struct buf output;

    cr_expect_eq(server_verb(s, verb, &output), exit_code, "%s: %s", verb, buf_cstr(&output));
    for (size_t i = 0; words[i] != NULL; i++)
        cr_expect_not_null(strstr(buf_cstr(&output), words[i]), "%s: no \"%s\" in: %s", verb,
                           words[i], output.p);
    buf_fini(&output);
}

#define ANSWER(s, verb, exit_code, ...) \
    expect_answer(s, verb, exit_code, (const char *const[]){ __VA_ARGS__, NULL })

Test(diff_verb, tells_before_and_after)
{
    struct server s;

    server_open(&s);
    server_start(&s, "");
    ANSWER(&s, "diff", 0, "nothing would change\n");
    server_config(&s, "keepalive_timeout: 50s\nroutes: [{path: /x, etag: off}]\n");
    for (unsigned i = 0; i < 2; i++) /* looking changes nothing */
        ANSWER(&s, "diff", 0, "keepalive_timeout: 75s -> 50s\n+ route /x\n");
    ANSWER(&s, "reload", 0,
           "generation 2 runs in 2 workers\nkeepalive_timeout: 75s -> 50s\n+ route /x\n");
    ANSWER(&s, "diff", 0, "nothing would change\n");
    ANSWER(&s, "reload", 0, "generation 3 runs in 2 workers\nnothing changed\n");
    cr_expect(server_wait_log(&s, 0, "reload: keepalive_timeout: 75s -> 50s", DEADLINE_MS));
    server_close(&s);
}

Test(diff_verb, tells_what_a_reload_would_refuse)
{
    struct server s, neighbour;
    char config[128];

    server_open(&s);
    server_start(&s, "");
    server_open(&neighbour);
    server_start(&neighbour, "");
    server_config(&s, "wrokers: 3\nkeepalive_timeout: soon\n");
    ANSWER(&s, "diff", 1, "wrokers", "config.yaml:6:20");
    server_config(&s, "root: nowhere\n");
    ANSWER(&s, "diff", 1, "nowhere");
    server_config(&s, "access_log: nofolder/a.log\n");
    ANSWER(&s, "diff", 1, "config.yaml:5:13", "nofolder");
    snprintf(config, sizeof(config), "listen: ['127.0.0.1:0', '127.0.0.1:%u']\n", neighbour.port);
    server_config(&s, config);
    ANSWER(&s, "diff", 1, "in use");
    cr_expect_eq(fetch_status(&s, "/"), 200);
    cr_expect_eq(fetch_status(&neighbour, "/"), 200);
    server_close(&neighbour);
    server_close(&s);
}

Test(diff_verb, leaves_no_trace)
{
    struct server s;
    char config[256];

    server_open(&s);
    server_start(&s, "");
    snprintf(config, sizeof(config),
             "access_log: a.log\nlisten: ['127.0.0.1:0', 'unix:%s']\nworkers: 3\n",
             server_path(&s, "new.sock"));
    server_config(&s, config);
    ANSWER(&s, "diff", 0, "workers: 2 -> 3\n", "a.log\n", "new.sock");
    cr_expect_eq(access(server_path(&s, "a.log"), F_OK), -1);
    cr_expect_eq(access(server_path(&s, "new.sock"), F_OK), -1);
    cr_expect(server_wait_workers(&s, 2, 0, 0));
    ANSWER(&s, "status", 0, "generation 1\n", "last reload: none\n");
    ANSWER(&s, "reload", 0, "generation 2 runs in 3 workers\n");
    cr_expect_eq(access(server_path(&s, "new.sock"), F_OK), 0);
    server_close(&s);
}

Test(diff_verb, tells_what_waits_and_who_is_replaced)
{
    struct server s;

    server_open(&s);
    server_start(&s, "");
    server_config(&s, "daemon: on\nworker_rlimit_nofile: 1000\n");
    ANSWER(&s, "diff", 0, "daemon: off -> on\n", "worker_rlimit_nofile: 0 -> 1000\n",
           "every worker would be replaced, for: worker_rlimit_nofile\n",
           "takes effect at the next start: daemon\n");
    server_close(&s);
}

Test(diff_verb, knows_a_number_of_workers_that_was_set_by_hand)
{
    struct server s;

    server_open(&s);
    server_start(&s, "");
    ANSWER(&s, "set workers 3", 0, "3 workers");
    ANSWER(&s, "diff", 0, "workers: 3, as set by hand -> 2\n");
    ANSWER(&s, "reload", 0, "generation 3 runs in 2 workers\nworkers: 3, as set by hand -> 2\n");
    ANSWER(&s, "diff", 0, "nothing would change\n");
    server_close(&s);
}

Test(diff_verb, is_a_verb_of_remudactl)
{
    struct server s;
    struct command c;

    server_open(&s);
    server_start(&s, "");
    server_config(&s, "send_timeout: 5s\n");
    command_run(
        &c, &s,
        (const char *const[]){ server_ctl(), "-b", server_binary(), "-c", s.config, "diff", NULL });
    cr_expect_eq(c.exit_code, 0);
    cr_expect_str_eq(buf_cstr(&c.output), "send_timeout: 30s -> 5s\n");
    command_fini(&c);
    server_close(&s);
}
