#include "worker/host.h"

#include <arpa/inet.h>

#include "worker/scan.h"

/*
 * unreserved and sub-delims (RFC 3986, 2.2 and 2.3), without ',': two Host lines that something in
 * front of us joined into one must not name a site.
 */
static const bool is_name_byte[256] = {
    ['-'] = true,         ['.'] = true,         ['_'] = true,  ['~'] = true, ['!'] = true,
    ['$'] = true,         ['&'] = true,         ['\''] = true, ['('] = true, [')'] = true,
    ['*'] = true,         ['+'] = true,         [';'] = true,  ['='] = true, ['0' ... '9'] = true,
    ['A' ... 'Z'] = true, ['a' ... 'z'] = true,
};

/* The end of the reg-name or IPv4 address at p. */
static const char *skip_name(const char *p, const char *end)
{
    for (;;) {
        while (p < end && is_name_byte[(unsigned char)*p])
            p++;
        if (end - p < 3 || *p != '%' || scan_hex_digit(p[1]) < 0 || scan_hex_digit(p[2]) < 0)
            return p;
        p += 3;
    }
}

/* "v" 1*HEXDIG "." 1*( unreserved / sub-delims / ":" ) */
static bool is_future_address(struct str s)
{
    size_t i = 1;

    if (s.n == 0 || ascii_lower(s.p[0]) != 'v')
        return false;
    while (i < s.n && scan_hex_digit(s.p[i]) >= 0)
        i++;
    if (i == 1 || i + 1 >= s.n || s.p[i] != '.')
        return false;
    for (i++; i < s.n; i++)
        if (!is_name_byte[(unsigned char)s.p[i]] && s.p[i] != ':')
            return false;
    return true;
}

static bool is_ipv6(struct str s)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;

    if (s.n >= sizeof(text) || memchr(s.p, '\0', s.n) != NULL)
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    return inet_pton(AF_INET6, text, &address) == 1;
}

/* The byte after the ']' of the address at p; NULL: not an address. */
static const char *skip_literal(const char *p, const char *end)
{
    const char *close = memchr(p, ']', (size_t)(end - p));
    struct str inside;

    if (close == NULL)
        return NULL;
    inside = str_range(p + 1, close);
    return is_ipv6(inside) || is_future_address(inside) ? close + 1 : NULL;
}

static bool parse_port(const char *p, const char *end, struct host *host)
{
    unsigned port = 0;

    host->has_port = p < end;
    for (; p < end; p++) {
        if (!ascii_is_digit(*p))
            return false;
        port = port * 10 + (unsigned)(*p - '0');
        if (port > UINT16_MAX)
            return false;
    }
    host->port = (uint16_t)port;
    return true;
}

bool host_parse(struct str text, struct host *host)
{
    const char *end = text.p + text.n, *p;

    host->has_port = false;
    host->port = 0;
    if (text.n == 0)
        return false;
    p = text.p[0] == '[' ? skip_literal(text.p, end) : skip_name(text.p, end);
    if (p == NULL || p == text.p)
        return false;
    host->name = str_range(text.p, p);
    if (p == end)
        return true;
    return *p == ':' && parse_port(p + 1, end, host);
}
