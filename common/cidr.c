#include "common/cidr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

enum { MAPPED_BITS = 96 }; /* of ::ffff:0:0/96 */

static const uint8_t mapped_prefix[MAPPED_BITS / 8] = { [10] = 0xff, [11] = 0xff };

static bool agree(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;

    if (memcmp(a, b, whole) != 0)
        return false;
    return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

/* Mapped IPv4 becomes IPv4; a network that is wider than the mapping stays IPv6. */
static void unmap(struct cidr *c)
{
    if (c->family != AF_INET6 || c->bits < MAPPED_BITS ||
        memcmp(c->bytes, mapped_prefix, sizeof(mapped_prefix)) != 0)
        return;
    c->family = AF_INET;
    c->bits -= MAPPED_BITS;
    memmove(c->bytes, c->bytes + sizeof(mapped_prefix), 4);
    memset(c->bytes + 4, 0, sizeof(c->bytes) - 4);
}

static bool is_base(const struct cidr *c)
{
    for (unsigned bit = c->bits; bit < 8 * sizeof(c->bytes); bit++)
        if ((c->bytes[bit / 8] >> (7 - bit % 8) & 1) != 0)
            return false;
    return true;
}

static bool parse_bits(struct str text, unsigned most, uint8_t *bits)
{
    uint64_t value;

    if (text.p == NULL) {
        *bits = (uint8_t)most;
        return true;
    }
    if (!str_to_u64(text, &value) || value > most || (text.n > 1 && text.p[0] == '0'))
        return false;
    *bits = (uint8_t)value;
    return true;
}

bool cidr_parse(struct str text, struct cidr *out, const char **why)
{
    struct str bits = text, host = str_cut(&bits, '/');
    char name[INET6_ADDRSTRLEN];

    memset(out, 0, sizeof(*out));
    if (str_eq_case(text, STR("all")))
        return true;
    if (str_eq_case(text, STR("unix"))) {
        out->family = AF_UNIX;
        return true;
    }
    *why = "a network is 10.0.0.0/8, 192.0.2.7, 2001:db8::/32, unix or all";
    if (host.n >= sizeof(name) || memchr(host.p, '\0', host.n) != NULL)
        return false;
    snprintf(name, sizeof(name), "%.*s", STR_ARG(host));
    if (inet_pton(AF_INET, name, out->bytes) == 1)
        out->family = AF_INET;
    else if (inet_pton(AF_INET6, name, out->bytes) == 1)
        out->family = AF_INET6;
    else
        return false;
    if (!parse_bits(bits, out->family == AF_INET ? 32 : 128, &out->bits)) {
        *why = "behind the \"/\" stands how many bits count: 0 to 32 of IPv4, 0 to 128 of IPv6";
        return false;
    }
    if (!is_base(out)) {
        *why =
            "bits behind the prefix must be 0, as in 10.0.0.0/8; without \"/\" it is one address";
        return false;
    }
    unmap(out);
    return true;
}

void cidr_format(const struct cidr *c, char text[CIDR_TEXT_MAX])
{
    char host[INET6_ADDRSTRLEN] = "";

    if (c->family == AF_UNSPEC || c->family == AF_UNIX) {
        snprintf(text, CIDR_TEXT_MAX, "%s", c->family == AF_UNIX ? "unix" : "all");
        return;
    }
    inet_ntop(c->family, c->bytes, host, sizeof(host));
    if (c->bits == (c->family == AF_INET ? 32 : 128))
        snprintf(text, CIDR_TEXT_MAX, "%s", host);
    else
        snprintf(text, CIDR_TEXT_MAX, "%s/%u", host, (unsigned)c->bits);
}

struct cidr cidr_of(const struct sockaddr *sa)
{
    struct cidr c = { .family = AF_UNIX };

    if (sa->sa_family == AF_INET) {
        c.family = AF_INET;
        c.bits = 32;
        memcpy(c.bytes, &((const struct sockaddr_in *)sa)->sin_addr, 4);
    } else if (sa->sa_family == AF_INET6) {
        c.family = AF_INET6;
        c.bits = 128;
        memcpy(c.bytes, &((const struct sockaddr_in6 *)sa)->sin6_addr, 16);
        unmap(&c);
    }
    return c;
}

bool cidr_has(const struct cidr *net, const struct cidr *address)
{
    if (net->family == AF_UNSPEC)
        return true;
    return net->family == address->family && agree(net->bytes, address->bytes, net->bits);
}

bool cidr_any_has(const struct cidr *nets, size_t count, const struct cidr *address)
{
    for (size_t i = 0; i < count; i++)
        if (cidr_has(&nets[i], address))
            return true;
    return false;
}
