/*
 * control - the master's Unix socket, mode 0600, for `remuda -s` and remudactl: the signals'
 * verbs, but answered. A client sends one line, "reload\n", and gets lines of which the first
 * starts with "ok" or "error", once the thing has happened.
 *
 * Nothing here waits for a client: lines, clients and the time that one may take are bounded.
 */
#ifndef MASTER_CONTROL_H
#define MASTER_CONTROL_H

#include <ev.h>
#include <stdbool.h>

#include "common/buf.h"
#include "common/list.h"
#include "master/handoff.h"
#include "master/transaction.h"
#include "master/unix_socket.h"

struct control {
    struct master *master;
    ev_io accept;   /* fd -1: not open */
    ev_timer pause; /* after accept(2) failed for want of descriptors */
    char *path;     /* owned; NULL: not open */
    struct unix_socket_id id;
    bool is_lent; /* another master listens there too: the file is not ours to unlink */
    struct list clients;
    unsigned client_count;
};

void control_init(struct control *c, struct master *m);

/* Listens at `path`. False: `why` says what failed. */
bool control_open(struct control *c, const char *path, struct buf *why);

/* Answers from now on. */
void control_start(struct control *c);

/*
 * An upgrade: the socket passes to the next master, whose it is once control_own() is called. The
 * former one still answers who has asked before.
 */
void control_hand_over(const struct control *c, struct handoff *h);
bool control_take_over(struct control *c, struct handoff *h, const char *path);
void control_own(struct control *c);
/* The former master's socket, if nobody took it: its file goes. */
void control_remove_former(struct handoff *h);
void control_leave(struct control *c);

/* Those who asked so far wait for the run that begins now; later ones for the next. */
void control_begin(struct control *c, enum operation operation);
/* The run's outcome, to all who wait for it. */
void control_answer(struct control *c, enum operation operation, bool is_ok, const char *text);

/* The server has ended: unlinks the socket, and tells those who asked for it. */
void control_end(struct control *c);

/* Closes everything, touches no file; `loop` NULL: the loop is gone already. */
void control_fini(struct control *c, struct ev_loop *loop);

#endif
