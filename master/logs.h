/*
 * logs - the log files of one config, opened by the master, which may be root, and handed to the
 * workers as descriptors.
 */
#ifndef MASTER_LOGS_H
#define MASTER_LOGS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "config/config.h"

/* How long a process that ends waits for its logs to be written: less than its master waits for it. */
enum { LOGS_END_MS = 1000 };

struct logs {
    int *fds; /* [0]: the error log, then config->access_logs in order; owned, and so is each */
    size_t count;
};

/*
 * Files are created with 0640. An error log on stderr is a copy of ours, or /dev/null in a daemon.
 * False: nothing is open, and `errors` has a line for each file that could not be.
 */
bool logs_open(struct logs *logs, const struct config *config, bool is_daemon, struct buf *errors);
void logs_fini(struct logs *logs);

/* Whether logs_open() would work, as far as can be known without making a file. */
bool logs_check(const struct config *config, struct buf *errors);

/* In a fresh child: the descriptors belong to its bundle now. */
void logs_give(struct logs *logs);

#endif
