#include "master/inboxes.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static struct inboxes boxes;
static struct config balanced = { .has_connection_balance = true }, plain;

static void init(void)
{
    inboxes_init(&boxes);
}

static void fini(void)
{
    inboxes_fini(&boxes);
}

TestSuite(inboxes, .init = init, .fini = fini);

static void prepare(unsigned count)
{
    struct buf errors = { 0 };

    cr_assert(inboxes_prepare(&boxes, count, &errors), "%s", buf_cstr(&errors));
    buf_fini(&errors);
}

static struct bundle bundle_of(const struct config *config, unsigned count, unsigned slot)
{
    struct bundle b = { 0 };

    inboxes_bundle(&boxes, config, count, slot, &b);
    return b;
}

Test(inboxes, have_no_givers_where_one_worker_serves_or_balance_is_off)
{
    struct bundle b;

    prepare(1);
    b = bundle_of(&balanced, 1, 0);
    cr_expect(b.has_inbox && b.peer_count == 0);
    prepare(4);
    b = bundle_of(&plain, 4, 1);
    cr_expect(b.has_inbox && b.peer_count == 0);
}

static unsigned slots_of(const struct bundle *b)
{
    unsigned seen = 0;

    for (size_t i = 0; i < b->peer_count; i++) {
        cr_expect_eq(b->peers[i].fd, boxes.slots[b->peers[i].slot].give_fd);
        seen |= 1U << b->peers[i].slot;
    }
    return seen;
}

Test(inboxes, are_all_open_to_a_worker_that_leaves)
{
    struct heirs heirs = { .inboxes = &boxes, .slot_count = 3 };
    struct bundle b = { 0 };

    prepare(8);
    inboxes_bundle_heirs(&heirs, 1, &b);
    cr_expect_eq(slots_of(&b), 7U, "that of the next worker of its own slot too");
    inboxes_bundle_heirs(&heirs, 6, &b);
    cr_expect_eq(slots_of(&b), 7U);
    heirs.slot_count = 0;
    inboxes_bundle_heirs(&heirs, 6, &b);
    cr_expect_eq(b.peer_count, 0);
}

Test(inboxes, let_a_worker_give_to_each_sibling)
{
    prepare(4);
    for (unsigned slot = 0; slot < 4; slot++) {
        struct bundle b = bundle_of(&balanced, 4, slot);
        unsigned seen = 0;

        cr_expect(b.has_inbox && b.inbox_fd == boxes.slots[slot].take_fd);
        cr_assert_eq(b.peer_count, 3);
        for (size_t i = 0; i < b.peer_count; i++) {
            cr_expect_eq(b.peers[i].fd, boxes.slots[b.peers[i].slot].give_fd);
            seen |= 1U << b.peers[i].slot;
        }
        cr_expect_eq(seen, 15U & ~(1U << slot), "worker %u", slot);
    }
}

Test(inboxes, give_and_are_given_to_a_few_of_many_each_as_many)
{
    static unsigned givers[100];

    prepare(100);
    for (unsigned slot = 0; slot < 100; slot++) {
        struct bundle b = bundle_of(&balanced, 100, slot);

        cr_assert_eq(b.peer_count, INBOX_PEERS_MAX);
        for (size_t i = 0; i < b.peer_count; i++) {
            cr_expect_neq(b.peers[i].slot, slot);
            givers[b.peers[i].slot]++;
        }
    }
    for (unsigned slot = 0; slot < 100; slot++)
        cr_expect_eq(givers[slot], INBOX_PEERS_MAX, "worker %u", slot);
}

Test(inboxes, stay_as_they_are_while_their_slots_do)
{
    int give_fd;

    prepare(2);
    give_fd = boxes.slots[1].give_fd;
    prepare(8);
    cr_expect_eq(boxes.slots[1].give_fd, give_fd);
    cr_expect(bundle_of(&plain, 8, 1).has_inbox, "what waits in it must be read");
    cr_expect_eq(bundle_of(&plain, 8, 1).peer_count, 0);
}

Test(inboxes, leave_a_child_what_is_its_own)
{
    struct bundle b;

    prepare(3);
    b = bundle_of(&balanced, 3, 1);
    inboxes_forget(&boxes, 1, &b);
    inboxes_fini(&boxes);
    cr_expect_neq(fcntl(b.inbox_fd, F_GETFD), -1);
    for (size_t i = 0; i < b.peer_count; i++)
        cr_expect_neq(fcntl(b.peers[i].fd, F_GETFD), -1);
}

Test(inboxes, pass_on_what_waits_in_a_slot_that_goes)
{
    struct heirs heirs = { .inboxes = &boxes };
    struct inbox_message m;
    int fd, memfd;
    struct shared *shared = shared_new(&memfd);

    cr_assert_not_null(shared);
    prepare(2);
    memset(&m, 0, sizeof(m));
    for (m.number = 1; m.number <= 3; m.number++)
        cr_assert_eq(inbox_give(boxes.slots[1].give_fd, &m, STDOUT_FILENO), 0);
    atomic_store(&shared->slots[1].assigned, 3);
    heirs.slots = shared->slots;
    inboxes_pass_on(&boxes, shared->slots, 1, &heirs);
    cr_expect_eq(atomic_load(&shared->slots[1].assigned), 3, "to nobody");
    heirs.slot_count = 1;
    inboxes_pass_on(&boxes, shared->slots, 1, &heirs);
    inboxes_close_slot(&boxes, shared->slots, 1);
    cr_expect_eq(atomic_load(&shared->slots[0].assigned), 3);
    cr_expect_eq(atomic_load(&shared->slots[1].assigned), 0);
    cr_expect_eq(boxes.slots[1].give_fd, -1);
    for (unsigned i = 1; i <= 3; i++) {
        cr_assert_eq(inbox_take(boxes.slots[0].take_fd, &m, &fd), 1);
        cr_expect_eq(m.number, i);
        close(fd);
    }
    inboxes_close_slot(&boxes, shared->slots, 1); /* nothing is there any more, which is fine */
    shared_free(&shared, &memfd);
}

Test(inboxes, pass_on_to_who_takes_and_has_least)
{
    static const struct {
        const char *why;
        struct {
            uint64_t takes;
            uint32_t open, is_stuck;
        } slots[3];
        unsigned expected;
    } rows[] = {
        { "the least load", { { 1, 9, 0 }, { 1, 7, 0 }, { 1, 8, 0 } }, 1 },
        { "but not one that is stuck", { { 1, 9, 0 }, { 1, 7, 1 }, { 1, 8, 0 } }, 2 },
        { "nor one that takes none", { { 1, 9, 0 }, { 0, 0, 0 }, { 0, 0, 0 } }, 0 },
        { "unless there is no other", { { 0, 1, 0 }, { 0, 0, 0 }, { 1, 0, 1 } }, 1 },
    };
    struct heirs heirs = { .inboxes = &boxes, .slot_count = 3 };
    int fd, memfd;
    struct shared *shared = shared_new(&memfd);

    cr_assert_not_null(shared);
    prepare(4);
    heirs.slots = shared->slots;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct inbox_message m = { .number = i };

        for (unsigned slot = 0; slot < 3; slot++) {
            atomic_store(&shared->slots[slot].takes, rows[i].slots[slot].takes);
            atomic_store(&shared->slots[slot].open, rows[i].slots[slot].open);
            atomic_store(&shared->slots[slot].is_stuck, rows[i].slots[slot].is_stuck);
            atomic_store(&shared->slots[slot].assigned, 0);
        }
        cr_assert_eq(inbox_give(boxes.slots[3].give_fd, &m, STDOUT_FILENO), 0);
        inboxes_pass_on(&boxes, shared->slots, 3, &heirs);
        cr_assert_eq(inbox_take(boxes.slots[rows[i].expected].take_fd, &m, &fd), 1, "%s",
                     rows[i].why);
        cr_expect_eq(m.number, i);
        close(fd);
    }
    shared_free(&shared, &memfd);
}

Test(inboxes, say_so_when_there_are_not_enough_descriptors)
{
    struct rlimit limit;
    struct buf errors = { 0 };

    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = 40;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    cr_expect(!inboxes_prepare(&boxes, 100, &errors));
    cr_expect(strstr(buf_cstr(&errors), "ulimit -n") != NULL, "%s", buf_cstr(&errors));
    buf_fini(&errors);
}
