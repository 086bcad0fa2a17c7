/*
 * log_writer - log lines reach the disk by a helper thread, so that no loop waits for a disk.
 *
 * Who logs hands over lines with the descriptor that they go to, and goes on; a thread of the process
 * starts with the first of them and writes in the order in which they came. A full or stalled disk
 * holds up the thread alone: what waits is bounded, and what does not fit, or cannot be written, is
 * lost and counted. Descriptors are closed the same way, behind what waits for them, since close(2)
 * can stall too. The error log has a thread of its own: it is to tell when an access log stalls.
 *
 * A forked child starts afresh: no thread, and nothing waits; that is its parent's to write.
 *
 *     log_writer_put(LOG_REQUESTS, fd, &lines);  // lines.n is 0 now
 *     log_writer_close(LOG_REQUESTS, old_fd);
 *     ...
 *     log_writer_end(1000);                      // or what a stalled disk would not take is lost
 */
#ifndef COMMON_LOG_WRITER_H
#define COMMON_LOG_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

enum log_kind { LOG_ERRORS, LOG_REQUESTS, LOG_KINDS };

/* Memory of what may wait, of each kind. */
void log_writer_set_room(size_t bytes);

/* Whole lines: few bytes are copied, with many the two memories change hands. */
void log_writer_put(enum log_kind kind, int fd, struct buf *lines);
/* The same, always copied. */
void log_writer_add(enum log_kind kind, int fd, struct str lines);
/* Takes `fd`; -1: nothing. */
void log_writer_close(enum log_kind kind, int fd);

/* All that was handed over until now: is it written (or lost) and closed? */
struct log_mark {
    uint64_t entries[LOG_KINDS];
};
struct log_mark log_writer_mark(void);
bool log_writer_is_past(const struct log_mark *mark);
/* Waits until all of a kind is, at most `ms`; async-signal-safe. False: time is up. */
bool log_writer_settle(enum log_kind kind, unsigned ms);
/*
 * The same for all kinds, and then the threads end. False: one is in a write still, and goes on. After
 * a pause the next line starts a thread again; after the end descriptors are closed at once.
 */
bool log_writer_pause(unsigned ms);
bool log_writer_end(unsigned ms);

/* What was lost since this was asked last; `error` is the errno of the last, 0: no room. */
struct log_losses {
    uint64_t lines, bytes;
    int error;
};
struct log_losses log_writer_take_losses(enum log_kind kind);

/*
 * Lines of the error log that are lost without its saying so; 0 while a line that does waits. The
 * thread takes `count` off once `line` is written.
 */
uint64_t log_writer_untold(void);
void log_writer_tell(int fd, struct str line, uint64_t count);

#endif
