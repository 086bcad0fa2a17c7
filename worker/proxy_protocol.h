/*
 * proxy_protocol - the header with which a load balancer tells whose connection it brings, before
 * anything of the client's (PROXY protocol, versions 1 and 2).
 *
 * As a protocol it is one step that reads the header, takes the client's address for the
 * connection's peer and hands over to HTTP/1. Only trusted proxies may say such a thing: whoever
 * else connects to such a listener, or begins otherwise, is closed without a word.
 */
#ifndef WORKER_PROXY_PROTOCOL_H
#define WORKER_PROXY_PROTOCOL_H

#include "common/address.h"
#include "worker/http1_parse.h"
#include "worker/protocol.h"

struct proxy_header {
    struct address source; /* the client; len 0: the proxy speaks for itself, or cannot tell */
    size_t bytes;          /* of the header: what follows is the client's */
};

/* Pure. BAD: *why is a fixed text for the log. A cut input gives MORE, never another answer. */
enum parse_result proxy_header_parse(const char *p, size_t n, struct proxy_header *header,
                                     const char **why);

extern const struct protocol proxy_protocol;

#endif
