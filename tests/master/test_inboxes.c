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

static void prepare(const struct config *config, unsigned count)
{
    struct buf errors = { 0 };

    cr_assert(inboxes_prepare(&boxes, config, count, &errors), "%s", buf_cstr(&errors));
    buf_fini(&errors);
}

static struct bundle bundle_of(const struct config *config, unsigned count, unsigned slot)
{
    struct bundle b = { 0 };

    inboxes_bundle(&boxes, config, count, slot, &b);
    return b;
}

Test(inboxes, are_none_where_one_worker_serves_or_balance_is_off)
{
    struct bundle b;

    prepare(&balanced, 1);
    b = bundle_of(&balanced, 1, 0);
    cr_expect(!b.has_inbox && b.peer_count == 0);
    prepare(&plain, 4);
    b = bundle_of(&plain, 4, 1);
    cr_expect(!b.has_inbox && b.peer_count == 0);
}

Test(inboxes, let_a_worker_give_to_each_sibling)
{
    prepare(&balanced, 4);
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

    prepare(&balanced, 100);
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

    prepare(&balanced, 2);
    give_fd = boxes.slots[1].give_fd;
    prepare(&balanced, 8);
    cr_expect_eq(boxes.slots[1].give_fd, give_fd);
    cr_expect(bundle_of(&plain, 8, 1).has_inbox, "what waits in it must be read");
    cr_expect_eq(bundle_of(&plain, 8, 1).peer_count, 0);
}

Test(inboxes, leave_a_child_what_is_its_own)
{
    struct bundle b;

    prepare(&balanced, 3);
    b = bundle_of(&balanced, 3, 1);
    inboxes_forget(&boxes, 1, &b);
    inboxes_fini(&boxes);
    cr_expect_neq(fcntl(b.inbox_fd, F_GETFD), -1);
    for (size_t i = 0; i < b.peer_count; i++)
        cr_expect_neq(fcntl(b.peers[i].fd, F_GETFD), -1);
}

Test(inboxes, pass_on_what_waits_in_a_slot_that_goes)
{
    struct inbox_message m;
    int fd, memfd;
    struct shared *shared = shared_new(&memfd);

    cr_assert_not_null(shared);
    prepare(&balanced, 2);
    memset(&m, 0, sizeof(m));
    for (m.number = 1; m.number <= 3; m.number++)
        cr_assert_eq(inbox_give(boxes.slots[1].give_fd, &m, STDOUT_FILENO), 0);
    atomic_store(&shared->slots[1].assigned, 3);
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

Test(inboxes, say_so_when_there_are_not_enough_descriptors)
{
    struct rlimit limit;
    struct buf errors = { 0 };

    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = 40;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    cr_expect(!inboxes_prepare(&boxes, &balanced, 100, &errors));
    cr_expect(strstr(buf_cstr(&errors), "ulimit -n") != NULL, "%s", buf_cstr(&errors));
    buf_fini(&errors);
}
