/*
 * log_format - what a line of an access log says: a text with nginx's variables, in parts.
 *
 *     $remote_addr "$request" $status ${request_time}s
 *
 * $$ is a '$'. Read when a config is, to tell what is wrong with it, and once more by who writes
 * the lines (worker/log_line.h). A text that begins with '{' is JSON, its values are escaped for that.
 */
#ifndef CONFIG_LOG_FORMAT_H
#define CONFIG_LOG_FORMAT_H

#include <stdbool.h>

#include "common/str.h"

/* When a variable's value is known. */
enum log_life {
    LOG_FIXED,   /* when the worker starts */
    LOG_REPEATS, /* follows from the bytes of the request and where it goes */
    LOG_CHANGES, /* another one each time */
};

#define LOG_VARIABLES(X)                                       \
    X(REMOTE_ADDR, "remote_addr", LOG_CHANGES)                 \
    X(REMOTE_PORT, "remote_port", LOG_CHANGES)                 \
    X(SERVER_ADDR, "server_addr", LOG_CHANGES)                 \
    X(SERVER_PORT, "server_port", LOG_CHANGES)                 \
    X(TIME_LOCAL, "time_local", LOG_CHANGES)                   \
    X(TIME_ISO8601, "time_iso8601", LOG_CHANGES)               \
    X(MSEC, "msec", LOG_CHANGES)                               \
    X(REQUEST_TIME, "request_time", LOG_CHANGES)               \
    X(CONNECTION_REQUESTS, "connection_requests", LOG_CHANGES) \
    X(REMOTE_USER, "remote_user", LOG_REPEATS)                 \
    X(REQUEST, "request", LOG_REPEATS)                         \
    X(REQUEST_ID, "request_id", LOG_REPEATS)                   \
    X(REQUEST_METHOD, "request_method", LOG_REPEATS)           \
    X(REQUEST_URI, "request_uri", LOG_REPEATS)                 \
    X(URI, "uri", LOG_REPEATS)                                 \
    X(ARGS, "args", LOG_REPEATS)                               \
    X(QUERY_STRING, "query_string", LOG_REPEATS)               \
    X(SERVER_PROTOCOL, "server_protocol", LOG_REPEATS)         \
    X(HOST, "host", LOG_REPEATS)                               \
    X(STATUS, "status", LOG_REPEATS)                           \
    X(BODY_BYTES_SENT, "body_bytes_sent", LOG_REPEATS)         \
    X(REQUEST_LENGTH, "request_length", LOG_REPEATS)           \
    X(SITE, "site", LOG_REPEATS)                               \
    X(SERVER_NAME, "server_name", LOG_REPEATS)                 \
    X(ROUTE, "route", LOG_REPEATS)                             \
    X(SCHEME, "scheme", LOG_FIXED)                             \
    X(PID, "pid", LOG_FIXED)                                   \
    X(WORKER, "worker", LOG_FIXED)                             \
    X(HOSTNAME, "hostname", LOG_FIXED)

enum log_variable {
    LOG_TEXT, /* no variable: itself */
    LOG_HTTP, /* $http_NAME: a field of the request */
#define LOG_VARIABLE_ENUM(name, word, life) LOG_##name,
    LOG_VARIABLES(LOG_VARIABLE_ENUM)
#undef LOG_VARIABLE_ENUM
        LOG_VARIABLE_COUNT
};

struct log_format {
    size_t count;
    struct log_part {
        enum log_variable variable;
        struct str text; /* LOG_TEXT: itself; LOG_HTTP: the name behind "http_"; views into the
                            text that was read */
    } parts[];
};

struct log_format_error {
    struct str at;     /* what is wrong: a view into the text */
    bool is_name;      /* of a variable that there is not; else only "$" or "${" without a name */
    const char *guess; /* the name that was probably meant, without "$"; NULL: nothing is near */
};

/* The format that has this name (combined, common, json), else the text itself. */
struct str log_format_text(struct str format);

/*
 * For a format of JSON: each variable that may be a text stands in quotes, and the quotes are closed,
 * or what a client sends could add to the line. The rest is its author's to see to. False: *name is
 * the variable's, without "$"; p NULL: the text ends within quotes.
 */
bool log_format_is_quoted(const struct log_format *format, struct str *name);

/* NULL: *error says why. Borrows the text. */
struct log_format *log_format_new(struct str text, struct log_format_error *error);
void log_format_free(struct log_format **format);

enum log_life log_variable_life(enum log_variable variable);

#endif
