#include "common/list.h"

#include <criterion/criterion.h>
#include <string.h>

struct item {
    char name;
    struct list link; /* not first, so that CONTAINER_OF has something to subtract */
};

static struct list head;
static struct item items[3];

static void set_up(void)
{
    list_init(&head);
    for (int i = 0; i < 3; i++) {
        items[i].name = (char)('a' + i);
        list_init(&items[i].link);
    }
}

static void fill(void)
{
    for (int i = 0; i < 3; i++)
        list_append(&head, &items[i].link);
}

/* The names in order; both directions must agree. */
static const char *order(void)
{
    static char text[8];
    size_t n = 0, back = 0;

    LIST_EACH (at, &head) {
        cr_assert_lt(n, sizeof(text) - 1);
        text[n++] = CONTAINER_OF(at, struct item, link)->name;
    }
    text[n] = '\0';
    for (struct list *at = head.prev; at != &head; at = at->prev)
        cr_assert_eq(CONTAINER_OF(at, struct item, link)->name, text[n - ++back]);
    cr_assert_eq(back, n);
    return text;
}

TestSuite(list, .init = set_up);

Test(list, is_empty_at_first)
{
    cr_expect(list_is_empty(&head));
    cr_expect_str_eq(order(), "");
}

Test(list, keeps_the_order_of_arrival)
{
    fill();
    cr_expect_not(list_is_empty(&head));
    cr_expect_str_eq(order(), "abc");
}

Test(list, removes_at_either_end_and_in_the_middle)
{
    static const char *const expect[] = { "bc", "ac", "ab" };

    for (int i = 0; i < 3; i++) {
        set_up();
        fill();
        list_remove(&items[i].link);
        cr_expect_str_eq(order(), expect[i]);
        cr_expect(list_is_empty(&items[i].link), "a removed link is initialised");
    }
}

Test(list, removes_a_link_that_is_in_no_list)
{
    fill();
    list_remove(&items[1].link);
    list_remove(&items[1].link);
    cr_expect_str_eq(order(), "ac");
}

Test(list, is_empty_after_the_last_one_left)
{
    list_append(&head, &items[0].link);
    list_remove(&items[0].link);
    cr_expect(list_is_empty(&head));
}

Test(list, moves_to_the_tail_from_anywhere)
{
    static const char *const expect[] = { "bca", "acb", "abc" };

    for (int i = 0; i < 3; i++) {
        set_up();
        fill();
        list_move_to_tail(&head, &items[i].link);
        cr_expect_str_eq(order(), expect[i]);
    }
}

Test(list, moves_a_lone_link_into_a_list_and_between_lists)
{
    struct list other;

    list_init(&other);
    list_move_to_tail(&other, &items[0].link);
    cr_expect_eq(other.next, &items[0].link);
    list_move_to_tail(&head, &items[0].link);
    cr_expect(list_is_empty(&other));
    cr_expect_str_eq(order(), "a");
}

Test(list, survives_removal_while_it_is_walked)
{
    unsigned seen = 0;

    fill();
    LIST_EACH_SAFE (at, after, &head) {
        /* As a free would do: what the link said must not be needed any more. */
        list_remove(at);
        memset(at, 0xee, sizeof(*at));
        seen++;
    }
    cr_expect_eq(seen, 3);
    cr_expect(list_is_empty(&head));
}
