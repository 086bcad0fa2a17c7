#include "common/shared.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
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
        cr_expect_eq(counter_read(&s->slots[SHARED_BANKS * SHARED_SLOTS_MAX - 1], (enum counter)i),
                     0);
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
    counter_add(&s->slots[1], COUNTER_CONNECTIONS_ACCEPTED, 2);
    pid = fork();
    if (pid == 0) {
        counter_add(&s->slots[1], COUNTER_CONNECTIONS_ACCEPTED, 40);
        _exit(0);
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_expect_eq(counter_read(&s->slots[1], COUNTER_CONNECTIONS_ACCEPTED), 42);
    cr_expect_eq(counter_read(&s->slots[0], COUNTER_CONNECTIONS_ACCEPTED), 0);
    shared_free(&s, &fd);
}

Test(shared, is_opened_by_another_that_agrees_about_its_layout)
{
    int fd = -1, copy;
    struct shared *s = shared_new(&fd), *again;

    cr_assert_not_null(s);
    counter_add(&shared_bank(s, 1)[2], COUNTER_CONNECTIONS_ACCEPTED, 7);
    copy = dup(fd);
    again = shared_open(copy);
    cr_assert_not_null(again);
    cr_expect_eq(counter_read(&again->slots[SHARED_SLOTS_MAX + 2], COUNTER_CONNECTIONS_ACCEPTED),
                 7);
    shared_free(&again, &copy);

    s->layout++;
    cr_expect_null(shared_open(fd));
    cr_expect_eq(errno, EPROTO);
    s->layout--;
    cr_assert_eq(ftruncate(fd, 4096), 0);
    cr_expect_null(shared_open(fd), "it is shorter than ours");
    cr_expect_eq(errno, EPROTO);
    shared_free(&s, &fd);
}

Test(shared, closes_what_a_slot_had_open_and_keeps_what_it_counted)
{
    int fd = -1;
    struct shared *s = shared_new(&fd);
    struct shared_slot *slot = shared_bank(s, 0);

    counter_add(slot, COUNTER_CONNECTIONS_ACCEPTED, 5);
    counter_add(slot, COUNTER_CONNECTIONS_CLOSED, 2);
    slot->pid = 1;
    slot->open = 3;
    slot->takes = 1;
    shared_leave_slot(s, slot);
    cr_expect_eq(counter_read(slot, COUNTER_CONNECTIONS_CLOSED), 5);
    cr_expect_eq(counter_read(slot, COUNTER_CONNECTIONS_ACCEPTED), 5);
    cr_expect_eq(slot->pid + (int)slot->open + (int)slot->takes, 0);
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
    cr_expect_str_eq(counter_names[COUNTER_CONNECTIONS_ACCEPTED], "connections_accepted");
}

Test(shared, is_given_out_for_reading_alone)
{
    int fd = -1, reader;
    struct shared *s = shared_new(&fd);
    const struct shared *seen;

    cr_assert_not_null(s);
    reader = shared_open_descriptor(fd);
    cr_assert_geq(reader, 0);
    seen = shared_open_readonly(reader);
    cr_assert_not_null(seen);
    s->slots[5].pid = 7;
    cr_expect_eq(seen->slots[5].pid, 7, "the same memory");
    cr_expect_eq(mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED, reader, 0), MAP_FAILED);
    cr_expect_eq(errno, EACCES);
    cr_expect_lt(write(reader, "x", 1), 0);
    cr_expect_lt(ftruncate(reader, 0), 0);
    shared_close_readonly(&seen);
    cr_expect_null(seen);
    s->layout++;
    cr_expect_null(shared_open_readonly(reader));
    cr_expect_eq(errno, EPROTO);
    close(reader);
    shared_free(&s, &fd);
}
