/*
 * patient_open - open(2) for who must not wait for ever, as it can on a disk that does not answer.
 */
#ifndef MASTER_PATIENT_OPEN_H
#define MASTER_PATIENT_OPEN_H

#include <sys/types.h>

/*
 * -1: errno of open(2), or ETIMEDOUT after *ms milliseconds; what the disk gives later is closed.
 * *ms becomes what is left of it.
 */
int patient_open(const char *path, int flags, mode_t mode, unsigned *ms);

#endif
