/* Settings that a living worker cannot change: a reload replaces the workers, and nobody notices. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/integration/client.h"
#include "tests/integration/load.h"

TestSuite(roll, .timeout = 60);

static bool proc_has(pid_t pid, const char *file, const char *text)
{
    char path[64];
    struct buf b;
    bool has;

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
    b = file_read(path);
    has = strstr(buf_cstr(&b), text) != NULL;
    buf_fini(&b);
    return has;
}

static void expect_no_loss(struct load *load, const char *who)
{
    load_stop(load);
    cr_expect_eq(atomic_load(&load->failed), 0, "%s: %u lost, the first: %s", who,
                 atomic_load(&load->failed), load->failure);
}

static void roll_under_load(const char *config, const char *changed, size_t count)
{
    pid_t before[SERVER_WORKERS_MAX], after[SERVER_WORKERS_MAX];
    struct server s;
    struct load new, staying;
    struct buf output;

    server_open(&s);
    server_start(&s, config);
    cr_assert_eq(server_workers(&s, before), count);
    load_start(&new, &s, LOAD_CONNECT_EACH, "/", 16);
    load_start(&staying, &s, LOAD_KEEP_ALIVE, "/", 32);
    server_config(&s, changed);
    cr_expect_eq(server_verb(&s, "reload", &output), 0, "%s", buf_cstr(&output));
    cr_expect_not_null(strstr(buf_cstr(&output), "every worker was replaced, for: worker_rlimit"),
                       "%s", buf_cstr(&output));
    buf_fini(&output);
    for (size_t i = 0; i < count; i++)
        cr_expect(process_wait_gone(before[i], DEADLINE_MS), "worker %zu is left", i + 1);
    cr_assert_eq(server_workers(&s, after), count);
    for (size_t i = 0; i < count; i++)
        cr_expect(proc_has(after[i], "limits", "Max open files            700 "));
    cr_expect(load_go_on(&new, 100) && load_go_on(&staying, 100));
    expect_no_loss(&new, "new connections");
    expect_no_loss(&staying, "keep-alive connections");
    server_reload(&s, changed);
    cr_expect(server_workers(&s, before) == count &&
                  memcmp(before, after, count * sizeof(*after)) == 0,
              "the next reload leaves them alone");
    server_close(&s);
}

Test(roll, replaces_the_workers_under_load)
{
    roll_under_load("workers: 3\n", "workers: 3\nworker_rlimit_nofile: 700\n", 3);
}

Test(roll, replaces_the_only_worker_under_load)
{
    roll_under_load("workers: 1\n", "workers: 1\nworker_rlimit_nofile: 700\n", 1);
}

Test(roll, replaces_them_beside_a_change_of_their_number)
{
    roll_under_load("workers: 3\nconnection_balance: off\n",
                    "workers: 3\nconnection_balance: on\nworker_rlimit_nofile: 700\n", 3);
}

enum { IDLE = 100 };

static bool status_has(const struct server *s, const char *words)
{
    struct buf status;
    bool has_it;

    cr_assert_eq(server_verb(s, "status", &status), 0);
    has_it = strstr(buf_cstr(&status), words) != NULL;
    buf_fini(&status);
    return has_it;
}

/* To the next worker of the same slot, where there is no other. `told`: part of the status then. */
static void roll_with_idle(unsigned workers, size_t asked, const char *told)
{
    static struct client clients[IDLE];
    struct server s;
    char config[64];
    uint64_t end;

    snprintf(config, sizeof(config), "workers: %u\n", workers);
    server_open(&s);
    server_start(&s, config);
    clients_open(clients, IDLE, asked, &s);
    for (unsigned i = 0; i < 2; i++) {
        snprintf(config, sizeof(config), "workers: %u\nworker_rlimit_nofile: %u\n", workers,
                 700 + i);
        pause_ms(700); /* idle for longer, who has no heir is closed at once */
        server_reload(&s, config);
    }
    end = now_ms() + DEADLINE_MS;
    while (!status_has(&s, told) && now_ms() < end)
        pause_ms(10);
    cr_expect(status_has(&s, told));
    clients_go_on(clients, IDLE);
    server_close(&s);
}

Test(roll, passes_idle_connections_on)
{
    roll_with_idle(3, IDLE / 2, "");
}

/* Each once: who leaves takes none of them back. */
Test(roll, passes_idle_connections_on_from_the_only_worker)
{
    roll_with_idle(1, IDLE, " 200 handed over, 200 taken over");
}

/* The docroot is root's alone: the first heir cannot start, and everybody else stays. */
Test(roll, that_fails_leaves_the_workers_as_they_are)
{
    pid_t before[SERVER_WORKERS_MAX], after[SERVER_WORKERS_MAX];
    struct server s;
    struct buf output;

    if (geteuid() != 0)
        return; /* nobody else can become somebody */
    server_open(&s);
    server_start(&s, "");
    cr_assert_eq(server_workers(&s, before), 2);
    cr_assert_eq(chmod(s.dir, 0700), 0);
    server_config(&s, "user: nobody\n");
    cr_expect_eq(server_verb(&s, "reload", &output), 1);
    cr_expect_not_null(strstr(buf_cstr(&output), "not with a new user"), "%s", buf_cstr(&output));
    cr_expect_not_null(strstr(buf_cstr(&output), "Permission denied"), "%s", buf_cstr(&output));
    buf_fini(&output);
    cr_expect(server_workers(&s, after) == 2 && memcmp(before, after, 2 * sizeof(*after)) == 0);
    cr_expect_eq(fetch_status(&s, "/"), 200);
    cr_assert_eq(chmod(s.dir, 0755), 0);
    server_reload(&s, "user: nobody\n");
    cr_expect(server_wait_workers(&s, 2, before[0], DEADLINE_MS));
    cr_assert_eq(server_workers(&s, after), 2);
    for (size_t i = 0; i < 2; i++)
        cr_expect(!proc_has(after[i], "status", "\nUid:\t0\t"), "worker %zu is root", i + 1);
    cr_expect_eq(fetch_status(&s, "/"), 200);
    server_close(&s);
}
