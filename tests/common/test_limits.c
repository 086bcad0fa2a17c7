#include "common/limits.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static struct limits *limits_map(void)
{
    struct limits *l = mmap(NULL, sizeof(*l), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    cr_assert_neq(l, MAP_FAILED);
    cr_assert_eq(limits_init(l), 0);
    return l;
}

static struct siphash client_of(const struct limits *l, const char *address, uint64_t purpose)
{
    const uint64_t two[2] = { purpose, 0 };
    struct siphash client = { { 0, 0 } };
    struct cidr at;
    const char *why;

    cr_assert(cidr_parse(str_of(address), &at, &why), "%s", address);
    cr_assert(limits_client(l, &at, two, &client));
    return client;
}

static bool take(struct limits *l, const struct siphash *client, uint64_t now_us, uint64_t *wait)
{
    return limits_take(l, client, 100000, 3, now_us, wait); /* 10/s and 3 more */
}

Test(limits, let_a_burst_through_and_then_the_rate)
{
    struct limits *l = limits_map();
    struct siphash a = client_of(l, "192.0.2.1", 1), b = client_of(l, "192.0.2.2", 1);
    uint64_t now = 5000000, wait = 0;

    for (int i = 0; i < 4; i++)
        cr_expect(take(l, &a, now, &wait), "%d", i);
    cr_expect_not(take(l, &a, now, &wait));
    cr_expect_eq(wait, 100000);
    cr_expect_not(take(l, &a, now + 99999, &wait));
    cr_expect_eq(wait, 1);
    cr_expect(take(l, &a, now + 100000, &wait));
    cr_expect_not(take(l, &a, now + 100000, &wait));
    cr_expect(take(l, &b, now, &wait), "another client has a bucket of its own");
    for (int i = 0; i < 4; i++)
        cr_expect(take(l, &a, now + 100000000, &wait), "full again, %d", i);
    cr_expect_not(take(l, &a, now + 100000000, &wait), "and not fuller");
    munmap(l, sizeof(*l));
}

Test(limits, tell_clients_apart_by_what_a_client_cannot_change)
{
    static const struct {
        const char *why, *one, *other;
        bool is_same;
    } rows[] = {
        { "another address", "192.0.2.1", "192.0.2.2", false },
        { "mapped IPv4", "192.0.2.1", "::ffff:192.0.2.1", true },
        { "the same /64", "2001:db8:0:1::1", "2001:db8:0:1:ffff::2", true },
        { "another /64", "2001:db8:0:1::1", "2001:db8:0:2::1", false },
        { "IPv4 and IPv6 of the same bytes", "32.1.13.184", "2001:db8::", false },
    };
    struct limits *l = limits_map();
    struct cidr local = { .family = AF_UNIX };
    struct siphash a, b;

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        a = client_of(l, rows[i].one, 1);
        b = client_of(l, rows[i].other, 1);
        cr_expect_eq(a.half[0] == b.half[0] && a.half[1] == b.half[1], rows[i].is_same, "%s",
                     rows[i].why);
    }
    a = client_of(l, "192.0.2.1", 1);
    b = client_of(l, "192.0.2.1", 2);
    cr_expect_neq(a.half[0], b.half[0], "another purpose");
    cr_expect_not(limits_client(l, &local, (uint64_t[2]){ 0 }, &a), "a Unix socket is nobody");
    munmap(l, sizeof(*l));
}

/* Clients of one bucket of the table, made up: more than it has places. */
static struct siphash neighbour(unsigned i)
{
    return (struct siphash){ { (uint64_t)(i + 1) << 48 | (i + 1) << 4, 7 } };
}

Test(limits, are_lenient_when_the_table_is_full_and_take_places_over_when_time_has_passed)
{
    struct limits *l = limits_map();
    uint64_t now = 5000000, wait;

    for (unsigned i = 0; i < LIMITS_WAYS; i++) {
        struct siphash client = neighbour(i);

        while (take(l, &client, now, &wait))
            continue;
    }
    for (int i = 0; i < 20; i++) {
        struct siphash late = neighbour(LIMITS_WAYS);

        cr_expect(take(l, &late, now, &wait), "no place: not counted");
    }
    for (unsigned i = 0; i < LIMITS_WAYS; i++) {
        struct siphash client = neighbour(i);

        cr_expect_not(take(l, &client, now, &wait), "those that have one are");
    }
    now += 10000000;
    for (int i = 0; i < 6; i++) {
        struct siphash late = neighbour(LIMITS_WAYS);

        cr_expect_eq(take(l, &late, now, &wait), i < 4, "%d", i);
    }
    munmap(l, sizeof(*l));
}

/* Runs in `count` processes at once; returns what they count together. */
static int in_processes(int count, int (*run)(struct limits *l), struct limits *l)
{
    int pipes[2], total = 0, part;

    cr_assert_eq(pipe(pipes), 0);
    for (int i = 0; i < count; i++) {
        if (fork() > 0)
            continue;
        part = run(l);
        _exit(write(pipes[1], &part, sizeof(part)) == (ssize_t)sizeof(part) ? 0 : 1);
    }
    for (int i = 0; i < count; i++) {
        cr_assert_eq(read(pipes[0], &part, sizeof(part)), (ssize_t)sizeof(part));
        total += part;
    }
    while (wait(NULL) > 0)
        continue;
    close(pipes[0]);
    close(pipes[1]);
    return total;
}

static int take_many(struct limits *l)
{
    struct siphash client = client_of(l, "192.0.2.1", 1);
    uint64_t wait;
    int taken = 0;

    for (int i = 0; i < 5000; i++)
        taken += limits_take(l, &client, 1000, 7999, 5000000, &wait);
    return taken;
}

Test(limits, give_each_token_to_one_of_many_processes)
{
    struct limits *l = limits_map();
    int taken = in_processes(4, take_many, l);

    /* Each race that is lost sixteen times in a row lets one more through. */
    cr_expect_geq(taken, 8000);
    cr_expect_leq(taken, 8020);
    munmap(l, sizeof(*l));
}

static int hold_and_release(struct limits *l)
{
    struct siphash client = client_of(l, "192.0.2.1", 0);
    int ledger = limits_open_ledger(l, getpid()), held = 0;

    for (int i = 0; i < 20000; i++) {
        int place = limits_hold(l, ledger, &client, 2);

        held += place >= 0;
        if (place >= 0)
            limits_release(l, ledger, place);
    }
    return held;
}

Test(limits, count_connections_of_all_processes_and_forget_none)
{
    struct limits *l = limits_map();
    struct siphash client = client_of(l, "192.0.2.1", 0), other = client_of(l, "192.0.2.2", 0);
    int ledger = limits_open_ledger(l, getpid()), first, second;

    cr_assert_geq(ledger, 0);
    first = limits_hold(l, ledger, &client, 2);
    second = limits_hold(l, ledger, &client, 2);
    cr_assert(first >= 0 && second >= 0);
    cr_expect_eq(limits_hold(l, ledger, &client, 2), LIMITS_REFUSED);
    cr_expect_eq(in_processes(2, hold_and_release, l), 0, "in another process too");
    cr_expect_geq(limits_hold(l, ledger, &client, 3), 0, "a larger limit of another route");
    cr_expect_geq(limits_hold(l, ledger, &other, 1), 0, "another client");
    limits_release(l, ledger, first);
    limits_release(l, ledger, first);
    cr_expect_gt(in_processes(3, hold_and_release, l), 0);
    cr_expect_geq(limits_hold(l, ledger, &client, 2), 0, "all that was held there is free again");
    cr_expect_eq(limits_hold(l, ledger, &client, 2), LIMITS_REFUSED);
    munmap(l, sizeof(*l));
}

static int hold_and_die(struct limits *l)
{
    struct siphash client = client_of(l, "192.0.2.1", 0);
    int ledger = limits_open_ledger(l, getpid());

    for (int i = 0; i < 5; i++)
        limits_hold(l, ledger, &client, 5);
    return getpid();
}

Test(limits, give_back_what_a_dead_process_held)
{
    struct limits *l = limits_map();
    struct siphash client = client_of(l, "192.0.2.1", 0);
    pid_t pid = in_processes(1, hold_and_die, l);
    int ledger = limits_open_ledger(l, getpid());

    cr_expect_eq(limits_hold(l, ledger, &client, 5), LIMITS_REFUSED);
    limits_close_ledger(l, pid + 1);
    cr_expect_eq(limits_hold(l, ledger, &client, 5), LIMITS_REFUSED, "not that one");
    limits_close_ledger(l, pid);
    for (int i = 0; i < 5; i++)
        cr_expect_geq(limits_hold(l, ledger, &client, 5), 0);
    cr_expect_eq(limits_hold(l, ledger, &client, 5), LIMITS_REFUSED);
    cr_expect_eq(limits_open_ledger(l, 1), 0, "its ledger is free for another");
    munmap(l, sizeof(*l));
}

Test(limits, are_lenient_when_there_is_no_place_or_no_ledger)
{
    struct limits *l = limits_map();
    struct siphash client;
    int ledger = limits_open_ledger(l, 1);

    for (unsigned i = 0; i < LIMITS_WAYS; i++) {
        client = neighbour(i);
        client.half[0] <<= 8;
        cr_expect_geq(limits_hold(l, ledger, &client, 1), 0);
    }
    client = neighbour(LIMITS_WAYS);
    client.half[0] <<= 8;
    cr_expect_eq(limits_hold(l, ledger, &client, 1), LIMITS_UNCOUNTED);
    cr_expect_eq(limits_hold(l, LIMITS_NO_LEDGER, &client, 1), LIMITS_UNCOUNTED);
    for (int i = 1; i < LIMITS_LEDGERS; i++)
        cr_assert_eq(limits_open_ledger(l, 1000 + i), i);
    cr_expect_eq(limits_open_ledger(l, 2), LIMITS_NO_LEDGER);
    munmap(l, sizeof(*l));
}
