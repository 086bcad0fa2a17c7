#include "common/address.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>

#define PATH_50  "/2345678901234567890123456789012345678901234567890"
#define PATH_107 PATH_50 PATH_50 "1234567"

/* Parses an exact-size heap copy, so that the sanitizer sees one byte too far. */
static int parse(struct str text, struct address out[2], const char **why)
{
    char *copy = malloc(text.n > 0 ? text.n : 1);
    int count;

    cr_assert_not_null(copy);
    memcpy(copy, text.p, text.n);
    count = address_parse((struct str){ copy, text.n }, out, why);
    free(copy);
    return count;
}

Test(address, reads_every_form)
{
    static const struct {
        const char *why;
        struct str text;
        const char *first, *second; /* formatted; second NULL: one address */
    } rows[] = {
        { "a port alone is every address", STR_INIT("8080"), "0.0.0.0:8080", "[::]:8080" },
        { "a star too", STR_INIT("*:8080"), "0.0.0.0:8080", "[::]:8080" },
        { "localhost in both families", STR_INIT("localhost:80"), "127.0.0.1:80", "[::1]:80" },
        { "IPv4", STR_INIT("127.0.0.1:8080"), "127.0.0.1:8080", NULL },
        { "IPv4, every address", STR_INIT("0.0.0.0:1"), "0.0.0.0:1", NULL },
        { "IPv6", STR_INIT("[::1]:8080"), "[::1]:8080", NULL },
        { "IPv6, every address", STR_INIT("[::]:80"), "[::]:80", NULL },
        { "IPv6, written long", STR_INIT("[2001:db8:0:0:0:0:0:1]:80"), "[2001:db8::1]:80", NULL },
        { "IPv4 within IPv6", STR_INIT("[::ffff:1.2.3.4]:80"), "[::ffff:1.2.3.4]:80", NULL },
        { "port 0: the kernel chooses", STR_INIT("0"), "0.0.0.0:0", "[::]:0" },
        { "the highest port", STR_INIT("1.2.3.4:65535"), "1.2.3.4:65535", NULL },
        { "a Unix socket", STR_INIT("unix:/run/remuda.sock"), "unix:/run/remuda.sock", NULL },
        { "a colon in its path", STR_INIT("unix:/run/a:80"), "unix:/run/a:80", NULL },
        { "107 bytes of path, unix(7)", STR_INIT("unix:" PATH_107), "unix:" PATH_107, NULL },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct address got[2];
        const char *why = NULL, *expect[] = { rows[i].first, rows[i].second };
        int count = parse(rows[i].text, got, &why);

        cr_assert_eq(count, rows[i].second != NULL ? 2 : 1, "%s: %d, %s", rows[i].why, count, why);
        for (int k = 0; k < count; k++) {
            char text[ADDRESS_TEXT_MAX];
            struct address again[2];

            address_format(&got[k], text);
            cr_expect_str_eq(text, expect[k], "%s", rows[i].why);
            cr_assert_eq(parse(str_of(text), again, &why), 1, "%s: %s reads back", rows[i].why,
                         text);
            cr_expect(address_eq(&got[k], &again[0]), "%s: %s reads back", rows[i].why, text);
        }
    }
}

Test(address, says_what_would_be_right)
{
    static const struct {
        const char *why;
        struct str text;
        const char *expect; /* part of the message */
    } rows[] = {
        { "nothing", STR_INIT(""), "PORT, HOST:PORT" },
        { "a word", STR_INIT("http"), "PORT, HOST:PORT" },
        { "a port above 65535", STR_INIT("65536"), "0 to 65535" },
        { "a port above 64 bits", STR_INIT("99999999999999999999"), "0 to 65535" },
        { "a negative port", STR_INIT("-1"), "0 to 65535" },
        { "no port behind the colon", STR_INIT("127.0.0.1:"), "0 to 65535" },
        { "a host alone", STR_INIT("127.0.0.1"), "PORT, HOST:PORT" },
        { "a URL", STR_INIT("http://localhost:8080/"), "PORT, HOST:PORT" },
        { "a space", STR_INIT("127.0.0.1: 80"), "0 to 65535" },
        { "no host before the colon", STR_INIT(":8080"), "IP address, * or localhost" },
        { "a DNS name", STR_INIT("example.org:80"), "no DNS name" },
        { "localhost in capitals", STR_INIT("LOCALHOST:80"), "no DNS name" },
        { "three parts", STR_INIT("127.0.1:80"), "IP address" },
        { "an octet above 255", STR_INIT("256.0.0.1:80"), "IP address" },
        { "IPv6 without brackets", STR_INIT("::1:8080"), "in brackets: [::1]:8080" },
        { "IPv6 without a port", STR_INIT("[::1]"), "PORT, HOST:PORT" },
        { "a bracket that stays open", STR_INIT("[::1:80"), "in brackets" },
        { "nothing in brackets", STR_INIT("[]:80"), "IP address" },
        { "IPv4 in brackets", STR_INIT("[127.0.0.1]:80"), "must be an IPv6 address" },
        { "a bad group", STR_INIT("[::g]:80"), "must be an IPv6 address" },
        { "a zone is no address", STR_INIT("[fe80::1%eth0]:80"), "must be an IPv6 address" },
        { "a longer host than any", STR_INIT("[" PATH_107 PATH_107 "]:80"), "IPv6 address" },
        { "a longer name than any", STR_INIT(PATH_107 PATH_107 ":80"), "IP address" },
        { "a Unix socket without a path", STR_INIT("unix:"), "absolute path" },
        { "a relative path", STR_INIT("unix:remuda.sock"), "absolute path" },
        { "108 bytes of path, unix(7)", STR_INIT("unix:" PATH_107 "8"), "at most 107 bytes" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct address got[2];
        const char *why = NULL;

        cr_expect_eq(parse(rows[i].text, got, &why), 0, "%s", rows[i].why);
        cr_assert_not_null(why, "%s", rows[i].why);
        cr_expect_not_null(strstr(why, rows[i].expect), "%s: got \"%s\"", rows[i].why, why);
    }
}

static struct address one(const char *text)
{
    struct address got[2];
    const char *why;

    cr_assert_eq(address_parse(str_of(text), got, &why), 1, "%s", text);
    return got[0];
}

Test(address, tells_addresses_apart)
{
    static const char *const texts[] = { "127.0.0.1:80",       "127.0.0.1:81", "127.0.0.2:80",
                                         "[::1]:80",           "[::1]:81",     "[::2]:80",
                                         "[::ffff:7f00:1]:80", "unix:/a",      "unix:/ab" };
    enum { COUNT = sizeof(texts) / sizeof(texts[0]) };

    for (size_t i = 0; i < COUNT; i++)
        for (size_t j = 0; j < COUNT; j++) {
            struct address a = one(texts[i]), b = one(texts[j]);

            cr_expect_eq(address_eq(&a, &b), i == j, "%s and %s", texts[i], texts[j]);
        }
}

Test(address, changes_the_port_and_nothing_else)
{
    struct address in = one("127.0.0.1:0"), in6 = one("[::1]:0"), un = one("unix:/a"), was = un;
    char text[ADDRESS_TEXT_MAX];

    address_set_port(&in, 40000);
    address_format(&in, text);
    cr_expect_str_eq(text, "127.0.0.1:40000");
    cr_expect_eq(address_port(&in), 40000);
    address_set_port(&in6, 40001);
    address_format(&in6, text);
    cr_expect_str_eq(text, "[::1]:40001");
    cr_expect_eq(address_port(&in6), 40001);
    address_set_port(&un, 40002);
    cr_expect(address_eq(&un, &was), "a Unix socket has no port");
    cr_expect_eq(address_port(&un), 0);
}

Test(address, counts_the_nul_of_a_unix_path)
{
    cr_expect_eq(one("unix:/a").len, offsetof(struct sockaddr_un, sun_path) + sizeof("/a"),
                 "as unix(7) asks of bind()");
}

Test(address, formats_the_host_alone_for_an_access_log)
{
    static const struct {
        const char *text, *expect;
    } rows[] = {
        { "127.0.0.1:8080", "127.0.0.1" },
        { "[::1]:8080", "::1" },
        { "[2001:db8::1]:80", "2001:db8::1" },
        { "unix:/run/remuda.sock", "unix:" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct address a = one(rows[i].text);
        char text[ADDRESS_TEXT_MAX];
        size_t n = address_format_host((const struct sockaddr *)&a.sa, text);

        cr_expect_str_eq(text, rows[i].expect);
        cr_expect_eq(n, strlen(rows[i].expect));
    }
}

Test(address, has_no_name_for_an_unnamed_peer)
{
    /* accept4() gives a Unix client that did not bind nothing but the family, unix(7). */
    struct sockaddr_un peer = { .sun_family = AF_UNIX };
    char text[ADDRESS_TEXT_MAX];

    cr_expect_eq(address_format_host((const struct sockaddr *)&peer, text), 5);
    cr_expect_str_eq(text, "unix:");
}
