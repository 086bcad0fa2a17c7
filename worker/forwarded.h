/*
 * forwarded - who the client is, by the word of the proxies in front of us.
 *
 * Each proxy appends the address that it was called from, so the list is read from its end: an
 * element counts only if whoever appended it is trusted. The client is the first one from the
 * right that is not. What stands left of it anybody could have written. Pure.
 */
#ifndef WORKER_FORWARDED_H
#define WORKER_FORWARDED_H

#include <sys/socket.h>

#include "common/address.h"
#include "config/config.h"
#include "worker/request.h"

enum { FORWARDED_HOPS_MAX = 64 }; /* looked at; who has more proxies is at the last of these */

enum forwarded_node {
    FORWARDED_END,     /* the list has no more elements */
    FORWARDED_ADDRESS, /* *address is filled */
    FORWARDED_UNKNOWN, /* "unknown", an obfuscated name, or nonsense */
};

/*
 * Cuts the last element off *list and reads its address, which may have a port: of Forwarded (RFC
 * 7239, 4 and 6) or of X-Forwarded-For. *list is left with p NULL behind the first element.
 */
enum forwarded_node forwarded_cut_last(struct str *list, enum real_ip_header header,
                                       struct address *address);

/*
 * The client's address in *client. False: it is `peer`, for that is no trusted proxy, or it says
 * nothing that can be read. An element that cannot be read ends the search at the proxy which sent
 * it.
 */
bool forwarded_client(const struct request *req, enum real_ip_header header,
                      const struct network_list *trusted, const struct sockaddr *peer,
                      struct address *client);

#endif
