/*
 * list - a doubly linked ring with the links inside the members.
 *
 * Append, remove and move-to-tail are a few stores, which is what makes deadlines and LRU orders
 * cheap. A head is a link of its own; an empty list's head points to itself. A link that is in
 * no list is initialised with list_init() too, so that list_remove() is always safe.
 */
#ifndef COMMON_LIST_H
#define COMMON_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next, *prev;
};

#define CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#define LIST_EACH(at, head) for (struct list *at = (head)->next; at != (head); at = at->next)
/* The body may remove `at`. */
#define LIST_EACH_SAFE(at, after, head)                                   \
    for (struct list *at = (head)->next, *after = at->next; at != (head); \
         at = after, after = at->next)

static inline void list_init(struct list *l)
{
    l->next = l->prev = l;
}

static inline bool list_is_empty(const struct list *head)
{
    return head->next == head;
}

static inline void list_append(struct list *head, struct list *l)
{
    l->prev = head->prev;
    l->next = head;
    head->prev->next = l;
    head->prev = l;
}

/* Leaves `l` alone and initialised. */
static inline void list_remove(struct list *l)
{
    l->prev->next = l->next;
    l->next->prev = l->prev;
    l->next = l->prev = l;
}

static inline void list_move_to_tail(struct list *head, struct list *l)
{
    l->prev->next = l->next;
    l->next->prev = l->prev;
    list_append(head, l);
}

#endif
