#include "common/shared.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

Test(shared, starts_zeroed_and_dated)
{
    int fd = -1;
    struct shared *s = shared_new(&fd);

    cr_assert_not_null(s);
    cr_expect_geq(fd, 0);
    cr_expect_leq(s->started_at, (uint64_t)time(NULL));
    cr_expect_gt(s->started_at, (uint64_t)time(NULL) - 10);
    for (int i = 0; i < COUNTER_COUNT; i++)
        cr_expect_eq(counter_read(&s->slots[SHARED_SLOTS_MAX - 1], (enum counter)i), 0);
    shared_free(&s, &fd);
    cr_expect_null(s);
    cr_expect_eq(fd, -1);
    shared_free(&s, &fd); /* freeing nothing is fine */
}

Test(shared, gives_every_slot_cache_lines_of_its_own)
{
    cr_expect_eq(sizeof(struct shared_slot) % 64, 0);
    cr_expect_eq(offsetof(struct shared, slots) % 64, 0);
    cr_expect_eq(offsetof(struct shared_slot, takes) % 64, 0, "what siblings read");
}

Test(shared, adds_what_is_on_its_way_to_a_slots_load)
{
    struct shared_slot slot = { .open = 5 };

    cr_expect_eq(slot_load(&slot), 5);
    slot.assigned = 3;
    cr_expect_eq(slot_load(&slot), 8);
    slot.assigned = -1;
    cr_expect_eq(slot_load(&slot), 5);
}

Test(shared, shows_the_master_what_a_child_counted_even_after_its_death)
{
    int fd = -1, status;
    struct shared *s = shared_new(&fd);
    pid_t pid;

    cr_assert_not_null(s);
    counter_add(&s->slots[1], COUNTER_REQUESTS, 2);
    pid = fork();
    if (pid == 0) {
        counter_add(&s->slots[1], COUNTER_REQUESTS, 40);
        _exit(0);
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_expect_eq(counter_read(&s->slots[1], COUNTER_REQUESTS), 42);
    cr_expect_eq(counter_read(&s->slots[0], COUNTER_REQUESTS), 0);
    shared_free(&s, &fd);
}

Test(shared, names_and_explains_each_counter)
{
    for (int i = 0; i < COUNTER_COUNT; i++) {
        cr_assert_not_null(counter_names[i]);
        cr_assert_not_null(counter_help[i]);
        for (int j = 0; j < i; j++)
            cr_expect_str_neq(counter_names[i], counter_names[j]);
    }
    cr_expect_str_eq(counter_names[COUNTER_REQUESTS], "requests");
}
