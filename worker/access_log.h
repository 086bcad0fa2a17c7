/*
 * access_log - one line for each request in the combined format, gathered in memory and written in
 * large appends.
 *
 *     127.0.0.1 - - [21/Nov/2026:20:58:24 +0000] "GET / HTTP/1.1" 200 151 "referer" "user agent"
 *
 * Several workers append to one file: each write(2) holds whole lines. It is the helper thread that
 * writes (common/log_writer.h): flushing is handing over, and waits for no disk.
 */
#ifndef WORKER_ACCESS_LOG_H
#define WORKER_ACCESS_LOG_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "common/buf.h"
#include "common/str.h"

struct access_log;

struct access_log_entry {
    const struct sockaddr *peer;
    struct str user; /* as the request says; p NULL: nobody */
    struct str time; /* "21/Nov/2026:20:58:24 +0000" */
    struct str line; /* the request line as sent; p NULL: none could be read */
    unsigned status;
    uint64_t body_bytes;            /* sent, without the head */
    struct str referer, user_agent; /* p NULL: not sent */
    struct str rest; /* access_log_put_rest() of another such request; p NULL: line, status,
                        body_bytes, referer and user_agent stand above */
};

/* Owns fd. Lines are written once `buffer_bytes` are gathered, or `flush_ms` after the first. */
struct access_log *access_log_new(int fd, size_t buffer_bytes, uint64_t flush_ms);
/* Flushes what is left. Sets *log to NULL. */
void access_log_free(struct access_log **log);

void access_log_add(struct access_log *log, const struct access_log_entry *e, uint64_t now_ms);
void access_log_flush(struct access_log *log);
/* Flushes if the oldest line has waited for flush_ms. */
void access_log_flush_if_due(struct access_log *log, uint64_t now_ms);
/* Flushes to the old file and goes on in the new one; owns fd. */
void access_log_reopen(struct access_log *log, int fd);

/* The pure part: the line, appended to `out`. */
void access_log_format(struct buf *out, const struct access_log_entry *e);

/* What stands behind the time: the same for all requests that are the same, byte for byte. */
size_t access_log_rest_most(const struct access_log_entry *e);
char *access_log_put_rest(char *p, const struct access_log_entry *e);

#endif
