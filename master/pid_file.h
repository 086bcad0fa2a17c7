/*
 * pid_file - the master's process id in a file, locked for as long as the master lives.
 *
 * The lock, not the number, says whether a master runs: a file left by a crash is taken over,
 * and a reused process id fools nobody. It is an OFD lock (fcntl(2)): it goes with the open file,
 * so workers drop it by closing the descriptor, and asking about it takes nothing.
 */
#ifndef MASTER_PID_FILE_H
#define MASTER_PID_FILE_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/buf.h"

struct pid_file {
    int fd;       /* owned, holds the lock; -1: none */
    char *path;   /* owned; NULL: none */
    bool is_lent; /* another master's still: not ours to unlink */
};

#define PID_FILE_NONE ((struct pid_file){ -1, NULL, false })

enum pid_file_result {
    PID_FILE_OK,
    PID_FILE_TAKEN, /* a master runs already; `why` says with which pid */
    PID_FILE_FAILED /* could not be made; `why` says so */
};

/* Creates or takes over the file, locks it and writes our pid. */
enum pid_file_result pid_file_open(struct pid_file *f, const char *path, struct buf *why);

/*
 * An upgrade: the lock passes with the open file. It is lent, and the former master's pid stands in
 * it, until pid_file_own() writes ours. False: errno.
 */
struct pid_file pid_file_take(int fd, struct str path);
bool pid_file_own(struct pid_file *f);

/* Gives up our descriptor; the file stays. For workers, and for a master that was succeeded. */
void pid_file_close(struct pid_file *f);

/* Unlinks it, unless it is lent, and lets go of the lock. */
void pid_file_remove(struct pid_file *f);

/* The pid of the master that holds the lock; 0: nobody does; -1: somebody, the pid unreadable. */
pid_t pid_file_holder(const char *path);

#endif
