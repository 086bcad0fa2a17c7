#include "worker/metrics.h"

#include <criterion/criterion.h>
#include <unistd.h>

#include "tests/worker/metrics_block.h"

Test(metrics, adds_up_both_banks_of_a_worker)
{
    struct block b;
    struct metrics m;

    block_open(&b);
    block_worker(&b, 0, 0, 100, 1);
    block_worker(&b, 0, 1, 101, 1);
    block_worker(&b, 1, 0, 0, 2); /* its heir, who has ended */
    block_requests(&b, 0, 0, "a", "/", 200, 3, 1000);
    block_requests(&b, 0, 1, "a", "/", 404, 2, 1000);
    block_requests(&b, 1, 0, "a", "/x", 500, 1, 1000);
    counter_add(&shared_bank(b.shared, 0)[0], COUNTER_CONNECTIONS_ACCEPTED, 7);
    counter_add(&shared_bank(b.shared, 1)[0], COUNTER_CONNECTIONS_ACCEPTED, 2);
    counter_add(&shared_bank(b.shared, 1)[0], COUNTER_CONNECTIONS_CLOSED, 2);
    metrics_take(&m, b.shared, 5000);
    cr_expect_eq(m.worker_count, 2);
    cr_expect_eq(m.processes, 2);
    cr_expect_eq(m.workers[0].number, 1);
    cr_expect_eq(m.workers[0].pid, 100);
    cr_expect_eq(m.workers[0].requests, 4);
    cr_expect_eq(m.workers[1].requests, 2);
    cr_expect_eq(m.workers[0].open, 7);
    cr_expect_eq(m.open, 7);
    cr_expect_eq(m.counters[COUNTER_CONNECTIONS_ACCEPTED], 9);
    cr_expect_eq(series_requests(&m.totals), 6);
    cr_expect_eq(m.totals.responses[2], 3);
    cr_expect_eq(m.totals.body_bytes, 60);
    metrics_fini(&m);
    block_close(&b);
}

Test(metrics, names_the_younger_of_two_in_a_slot)
{
    struct block b;
    struct metrics m;

    block_open(&b);
    block_worker(&b, 0, 0, 100, 1);
    block_worker(&b, 1, 0, 200, 2);
    shared_bank(b.shared, 0)[0].started_at = 10;
    shared_bank(b.shared, 1)[0].started_at = 20;
    metrics_take(&m, b.shared, 5000);
    cr_expect_eq(m.worker_count, 1);
    cr_expect_eq(m.processes, 2);
    cr_expect_eq(m.workers[0].pid, 200);
    cr_expect_eq(m.workers[0].generation, 2);
    metrics_fini(&m);
    block_close(&b);
}

Test(metrics, has_routes_in_order_and_those_that_nobody_asked_for_yet)
{
    static const char *const expected[][2] = {
        { "a", "/" }, { "a", "/b" }, { "b", "/" }, { "b", "/c" }
    };
    struct block b;
    struct metrics m;

    block_open(&b);
    block_worker(&b, 0, 0, 100, 1);
    block_requests(&b, 0, 0, "b", "/c", 200, 1, 1000);
    block_requests(&b, 0, 0, "a", "/b", 200, 0, 1000);
    block_requests(&b, 0, 0, "a", "/", 200, 1, 1000);
    block_requests(&b, 0, 0, "b", "/", 200, 1, 1000);
    series_name_add(&b.shared->series, STR("z"), STR("/never-had-by-a-worker"));
    metrics_take(&m, b.shared, 5000);
    cr_assert_eq(m.route_count, 4);
    for (size_t i = 0; i < 4; i++) {
        cr_expect(str_eq(m.routes[i].site, str_of(expected[i][0])), "%zu", i);
        cr_expect(str_eq(m.routes[i].route, str_of(expected[i][1])), "%zu", i);
    }
    cr_expect_eq(metrics_next_site(&m, 0), 2);
    cr_expect_eq(metrics_next_site(&m, 2), 4);
    metrics_fini(&m);
    block_close(&b);
}

Test(metrics, asks_the_kernel_for_those_that_are_there)
{
    struct block b;
    struct metrics m;

    block_open(&b);
    block_worker(&b, 0, 0, getpid(), 1);
    block_worker(&b, 0, 1, 0, 1);
    metrics_take(&m, b.shared, 5000);
    metrics_add_processes(&m);
    cr_expect(m.workers[0].has_process);
    cr_expect_gt(m.workers[0].process.memory_bytes, 0);
    cr_expect_not(m.workers[1].has_process);
    metrics_fini(&m);
    block_close(&b);
}
