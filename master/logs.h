/*
 * logs - the log files of one config, opened by the master, which may be root, and handed to the
 * workers as descriptors. An upgrade hands them on too: what was moved away and not reopened yet goes
 * on being written, and a new master that may not open them need not.
 */
#ifndef MASTER_LOGS_H
#define MASTER_LOGS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "config/config.h"
#include "master/handoff.h"

/* How long a process that ends waits for its logs to be written: less than its master waits for it. */
enum { LOGS_END_MS = 1000 };

struct logs {
    int *fds;     /* [0]: the error log, then config->access_logs in order; owned, and so is each */
    char **paths; /* the same of each; NULL: stderr, or nowhere; owned */
    size_t count;
};

/*
 * Files are created with 0640. An error log on stderr is a copy of ours, or /dev/null in a daemon.
 * A file that `former` (may be NULL) has is taken from there. A disk that does not answer is waited for
 * for ten seconds. False: nothing is open, and `errors` has a line for each file that could not be.
 */
bool logs_open(struct logs *logs, const struct config *config, bool is_daemon,
               struct handoff *former, struct buf *errors);

/*
 * The same of a server that runs, and waits for one second: then a file that `before` has open is taken
 * from there, and `kept` has a line that says so.
 */
bool logs_open_again(struct logs *logs, const struct config *config, bool is_daemon,
                     const struct logs *before, struct buf *errors, struct buf *kept);
void logs_fini(struct logs *logs);

/*
 * Whether logs_open_again() would work, as far as can be known without making a file. Those that
 * `before` has are not looked at.
 */
bool logs_check(const struct config *config, const struct logs *before, struct buf *errors);

/* A line for each that is a file. */
void logs_hand_over(const struct logs *logs, struct handoff *h);

/* In a fresh child: the descriptors belong to its bundle now. */
void logs_give(struct logs *logs);

#endif
