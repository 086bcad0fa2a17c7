/*
 * request - what a protocol tells a handler. Half of the waist: HTTP/1 fills it today, HTTP/2 will
 * fill the same, and no handler knows which.
 *
 * All views borrow the connection's input (or the request's pool) until the response is finished.
 */
#ifndef WORKER_REQUEST_H
#define WORKER_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/str.h"

/* Methods are case-sensitive (RFC 9110, 9.1). OTHER: a valid token that we do not know. */
#define METHODS(X) X(GET) X(HEAD) X(POST) X(PUT) X(DELETE) X(CONNECT) X(OPTIONS) X(TRACE) X(PATCH)

enum method {
    METHOD_OTHER,
#define METHOD_ENUM(name) METHOD_##name,
    METHODS(METHOD_ENUM)
#undef METHOD_ENUM
};

/* RFC 9112, 3.2. */
enum target_form { TARGET_ORIGIN, TARGET_ABSOLUTE, TARGET_AUTHORITY, TARGET_ASTERISK };

enum body_framing { BODY_FRAMING_NONE, BODY_FRAMING_LENGTH, BODY_FRAMING_CHUNKED };

/* Field names that someone reads: one row makes the enum and the look-up. */
#define FIELDS(X)                                 \
    X(HOST, "host")                               \
    X(CONNECTION, "connection")                   \
    X(CONTENT_LENGTH, "content-length")           \
    X(TRANSFER_ENCODING, "transfer-encoding")     \
    X(EXPECT, "expect")                           \
    X(UPGRADE, "upgrade")                         \
    X(TE, "te")                                   \
    X(TRAILER, "trailer")                         \
    X(IF_MATCH, "if-match")                       \
    X(IF_NONE_MATCH, "if-none-match")             \
    X(IF_MODIFIED_SINCE, "if-modified-since")     \
    X(IF_UNMODIFIED_SINCE, "if-unmodified-since") \
    X(IF_RANGE, "if-range")                       \
    X(RANGE, "range")                             \
    X(ACCEPT, "accept")                           \
    X(ACCEPT_ENCODING, "accept-encoding")         \
    X(ACCEPT_LANGUAGE, "accept-language")         \
    X(AUTHORIZATION, "authorization")             \
    X(CACHE_CONTROL, "cache-control")             \
    X(CONTENT_TYPE, "content-type")               \
    X(COOKIE, "cookie")                           \
    X(ORIGIN, "origin")                           \
    X(REFERER, "referer")                         \
    X(USER_AGENT, "user-agent")

enum field_id {
    FIELD_OTHER,
#define FIELD_ENUM(name, text) FIELD_##name,
    FIELDS(FIELD_ENUM)
#undef FIELD_ENUM
        FIELD_COUNT
};

struct field {
    struct str name;  /* as sent */
    struct str value; /* without the white space around it */
    uint32_t id;      /* enum field_id */
};

enum { REQUEST_FIELDS_MAX = 256 }; /* upper bound of request_header_max_count */

struct request {
    enum method method;
    enum target_form form;
    enum body_framing framing;
    uint8_t version;         /* 10: HTTP/1.0, 11: HTTP/1.1 and later 1.x, 20: HTTP/2 */
    bool keep_alive;         /* the client would go on using the connection (RFC 9112, 9.3) */
    bool expects_continue;   /* a body follows once we said 100 (RFC 9110, 10.1.1) */
    uint16_t port;           /* of the target's authority; 0: none given */
    uint64_t content_length; /* BODY_FRAMING_LENGTH only */

    struct str method_text; /* "GET" */
    struct str target;      /* as sent: "/a%20b?c" */
    struct str line;        /* the request line as sent, without its CRLF: for the log */
    struct str host;        /* as sent, without port, IPv6 with its brackets; empty: none */
    struct str
        raw_path;     /* the target's path as sent; "/" if it was empty; p NULL: authority, '*' */
    struct str query; /* without the '?'; p NULL: no '?' */
    struct str path;  /* decoded, without dot segments and empty segments: path_clean(); the
                               protocol sets it; p NULL as for raw_path */

    struct str known[FIELD_COUNT]; /* first line of each known field; p NULL: not sent */
    size_t field_count;
    struct field fields[REQUEST_FIELDS_MAX]; /* every line in order */
};

/*
 * The next line of field `id` from *at (0 at first) on; p NULL when there is none left. For fields
 * that are lists: several lines mean one list (RFC 9110, 5.3).
 */
struct str request_next_field(const struct request *req, enum field_id id, size_t *at);

/* FIELD_OTHER when the name is not in the table; any case. */
enum field_id request_field_id(struct str name);
enum method request_method(struct str text);

/* Nothing sent: every view is STR_NONE. */
void request_clear(struct request *req);

/* The views into [from, from + n) follow these bytes to `to`: they were copied there. */
void request_move(struct request *req, const char *from, size_t n, const char *to);

#endif
