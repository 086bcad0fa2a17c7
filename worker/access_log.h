/*
 * access_log - one line for each request, or for some of them, gathered in memory and written in
 * large appends; or sent to syslog, a datagram each.
 *
 *     127.0.0.1 - - [21/Nov/2026:20:58:24 +0000] "GET / HTTP/1.1" 200 151 "referer" "user agent"
 *
 * Several workers append to one file: each write(2) holds whole lines. It is the helper thread that
 * writes (common/log_writer.h): flushing is handing over, and waits for no disk. What a syslog daemon
 * does not take just now is sent again with what comes next, up to a bound.
 */
#ifndef WORKER_ACCESS_LOG_H
#define WORKER_ACCESS_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/shared.h"
#include "config/config.h"
#include "worker/log_line.h"

struct access_log;

/*
 * Borrows config, owns fd. Lines are written once `buffer_bytes` are gathered, or `flush_ms` after
 * the first.
 */
struct access_log *access_log_new(const struct access_log_config *config, int fd,
                                  size_t buffer_bytes, uint64_t flush_ms,
                                  struct shared_slot *counters);
/* Flushes what is left. Sets *log to NULL. */
void access_log_free(struct access_log **log);

/* Whether entries need their duration: for the line, or to tell whether it is wanted. */
bool access_log_needs_duration(const struct access_log *log);

/* The line of a request, if the log wants one of such a request; the entry's clock tells the time. */
void access_log_add(struct access_log *log, const struct access_log_entry *e);
void access_log_flush(struct access_log *log);
/* Flushes if the oldest line has waited for flush_ms. */
void access_log_flush_if_due(struct access_log *log, uint64_t now_ms);
/* Flushes to the old file and goes on in the new one; owns fd. */
void access_log_reopen(struct access_log *log, int fd);

/* What repeats of a line: see log_line_keep(). */
void access_log_keep(const struct access_log *log, struct buf *out,
                     const struct access_log_entry *e);

#endif
