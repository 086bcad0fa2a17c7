/*
 * bundle - one config generation as it goes from the master to a worker: the config's text and
 * the descriptors that only the master could open. A worker that is forked finds it in memory; a
 * running one gets it over its channel. Both build the generation from it by the same code.
 */
#ifndef COMMON_BUNDLE_H
#define COMMON_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/address.h"
#include "common/buf.h"
#include "common/channel.h"
#include "common/inbox.h"

/* A sibling that connections can be handed to. */
struct bundle_peer {
    unsigned slot;
    int fd; /* the giving end of its inbox; owned if owns_fds */
};

struct bundle {
    uint64_t generation;
    char *config_path;         /* NULL: the text came from the command line; owned */
    struct buf config_text;    /* owned */
    size_t listener_count;     /* this worker's own slot only */
    struct address *addresses; /* as configured (port 0 stays 0), one for each listener; owned */
    int *listener_fds;         /* listening sockets, same order; owned if owns_fds */
    size_t log_count;
    int *log_fds; /* [0]: the error log, then config->access_logs in order; owned if owns_fds */
    bool has_inbox;
    int inbox_fd; /* the taking end of the slot's own; has_inbox; owned if owns_fds */
    size_t peer_count;
    struct bundle_peer peers[INBOX_PEERS_MAX];
    int owns_fds; /* received: bundle_fini() closes what was not taken (set to -1) */
};

/* Frees memory, and the descriptors that are left (not -1) if owns_fds. */
void bundle_fini(struct bundle *b);

/* Sends it as MESSAGE_FDS, ..., MESSAGE_PREPARE. -1: errno. */
int bundle_send(const struct bundle *b, int channel_fd);

/* Sends the listeners of another `slot`, as MESSAGE_FDS, ..., MESSAGE_ADOPT. -1: errno. */
int bundle_send_adopt(const struct bundle *b, unsigned slot, int channel_fd);

/*
 * Sends MESSAGE_QUIT with the bundle's peers: those to whom the worker may give its connections, in
 * this bank of the shared block. Without peers it is the message alone. -1: errno.
 */
int bundle_send_quit(const struct bundle *b, unsigned bank, uint64_t idle_ms, int channel_fd);

/*
 * Takes one message of a bundle under way (FDS, PREPARE, ADOPT or QUIT) into `fds`, which collects
 * descriptors. On the last one fills *b from them. 1: *b is complete; 0: more to come; -1: the bundle makes no sense.
 */
struct fd_list {
    int *fds; /* owned, and so are the descriptors in it */
    size_t count, cap;
};
int bundle_take(struct fd_list *list, struct message *m, struct bundle *b);
void fd_list_fini(struct fd_list *list); /* closes what is in it */

/* Sends MESSAGE_FDS, ..., `last` with these descriptors. -1: errno. */
int fds_send(int channel_fd, const int *fds, size_t count, const struct message *last);
/* Moves a message's descriptors to the list's end. */
void fd_list_take(struct fd_list *list, struct message *m);

#endif
