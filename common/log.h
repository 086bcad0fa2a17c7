/*
 * log - the error log: what an operator must know, one line each.
 *
 *     2026/11/21 20:58:24 [notice] 4242#1: listening on 127.0.0.1:8080
 *
 * date, time, level, process id, worker slot (0: the master), text; nginx's layout, so that tools
 * for its error log read ours. One descriptor for a process, stderr until log_set_fd(). A line is
 * in one write(2), so lines of several processes do not mix. Log once, where the decision is made.
 *
 * In JSON it is an object a line, whatever bytes are in it (log_set_layout()):
 *
 *     {"time":"2026-11-21T20:58:24.118+00:00","level":"notice","pid":4242,"worker":1,"message":"..."}
 *
 * A server defers its lines (log_writer.h): a stalled disk must not hold it up. Lines that are lost
 * are counted, and the next one that is written is preceded by one that says how many.
 */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include <stdarg.h>
#include <stdbool.h>

#include "common/str.h"

enum log_level { LOG_CRIT, LOG_ERROR, LOG_WARN, LOG_NOTICE, LOG_INFO, LOG_DEBUG };

enum log_layout { LOG_AS_TEXT, LOG_AS_JSON };

/* "crit" "error" "warn" "notice" "info" "debug", indexed by enum log_level; ends with NULL. */
extern const char *const log_level_names[];

/* False: no such name. */
bool log_level_parse(struct str name, enum log_level *level);

/* Lines above `level` are dropped. `slot` is the worker's slot counted from 1, 0 in the master. */
void log_init(enum log_level level, unsigned slot);
void log_set_level(enum log_level level);
void log_set_layout(enum log_layout layout);

/*
 * Where a request is being driven: what lines tell beside, all of it in JSON. Views that outlive the line; p NULL: not
 * known. `fill` returns false for nothing. NULL: there is never any.
 */
struct log_about {
    struct str client, request, host;
    struct str request_id; /* told in text lines too */
};
void log_set_about(bool (*fill)(struct log_about *about));

/* Borrows `fd`: close it by log_writer_close(). */
void log_set_fd(int fd);
int log_fd(void);
/* Lines are written by a thread, or by the caller as at first. `crit` is, since it may be the last. */
void log_defer(bool is_deferred);
/* Says how many lines were lost, if they were and nothing has said it; now and then. */
void log_tell_losses(void);
bool log_is_on(enum log_level level);
/* As log_init() was told. */
unsigned log_slot(void);

void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_vline(enum log_level level, const char *format, va_list args);

#define log_crit(...)   log_line(LOG_CRIT, __VA_ARGS__)
#define log_error(...)  log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)   log_line(LOG_WARN, __VA_ARGS__)
#define log_notice(...) log_line(LOG_NOTICE, __VA_ARGS__)
/* Peers' mistakes come by the thousand: the arguments are not even formatted when the level is off. */
#define log_info(...)                        \
    do {                                     \
        if (log_is_on(LOG_INFO))             \
            log_line(LOG_INFO, __VA_ARGS__); \
    } while (0)
#define log_debug(...)                        \
    do {                                      \
        if (log_is_on(LOG_DEBUG))             \
            log_line(LOG_DEBUG, __VA_ARGS__); \
    } while (0)

#endif
