#include "common/cidr.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdlib.h>

/* From an exact-size copy. */
static bool parse(const char *text, struct cidr *out, const char **why)
{
    size_t n = strlen(text);
    char *copy = malloc(n + (n == 0));
    bool is_good;

    memcpy(copy, text, n);
    is_good = cidr_parse((struct str){ copy, n }, out, why);
    free(copy);
    return is_good;
}

static struct cidr address(const char *text)
{
    struct sockaddr_in in = { .sin_family = AF_INET };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
    struct sockaddr un = { .sa_family = AF_UNIX };

    if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
        return cidr_of((struct sockaddr *)&in);
    if (inet_pton(AF_INET6, text, &in6.sin6_addr) == 1)
        return cidr_of((struct sockaddr *)&in6);
    return cidr_of(&un);
}

Test(cidr, has_what_lies_in_it)
{
    static const struct {
        const char *why, *net, *address;
        bool has;
    } rows[] = {
        { "inside", "10.0.0.0/8", "10.255.255.255", true },
        { "first", "10.0.0.0/8", "10.0.0.0", true },
        { "just outside", "10.0.0.0/8", "11.0.0.0", false },
        { "below", "10.0.0.0/8", "9.255.255.255", false },
        { "bits within a byte", "172.16.0.0/12", "172.31.255.255", true },
        { "bits within a byte, outside", "172.16.0.0/12", "172.32.0.0", false },
        { "31 bits", "192.0.2.6/31", "192.0.2.7", true },
        { "31 bits, outside", "192.0.2.6/31", "192.0.2.8", false },
        { "one address", "192.0.2.7", "192.0.2.7", true },
        { "another address", "192.0.2.7", "192.0.2.6", false },
        { "no bits: every IPv4", "0.0.0.0/0", "203.0.113.9", true },
        { "no bits of IPv4 is no IPv6", "0.0.0.0/0", "2001:db8::1", false },
        { "IPv6", "2001:db8::/32", "2001:db8:ffff::1", true },
        { "IPv6 outside", "2001:db8::/32", "2001:db9::1", false },
        { "IPv6 bits within a byte", "fe80::/10", "febf::1", true },
        { "IPv6 bits within a byte, outside", "fe80::/10", "fec0::1", false },
        { "one IPv6", "::1", "::1", true },
        { "128 bits", "::1/128", "::2", false },
        { "every IPv6", "::/0", "::1", true },
        { "every IPv6 is no IPv4", "::/0", "127.0.0.1", false },
        { "mapped peer, IPv4 net (RFC 4291, 2.5.5.2)", "10.0.0.0/8", "::ffff:10.1.2.3", true },
        { "mapped net, IPv4 peer", "::ffff:10.0.0.0/104", "10.1.2.3", true },
        { "mapped net, outside", "::ffff:10.0.0.0/104", "11.1.2.3", false },
        { "mapped net and peer", "::ffff:10.1.2.3", "::ffff:10.1.2.3", true },
        { "a mapped peer is no IPv6", "::/0", "::ffff:10.1.2.3", false },
        { "all has IPv4", "all", "10.1.2.3", true },
        { "all has IPv6", "All", "::1", true },
        { "all has Unix", "all", "unix", true },
        { "unix", "unix", "unix", true },
        { "unix is no IPv4", "unix", "0.0.0.0", false },
        { "IPv4 is no unix", "0.0.0.0/0", "unix", false },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct cidr net, at = address(rows[i].address);
        const char *why = NULL;

        cr_assert(parse(rows[i].net, &net, &why), "%s: %s", rows[i].why, why);
        cr_expect_eq(cidr_has(&net, &at), rows[i].has, "%s", rows[i].why);
        cr_expect_eq(cidr_any_has(&net, 1, &at), rows[i].has, "%s", rows[i].why);
        cr_expect_not(cidr_any_has(&net, 0, &at), "%s", rows[i].why);
    }
}

Test(cidr, refuses_what_is_no_network)
{
    static const struct {
        const char *why, *text, *phrase;
    } rows[] = {
        { "nothing", "", "a network is" },
        { "a name", "example.org", "a network is" },
        { "too few parts", "10.0.0/8", "a network is" },
        { "a leading zero", "010.0.0.0/8", "a network is" },
        { "too large", "256.0.0.0/8", "a network is" },
        { "a blank", " 10.0.0.0/8", "a network is" },
        { "a port", "10.0.0.1:80", "a network is" },
        { "brackets", "[::1]", "a network is" },
        { "a zone", "fe80::1%eth0", "a network is" },
        { "longer than any", "1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111", "network" },
        { "no bits", "10.0.0.0/", "how many bits" },
        { "33 bits", "10.0.0.0/33", "how many bits" },
        { "129 bits", "::/129", "how many bits" },
        { "bits with a sign", "10.0.0.0/+8", "how many bits" },
        { "bits with a zero", "10.0.0.0/08", "how many bits" },
        { "a mask", "10.0.0.0/255.0.0.0", "how many bits" },
        { "huge", "10.0.0.0/18446744073709551624", "how many bits" },
        { "host bits", "10.0.0.1/8", "must be 0" },
        { "host bits within a byte", "172.17.0.0/12", "must be 0" },
        { "IPv6 host bits", "2001:db8::1/32", "must be 0" },
        { "all with bits", "all/8", "a network is" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct cidr net;
        const char *why = "";

        cr_expect_not(parse(rows[i].text, &net, &why), "%s", rows[i].why);
        cr_expect(strstr(why, rows[i].phrase) != NULL, "%s: %s", rows[i].why, why);
    }
}

Test(cidr, writes_what_reads_back_the_same)
{
    static const char *const texts[] = { "10.0.0.0/8", "192.0.2.7", "0.0.0.0/0",     "::/0",
                                         "::1",        "unix",      "2001:db8::/32", "all" };

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct cidr net;
        const char *why = "";
        char text[CIDR_TEXT_MAX];

        cr_assert(parse(texts[i], &net, &why));
        cidr_format(&net, text);
        cr_expect_str_eq(text, texts[i]);
    }
}
