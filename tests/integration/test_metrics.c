/* What the status page tells, in each form, over whatever happens to workers and masters. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "tests/integration/client.h"
#include "tests/json_check.h"

#define ROUTES                                     \
    "sites:\n"                                     \
    "  - hosts: [a.example, www.a.example]\n"      \
    "    routes:\n"                                \
    "      - {path: /, root: root}\n"              \
    "      - {exact: /gone, respond: 410}\n"       \
    "      - {regex: '^/\\d+\"$', respond: 200}\n" \
    "  - hosts: '*'\n"                             \
    "    routes:\n"                                \
    "      - {path: /, root: root}\n"              \
    "      - {path: /status, status_page: on}\n"

static struct buf body_of(const struct server *s, const char *target, const char *fields)
{
    struct response r;
    struct buf body;

    cr_assert(fetch(s, &r, "GET", target, fields), "%s: %s", target, r.failure);
    cr_assert_eq(r.status, 200, "%s", target);
    body = r.body;
    r.body = (struct buf){ 0 };
    response_fini(&r);
    return body;
}

/* ---- the forms ---- */

Test(metrics, come_in_the_form_that_the_client_wants)
{
    static const struct {
        const char *target, *accept, *type, *part;
    } rows[] = {
        { "/status", "*/*", "text/plain; charset=utf-8", "\nrequests " },
        { "/status", "text/html", "text/html; charset=utf-8", "<td class=\"name\">/status</td>" },
        { "/status", "application/json", "application/json", "\"sites\":[{" },
        { "/status", "text/plain;version=0.0.4", "text/plain; version=0.0.4; charset=utf-8",
          "\nremuda_connections " },
        { "/status", "application/openmetrics-text;version=1.0.0,*/*;q=0.1",
          "application/openmetrics-text; version=1.0.0; charset=utf-8", "\n# EOF\n" },
        { "/status?format=json", "text/html", "application/json", "\"sites\":[{" },
        { "/status?format=text", "text/html", "text/plain; charset=utf-8", "\nrequests " },
    };
    char fields[128];
    struct response r;
    struct server s;

    server_open(&s);
    server_start(&s, ROUTES);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        snprintf(fields, sizeof(fields), "Accept: %s\r\n", rows[i].accept);
        fetch(&s, &r, "GET", rows[i].target, fields);
        cr_expect_eq(r.status, 200);
        cr_expect(response_field_is(&r, "Content-Type", rows[i].type), "%s\n%s", rows[i].accept,
                  r.head.p);
        cr_expect(response_field_is(&r, "Cache-Control", "no-store"));
        cr_expect(response_field_is(&r, "Vary", "Accept"));
        cr_expect_not_null(strstr(buf_cstr(&r.body), rows[i].part), "%s: %s", rows[i].accept,
                           r.body.p);
        response_fini(&r);
    }
    fetch(&s, &r, "GET", "/status?format=xml", NULL);
    cr_expect_eq(r.status, 400);
    cr_expect_not_null(strstr(buf_cstr(&r.body), "text, html, json, openmetrics or prometheus"));
    response_fini(&r);
    fetch(&s, &r, "HEAD", "/status", NULL);
    cr_expect(r.status == 200 && r.body.n == 0);
    response_fini(&r);
    server_close(&s);
}

Test(metrics, page_lets_nothing_run_but_itself)
{
    char policy[512], nonce[64];
    struct response r;
    struct server s;
    const char *at;

    server_open(&s);
    server_start(&s, "security_headers: basic\n" ROUTES);
    fetch(&s, &r, "GET", "/status", "Accept: text/html\r\n");
    cr_assert(response_field(&r, "Content-Security-Policy", policy, sizeof(policy)));
    cr_expect_eq(response_field_count(&r, "Content-Security-Policy"), 1);
    cr_expect_eq(strncmp(policy, "default-src 'none'; ", 20), 0, "%s", policy);
    at = strstr(policy, "script-src 'nonce-");
    cr_assert_not_null(at);
    snprintf(nonce, sizeof(nonce), "<script nonce=\"%.32s\">", at + 18);
    cr_expect_not_null(strstr(buf_cstr(&r.body), nonce), "%s", nonce);
    response_fini(&r);
    server_close(&s);
}

/* ---- other programs that judge ---- */

/* Prometheus' own parsers: families, labels, histograms that add up, no sample twice. */
static const char judge[] =
    "import sys\n"
    "try:\n"
    "    from prometheus_client.parser import text_string_to_metric_families as plain\n"
    "    from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_\n"
    "except ImportError:\n"
    "    sys.exit(77)\n"
    "text = open(sys.argv[1], encoding='utf-8').read()\n"
    "seen, buckets, counts = set(), {}, {}\n"
    "for family in (open_ if sys.argv[1].endswith('.om') else plain)(text):\n"
    "    assert family.type != 'unknown' and family.documentation, family\n"
    "    for name, labels, value, *_ in family.samples:\n"
    "        key = (name, tuple(sorted(labels.items())))\n"
    "        assert key not in seen, key\n"
    "        seen.add(key)\n"
    "        series = tuple(sorted((k, v) for k, v in labels.items() if k != 'le'))\n"
    "        if name.endswith('_bucket'):\n"
    "            buckets.setdefault(series, []).append((float(labels['le']), value))\n"
    "        elif name.endswith('_seconds_count'):\n"
    "            counts[series] = value\n"
    "assert len(buckets) == 5 and set(buckets) == set(counts), (buckets, counts)\n"
    "for series, list_ in buckets.items():\n"
    "    assert list_ == sorted(list_) and [n for _, n in list_] == sorted(n for _, n in list_)\n"
    "    assert list_[-1] == (float('inf'), counts[series]), series\n"
    "labels = (('code', '2xx'), ('route', '~ ^/\\\\d+\"$'), ('site', 'a.example'))\n"
    "assert ('remuda_http_requests_total', labels) in seen, seen\n";

static void run_judge(const struct server *s, const char *const argv[])
{
    struct command c;

    command_run(&c, s, argv);
    if (c.exit_code == 77) /* Criterion's own warnings fail the run */
        fprintf(stderr, "not judged: %s has not what it takes\n", argv[0]);
    else
        cr_expect_eq(c.exit_code, 0, "%s %s: %d\n%s", argv[0], argv[1], c.exit_code,
                     buf_cstr(&c.output));
    command_fini(&c);
}

Test(metrics, are_valid_for_prometheus)
{
    struct server s;
    struct buf text;

    server_open(&s);
    server_start(&s, ROUTES);
    for (int i = 0; i < 20; i++) {
        struct response r;

        fetch_status(&s, "/");
        fetch_status(&s, "/missing");
        fetch(&s, &r, "GET", "/123%22", "Host: a.example\r\n");
        response_fini(&r);
    }
    text = body_of(&s, "/status?format=prometheus", NULL);
    server_file(&s, "metrics.txt", buf_cstr(&text));
    buf_fini(&text);
    text = body_of(&s, "/status?format=openmetrics", NULL);
    server_file(&s, "metrics.om", buf_cstr(&text));
    buf_fini(&text);
    server_file(&s, "judge.py", judge);
    run_judge(&s, (const char *const[]){ "/usr/bin/python3", "judge.py", "metrics.txt", NULL });
    run_judge(&s, (const char *const[]){ "/usr/bin/python3", "judge.py", "metrics.om", NULL });
    run_judge(&s, (const char *const[]){
                      "/bin/sh", "-c",
                      "command -v promtool >/dev/null || exit 77; out=$(promtool check metrics "
                      "<metrics.txt 2>&1) && test -z \"$out\" || { echo \"$out\"; exit 1; }",
                      NULL });
    server_close(&s);
}

/* ---- what goes on ---- */

enum { SAMPLES_MAX = 512, SAMPLE_MAX = 256 };

struct scrape {
    size_t count;
    char names[SAMPLES_MAX][SAMPLE_MAX]; /* with their labels */
    double values[SAMPLES_MAX];
};

/* Counters and histograms of the server and its routes; a process' CPU time is its own. */
static bool is_kept(const char *name)
{
    return (strstr(name, "_total") != NULL || strstr(name, "_seconds_") != NULL) &&
           strncmp(name, "remuda_worker_cpu", 17) != 0 && strstr(name, "timestamp") == NULL &&
           strncmp(name, "remuda_worker_start", 19) != 0;
}

static void scrape(const struct server *s, struct scrape *into)
{
    struct buf text = body_of(s, "/status?format=prometheus", NULL);
    struct str rest = { buf_cstr(&text), text.n };

    into->count = 0;
    while (rest.p != NULL && rest.n > 0) {
        struct str line = str_cut(&rest, '\n');
        const char *blank = memrchr(line.p, ' ', line.n);
        char *name = into->names[into->count];

        if (line.n == 0 || line.p[0] == '#')
            continue;
        snprintf(name, SAMPLE_MAX, "%.*s", (int)(blank - line.p), line.p);
        into->values[into->count] = atof(blank);
        if (is_kept(name))
            into->count++;
        cr_assert_lt(into->count, SAMPLES_MAX);
    }
    buf_fini(&text);
}

/* 15 answers with 200, 5 with 404. */
static void work(const struct server *s)
{
    for (int i = 0; i < 20; i++)
        cr_expect_eq(fetch_status(s, i % 4 == 0 ? "/missing" : "/"), i % 4 == 0 ? 404 : 200);
}

/* No sample is lost, none went back, and what was done since is among them. */
static void expect_goes_on(const struct scrape *before, const struct scrape *now, const char *what)
{
    cr_expect_gt(before->count, 50);
    for (size_t i = 0; i < before->count; i++) {
        size_t at = 0;

        while (at < now->count && strcmp(now->names[at], before->names[i]) != 0)
            at++;
        cr_assert(at < now->count, "%s: %s is gone", what, before->names[i]);
        cr_expect(now->values[at] >= before->values[i], "%s: %s went from %g to %g", what,
                  before->names[i], before->values[i], now->values[at]);
        if (strcmp(now->names[at],
                   "remuda_http_requests_total{site=\"*\",route=\"/\",code=\"2xx\"}") == 0)
            cr_expect_eq(now->values[at], before->values[i] + 15, "%s", what);
    }
}

static void upgrade(struct server *s)
{
    struct buf pid;

    cr_assert_eq(server_verb(s, "upgrade", NULL), 0);
    cr_expect_eq(server_wait_exit(s, DEADLINE_MS), 0);
    pid = file_read(server_path(s, "config.pid"));
    s->pid = (pid_t)atoi(buf_cstr(&pid));
    buf_fini(&pid);
    cr_assert(server_wait_workers(s, 2, 0, DEADLINE_MS));
}

Test(metrics, go_on_over_a_kill_a_reload_and_an_upgrade)
{
    static struct scrape before, now;
    static const char config[] = "workers: 2\n" ROUTES;
    pid_t pids[SERVER_WORKERS_MAX];
    struct server s;

    prctl(PR_SET_CHILD_SUBREAPER, 1);
    server_open(&s);
    server_copy_binary(&s);
    server_start(&s, config);
    work(&s);
    scrape(&s, &before);

    cr_assert_eq(server_workers(&s, pids), 2);
    kill(pids[0], SIGKILL);
    cr_assert(server_wait_workers(&s, 2, pids[0], DEADLINE_MS));
    work(&s);
    scrape(&s, &now);
    expect_goes_on(&before, &now, "kill");

    server_reload(&s, "workers: 2\nsites:\n" /* its routes are gone, what they did is not */
                      "  - hosts: '*'\n"
                      "    routes: [{path: /, root: root}, {path: /status, status_page: on}]\n");
    work(&s);
    scrape(&s, &before);
    expect_goes_on(&now, &before, "reload");

    for (int i = 0; i < 2; i++) { /* to the other bank, and back */
        upgrade(&s);
        work(&s);
        scrape(&s, &now);
        expect_goes_on(&before, &now, "upgrade");
        before = now;
    }
    server_close(&s);
}

Test(metrics, tell_whether_the_last_reload_went_well)
{
    struct server s;
    struct buf text;

    server_open(&s);
    server_start(&s, ROUTES);
    server_config(&s, "wrokers: 2\n");
    cr_expect_eq(server_verb(&s, "reload", NULL), 1);
    text = body_of(&s, "/status?format=prometheus", NULL);
    cr_expect_not_null(strstr(buf_cstr(&text), "\nremuda_config_last_reload_successful 0\n"));
    cr_expect_not_null(strstr(buf_cstr(&text), "\nremuda_config_reload_failures_total 1\n"));
    buf_fini(&text);
    server_reload(&s, ROUTES);
    text = body_of(&s, "/status?format=prometheus", NULL);
    cr_expect_not_null(strstr(buf_cstr(&text), "\nremuda_config_last_reload_successful 1\n"));
    cr_expect_not_null(strstr(buf_cstr(&text), "\nremuda_config_reloads_total 1\n"));
    buf_fini(&text);
    server_close(&s);
}

/* ---- bounds ---- */

static size_t count_lines(const struct server *s)
{
    struct buf text = body_of(s, "/status?format=prometheus", NULL);
    size_t count = 0;

    for (size_t i = 0; i < text.n; i++)
        count += text.p[i] == '\n';
    buf_fini(&text);
    return count;
}

Test(metrics, have_as_many_series_as_the_config_whatever_clients_send)
{
    enum { REQUESTS = 4000, AT_ONCE = 50 };
    struct server s;
    struct client c;
    size_t before;

    server_open(&s);
    server_start(&s, "keepalive_requests: 100000\n" ROUTES);
    before = count_lines(&s);
    srandom(1);
    client_open(&c, &s);
    for (int i = 0; i < REQUESTS; i += AT_ONCE) {
        for (int j = 0; j < AT_ONCE; j++) {
            char text[256];

            snprintf(text, sizeof(text),
                     "%s /%lx/%lx?format=%lx HTTP/1.1\r\nHost: h%lx.example\r\n"
                     "User-Agent: %lx\r\n\r\n",
                     j % 7 == 0 ? "BREW" : "GET", random(), random(), random(), random(), random());
            cr_assert(client_send_text(&c, text));
        }
        for (int j = 0; j < AT_ONCE; j++) {
            struct response r;

            cr_assert(client_read(&c, &r, false), "%s", r.failure);
            cr_expect_geq(r.status, 400);
            response_fini(&r);
        }
    }
    client_close(&c);
    cr_expect_eq(count_lines(&s), before);
    server_close(&s);
}

Test(metrics, too_many_at_once_are_told_to_come_again)
{
    enum { CLIENTS = 60 };
    static const char ask[] = "GET /status?format=html HTTP/1.1\r\nHost: x\r\n\r\n";
    struct client clients[CLIENTS];
    unsigned answered = 0, refused = 0;
    struct server s;

    server_open(&s);
    server_start(&s, "workers: 1\n" ROUTES);
    for (int i = 0; i < CLIENTS; i++) {
        client_open(&clients[i], &s);
        client_send_text(&clients[i], ask);
    }
    for (int i = 0; i < CLIENTS; i++) {
        struct response r;

        cr_expect(client_read(&clients[i], &r, false), "%s", r.failure);
        answered += r.status == 200;
        refused += r.status == 503 && response_field_is(&r, "Retry-After", "1");
        response_fini(&r);
        client_close(&clients[i]);
    }
    cr_expect_eq(answered + refused, CLIENTS);
    cr_expect_geq(answered, 16);
    cr_expect_eq(fetch_status(&s, "/status"), 200, "and nothing is left of them");
    server_close(&s);
}
