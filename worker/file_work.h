/*
 * file_work - what a cached file still lacks and takes too long for the loop: another encoding, the
 * tag of its content. Done by a helper thread (common/offload.h), one thing at a time for a file;
 * until then it is served as it is.
 */
#ifndef WORKER_FILE_WORK_H
#define WORKER_FILE_WORK_H

#include "worker/file_cache.h"

struct exchange;
struct offload;

/*
 * What to send for a file that is_special: itself, or one of its encodings if the request takes it.
 * Starts the making of what is missing. Borrowed like `f`.
 */
struct file *file_choose(struct exchange *x, struct file *f);

/*
 * Starts making `f` in `encoding`; ENCODING_IDENTITY: its tag. Only for files that the cache keeps,
 * and once they are old enough for their times to tell whether they changed. Whether or not it can
 * be started now, the file says so itself as long as it has not been tried.
 */
void file_work_start(struct file_cache *cache, struct file *f, enum encoding encoding,
                     struct offload *offload);

/* Nobody waits for it any more: it ends soon, with no result. */
void file_work_cancel(struct file *f);

#endif
