/*
 * inboxes - the master's table of inboxes, one for each worker slot (common/inbox.h): by them a
 * worker hands new connections to a sibling that has fewer. They belong to the master as the
 * listening sockets do, so that a crash, a respawn or a reload loses nothing that waits in one.
 *
 * By them, too, a worker that leaves passes its idle connections to those who stay, and at an upgrade
 * to the workers of the next master, which sends the giving ends to the former one.
 *
 * With many workers, each can give to the INBOX_PEERS_MAX slots
 * that follow its own, round and round: up to 16 workers that is everybody, and beyond it a worker
 * still finds one with few connections among 15, while no process holds hundreds of descriptors.
 */
#ifndef MASTER_INBOXES_H
#define MASTER_INBOXES_H

#include <stdbool.h>

#include "common/buf.h"
#include "common/bundle.h"
#include "common/shared.h"
#include "config/config.h"

struct inboxes {
    struct {
        int give_fd, take_fd; /* -1: none */
    } slots[CONFIG_WORKERS_MAX];
};

void inboxes_init(struct inboxes *b);

bool inboxes_has(const struct inboxes *b, unsigned slot);

/* Makes what these slots lack. False: `errors` has a line. What was made may stay. */
bool inboxes_prepare(struct inboxes *b, unsigned slot_count, struct buf *errors);

/* Fills the bundle's inbox and peers for `slot`; the descriptors stay ours. */
void inboxes_bundle(const struct inboxes *b, const struct config *config, unsigned slot_count,
                    unsigned slot, struct bundle *bundle);

/* Those who go on with the connections of a worker that leaves. */
struct heirs {
    const struct inboxes *inboxes; /* borrowed; the giving ends */
    struct shared_slot *slots;     /* their bank */
    unsigned slot_count;           /* the first of it */
};

/* Fills the bundle's peers for a worker of `slot` that leaves; the descriptors stay ours. */
void inboxes_bundle_heirs(const struct heirs *heirs, unsigned slot, struct bundle *bundle);

/* In a fresh child: the bundle's descriptors belong to it now, fini must not close them. */
void inboxes_forget(struct inboxes *b, unsigned slot, const struct bundle *bundle);

/*
 * Hands what waits in the slot's inbox to the heirs, if there are any: its worker died or is stuck, or
 * takes it itself at this moment, which is as well. `slots`: the slot's bank.
 */
void inboxes_pass_on(const struct inboxes *b, struct shared_slot *slots, unsigned slot,
                     const struct heirs *heirs);

/* Closes the inbox of a slot that is no more and has no worker. */
void inboxes_close_slot(struct inboxes *b, struct shared_slot *slots, unsigned slot);

void inboxes_fini(struct inboxes *b);

#endif
