/* What one client may use, counted over all workers. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/client.h"

TestSuite(limits, .timeout = 60);

enum { REQUESTS = 24 };

static const char from_two[] = "X-Forwarded-For: 192.0.2.2\r\n";

/* Each on a connection of its own, so that the kernel spreads them over the workers. */
/* `workers`: how many of them must have answered at least. */
static int count_of(const struct server *s, const char *target, const char *fields, int status,
                    unsigned workers, bool *has_retry)
{
    pid_t seen[SERVER_WORKERS_MAX];
    unsigned seen_count = 0;
    int count = 0;

    for (int i = 0; i < REQUESTS; i++) {
        struct client c;
        struct response r;
        unsigned at = 0;
        char seconds[32];

        client_open(&c, s);
        client_ask(&c, &r, "GET", target, fields);
        count += r.status == status;
        if (r.status >= 400 && has_retry != NULL)
            *has_retry = *has_retry &&
                         response_field(&r, "Retry-After", seconds, sizeof(seconds)) &&
                         atoi(seconds) >= 1;
        response_fini(&r);
        if (seen_count < workers) { /* who answered is a long question */
            pid_t pid = client_worker(&c, s);

            while (at < seen_count && seen[at] != pid)
                at++;
            if (at == seen_count && pid > 0)
                seen[seen_count++] = pid;
        }
        client_close(&c);
    }
    cr_expect_geq(seen_count, workers, "only %u workers answered", seen_count);
    return count;
}

Test(limits, of_requests_hold_over_all_workers)
{
    struct server s;
    bool has_retry = true;

    server_open(&s);
    server_file(&s, "root/own/a.txt", "a");
    server_file(&s, "root/free/a.txt", "a");
    server_start(&s, "workers: 3\ntrusted_proxies: 127.0.0.1\n"
                     "limit_req: {rate: 1/m, burst: 9}\n"
                     "routes:\n"
                     "  - {path: /own, limit_req: {rate: 1/m, burst: 4, status: 503}}\n"
                     "  - {path: /free, limit_req: off}\n"
                     "  - {path: /also}\n");
    cr_expect_eq(count_of(&s, "/", NULL, 200, 2, &has_retry), 10);
    cr_expect(has_retry);
    cr_expect_eq(count_of(&s, "/", NULL, 429, 0, &has_retry), REQUESTS);
    cr_expect_eq(count_of(&s, "/also/", NULL, 429, 0, NULL), REQUESTS, "inherited: counted as one");
    cr_expect_eq(count_of(&s, "/own/a.txt", NULL, 200, 0, NULL), 5, "a bucket of its own");
    cr_expect_eq(count_of(&s, "/own/a.txt", NULL, 503, 0, NULL), REQUESTS);
    cr_expect_eq(count_of(&s, "/free/a.txt", NULL, 200, 0, NULL), REQUESTS);
    cr_expect_eq(count_of(&s, "/", from_two, 200, 0, NULL), 10, "another client");
    cr_expect_eq(count_of(&s, "/", "X-Forwarded-For: 2001:db8::1\r\n", 200, 0, NULL), 10);
    cr_expect_eq(count_of(&s, "/", "X-Forwarded-For: 2001:db8::2\r\n", 200, 0, NULL), 0,
                 "IPv6 by /64");
    server_close(&s);
}

Test(limits, of_requests_fill_again)
{
    struct server s;
    uint64_t began;

    server_open(&s);
    server_start(&s, "limit_req: {rate: 2/s, burst: 0}\n");
    began = now_ms();
    cr_expect_eq(fetch_status(&s, "/"), 200);
    if (now_ms() - began < 400)
        cr_expect_eq(fetch_status(&s, "/"), 429);
    cr_expect(fetch_until(&s, "/", 200, NULL, 5000 * SLOWNESS));
    cr_expect_geq(now_ms() - began, 490);
    server_close(&s);
}

/* Asks for more than the kernel will buffer, and reads none of it. */
static void hold(struct client *c, const struct server *s, const char *fields)
{
    struct sockaddr_in sa = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)s->port),
                              .sin_addr = { htonl(INADDR_LOOPBACK) } };
    char request[256];

    cr_assert(client_open_to(c, (struct sockaddr *)&sa, sizeof(sa), 4096), "%m");
    snprintf(request, sizeof(request), "GET /large HTTP/1.1\r\nHost: a\r\n%s\r\n",
             fields != NULL ? fields : "");
    client_send_text(c, request);
    cr_expect(client_receive(c, DEADLINE_MS));
}

Test(limits, of_connections_hold_over_all_workers_and_end_with_them)
{
    enum { MOST = 6 };
    struct server s;
    struct client held[MOST];
    pid_t workers[SERVER_WORKERS_MAX];
    struct response r;

    server_open(&s);
    server_blob(&s, "root/large", 64 << 20, 1);
    server_file(&s, "root/free/a.txt", "a");
    server_start(&s, "workers: 2\ntrusted_proxies: 127.0.0.1\nlimit_conn: 6\n"
                     "routes: [{path: /free, limit_conn: off}]\n");
    for (int i = 0; i < MOST; i++)
        hold(&held[i], &s, NULL);
    for (int i = 0; i < MOST; i++)
        cr_expect_eq(strncmp(buf_cstr(&held[i].in), "HTTP/1.1 200", 12), 0, "%d", i);
    fetch(&s, &r, "GET", "/", NULL);
    cr_expect_eq(r.status, 503);
    cr_expect(response_field_is(&r, "Retry-After", "1"));
    response_fini(&r);
    cr_expect_eq(count_of(&s, "/", NULL, 503, 2, NULL), REQUESTS);
    cr_expect_eq(count_of(&s, "/", from_two, 200, 0, NULL), REQUESTS, "another client");
    cr_expect_eq(fetch_status(&s, "/free/a.txt"), 200);

    client_reset(&held[0]);
    cr_expect(fetch_until(&s, "/", 200, NULL, DEADLINE_MS), "one ended: there is room again");
    hold(&held[0], &s, NULL);
    cr_expect_eq(count_of(&s, "/", NULL, 503, 0, NULL), REQUESTS);

    /* Killed: nobody released what it counted but the master. */
    cr_assert_eq(server_workers(&s, workers), 2);
    for (int i = 0; i < 2; i++)
        kill(workers[i], SIGKILL);
    cr_expect(server_wait_workers(&s, 2, workers[0], DEADLINE_MS));
    cr_expect(server_wait_workers(&s, 2, workers[1], DEADLINE_MS));
    for (int i = 0; i < MOST; i++)
        client_close(&held[i]);
    cr_expect(fetch_until(&s, "/", 200, NULL, DEADLINE_MS));
    cr_expect_eq(count_of(&s, "/", NULL, 200, 0, NULL), REQUESTS);
    server_stop(&s); /* not server_close(): that a worker broke is what the test is about */
    server_close(&s);
}
