#include "worker/proxy_protocol.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "worker/conn.h"
#include "worker/generation.h"
#include "worker/internal.h"

/* ---- version 1: a line of text ---- */

enum { V1_LINE_MAX = 107 }; /* with its CRLF */

static const struct str v1_start = STR_INIT("PROXY ");

/* Decimal, without leading zeros. */
static bool parse_port(struct str text, unsigned *port)
{
    uint64_t value;

    if (text.n > 5 || !str_to_u64(text, &value) || value > 65535 ||
        (text.n > 1 && text.p[0] == '0'))
        return false;
    *port = (unsigned)value;
    return true;
}

static bool parse_host(struct str text, int family, struct address *a)
{
    char host[INET6_ADDRSTRLEN];
    void *bytes = family == AF_INET ? (void *)&((struct sockaddr_in *)&a->sa)->sin_addr
                                    : (void *)&((struct sockaddr_in6 *)&a->sa)->sin6_addr;

    if (text.p == NULL || text.n >= sizeof(host))
        return false;
    memset(a, 0, sizeof(*a));
    a->sa.ss_family = (sa_family_t)family;
    a->len = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    snprintf(host, sizeof(host), "%.*s", STR_ARG(text));
    return inet_pton(family, host, bytes) == 1;
}

/* What stands behind "PROXY ": TCP4 SOURCE DESTINATION PORT PORT, or UNKNOWN and anything. */
static bool parse_v1_words(struct str words, struct address *source)
{
    struct str family = str_cut(&words, ' '), host, to;
    struct address destination;
    unsigned port, to_port;
    int af;

    if (str_eq(family, STR("UNKNOWN")))
        return true;
    if (!str_eq(family, STR("TCP4")) && !str_eq(family, STR("TCP6")))
        return false;
    if (words.p == NULL)
        return false;
    af = family.p[3] == '4' ? AF_INET : AF_INET6;
    host = str_cut(&words, ' ');
    to = words.p != NULL ? str_cut(&words, ' ') : STR_NONE;
    if (!parse_host(to, af, &destination) || !parse_host(host, af, source) || words.p == NULL)
        return false;
    if (!parse_port(str_cut(&words, ' '), &port) || words.p == NULL || !parse_port(words, &to_port))
        return false;
    address_set_port(source, port);
    return true;
}

static enum parse_result parse_v1(struct str input, struct proxy_header *header, const char **why)
{
    size_t n = v1_start.n;

    while (n < input.n && n < V1_LINE_MAX && input.p[n] >= ' ' && input.p[n] <= '~')
        n++;
    *why = "the line is longer than 107 bytes";
    if (n + 2 > V1_LINE_MAX)
        return PARSE_BAD;
    if (n == input.n)
        return PARSE_MORE;
    *why = "the line does not end in CRLF";
    if (input.p[n] != '\r')
        return PARSE_BAD;
    if (n + 1 == input.n)
        return PARSE_MORE;
    if (input.p[n + 1] != '\n')
        return PARSE_BAD;
    *why = "the line is no \"PROXY TCP4|TCP6|UNKNOWN ...\"";
    if (!parse_v1_words(str_range(input.p + v1_start.n, input.p + n), &header->source))
        return PARSE_BAD;
    header->bytes = n + 2;
    return PARSE_DONE;
}

/* ---- version 2: binary ---- */

enum {
    V2_HEAD = 16,
    V2_LOCAL = 0x20, /* version and command */
    V2_PROXY = 0x21,
};

static const struct str v2_start = STR_INIT("\r\n\r\n\0\r\nQUIT\n");

/* By family and transport: 0: not told, 1: IPv4, 2: IPv6, 3: Unix; over streams or datagrams. */
static const uint16_t v2_address_bytes[] = {
    [0x00] = 0, [0x11] = 12, [0x12] = 12, [0x21] = 36, [0x22] = 36, [0x31] = 216, [0x32] = 216,
};

static bool is_v2_family(uint8_t family)
{
    return family == 0x00 ||
           (family < sizeof(v2_address_bytes) / 2 && v2_address_bytes[family] > 0);
}

static void take_v2_source(const char *p, uint8_t family, struct address *source)
{
    struct sockaddr_in *in = (struct sockaddr_in *)&source->sa;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&source->sa;

    memset(source, 0, sizeof(*source));
    if (family == 0x11) {
        source->len = sizeof(*in);
        in->sin_family = AF_INET;
        memcpy(&in->sin_addr, p, 4);
        memcpy(&in->sin_port, p + 8, 2);
    } else if (family == 0x21) {
        source->len = sizeof(*in6);
        in6->sin6_family = AF_INET6;
        memcpy(&in6->sin6_addr, p, 16);
        memcpy(&in6->sin6_port, p + 32, 2);
    }
}

static enum parse_result parse_v2(struct str input, struct proxy_header *header, const char **why)
{
    const unsigned char *p = (const unsigned char *)input.p;
    size_t n;

    *why = "another version or command than 2 and LOCAL or PROXY";
    if (input.n > v2_start.n && p[12] != V2_LOCAL && p[12] != V2_PROXY)
        return PARSE_BAD;
    *why = "an address family that does not exist";
    if (input.n > v2_start.n + 1 && !is_v2_family(p[13]))
        return PARSE_BAD;
    if (input.n < V2_HEAD)
        return PARSE_MORE;
    n = (size_t)p[14] << 8 | p[15];
    *why = "too short for its addresses";
    if (p[12] == V2_PROXY && n < v2_address_bytes[p[13]])
        return PARSE_BAD;
    if (input.n < V2_HEAD + n)
        return PARSE_MORE;
    if (p[12] == V2_PROXY)
        take_v2_source(input.p + V2_HEAD, p[13], &header->source);
    header->bytes = V2_HEAD + n; /* what stands behind the addresses (TLVs) is of no use to us */
    return PARSE_DONE;
}

static bool begins(struct str input, struct str start)
{
    return memcmp(input.p, start.p, input.n < start.n ? input.n : start.n) == 0;
}

enum parse_result proxy_header_parse(const char *p, size_t n, struct proxy_header *header,
                                     const char **why)
{
    struct str input = { p, n };

    header->source.len = 0;
    header->bytes = 0;
    if (n == 0)
        return PARSE_MORE;
    if (begins(input, v1_start))
        return n < v1_start.n ? PARSE_MORE : parse_v1(input, header, why);
    if (begins(input, v2_start))
        return n < v2_start.n ? PARSE_MORE : parse_v2(input, header, why);
    *why = "it does not begin with a PROXY header";
    return PARSE_BAD;
}

/* ---- the protocol ---- */

static enum need refuse(struct conn *c, const char *why)
{
    char host[ADDRESS_TEXT_MAX];

    if (log_is_on(LOG_INFO)) {
        address_format_host(&c->peer.sa, host);
        log_info("%s: PROXY protocol: %s", host, why);
    }
    c->close_reason = CLOSE_BAD_REQUEST;
    return NEED_CLOSE;
}

static bool is_trusted(const struct conn *c)
{
    const struct network_list *trusted = &c->worker->gen->config->trusted_proxies;
    struct cidr peer = cidr_of(&c->peer.sa);

    return cidr_any_has(trusted->list, trusted->count, &peer);
}

static enum need read_header(struct conn *c)
{
    struct str input = conn_input(c);
    struct proxy_header header;
    const char *why;

    if (!is_trusted(c))
        return refuse(c, "not one of trusted_proxies");
    switch (proxy_header_parse(input.p, input.n, &header, &why)) {
    case PARSE_MORE:
        if (c->is_eof)
            return refuse(c, "the connection ended before the header did");
        c->awaits = DEADLINE_HEAD;
        return NEED_READ;
    case PARSE_BAD:
        return refuse(c, why);
    case PARSE_DONE:
        break;
    }
    if (header.source.len > 0) {
        assert(header.source.len <= sizeof(c->peer));
        memcpy(&c->peer, &header.source.sa, header.source.len);
    }
    conn_consume(c, header.bytes);
    c->protocol = &http1;
    c->state = 0;
    return NEED_NOTHING;
}

static bool time_out(struct conn *c)
{
    return false;
}

static void settle(struct conn *c)
{
}

static void end(struct conn *c)
{
}

static step_fn *const steps[] = {
    read_header, /* input -> c->peer | HTTP/1 */
};

const struct protocol proxy_protocol = { "proxy", steps, time_out, settle, end };
