#include "worker/handover.h"

#include <criterion/criterion.h>

enum { NO = HANDOVER_LOAD_NONE, NOT = HANDOVER_NOT, MOST = 1000 };

static const struct {
    const char *why;
    int32_t loads[4];
    size_t count;
    uint32_t own;
    bool is_full;
    int expect;
} rows[] = {
    { "no siblings", { 0 }, 0, 50, false, NOT },
    { "the only one has fewer", { 9 }, 1, 10, false, 0 },
    { "the only one has as many", { 10 }, 1, 10, false, NOT },
    { "the only one has more", { 11 }, 1, 10, false, NOT },
    { "the least of several", { 9, 8, 3, 7 }, 4, 10, false, 2 },
    { "the first of equals", { 9, 5, 5, 5 }, 4, 10, false, 1 },
    { "one that takes none is passed over", { NO, 9, 0, NO }, 4, 10, false, 2 },
    { "nobody takes any", { NO, NO, NO, NO }, 4, 10, false, NOT },
    { "an empty one", { 0 }, 1, 8, false, 0 },
    { "a lead of one in sixteen is let be", { 160 }, 1, 170, false, NOT },
    { "a larger one is not", { 160 }, 1, 171, false, 0 },
    { "a full sibling gets none", { MOST }, 1, MOST + 5, false, NOT },
    { "not even from a full one", { MOST, MOST + 3 }, 2, MOST, true, NOT },
    { "a full one gives whatever its lead", { 999, 998 }, 2, MOST, true, 1 },
    { "a full one gives to who has more, too", { 20 }, 1, 4, true, 0 },
};

Test(handover, chooses_in_each_row)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        int got = handover_choose(rows[i].loads, rows[i].count, rows[i].own, MOST, rows[i].is_full);

        cr_expect_eq(got, rows[i].expect, "%s: got %d", rows[i].why, got);
    }
}

/* Each worker sees the others, in its own order; `to` accepts. */
static void deal(int32_t loads[], size_t workers, size_t to)
{
    int32_t others[16];
    int chosen = HANDOVER_NOT;

    for (size_t i = 1; i < workers; i++)
        others[i - 1] = loads[(to + i) % workers];
    if (loads[to] >= HANDOVER_FLOOR)
        chosen = handover_choose(others, workers - 1, (uint32_t)loads[to], MOST, false);
    loads[chosen == HANDOVER_NOT ? to : (to + (size_t)chosen + 1) % workers]++;
}

Test(handover, leaves_no_worker_far_above_the_mean)
{
    static const size_t workers[] = { 2, 4, 8, 16 };

    for (unsigned seed = 0; seed < 50; seed++)
        for (size_t i = 0; i < sizeof(workers) / sizeof(*workers); i++)
            for (unsigned count = 128; count <= 1024; count *= 2) {
                int32_t loads[16] = { 0 }, most = 0;
                unsigned random = seed * 2654435761U + 1;

                for (unsigned c = 0; c < count; c++) {
                    random = random * 1664525U + 1013904223U;
                    /* The first seed is the worst hash of all: everybody to the same worker. */
                    deal(loads, workers[i], seed == 0 ? 0 : (random >> 16) % workers[i]);
                }
                for (size_t w = 0; w < workers[i]; w++)
                    most = loads[w] > most ? loads[w] : most;
                cr_expect(most * (double)workers[i] / count <= 1.15,
                          "%zu workers, %u connections: the busiest has %d", workers[i], count,
                          most);
            }
}
