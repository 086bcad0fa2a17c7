/*
 * log_line - a line of an access log: a format (config/log_format.h) put to use. Pure, but for
 * $server_addr and $server_port, which ask the socket.
 *
 * Most of a line follows from the bytes of the request and from where it goes. Who remembers
 * requests (recall.h) keeps that part as text, so that another such request costs a few copies,
 * whatever the format.
 *
 *     log_line_keep(line, &text, &entry);   // once
 *     again.kept = buf_str(&text);          // and what changes
 *     log_line_add(line, &out, &again);
 */
#ifndef WORKER_LOG_LINE_H
#define WORKER_LOG_LINE_H

#include <stdint.h>
#include <sys/socket.h>

#include "common/buf.h"
#include "config/config.h"
#include "worker/clock.h"
#include "worker/request.h"

struct log_line;

struct access_log_entry {
    /* what changes */
    const struct sockaddr *peer; /* the client, who may stand behind proxies */
    const struct clock *clock;
    int fd; /* the connection's socket; borrowed */
    uint32_t connection_requests;
    unsigned status;
    uint64_t duration_ns; /* 0 also where nothing in the log depends on it */

    struct str kept; /* log_line_keep() of another such request; p NULL: what follows counts */

    /* what repeats */
    const struct request *req;
    struct str user;        /* as the request says; p NULL: nobody */
    struct str request_id;  /* p NULL: it has none, as all that repeat */
    uint64_t body_bytes;    /* sent, without the head */
    uint64_t request_bytes; /* head and body, without the framing of chunks */
    const struct site *site;
    const struct route *route;
};

/* A line ends with LF, and has no other. To syslog it begins with the header of RFC 5424. */
struct log_line *log_line_new(const struct access_log_config *config);
void log_line_free(struct log_line **line);

/* Whether entries need their duration. */
bool log_line_needs_duration(const struct log_line *line);

void log_line_add(const struct log_line *line, struct buf *out, const struct access_log_entry *e);
void log_line_keep(const struct log_line *line, struct buf *out, const struct access_log_entry *e);

#endif
