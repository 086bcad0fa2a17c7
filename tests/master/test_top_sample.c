#include "master/top_sample.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/xmalloc.h"

/* A block as a master with `workers` workers in bank 0 leaves it, and room for two samples. */
struct scene {
    struct shared *shared;
    int fd;
    struct top_sample *from, *to;
    struct top_rates *rates;
};

static void set_worker(struct scene *s, unsigned bank, unsigned slot, int32_t pid,
                       uint64_t generation)
{
    struct shared_slot *at = &shared_bank(s->shared, bank)[slot];

    at->pid = pid;
    at->generation = generation;
}

static struct scene scene_open(unsigned workers)
{
    struct scene s = { .from = xcalloc(1, sizeof(*s.from)),
                       .to = xcalloc(1, sizeof(*s.to)),
                       .rates = xcalloc(1, sizeof(*s.rates)) };

    s.shared = shared_new(&s.fd);
    cr_assert_not_null(s.shared);
    s.shared->generation = 1;
    s.shared->master_pid = 77;
    s.shared->worker_count = workers;
    for (unsigned i = 0; i < workers; i++)
        set_worker(&s, 0, i, (int32_t)(100 + i), 1);
    return s;
}

static void scene_close(struct scene *s)
{
    shared_free(&s->shared, &s->fd);
    free(s->from);
    free(s->to);
    free(s->rates);
}

static void answer(struct scene *s, unsigned slot, const char *route, unsigned status,
                   unsigned times, uint64_t bytes, uint64_t ns)
{
    unsigned number = series_name_add(&s->shared->series, STR("a.example"), str_of(route));
    struct series_record *r = series_record(&s->shared->series, slot, number);

    for (unsigned i = 0; i < times; i++) {
        series_count(r, status, bytes);
        series_count_latency(r, ns);
    }
}

/* Two seconds between the samples, in which `happens`. */
static void look(struct scene *s, void (*happens)(struct scene *s), enum top_sort sort)
{
    top_sample_take(s->from, s->shared, 1000000000, 500);
    happens(s);
    top_sample_take(s->to, s->shared, 3000000000, 502);
    top_rates_between(s->from, s->to, sort, s->rates);
}

static void some_requests(struct scene *s)
{
    answer(s, 0, "/a", 200, 60, 100, 5000);
    answer(s, 1, "/a", 200, 20, 100, 50000);
    answer(s, 1, "/b", 404, 15, 10, 50000);
    answer(s, 1, "/b", 500, 5, 10, 50000);
}

Test(top_sample, counts_what_happened_in_between_alone)
{
    struct scene s = scene_open(2);

    answer(&s, 0, "/a", 200, 1000, 7, 1);
    look(&s, some_requests, TOP_BY_REQUESTS);
    cr_expect_float_eq(s.rates->s, 2, 1e-9);
    cr_expect_eq(series_requests(&s.rates->all), 100);
    cr_expect_eq(s.rates->all.responses[5], 5);
    cr_expect_eq(s.rates->master_pid, 77);
    cr_expect_eq(s.rates->serving_count, 2);
    cr_assert_eq(s.rates->row_count, 2);
    cr_expect_eq(s.rates->workers[0].pid, 100);
    cr_expect_float_eq(s.rates->workers[0].figures.requests, 30, 1e-9);
    cr_expect_float_eq(s.rates->workers[1].figures.requests, 20, 1e-9);
    cr_expect(s.rates->workers[0].figures.p50_ns > 3000 &&
              s.rates->workers[0].figures.p50_ns < 7000);
    cr_assert_eq(s.rates->route_count, 2);
    cr_expect_str_eq(s.rates->routes[0].route, "/a");
    cr_expect_eq(s.rates->routes[0].requests_ever, 1080);
    cr_expect_float_eq(s.rates->routes[0].figures.requests, 40, 1e-9);
    cr_expect_float_eq(s.rates->routes[0].figures.body_bytes, 4000, 1e-9);
    cr_expect_float_eq(s.rates->routes[1].figures.error_share, 1, 1e-9);
    cr_expect_float_eq(s.rates->routes[1].figures.failure_share, 0.25, 1e-9);
    cr_assert_eq(s.rates->site_count, 1);
    cr_expect_float_eq(s.rates->sites[0].figures.requests, 50, 1e-9);
    scene_close(&s);
}

Test(top_sample, sorts_by_what_is_asked_for)
{
    struct scene s = scene_open(2);

    look(&s, some_requests, TOP_BY_ERRORS);
    cr_expect_str_eq(s.rates->routes[0].route, "/b");
    top_rates_sort(s.rates, TOP_BY_BYTES);
    cr_expect_str_eq(s.rates->routes[0].route, "/a");
    top_rates_sort(s.rates, TOP_BY_P99);
    cr_expect_str_eq(s.rates->routes[0].route, "/a", "the same p99: more requests come first");
    scene_close(&s);
}

static void nothing(struct scene *s)
{
}

Test(top_sample, has_no_figures_where_nothing_happened)
{
    struct scene s = scene_open(1);

    answer(&s, 0, "/a", 500, 3, 1, 1000);
    look(&s, nothing, TOP_BY_REQUESTS);
    cr_assert_eq(s.rates->route_count, 1);
    cr_expect_eq(s.rates->routes[0].figures.p99_ns, 0);
    cr_expect_float_eq(s.rates->routes[0].figures.error_share, 0, 1e-9);
    scene_close(&s);
}

static void upgrade(struct scene *s)
{
    answer(s, 0, "/a", 200, 10, 0, 1000);
    set_worker(s, 1, 0, 200, 2);
    answer(s, SHARED_SLOTS_MAX, "/a", 200, 30, 0, 1000);
    s->shared->bank = 1;
    s->shared->generation = 2;
    s->shared->worker_count = 1;
}

Test(top_sample, shows_both_workers_of_a_slot_over_an_upgrade)
{
    struct scene s = scene_open(1);

    look(&s, upgrade, TOP_BY_REQUESTS);
    cr_assert_eq(s.rates->row_count, 2);
    cr_expect_eq(s.rates->workers[0].state, TOP_LEAVING);
    cr_expect_eq(s.rates->workers[0].pid, 100);
    cr_expect_eq(s.rates->workers[1].state, TOP_SERVING);
    cr_expect_eq(s.rates->workers[1].pid, 200);
    cr_expect_float_eq(s.rates->workers[1].figures.requests, 15, 1e-9);
    cr_expect_eq(series_requests(&s.rates->all), 40, "of both");
    scene_close(&s);
}

Test(top_sample, tells_what_state_a_worker_is_in)
{
    static const enum top_state expect[] = { TOP_SERVING, TOP_NONE, TOP_STUCK, TOP_STARTING,
                                             TOP_LEAVING };
    struct scene s = scene_open(5);

    s.shared->worker_count = 4;
    s.shared->generation = 2;
    for (unsigned i = 0; i < 5; i++)
        set_worker(&s, 0, i, i == 1 ? 0 : 9, i == 3 ? 1 : 2);
    shared_bank(s.shared, 0)[2].is_stuck = 1;
    look(&s, nothing, TOP_BY_REQUESTS);
    cr_assert_eq(s.rates->row_count, 5);
    for (unsigned i = 0; i < 5; i++)
        cr_expect_eq(s.rates->workers[i].state, expect[i], "worker %u: %d", i + 1,
                     (int)s.rates->workers[i].state);
    cr_expect_eq(s.rates->serving_count, 1);
    scene_close(&s);
}

static void one_dies(struct scene *s)
{
    answer(s, 1, "/a", 200, 8, 0, 1000);
    shared_bank(s->shared, 0)[1].pid = 0;
    s->shared->worker_count = 1;
}

Test(top_sample, loses_no_requests_of_a_worker_that_ended)
{
    struct scene s = scene_open(2);

    look(&s, one_dies, TOP_BY_REQUESTS);
    cr_expect_eq(s.rates->row_count, 1);
    cr_expect_eq(series_requests(&s.rates->all), 8);
    scene_close(&s);
}

Test(top_sample, reads_cpu_and_memory_of_a_process)
{
    struct scene s = scene_open(2);

    set_worker(&s, 0, 0, getpid(), 1);
    set_worker(&s, 0, 1, INT32_MAX, 1);
    top_sample_take(s.from, s.shared, 1000000000, 500);
    top_sample_read_processes(s.from);
    top_sample_take(s.to, s.shared, 2000000000, 501);
    top_sample_read_processes(s.to);
    s.to->slots[0][0].stat.user_s += 0.5;
    top_rates_between(s.from, s.to, TOP_BY_REQUESTS, s.rates);
    cr_expect(s.rates->workers[0].has_memory && s.rates->workers[0].memory_bytes > 65536);
    cr_expect_geq(s.rates->workers[0].cpu_share, 0.5);
    cr_expect(!s.rates->workers[1].has_memory, "there is no such process");
    cr_expect_lt(s.rates->workers[1].cpu_share, 0);
    scene_close(&s);
}
