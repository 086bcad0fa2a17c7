/* Connections are dealt evenly over the workers, and none is lost on its way from one to another. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/shared.h"
#include "tests/integration/client.h"

TestSuite(handover, .timeout = 60);

#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

enum { CLIENTS_MAX = 256, WORKERS_MAX = 8, CONFIG_MAX = 512 };

static struct client clients[CLIENTS_MAX];

/* Unix sockets need an absolute path: '@' stands for the server's folder. */
static void with_folder(const struct server *s, const char *config, char text[CONFIG_MAX])
{
    size_t n = 0;

    for (; *config != '\0' && n < CONFIG_MAX; config++)
        if (*config == '@')
            n += (size_t)snprintf(text + n, CONFIG_MAX - n, "%s", s->dir);
        else
            text[n++] = *config;
    cr_assert(n < CONFIG_MAX);
    text[n] = '\0';
}

static void start(struct server *s, const char *config)
{
    char text[CONFIG_MAX];

    with_folder(s, config, text);
    server_start(s, text);
}

/* What `status` says of each worker. */
struct share {
    size_t workers;
    unsigned open[WORKERS_MAX], handed[WORKERS_MAX], taken[WORKERS_MAX];
    unsigned open_sum, open_most, handed_sum, taken_sum;
};

static struct share ask_share(const struct server *s)
{
    struct share share = { 0 };
    struct buf output;
    const char *at;

    cr_assert_eq(server_verb(s, "status", &output), 0);
    for (at = buf_cstr(&output); (at = strstr(at, "\nworker ")) != NULL; at++) {
        const char *counts = strstr(at, " up ");
        unsigned requests, i = (unsigned)share.workers++;

        cr_assert(i < WORKERS_MAX && counts != NULL);
        cr_assert_eq(sscanf(strchr(counts, ','),
                            ", %u connections, %u requests, %u handed over, %u taken over",
                            &share.open[i], &requests, &share.handed[i], &share.taken[i]),
                     4, "%s", at);
        share.open_sum += share.open[i];
        share.handed_sum += share.handed[i];
        share.taken_sum += share.taken[i];
        if (share.open[i] > share.open_most)
            share.open_most = share.open[i];
    }
    buf_fini(&output);
    return share;
}

static double unevenness(const struct share *share)
{
    return share->open_most * (double)share->workers / share->open_sum;
}

static bool is_answered(struct client *c)
{
    struct response r;
    bool is_so = client_read(c, &r, false) && r.status == 200;

    response_fini(&r);
    return is_so;
}

static unsigned count_answered(size_t from, size_t count)
{
    unsigned answered = 0;

    for (size_t i = from; i < from + count; i++)
        answered += is_answered(&clients[i]);
    return answered;
}

static void close_clients(size_t count)
{
    for (size_t i = 0; i < count; i++)
        client_close(&clients[i]);
}

/* By TCP, or by the Unix socket `path`; all at once, and their requests in one go behind. */
static void open_clients(const struct server *s, const char *path, size_t from, size_t count,
                         const char *bytes)
{
    for (size_t i = from; i < from + count; i++) {
        if (path != NULL)
            cr_assert(client_open_unix(&clients[i], path), "client %zu", i);
        else
            client_open(&clients[i], s);
        client_send_text(&clients[i], bytes);
    }
}

static void expect_even(unsigned workers, const char *config, const char *socket)
{
    static const size_t counts[] = { 64, 128, 256 };
    struct server s;
    char text[256];

    server_open(&s);
    snprintf(text, sizeof(text), "workers: %u\n%s", workers, config);
    start(&s, text);
    for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
        const char *path = socket != NULL ? server_path(&s, socket) : NULL;
        struct share share;

        open_clients(&s, path, 0, counts[i], GET);
        cr_assert_eq(count_answered(0, counts[i]), counts[i]);
        share = ask_share(&s);
        cr_expect_eq(share.workers, workers);
        cr_expect_eq(share.open_sum, counts[i]);
        cr_expect(unevenness(&share) <= 1.15, "%u workers, %zu connections: the busiest has %u",
                  workers, counts[i], share.open_most);
        cr_expect_eq(share.handed_sum, share.taken_sum);
        close_clients(counts[i]);
        for (uint64_t end = now_ms() + DEADLINE_MS; share.open_sum > 0 && now_ms() < end;)
            share = ask_share(&s);
        cr_expect_eq(share.open_sum, 0);
    }
    server_close(&s);
}

Test(handover, deals_connections_evenly)
{
    expect_even(2, "", NULL);
    expect_even(4, "", NULL);
    expect_even(8, "", NULL);
}

/* One queue for all workers: whoever is awake first would take most of it. */
Test(handover, deals_those_of_a_unix_socket_evenly)
{
    expect_even(4, "listen: unix:@/web.sock\n", "web.sock");
}

Test(handover, is_off_where_the_config_says_so)
{
    struct server s;
    struct buf output;

    server_open(&s);
    start(&s, "workers: 2\nconnection_balance: off\n");
    open_clients(&s, NULL, 0, 64, GET);
    cr_expect_eq(count_answered(0, 64), 64);
    cr_assert_eq(server_verb(&s, "status", &output), 0);
    cr_expect_null(strstr(buf_cstr(&output), "handed over"), "%s", buf_cstr(&output));
    buf_fini(&output);
    close_clients(64);
    server_close(&s);
}

Test(handover, tells_of_itself_on_the_status_page)
{
    struct server s;
    struct response r;
    const char *handed;

    server_open(&s);
    start(&s, "workers: 4\nlisten: ['127.0.0.1:0', 'unix:@/web.sock']\n"
              "routes: [{path: /status, status_page: on}]\n");
    open_clients(&s, server_path(&s, "web.sock"), 0, 100, GET);
    cr_expect_eq(count_answered(0, 100), 100);
    cr_assert(fetch(&s, &r, "GET", "/status", NULL));
    handed = strstr(buf_cstr(&r.body), "\nconnections_handed_over ");
    cr_assert_not_null(handed);
    cr_expect_gt(atoi(handed + strlen("\nconnections_handed_over ")), 0);
    cr_expect_not_null(strstr(buf_cstr(&r.body), "\nconnections_accepted 101\n"), "%s",
                       buf_cstr(&r.body));
    response_fini(&r);
    close_clients(100);
    server_close(&s);
}

/* Those that it was handed wait in its inbox, as others do in its listening sockets. */
Test(handover, loses_nothing_that_waited_for_a_killed_worker)
{
    enum { COUNT = 60 };
    pid_t pids[SERVER_WORKERS_MAX];
    struct server s;
    struct share share;

    server_open(&s);
    start(&s, "workers: 2\nlisten: unix:@/web.sock\n");
    cr_assert_eq(server_workers(&s, pids), 2);
    process_freeze(pids[1]);
    open_clients(&s, server_path(&s, "web.sock"), 0, COUNT, GET);
    pause_ms(50);
    share = ask_share(&s);
    cr_expect_gt(share.handed_sum, 0, "nobody waits in an inbox");
    cr_expect_eq(share.taken_sum, 0);
    kill(pids[1], SIGKILL);
    cr_expect_eq(count_answered(0, COUNT), COUNT);
    cr_expect(server_wait_workers(&s, 2, pids[1], DEADLINE_MS));
    share = ask_share(&s);
    cr_expect_eq(share.taken_sum, share.handed_sum);
    /* Unless the sibling was asked to take them, as it is where the kill is slow to come. */
    cr_expect(share.taken[0] > 0 || unevenness(&share) <= 1.15, "the heir has its share");
    close_clients(COUNT);
    server_close(&s);
}

Test(handover, gives_nothing_more_to_a_worker_that_is_stuck)
{
    enum { FIRST = 40, LATER = 60 };
    pid_t pids[SERVER_WORKERS_MAX];
    struct server s;
    unsigned waiting;

    server_open(&s);
    start(&s, "workers: 2\nlisten: unix:@/web.sock\n");
    cr_assert_eq(server_workers(&s, pids), 2);
    process_freeze(pids[1]);
    open_clients(&s, server_path(&s, "web.sock"), 0, FIRST, GET);
    pause_ms(300);
    waiting = ask_share(&s).handed_sum;
    cr_expect_gt(waiting, 0);
    open_clients(&s, server_path(&s, "web.sock"), FIRST, LATER, GET);
    cr_expect_eq(count_answered(FIRST, LATER), LATER);
    cr_expect_eq(ask_share(&s).handed_sum, waiting);
    kill(pids[1], SIGCONT);
    cr_expect_eq(count_answered(0, FIRST), FIRST, "those before are served when it goes on");
    close_clients(FIRST + LATER);
    server_close(&s);
}

/* What a full worker cannot have, a sibling can. */
Test(handover, finds_a_place_beside_a_full_worker)
{
    enum { LIMIT = 6, COUNT = 2 * LIMIT };
    pid_t pids[SERVER_WORKERS_MAX];
    struct server s;
    struct share share = { 0 };

    server_open(&s);
    start(&s, "workers: 2\nworker_connections: 6\nlisten: unix:@/web.sock\n");
    cr_assert_eq(server_workers(&s, pids), 2);
    process_freeze(pids[1]); /* so that the other one gets all there is */
    open_clients(&s, server_path(&s, "web.sock"), 0, COUNT, "GET / HTTP/1.1\r\n");
    for (uint64_t end = now_ms() + DEADLINE_MS; share.handed_sum < LIMIT && now_ms() < end;)
        share = ask_share(&s);
    cr_expect_eq(share.handed_sum, LIMIT);
    kill(pids[1], SIGCONT);
    for (uint64_t end = now_ms() + DEADLINE_MS; share.open_sum < COUNT && now_ms() < end;)
        share = ask_share(&s);
    cr_expect_eq(share.open_sum, COUNT, "none is evicted, none waits");
    for (unsigned i = 0; i < COUNT; i++)
        client_send_text(&clients[i], "Host: a\r\n\r\n");
    cr_expect_eq(count_answered(0, COUNT), COUNT);
    close_clients(COUNT);
    server_close(&s);
}

Test(handover, keeps_what_a_proxy_told)
{
    enum { COUNT = 100 };
    struct server s;
    char line[128];

    server_open(&s);
    start(&s, "workers: 4\nlisten: {address: 'unix:@/web.sock', proxy_protocol: on}\n"
              "trusted_proxies: unix\naccess_log: access.log\naccess_log_buffer: 0\n");
    for (unsigned i = 0; i < COUNT; i++) {
        snprintf(line, sizeof(line), "PROXY TCP4 192.0.2.%u 198.51.100.1 4660 80\r\n" GET, i);
        open_clients(&s, server_path(&s, "web.sock"), i, 1, line);
    }
    cr_expect_eq(count_answered(0, COUNT), COUNT);
    cr_expect_gt(ask_share(&s).taken_sum, 0);
    for (unsigned i = 0; i < COUNT; i++) {
        snprintf(line, sizeof(line), "192.0.2.%u - - [", i);
        cr_expect(file_wait(server_path(&s, "access.log"), 0, line, DEADLINE_MS), "%s", line);
    }
    close_clients(COUNT);
    server_close(&s);
}

Test(handover, keeps_the_clients_address)
{
    enum { COUNT = 100 };
    struct server s;

    server_open(&s);
    start(&s, "workers: 4\naccess: [{allow: 127.0.0.1}, {deny: all}]\n");
    open_clients(&s, NULL, 0, COUNT, GET);
    cr_expect_eq(count_answered(0, COUNT), COUNT);
    cr_expect_gt(ask_share(&s).taken_sum, 0);
    close_clients(COUNT);
    server_close(&s);
}

/* Sites may answer at some addresses only: which one it was goes with the connection. */
Test(handover, keeps_the_address_that_a_connection_came_in_by)
{
    enum { COUNT = 60 };
    struct server s;
    struct response r;

    server_open(&s);
    server_file(&s, "other/index.html", "other\n");
    start(&s, "workers: 4\nlisten: ['unix:@/web.sock', 'unix:@/other.sock']\n"
              "sites:\n"
              "  - {hosts: ['*'], root: root, listen: 'unix:@/web.sock'}\n"
              "  - {hosts: ['*'], root: other, listen: 'unix:@/other.sock'}\n");
    for (unsigned i = 0; i < COUNT; i++)
        open_clients(&s, server_path(&s, i % 2 ? "other.sock" : "web.sock"), i, 1, GET);
    for (unsigned i = 0; i < COUNT; i++) {
        cr_assert(client_read(&clients[i], &r, false), "%s", r.failure);
        cr_expect(response_body_is(&r, i % 2 ? "other\n" : "hello\n"), "client %u", i);
        response_fini(&r);
    }
    cr_expect_gt(ask_share(&s).taken_sum, 0);
    close_clients(COUNT);
    server_close(&s);
}

/* Its heir runs the next config, which has that address no more; the client hears nothing of it. */
Test(handover, serves_what_came_in_by_an_address_that_is_gone)
{
    enum { COUNT = 40 };
    pid_t pids[SERVER_WORKERS_MAX];
    char text[CONFIG_MAX];
    struct server s;

    server_open(&s);
    start(&s, "workers: 2\ntrusted_proxies: unix\n"
              "listen: ['unix:@/web.sock', {address: 'unix:@/other.sock', proxy_protocol: on}]\n");
    cr_assert_eq(server_workers(&s, pids), 2);
    process_freeze(pids[1]);
    open_clients(&s, server_path(&s, "other.sock"), 0, COUNT, "PROXY UNKNOWN\r\n" GET);
    pause_ms(20);
    cr_expect_gt(ask_share(&s).handed_sum, 0);
    kill(pids[1], SIGKILL); /* young: the next one waits, and comes with the reload */
    cr_assert(server_wait_log(&s, 0, "ended: signal 9", DEADLINE_MS));
    with_folder(&s, "workers: 2\nlisten: 'unix:@/web.sock'\ntrusted_proxies: unix\n", text);
    server_reload(&s, text);
    cr_expect_eq(count_answered(0, COUNT), COUNT);
    close_clients(COUNT);
    server_close(&s);
}

/* The server's own block of counters, by way of the master's descriptor. */
static struct shared *map_shared(const struct server *s)
{
    void *p = MAP_FAILED;
    char folder[64], link[320], name[64];
    DIR *dir;

    snprintf(folder, sizeof(folder), "/proc/%d/fd", (int)s->pid);
    dir = opendir(folder);
    cr_assert_not_null(dir);
    for (struct dirent *at; p == MAP_FAILED && (at = readdir(dir)) != NULL;) {
        ssize_t n;
        int fd;

        snprintf(link, sizeof(link), "%s/%s", folder, at->d_name);
        n = readlink(link, name, sizeof(name) - 1);
        name[n > 0 ? n : 0] = '\0';
        if (strstr(name, "memfd:remuda-shared") == NULL || (fd = open(link, O_RDWR)) < 0)
            continue;
        p = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        close(fd);
    }
    closedir(dir);
    cr_assert_neq(p, MAP_FAILED, "the counters are not found");
    return p;
}

static bool becomes_zero(_Atomic int32_t *value)
{
    for (uint64_t end = now_ms() + DEADLINE_MS; atomic_load(value) != 0 && now_ms() < end;)
        pause_ms(5);
    return atomic_load(value) == 0;
}

/* As a process leaves it that dies between counting a connection and sending or taking it. */
Test(handover, forgets_what_was_counted_and_never_came)
{
    enum { COUNT = 64 };
    struct server s;
    struct shared *shared;
    struct share share;

    server_open(&s);
    start(&s, "workers: 2\nlisten: 'unix:@/web.sock'\nlingering_timeout: 200ms\n");
    shared = map_shared(&s);
    atomic_store(&shared->slots[0].assigned, 1000);
    atomic_store(&shared->slots[1].assigned, -3);
    cr_expect(becomes_zero(&shared->slots[0].assigned));
    cr_expect(becomes_zero(&shared->slots[1].assigned));
    open_clients(&s, server_path(&s, "web.sock"), 0, COUNT, GET);
    cr_expect_eq(count_answered(0, COUNT), COUNT);
    share = ask_share(&s);
    cr_expect(unevenness(&share) <= 1.15);
    close_clients(COUNT);
    munmap(shared, sizeof(*shared));
    server_close(&s);
}

/* Whether it quits, is full, or runs another generation than the one that would give. */
Test(handover, gives_nothing_to_a_worker_that_does_not_take)
{
    enum { COUNT = 64 };
    struct server s;
    struct shared *shared;
    struct share share;

    server_open(&s);
    start(&s, "workers: 2\nlisten: 'unix:@/web.sock'\n");
    shared = map_shared(&s);
    cr_expect_eq(atomic_load(&shared->slots[1].takes), 1);
    atomic_store(&shared->slots[1].takes, 2);
    process_freeze(atomic_load(&shared->slots[1].pid)); /* so that the other one accepts them all */
    open_clients(&s, server_path(&s, "web.sock"), 0, COUNT, GET);
    cr_expect_eq(count_answered(0, COUNT), COUNT);
    share = ask_share(&s);
    cr_expect_eq(share.handed_sum, 0);
    cr_expect_eq(share.open_sum, COUNT);
    kill(atomic_load(&shared->slots[1].pid), SIGCONT);
    close_clients(COUNT);
    munmap(shared, sizeof(*shared));
    server_close(&s);
}

Test(handover, counts_nothing_as_open_that_died_with_its_worker)
{
    enum { COUNT = 32 };
    pid_t pids[SERVER_WORKERS_MAX];
    struct server s;
    struct shared *shared;

    server_open(&s);
    start(&s, "workers: 2\nlisten: 'unix:@/web.sock'\n");
    shared = map_shared(&s);
    cr_assert_eq(server_workers(&s, pids), 2);
    open_clients(&s, server_path(&s, "web.sock"), 0, COUNT, GET);
    cr_expect_eq(count_answered(0, COUNT), COUNT);
    cr_expect(slot_load(&shared->slots[0]) >= COUNT / 4 && slot_load(&shared->slots[1]) > 0);
    kill(pids[0], SIGKILL);
    kill(pids[1], SIGKILL);
    cr_expect(server_wait_workers(&s, 2, pids[0], DEADLINE_MS));
    cr_expect(server_wait_workers(&s, 2, pids[1], DEADLINE_MS));
    for (unsigned i = 0; i < 2; i++) {
        cr_expect_eq(atomic_load(&shared->slots[i].open), 0);
        /* It may have died just before it crossed the last one off. */
        cr_expect(becomes_zero(&shared->slots[i].assigned));
    }
    close_clients(COUNT);
    munmap(shared, sizeof(*shared));
    server_close(&s);
}

/* Workers come and go while connections travel between them. */
Test(handover, loses_nothing_in_reloads)
{
    enum { COUNT = 48, ROUNDS = 24 };
    static const char *const configs[] = {
        "workers: 4\nlisten: unix:@/web.sock\n",
        "workers: 2\nlisten: unix:@/web.sock\n",
        "workers: 6\nlisten: ['unix:@/web.sock', 'unix:@/other.sock']\n",
        "workers: 1\nlisten: unix:@/web.sock\n",
        "workers: 3\nlisten: unix:@/web.sock\nconnection_balance: off\n",
    };
    char text[CONFIG_MAX];
    struct server s;
    struct share share;

    server_open(&s);
    start(&s, configs[0]);
    for (unsigned round = 1; round <= ROUNDS; round++) {
        with_folder(&s, configs[round % (sizeof(configs) / sizeof(*configs))], text);
        server_config(&s, text);
        server_signal(&s, SIGHUP);
        open_clients(&s, server_path(&s, "web.sock"), 0, COUNT, GET);
        cr_expect_eq(count_answered(0, COUNT), COUNT, "round %u", round);
        close_clients(COUNT);
    }
    with_folder(&s, configs[0], text);
    server_reload(&s, text);
    /* Those that leave serve what they find in the queue, and close it. */
    cr_assert(server_wait_workers(&s, 4, 0, DEADLINE_MS));
    open_clients(&s, server_path(&s, "web.sock"), 0, 64, GET);
    cr_expect_eq(count_answered(0, 64), 64);
    share = ask_share(&s);
    cr_expect_eq(share.workers, 4);
    cr_expect(unevenness(&share) <= 1.15, "the busiest has %u of 64", share.open_most);
    close_clients(64);
    server_close(&s);
}

Test(handover, loses_nothing_in_a_graceful_stop)
{
    enum { COUNT = 64, ROUNDS = 6 };
    struct server s;

    server_open(&s);
    for (unsigned round = 0; round < ROUNDS; round++) {
        start(&s, "workers: 4\nlisten: unix:@/web.sock\n");
        open_clients(&s, server_path(&s, "web.sock"), 0, COUNT, GET);
        server_signal(&s, SIGQUIT);
        cr_expect_eq(count_answered(0, COUNT), COUNT, "round %u", round);
        close_clients(COUNT);
        cr_expect_eq(server_wait_exit(&s, DEADLINE_MS), 0);
    }
    server_close(&s);
}
