/* What a list's last element names. Read by test_forwarded.c; the fuzzer starts from them too. */
#ifndef TESTS_WORKER_ROWS_FORWARDED_H
#define TESTS_WORKER_ROWS_FORWARDED_H

#include "worker/forwarded.h"

#define XFF REAL_IP_X_FORWARDED_FOR
#define FWD REAL_IP_FORWARDED

static const struct forwarded_row {
    const char *why;
    enum real_ip_header header;
    const char *list, *address; /* address NULL: unknown; "": the end */
    const char *rest;           /* NULL: nothing is left */
} forwarded_rows[] = {
    { "one", XFF, "192.0.2.1", "192.0.2.1", NULL },
    { "the last of three", XFF, "192.0.2.1, 192.0.2.2, 192.0.2.3", "192.0.2.3",
      "192.0.2.1, 192.0.2.2" },
    { "no blanks", XFF, "192.0.2.1,192.0.2.2", "192.0.2.2", "192.0.2.1" },
    { "tabs", XFF, "192.0.2.1,\t192.0.2.2\t", "192.0.2.2", "192.0.2.1" },
    { "with a port", XFF, "192.0.2.1:8080", "192.0.2.1", NULL },
    { "IPv6, as most write it", XFF, "2001:db8::1", "2001:db8::1", NULL },
    { "IPv6 in brackets", XFF, "[2001:db8::1]", "2001:db8::1", NULL },
    { "IPv6 with a port", XFF, "a, [2001:db8::1]:443", "2001:db8::1", "a" },
    { "mapped", XFF, "::ffff:192.0.2.1", "::ffff:192.0.2.1", NULL },
    { "empty elements are none (RFC 9110, 5.6.1.2)", XFF, "192.0.2.1, ,, ", "192.0.2.1", NULL },
    { "an empty list", XFF, "", "", NULL },
    { "commas alone", XFF, " , ,", "", NULL },
    { "a name", XFF, "192.0.2.1, unknown", NULL, "192.0.2.1" },
    { "a host", XFF, "example.org", NULL, NULL },
    { "too few parts", XFF, "192.0.2", NULL, NULL },
    { "too large", XFF, "192.0.2.256", NULL, NULL },
    { "a port too large", XFF, "192.0.2.1:65536", NULL, NULL },
    { "no port behind its colon", XFF, "192.0.2.1:", NULL, NULL },
    { "no end of the brackets", XFF, "[2001:db8::1", NULL, NULL },
    { "IPv4 in brackets", XFF, "[192.0.2.1]", NULL, NULL },
    { "something behind the brackets", XFF, "[2001:db8::1]x", NULL, NULL },
    { "quotes mean nothing here", XFF, "\"192.0.2.1, 192.0.2.2\"", NULL, "\"192.0.2.1" },
    { "two in one element", XFF, "192.0.2.1 192.0.2.2", NULL, NULL },
    { "longer than any node", XFF,
      "1111111111111111111111111111111111111111111111111111111111111111111111", NULL, NULL },

    { "RFC 7239, 4: IPv4", FWD, "for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60", NULL },
    { "RFC 7239, 4: the last of two", FWD, "for=192.0.2.43, for=198.51.100.17", "198.51.100.17",
      "for=192.0.2.43" },
    { "RFC 7239, 4: IPv6 with a port, names in any case", FWD, "For=\"[2001:db8:cafe::17]:4711\"",
      "2001:db8:cafe::17", NULL },
    { "RFC 7239, 6: IPv4 with a port is quoted", FWD, "for=\"192.0.2.43:47011\"", "192.0.2.43",
      NULL },
    { "RFC 7239, 6: an obfuscated port", FWD, "for=\"192.0.2.43:_a.b-c_d\"", "192.0.2.43", NULL },
    { "RFC 7239, 6.2: unknown", FWD, "for=192.0.2.43, for=unknown", NULL, "for=192.0.2.43" },
    { "RFC 7239, 6.3: obfuscated", FWD, "for=_SEVKISEK", NULL, NULL },
    { "RFC 7239, 6: IPv6 without brackets", FWD, "for=\"2001:db8::1\"", NULL, NULL },
    { "an obfuscated port needs a letter", FWD, "for=\"192.0.2.43:_\"", NULL, NULL },
    { "an obfuscated port has letters only", FWD, "for=\"192.0.2.43:_a/\"", NULL, NULL },
    { "not the first of the pairs", FWD, "proto=https;by=_x;for=192.0.2.1", "192.0.2.1", NULL },
    { "blanks around the pairs", FWD, "for=192.0.2.1 ; proto=http", "192.0.2.1", NULL },
    { "a pair that is nothing, behind", FWD, "for=192.0.2.1;", "192.0.2.1", NULL },
    { "a comma in quotes ends no element", FWD, "for=192.0.2.1;by=\"a,b\"", "192.0.2.1", NULL },
    { "a semicolon in quotes ends no pair", FWD, "by=\";for=9.9.9.9\";for=192.0.2.1", "192.0.2.1",
      NULL },
    { "quotes in quotes", FWD, "for=9.9.9.9, by=\"a\\\",\\\\\";for=192.0.2.1", "192.0.2.1",
      "for=9.9.9.9" },
    { "an escape that is none is its letter", FWD, "for=\"192.0.\\2.1\"", "192.0.2.1", NULL },
    { "a client's open quote swallows nothing", FWD, "for=\"evil, for=192.0.2.1", "192.0.2.1",
      "for=\"evil" },
    { "nor with an escape before it", FWD, "for=\"\\\", for=\"192.0.2.1\"", "192.0.2.1",
      "for=\"\\\"" },
    { "an open quote itself", FWD, "for=\"192.0.2.1", NULL, NULL },
    { "an escape at the end", FWD, "for=\"192.0.2.1\\", NULL, NULL },
    { "for stands twice (RFC 7239, 4)", FWD, "for=192.0.2.1;for=192.0.2.2", NULL, NULL },
    { "no for", FWD, "for=192.0.2.1, proto=http", NULL, "for=192.0.2.1" },
    { "no value", FWD, "for=", NULL, NULL },
    { "no name", FWD, "=192.0.2.1", NULL, NULL },
    { "no sign", FWD, "for", NULL, NULL },
    { "a blank at the sign", FWD, "for =192.0.2.1", NULL, NULL },
    { "another separator", FWD, "for=192.0.2.1 proto=http", NULL, NULL },
    { "as in the other field", FWD, "192.0.2.1", NULL, NULL },
    { "a quoted text longer than any node", FWD,
      "for=\"1111111111111111111111111111111111111111111111111111111111111111111111\"", NULL,
      NULL },
    { "nothing", FWD, "", "", NULL },
};

enum { FORWARDED_ROW_COUNT = sizeof(forwarded_rows) / sizeof(forwarded_rows[0]) };

#undef XFF
#undef FWD

#endif
