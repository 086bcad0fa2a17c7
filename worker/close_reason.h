/*
 * close_reason - why a connection ended: one table for the enum, the log's word and the counter.
 */
#ifndef WORKER_CLOSE_REASON_H
#define WORKER_CLOSE_REASON_H

#define CLOSE_REASONS(X)                                                                       \
    X(DONE, "done", CLOSED)                 /* the last response asked for it */               \
    X(CLIENT, "client", CLOSED)             /* the client closed between requests */           \
    X(CLIENT_EARLY, "client early", CLOSED) /* it closed in the middle of an exchange */       \
    X(BAD_REQUEST, "bad request", CLOSED)                                                      \
    X(SOCKET_ERROR, "socket error", CLOSED)                                                    \
    X(FILE_CHANGED, "file changed", CLOSED) /* while it was being sent: end rather than mix */ \
    X(FILE_ERROR, "file error", CLOSED)                                                        \
    X(HEAD_TIMEOUT, "client_header_timeout", TIMED_OUT)                                        \
    X(IDLE_TIMEOUT, "keepalive_timeout", TIMED_OUT)                                            \
    X(BODY_TIMEOUT, "client_body_timeout", TIMED_OUT)                                          \
    X(SEND_TIMEOUT, "send_timeout", TIMED_OUT)                                                 \
    X(EVICTED, "evicted", EVICTED) /* idle, and its place was needed */                        \
    X(MOVED, "moved", CLOSED)      /* to a sibling, who goes on with it */                     \
    X(SHUTDOWN, "shutdown", CLOSED)

enum close_reason {
#define CLOSE_ENUM(name, word, counter) CLOSE_##name,
    CLOSE_REASONS(CLOSE_ENUM)
#undef CLOSE_ENUM
        CLOSE_REASON_COUNT
};

#endif
