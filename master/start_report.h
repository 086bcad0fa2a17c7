/*
 * start_report - what an operator must know of a server that starts: where and what it serves, what
 * it was given, and each limit or kernel feature that is less than the config counts on, with what
 * that costs. Pure, but for start_report_log().
 *
 *     serves 127.0.0.1:8080: /srv/www
 *     2 workers on 4 CPUs as www-data, 16384 connections each; ...
 *     listen_backlog is 4096, but the kernel queues 128 (net.core.somaxconn): ...
 */
#ifndef MASTER_START_REPORT_H
#define MASTER_START_REPORT_H

#include "common/buf.h"
#include "master/listen_table.h"
#include "master/start_facts.h"

enum shortfall {
    SHORT_OPEN_FILES,
    SHORT_BACKLOG,
    SHORT_WATCHES,
    SHORT_WATCHERS,
    SHORT_OPENAT2,
    SHORT_MOUNT_IDS,
    SHORT_STEERING,
    SHORT_DEFER_ACCEPT,
    SHORTFALL_COUNT
};

/* How much of each is missing, in its own unit; 0: nothing. */
struct start_report {
    uint64_t missing[SHORTFALL_COUNT];
};

/* Connections that a worker has descriptors for, beside all else that it opens. */
uint64_t start_report_connections(const struct start_facts *f, const struct config *config);

/* Lines: what is served and what by. */
void start_report_write(const struct start_facts *f, const struct config *config,
                        const struct listen_table *listeners, struct buf *out);

struct start_report start_report_judge(const struct start_facts *f, const struct config *config);

/* One line: what is missing, why, and what it costs. */
void start_report_write_shortfall(enum shortfall what, const struct start_facts *f,
                                  const struct config *config, struct buf *out);

/*
 * Into the error log: what is served, if `is_start`, as notices, and as warnings the shortfalls that
 * *last does not have, or not so large. *last has them all then.
 */
void start_report_log(const struct start_facts *f, const struct config *config,
                      const struct listen_table *listeners, bool is_start,
                      struct start_report *last);

/* "/srv/www", or "102 sites: * (/srv/www), a.example (/srv/a), ...": the first few. */
void start_report_write_sites(const struct config *config, struct buf *out);

#endif
