/* What is counted of requests, over all that may happen to a worker, and how long they took. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/shared.h"
#include "tests/integration/client.h"

TestSuite(account, .timeout = 60);

enum { BIG = 16 << 20 };

/* The master's own block. */
static struct shared *open_shared(const struct server *s)
{
    struct shared *shared = NULL;
    struct dirent *entry;
    char folder[64], path[384], link[64];
    DIR *dir;

    snprintf(folder, sizeof(folder), "/proc/%d/fd", (int)s->pid);
    dir = opendir(folder);
    cr_assert_not_null(dir);
    while (shared == NULL && (entry = readdir(dir)) != NULL) {
        ssize_t n;
        int fd;

        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        n = readlink(path, link, sizeof(link) - 1);
        if (n < 0)
            continue;
        link[n] = '\0';
        if (strstr(link, "memfd:remuda-shared") == NULL)
            continue;
        fd = open(path, O_RDWR | O_CLOEXEC);
        shared = shared_open(fd);
        close(fd);
    }
    closedir(dir);
    cr_assert_not_null(shared, "no block, or of another layout");
    return shared;
}

static void close_shared(struct shared **shared)
{
    int none = -1;

    shared_free(shared, &none);
}

/* Of all slots; site NULL: of all series. */
static struct series_totals totals(struct shared *shared, const char *site, const char *route)
{
    struct series_totals t = { { 0 }, 0, 0, { 0 } };
    unsigned number =
        site != NULL ? series_name_find(&shared->series, str_of(site), str_of(route)) : 0;

    for (unsigned slot = 0; slot < SERIES_SLOTS; slot++) {
        if (site == NULL)
            series_add_all(&shared->series, slot, &t);
        else if (number != 0)
            series_add(&shared->series, slot, number, &t);
        if (slot % SHARED_SLOTS_MAX == 8)
            slot += SHARED_SLOTS_MAX - 9; /* no test has more workers */
    }
    return t;
}

/* Waits, for a request is accounted a moment after its answer. */
static struct series_totals await(const struct server *s, const char *site, const char *route,
                                  uint64_t requests)
{
    struct shared *shared = open_shared(s);
    uint64_t end = now_ms() + DEADLINE_MS, latencies = 0;
    struct series_totals t;

    do {
        t = totals(shared, site, route);
        latencies = 0;
        for (int i = 0; i < LATENCY_BUCKETS; i++)
            latencies += t.latency[i];
    } while ((series_requests(&t) < requests || latencies < requests) && now_ms() < end);
    cr_expect_eq(series_requests(&t), requests, "%s: %llu requests, not %llu",
                 route != NULL ? route : "all", (unsigned long long)series_requests(&t),
                 (unsigned long long)requests);
    cr_expect_eq(latencies, requests);
    close_shared(&shared);
    return t;
}

static void ask(const struct server *s, const char *target, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        fetch_status(s, target);
}

Test(account, counts_by_route)
{
    struct series_totals t;
    struct server s;

    server_open(&s);
    server_start(&s, "routes: [{path: /a}, {exact: /b, respond: {body: four}}]\n");
    ask(&s, "/", 3);
    ask(&s, "/a/x", 2);
    ask(&s, "/b", 4);
    t = await(&s, "*", "/", 3);
    cr_expect_eq(t.responses[2], 3);
    cr_expect_eq(t.body_bytes, 18);
    t = await(&s, "*", "/a", 2);
    cr_expect_eq(t.responses[4], 2);
    t = await(&s, "*", "= /b", 4);
    cr_expect_eq(t.body_bytes, 16);
    await(&s, NULL, NULL, 9);
    server_close(&s);
}

Test(account, goes_on_over_crashes_and_reloads)
{
    pid_t pids[SERVER_WORKERS_MAX];
    struct server s;

    server_open(&s);
    server_start(&s, "routes: [{path: /a}]\n");
    for (unsigned round = 1; round <= 3; round++) {
        ask(&s, "/a", 20);
        await(&s, "*", "/a", 20 * round);
        cr_assert_eq(server_workers(&s, pids), 2);
        kill(pids[round % 2], SIGKILL);
        cr_assert(server_wait_workers(&s, 2, pids[round % 2], DEADLINE_MS));
    }
    server_reload(&s, "routes: [{path: /renamed}]\n");
    ask(&s, "/a", 5);
    ask(&s, "/renamed", 7);
    await(&s, "*", "/renamed", 7);
    await(&s, "*", "/", 5);
    await(&s, "*", "/a", 60);
    server_reload(&s, "workers: 1\nroutes: [{path: /a}]\n");
    ask(&s, "/a", 5);
    await(&s, "*", "/a", 65);
    await(&s, NULL, NULL, 77);
    server_close(&s);
}

/* A binary with the same layout goes on where the former one was. */
Test(account, goes_on_over_upgrades)
{
    struct server s;
    struct buf output;

    prctl(PR_SET_CHILD_SUBREAPER, 1);
    server_open(&s);
    server_start(&s, "");
    for (unsigned round = 1; round <= 3; round++) {
        ask(&s, "/", 10);
        await(&s, "*", "/", 10 * round);
        cr_assert_eq(server_verb(&s, "upgrade", &output), 0, "%s", buf_cstr(&output));
        buf_fini(&output);
        output = file_read(server_path(&s, "config.pid"));
        cr_expect_eq(server_wait_exit(&s, DEADLINE_MS), 0);
        s.pid = (pid_t)atoi(buf_cstr(&output));
        buf_fini(&output);
    }
    await(&s, "*", "/", 30);
    server_close(&s);
}

/* ---- latencies ---- */

static uint64_t longest_ns(const struct series_totals *t)
{
    return series_quantile_ns(t, 1);
}

Test(account, takes_as_long_as_its_client)
{
    struct series_totals t;
    struct response r;
    struct client c;
    struct server s;

    server_open(&s);
    server_blob(&s, "root/big", BIG, 1);
    server_start(&s, "");
    ask(&s, "/", 20);
    t = await(&s, "*", "/", 20);
    cr_expect_lt(series_quantile_ns(&t, 0.5), 100 * 1000000);
    client_open(&c, &s);
    client_send_text(&c, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    pause_ms(400);
    cr_assert(client_read(&c, &r, false), "%s", r.failure);
    t = await(&s, "*", "/", 21);
    cr_expect_gt(longest_ns(&t), 300 * 1000000);
    cr_expect_lt(longest_ns(&t), DEADLINE_MS * (uint64_t)1000000);
    cr_expect_geq(t.latency_ns, 400 * 1000000);
    cr_expect_eq(t.body_bytes, 20 * 6 + BIG);
    response_fini(&r);
    client_close(&c);
    server_close(&s);
}

/* Also when more requests than the recorder has came between. */
Test(account, knows_when_a_request_began_that_many_overtook)
{
    struct series_totals t;
    struct client c;
    struct server s;

    server_open(&s);
    server_blob(&s, "root/big", BIG, 1);
    server_start(&s, "workers: 1\nsend_timeout: 20s\n");
    client_open(&c, &s);
    client_send_text(&c, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    cr_assert(client_receive(&c, DEADLINE_MS));
    pause_ms(300);
    ask(&s, "/", 200);
    client_reset(&c);
    t = await(&s, "*", "/", 201);
    cr_expect(longest_ns(&t) > 250 * 1000000 && longest_ns(&t) < DEADLINE_MS * (uint64_t)1000000,
              "%llu", (unsigned long long)longest_ns(&t));
    cr_expect_lt(t.body_bytes, 200 * 6 + BIG, "what was not sent is not counted");
    server_close(&s);
}

Test(account, gives_each_request_of_a_pipeline_its_time)
{
    static const char one[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    enum { COUNT = 100 };
    char all[COUNT * sizeof(one)] = "";
    struct series_totals t;
    struct client c;
    struct server s;

    server_open(&s);
    server_start(&s, "");
    for (int i = 0; i < COUNT; i++)
        strcat(all, one);
    client_open(&c, &s);
    client_send_text(&c, all);
    for (int i = 0; i < COUNT; i++) {
        struct response r;

        cr_assert(client_read(&c, &r, false), "%d: %s", i, r.failure);
        response_fini(&r);
    }
    t = await(&s, "*", "/", COUNT);
    cr_expect_gt(t.latency_ns, COUNT * 1000, "each took more than a microsecond");
    cr_expect_lt(longest_ns(&t), 2000 * (uint64_t)1000000);
    client_close(&c);
    server_close(&s);
}

/* A body that comes slowly takes its time; half a head took none of ours. */
Test(account, counts_what_timed_out_and_what_was_cut)
{
    struct series_totals t;
    struct client head, body, gone;
    struct response r;
    struct server s;

    server_open(&s);
    server_start(&s, "client_header_timeout: 300ms\nclient_body_timeout: 300ms\n");
    client_open(&head, &s);
    client_send_text(&head, "GET /x HTTP/1.1\r\nHos");
    cr_expect(client_read(&head, &r, false) && r.status == 408, "%d", r.status);
    response_fini(&r);
    t = await(&s, "*", "/", 1);
    cr_expect_eq(t.responses[4], 1);
    cr_expect_lt(longest_ns(&t), 250 * 1000000);

    client_open(&body, &s);
    client_send_text(&body, "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab");
    cr_expect(client_read(&body, &r, false) && r.status == 408, "%d", r.status);
    response_fini(&r);
    t = await(&s, "*", "/", 2);
    cr_expect_eq(t.responses[4], 2);
    cr_expect_gt(longest_ns(&t), 250 * 1000000);

    client_open(&gone, &s);
    client_send_text(&gone, "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab");
    pause_ms(20);
    client_reset(&gone);
    t = await(&s, "*", "/", 3);
    cr_expect_eq(t.responses[4], 3, "499");
    client_close(&head);
    client_close(&body);
    server_close(&s);
}
