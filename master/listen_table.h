/*
 * listen_table - the table of listening sockets: one row for each address, one SO_REUSEPORT socket
 * in it for each worker slot. The master owns them for life, so a worker that dies, is replaced
 * or reloads closes no accept queue, and nothing that the kernel has queued is reset.
 *
 * A change of the config is a transaction here too:
 *
 *     listen_table_prepare(l, config, ...)  binds what is missing; rows that go are only marked
 *     listen_table_listen(l, ...)           starts queueing on what is new
 *     listen_table_commit(l)                closes the rows that are marked, logs the change; or
 *     listen_table_abort(l)                 closes what is new
 *
 * Rows are matched by the address as configured, so port 0 keeps its socket and its port. Unix
 * sockets know no SO_REUSEPORT: their one socket serves all slots. So does one that a service manager
 * has given, for nobody but its opener can add others to it: every worker that is idle wakes up for
 * each new connection.
 */
#ifndef MASTER_LISTEN_TABLE_H
#define MASTER_LISTEN_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/address.h"
#include "common/buf.h"
#include "common/bundle.h"
#include "config/config.h"
#include "master/unix_socket.h"

struct listen_row {
    struct address configured;
    struct address actual; /* with the port that the kernel chose */
    int *fds;              /* by slot, -1: none; a Unix socket stands in [0] alone; owned */
    int *fresh_fds;        /* the same, bound by the transaction under way; owned */
    bool is_new, is_going; /* marks of the transaction under way */
    bool is_steered;       /* its group has a program that names the slots: see steering.h */
    bool is_given;         /* by the service manager: its one socket, in [0], serves all slots */
    bool is_lent;          /* the former master still serves: its file is not ours to unlink */
    struct unix_socket_id unix_id;
};

struct listen_table {
    struct listen_row *rows; /* owned */
    size_t count;
    unsigned backlog;
    int defer_accept_s;
};

/*
 * Binds a socket for each address of the config and each slot below `slot_count` that has none.
 * A port that another server holds is tried for `patience_ms`, which blocks. False: nothing has
 * changed, and `errors` has one line for each address that failed.
 */
bool listen_table_prepare(struct listen_table *l, const struct config *config, unsigned slot_count,
                          unsigned patience_ms, struct buf *errors);

/* False as above; listen_table_abort() is the caller's to call. */
bool listen_table_listen(struct listen_table *l, const struct config *config, struct buf *errors);
void listen_table_commit(struct listen_table *l);
void listen_table_abort(struct listen_table *l);

/*
 * Rows whose sockets others have opened (inherited.h) are there before the first prepare. In an
 * upgrade they are lent by the former master. What the config does not want any more stays open, unused, until they are ours.
 */
void listen_table_commit_lent(struct listen_table *l);
void listen_table_own(struct listen_table *l);

/* The row for the address as configured, found or new and without sockets. Valid until the next. */
struct listen_row *listen_table_row(struct listen_table *l, const struct address *a);

/* Fills the listener part of a bundle for `slot`; the descriptors stay ours. */
void listen_table_bundle(const struct listen_table *l, unsigned slot, struct bundle *b);

/* In a fresh child: the slot's descriptors belong to its bundle now, fini must not close them. */
void listen_table_give(struct listen_table *l, unsigned slot);

/*
 * From here on new connections come to slots below `slot_count` only. Where the kernel has no way to
 * do that, says so once: then what is in its handshake when a slot is closed is reset.
 */
void listen_table_steer(struct listen_table *l, unsigned slot_count);

/* Whether it has sockets that no other slot shares, and whether a connection waits in one. */
bool listen_table_has_slot(const struct listen_table *l, unsigned slot);
bool listen_table_has_waiting(const struct listen_table *l, unsigned slot);

/* Fills the listener part of a bundle with what only this slot uses; the descriptors stay ours. */
void listen_table_bundle_own(const struct listen_table *l, unsigned slot, struct bundle *b);

/* Closes what only this slot used, for whoever else has copies too. */
void listen_table_close_slot(struct listen_table *l, unsigned slot);

/* The end of the server: unlinks Unix sockets and closes everything. */
void listen_table_close(struct listen_table *l);

/* Closes everything, touches no file. */
void listen_table_fini(struct listen_table *l);

#endif
