#include "common/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

static struct address ipv4(struct in_addr host, unsigned port)
{
    struct address a = { .len = sizeof(struct sockaddr_in) };
    struct sockaddr_in *in = (struct sockaddr_in *)&a.sa;

    in->sin_family = AF_INET;
    in->sin_addr = host;
    in->sin_port = htons((uint16_t)port);
    return a;
}

static struct address ipv6(struct in6_addr host, unsigned port)
{
    struct address a = { .len = sizeof(struct sockaddr_in6) };
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&a.sa;

    in6->sin6_family = AF_INET6;
    in6->sin6_addr = host;
    in6->sin6_port = htons((uint16_t)port);
    return a;
}

static bool parse_unix(struct str path, struct address *out, const char **why)
{
    struct sockaddr_un *un = (struct sockaddr_un *)&out->sa;

    if (path.n == 0 || path.p[0] != '/') {
        *why = "a Unix socket needs an absolute path: unix:/run/remuda.sock";
        return false;
    }
    if (path.n >= sizeof(un->sun_path)) {
        *why = "a Unix socket's path has at most 107 bytes (unix(7))";
        return false;
    }
    memset(out, 0, sizeof(*out));
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, path.p, path.n);
    out->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.n + 1);
    return true;
}

static bool parse_port(struct str text, unsigned *port)
{
    uint64_t value;

    if (!str_to_u64(text, &value) || value > 65535)
        return false;
    *port = (unsigned)value;
    return true;
}

int address_parse(struct str text, struct address out[2], const char **why)
{
    char host[ADDRESS_TEXT_MAX];
    struct in_addr in;
    struct in6_addr in6;
    struct str port_text = text, host_text = STR("*");
    unsigned port;

    if (memchr(text.p, '\0', text.n) != NULL) {
        *why = "an address holds no NUL";
        return 0;
    }
    if (str_starts(text, STR("unix:")))
        return parse_unix(str_range(text.p + 5, text.p + text.n), &out[0], why) ? 1 : 0;
    for (size_t i = text.n; i > 0; i--) {
        if (text.p[i - 1] == ']')
            break;
        if (text.p[i - 1] == ':') {
            host_text = str_range(text.p, text.p + i - 1);
            port_text = str_range(text.p + i, text.p + text.n);
            break;
        }
    }
    if (!parse_port(port_text, &port)) {
        *why = "an address is PORT, HOST:PORT, [IPV6]:PORT or unix:/PATH, the port from 0 to 65535";
        return 0;
    }
    if (str_eq(host_text, STR("*"))) {
        out[0] = ipv4((struct in_addr){ htonl(INADDR_ANY) }, port);
        out[1] = ipv6(in6addr_any, port);
        return 2;
    }
    if (str_eq(host_text, STR("localhost"))) {
        out[0] = ipv4((struct in_addr){ htonl(INADDR_LOOPBACK) }, port);
        out[1] = ipv6(in6addr_loopback, port);
        return 2;
    }
    if (host_text.n > 2 && host_text.p[0] == '[' && host_text.p[host_text.n - 1] == ']') {
        snprintf(host, sizeof(host), "%.*s", (int)(host_text.n - 2), host_text.p + 1);
        if (inet_pton(AF_INET6, host, &in6) == 1) {
            out[0] = ipv6(in6, port);
            return 1;
        }
        *why = "what stands in brackets must be an IPv6 address: [::1]:8080";
        return 0;
    }
    snprintf(host, sizeof(host), "%.*s", STR_ARG(host_text));
    if (host_text.n < sizeof(host) && inet_pton(AF_INET, host, &in) == 1) {
        out[0] = ipv4(in, port);
        return 1;
    }
    *why = memchr(host_text.p, ':', host_text.n) != NULL
               ? "an IPv6 address stands in brackets: [::1]:8080"
               : "the host must be an IP address, * or localhost (no DNS name)";
    return 0;
}

size_t address_format_host(const struct sockaddr *sa, char text[ADDRESS_TEXT_MAX])
{
    const void *bytes = NULL;

    text[0] = '\0';
    if (sa->sa_family == AF_INET)
        bytes = &((const struct sockaddr_in *)sa)->sin_addr;
    else if (sa->sa_family == AF_INET6)
        bytes = &((const struct sockaddr_in6 *)sa)->sin6_addr;
    if (bytes == NULL || inet_ntop(sa->sa_family, bytes, text, ADDRESS_TEXT_MAX) == NULL)
        snprintf(text, ADDRESS_TEXT_MAX, "unix:");
    return strlen(text);
}

void address_format(const struct address *a, char text[ADDRESS_TEXT_MAX])
{
    char host[ADDRESS_TEXT_MAX];

    if (a->sa.ss_family == AF_UNIX) {
        snprintf(text, ADDRESS_TEXT_MAX, "unix:%s", ((const struct sockaddr_un *)&a->sa)->sun_path);
        return;
    }
    address_format_host((const struct sockaddr *)&a->sa, host);
    snprintf(text, ADDRESS_TEXT_MAX, a->sa.ss_family == AF_INET6 ? "[%.60s]:%u" : "%.60s:%u", host,
             address_port(a));
}

bool address_eq(const struct address *a, const struct address *b)
{
    return a->len == b->len && memcmp(&a->sa, &b->sa, a->len) == 0;
}

unsigned address_port(const struct address *a)
{
    if (a->sa.ss_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)&a->sa)->sin_port);
    if (a->sa.ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)&a->sa)->sin6_port);
    return 0;
}

void address_set_port(struct address *a, unsigned port)
{
    if (a->sa.ss_family == AF_INET)
        ((struct sockaddr_in *)&a->sa)->sin_port = htons((uint16_t)port);
    else if (a->sa.ss_family == AF_INET6)
        ((struct sockaddr_in6 *)&a->sa)->sin6_port = htons((uint16_t)port);
}
