#include "worker/forwarded.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

enum { NODE_MAX = 64 }; /* "[" IPv6 "]:" port, unquoted */

/* ---- one address ---- */

static bool is_obfuscated_port(struct str text)
{
    for (size_t i = 1; i < text.n; i++) {
        char c = ascii_lower(text.p[i]);

        if (!ascii_is_digit(c) && !(c >= 'a' && c <= 'z') && c != '.' && c != '_' && c != '-')
            return false;
    }
    return text.n > 1 && text.p[0] == '_';
}

static bool is_port(struct str text)
{
    uint64_t port;

    return (text.n <= 5 && str_to_u64(text, &port) && port <= 65535) || is_obfuscated_port(text);
}

static bool parse_ipv4(struct str text, struct address *address)
{
    struct sockaddr_in *in = (struct sockaddr_in *)&address->sa;
    char host[NODE_MAX];

    snprintf(host, sizeof(host), "%.*s", STR_ARG(text));
    *address = (struct address){ .len = sizeof(*in) };
    in->sin_family = AF_INET;
    return inet_pton(AF_INET, host, &in->sin_addr) == 1;
}

static bool parse_ipv6(struct str text, struct address *address)
{
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address->sa;
    char host[NODE_MAX];

    snprintf(host, sizeof(host), "%.*s", STR_ARG(text));
    *address = (struct address){ .len = sizeof(*in6) };
    in6->sin6_family = AF_INET6;
    return inet_pton(AF_INET6, host, &in6->sin6_addr) == 1;
}

/* 192.0.2.1, 192.0.2.1:80, [2001:db8::1], [2001:db8::1]:80; 2001:db8::1 if `takes_bare`. */
static bool parse_node(struct str node, bool takes_bare, struct address *address)
{
    struct str port = node, host;

    if (node.n == 0 || node.n >= NODE_MAX || memchr(node.p, '\0', node.n) != NULL)
        return false;
    if (node.p[0] == '[') {
        host = str_cut(&port, ']');
        if (port.p == NULL || (port.n > 0 && port.p[0] != ':'))
            return false;
        if (port.n > 0 && !is_port(str_range(port.p + 1, port.p + port.n)))
            return false;
        return parse_ipv6(str_range(host.p + 1, host.p + host.n), address);
    }
    host = str_cut(&port, ':');
    if (port.p == NULL || is_port(port))
        return parse_ipv4(host, address);
    return takes_bare && parse_ipv6(node, address);
}

/* ---- Forwarded: for=192.0.2.43;proto=http, for="[2001:db8::1]:4711" ---- */

static bool is_token_char(char c)
{
    return ascii_is_digit(c) || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static size_t token_n(struct str s)
{
    size_t n = 0;

    while (n < s.n && is_token_char(s.p[n]))
        n++;
    return n;
}

/* The value at the front of *rest, unquoted into `text`; p NULL: none, or too long for a node. */
static bool take_value(struct str *rest, char text[NODE_MAX], struct str *value)
{
    size_t n = token_n(*rest), at = 0, out = 0;

    if (n > 0) {
        *value = (struct str){ rest->p, n };
        *rest = str_range(rest->p + n, rest->p + rest->n);
        return true;
    }
    if (rest->n == 0 || rest->p[0] != '"')
        return false;
    for (at = 1; at < rest->n && rest->p[at] != '"'; at++) {
        if (rest->p[at] == '\\' && ++at == rest->n)
            return false;
        if (out < NODE_MAX)
            text[out++] = rest->p[at];
    }
    if (at == rest->n)
        return false;
    *value = (struct str){ text, out };
    *rest = str_range(rest->p + at + 1, rest->p + rest->n);
    return true;
}

/* The value of `for`; false: the element has none, two, or is not well-formed. */
static bool find_for(struct str element, char text[NODE_MAX], struct str *node)
{
    char other[NODE_MAX];
    bool is_found = false;

    while (element.n > 0) {
        struct str name = { element.p, token_n(element) }, value;
        bool is_for = str_eq_case(name, STR("for"));

        if (name.n == 0 || name.n == element.n || element.p[name.n] != '=' || (is_for && is_found))
            return false;
        element = str_range(element.p + name.n + 1, element.p + element.n);
        if (!take_value(&element, is_for ? text : other, &value))
            return false;
        if (is_for)
            *node = value;
        is_found = is_found || is_for;
        element = str_trim(element);
        if (element.n == 0)
            break;
        if (element.p[0] != ';')
            return false;
        element = str_trim(str_range(element.p + 1, element.p + element.n));
    }
    return is_found;
}

/* ---- the list, from its end ---- */

/* Whether the '"' at `at` ends or begins a quoted string, and is not an escaped one inside. */
static bool is_delimiter(struct str s, size_t at)
{
    size_t backslashes = 0;

    while (backslashes < at && s.p[at - 1 - backslashes] == '\\')
        backslashes++;
    return backslashes % 2 == 0;
}

/*
 * From the right, because what a trusted proxy appended is well-formed: an open quote that a
 * client sent must not swallow it.
 */
static struct str cut_last(struct str *list, bool has_quotes)
{
    struct str whole = *list;
    bool is_quoted = false;

    for (size_t i = whole.n; i-- > 0;) {
        if (has_quotes && whole.p[i] == '"' && (!is_quoted || is_delimiter(whole, i)))
            is_quoted = !is_quoted;
        if (whole.p[i] != ',' || is_quoted)
            continue;
        list->n = i;
        return str_trim(str_range(whole.p + i + 1, whole.p + whole.n));
    }
    *list = STR_NONE;
    return str_trim(whole);
}

enum forwarded_node forwarded_cut_last(struct str *list, enum real_ip_header header,
                                       struct address *address)
{
    bool is_rfc = header == REAL_IP_FORWARDED;
    char text[NODE_MAX];
    struct str node;

    do {
        if (list->p == NULL)
            return FORWARDED_END;
        node = cut_last(list, is_rfc);
    } while (node.n == 0); /* empty elements are no elements (RFC 9110, 5.6.1.2) */
    if (is_rfc && !find_for(node, text, &node))
        return FORWARDED_UNKNOWN;
    return parse_node(node, !is_rfc, address) ? FORWARDED_ADDRESS : FORWARDED_UNKNOWN;
}

static bool is_trusted(const struct network_list *trusted, const struct sockaddr *sa)
{
    struct cidr address = cidr_of(sa);

    return cidr_any_has(trusted->list, trusted->count, &address);
}

/* X-Real-IP is no list: the last line is our proxy's. */
static bool read_single(struct str value, struct address *client)
{
    return parse_node(str_trim(value), true, client);
}

bool forwarded_client(const struct request *req, enum real_ip_header header,
                      const struct network_list *trusted, const struct sockaddr *peer,
                      struct address *client)
{
    struct str name = str_of(real_ip_header_names[header]);
    bool is_found = false;
    int hops = 0;

    if (header == REAL_IP_OFF || !is_trusted(trusted, peer))
        return false;
    for (size_t i = req->field_count; i-- > 0;) {
        struct str list = req->fields[i].value;
        struct address next;

        if (!str_eq_case(req->fields[i].name, name))
            continue;
        if (header == REAL_IP_X_REAL_IP)
            return read_single(list, client);
        for (;;) {
            enum forwarded_node node = forwarded_cut_last(&list, header, &next);

            if (node == FORWARDED_END)
                break;
            if (node == FORWARDED_UNKNOWN || ++hops > FORWARDED_HOPS_MAX)
                return is_found;
            *client = next;
            is_found = true;
            if (!is_trusted(trusted, (const struct sockaddr *)&next.sa))
                return true;
        }
    }
    return is_found;
}
