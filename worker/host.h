/*
 * host - the authority of a request: who is asked, from a Host field or a request target.
 *
 * Strict, for sites are chosen by it: what is not surely one host is refused.
 */
#ifndef WORKER_HOST_H
#define WORKER_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "common/str.h"

struct host {
    struct str name; /* as sent, never empty, IPv6 with its brackets; borrows the text */
    bool has_port;   /* digits were given; ":" alone is no port */
    uint16_t port;
};

/*
 * uri-host [ ":" port ] (RFC 9110, 7.2; RFC 3986, 3.2.2), but neither an empty host nor a comma.
 * False: it is not, and *host is undefined.
 */
bool host_parse(struct str text, struct host *host);

#endif
