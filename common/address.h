/*
 * address - a socket address as an operator writes it: IPv4, IPv6 or a Unix socket path.
 *
 *     "8080"  "*:8080"     every IPv4 and every IPv6 address (two addresses)
 *     "127.0.0.1:8080"     "[::1]:8080"     "localhost:8080" (127.0.0.1 and ::1)
 *     "unix:/run/remuda.sock"
 *
 * Port 0 lets the kernel choose. Names other than localhost are refused: a config must not depend
 * on DNS being up.
 */
#ifndef COMMON_ADDRESS_H
#define COMMON_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

#include "common/str.h"

struct address {
    socklen_t len;
    struct sockaddr_storage sa;
};

enum { ADDRESS_TEXT_MAX = 128 };

/*
 * Fills at most two addresses and returns how many; 0: bad, and *why is a fixed text that says
 * what would be right.
 */
int address_parse(struct str text, struct address out[2], const char **why);

/* "127.0.0.1:8080", "[::1]:8080", "unix:/path"; the inverse of address_parse(). */
void address_format(const struct address *a, char text[ADDRESS_TEXT_MAX]);
/* The host alone, as an access log wants it: "127.0.0.1", "::1", "unix:". Returns its length. */
size_t address_format_host(const struct sockaddr *sa, char text[ADDRESS_TEXT_MAX]);

bool address_eq(const struct address *a, const struct address *b);
unsigned address_port(const struct address *a); /* host order; 0 for Unix */
void address_set_port(struct address *a, unsigned port);

#endif
