/*
 * connection_list - the open connections of a worker, one line each, made a slice at a time.
 *
 * Which ones is noted at once, a few nanoseconds each; their lines are written later, as they are
 * then. A connection that was closed meanwhile is left out. (One that another client has by then,
 * for structs are used again, but never freed, is shown as it is.)
 */
#ifndef WORKER_CONNECTION_LIST_H
#define WORKER_CONNECTION_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cidr.h"
#include "common/list.h"
#include "common/str.h"

struct conn;
struct worker;

/* What people read above the lines. */
extern const char connection_list_header[];

/* What to ask for as STATE: the first words of all states; ends with NULL. */
extern const char *const connection_states[];

struct connection_list {
    struct list link;
    uint64_t number; /* the question's */
    bool is_json, has_network;
    size_t max;          /* lines */
    struct str state;    /* that its first word must be; p NULL: any */
    struct cidr network; /* that the peer must be of */
    size_t total;        /* connections that are open */
    size_t matched;      /* of them, those that are asked for */
    size_t shown;
    int memfd; /* the lines; owned; -1: there is no more room */
    struct noted {
        struct conn *conn;
        uint64_t order;
    } * noted; /* owned */
    size_t noted_count, at;
};

/* `argument`: FORM MAX STATE NETWORK, as in questions.h. NULL: it is none of it, or no memfd. */
struct connection_list *connection_list_new(struct worker *w, uint64_t number, struct str argument);
/* Sets *list to NULL. */
void connection_list_free(struct connection_list **list);

/* Writes some lines more. True: that was all. */
bool connection_list_go_on(struct connection_list *list, const struct worker *w);

#endif
