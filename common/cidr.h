/*
 * cidr - networks as an operator writes them, and whether an address lies in one.
 *
 *     "10.0.0.0/8"  "192.0.2.7"  "2001:db8::/32"  "unix" (a Unix socket's peer)  "all"
 *
 * An IPv4 address that came mapped into IPv6 (::ffff:192.0.2.7) is the IPv4 address, in a network
 * and in a peer. Pure.
 */
#ifndef COMMON_CIDR_H
#define COMMON_CIDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "common/str.h"

struct cidr {
    uint8_t family; /* AF_INET, AF_INET6, AF_UNIX; AF_UNSPEC: all */
    uint8_t bits;   /* of `bytes` that must agree */
    uint8_t bytes[16];
};

enum { CIDR_TEXT_MAX = 64 };

/* False: bad, and *why is a fixed text that says what would be right. */
bool cidr_parse(struct str text, struct cidr *out, const char **why);
/* As written by an operator; what cidr_parse() reads. */
void cidr_format(const struct cidr *c, char text[CIDR_TEXT_MAX]);

/* The address alone as a network of one: IPv4 for a mapped one, AF_UNIX for all but IP. */
struct cidr cidr_of(const struct sockaddr *sa);
/* Whether the address, from cidr_of(), lies in `net`. */
bool cidr_has(const struct cidr *net, const struct cidr *address);
/* Whether it lies in any of them. */
bool cidr_any_has(const struct cidr *nets, size_t count, const struct cidr *address);

#endif
