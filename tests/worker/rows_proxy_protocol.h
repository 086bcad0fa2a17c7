/* Headers of the PROXY protocol, good and bad. The fuzzer starts from them too. */
#ifndef TESTS_WORKER_ROWS_PROXY_PROTOCOL_H
#define TESTS_WORKER_ROWS_PROXY_PROTOCOL_H

#include "worker/proxy_protocol.h"

#define SIG  "\r\n\r\n\0\r\nQUIT\n"
#define FOUR "\xc0\0\2\1\xc6\x33\x64\1\x12\x34\0\x50"
#define SIX \
    "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\7\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x8\x12\x34\0\x50"
#define ROW(x) STR_INIT(x)
#define TEN    "0123456789"
/* "PROXY UNKNOWN " and CRLF are 16 bytes: with 91 more it is the longest line. */
#define NINETY TEN TEN TEN TEN TEN TEN TEN TEN TEN

static const struct proxy_row {
    const char *why;
    struct str input;
    enum parse_result result;
    const char *source; /* DONE only; "": not told */
    size_t rest;        /* bytes behind the header */
} proxy_rows[] = {
    { "v1, IPv4", ROW("PROXY TCP4 192.0.2.1 198.51.100.1 4660 80\r\n"), PARSE_DONE,
      "192.0.2.1:4660", 0 },
    { "v1, and a request", ROW("PROXY TCP4 192.0.2.1 198.51.100.1 0 65535\r\nGET"), PARSE_DONE,
      "192.0.2.1:0", 3 },
    { "v1, IPv6", ROW("PROXY TCP6 2001:db8::7 2001:db8::8 4660 80\r\n"), PARSE_DONE,
      "[2001:db8::7]:4660", 0 },
    { "v1, the longest IPv6",
      ROW("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
          "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
      PARSE_DONE, "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535", 0 },
    { "v1, unknown", ROW("PROXY UNKNOWN\r\n"), PARSE_DONE, "", 0 },
    { "v1, unknown with words", ROW("PROXY UNKNOWN ffff:f...f:ffff x 1\r\nG"), PARSE_DONE, "", 1 },
    { "v1, 107 bytes", ROW("PROXY UNKNOWN " NINETY "1\r\n"), PARSE_DONE, "", 0 },
    { "v1, 108 bytes", ROW("PROXY UNKNOWN " NINETY "12\r\n"), PARSE_BAD, NULL, 0 },
    { "v1, no end", ROW("PROXY UNKNOWN " NINETY NINETY), PARSE_BAD, NULL, 0 },
    { "v1, LF alone", ROW("PROXY UNKNOWN\n"), PARSE_BAD, NULL, 0 },
    { "v1, CR alone", ROW("PROXY UNKNOWN\r\r\n"), PARSE_BAD, NULL, 0 },
    { "v1, NUL", ROW("PROXY UNKNOWN \0\r\n"), PARSE_BAD, NULL, 0 },
    { "v1, lower case", ROW("proxy UNKNOWN\r\n"), PARSE_BAD, NULL, 0 },
    { "v1, nothing", ROW("PROXY \r\n"), PARSE_BAD, NULL, 0 },
    { "v1, another family", ROW("PROXY UDP4 192.0.2.1 198.51.100.1 1 2\r\n"), PARSE_BAD, NULL, 0 },
    { "v1, family in lower case", ROW("PROXY tcp4 192.0.2.1 198.51.100.1 1 2\r\n"), PARSE_BAD, NULL,
      0 },
    { "v1, family alone", ROW("PROXY TCP4\r\n"), PARSE_BAD, NULL, 0 },
    { "v1, one address", ROW("PROXY TCP4 192.0.2.1\r\n"), PARSE_BAD, NULL, 0 },
    { "v1, no ports", ROW("PROXY TCP4 192.0.2.1 198.51.100.1\r\n"), PARSE_BAD, NULL, 0 },
    { "v1, one port", ROW("PROXY TCP4 192.0.2.1 198.51.100.1 1\r\n"), PARSE_BAD, NULL, 0 },
    { "v1, three ports", ROW("PROXY TCP4 192.0.2.1 198.51.100.1 1 2 3\r\n"), PARSE_BAD, NULL, 0 },
    { "v1, two blanks", ROW("PROXY TCP4  192.0.2.1 198.51.100.1 1 2\r\n"), PARSE_BAD, NULL, 0 },
    { "v1, a blank at the end", ROW("PROXY TCP4 192.0.2.1 198.51.100.1 1 2 \r\n"), PARSE_BAD, NULL,
      0 },
    { "v1, IPv6 as TCP4", ROW("PROXY TCP4 ::1 198.51.100.1 1 2\r\n"), PARSE_BAD, NULL, 0 },
    { "v1, IPv4 as TCP6", ROW("PROXY TCP6 ::1 198.51.100.1 1 2\r\n"), PARSE_BAD, NULL, 0 },
    { "v1, a name", ROW("PROXY TCP4 localhost 198.51.100.1 1 2\r\n"), PARSE_BAD, NULL, 0 },
    { "v1, a leading zero", ROW("PROXY TCP4 192.0.2.1 198.51.100.1 01 2\r\n"), PARSE_BAD, NULL, 0 },
    { "v1, a port too large", ROW("PROXY TCP4 192.0.2.1 198.51.100.1 65536 2\r\n"), PARSE_BAD, NULL,
      0 },
    { "v1, a second port too large", ROW("PROXY TCP4 192.0.2.1 198.51.100.1 1 65536\r\n"),
      PARSE_BAD, NULL, 0 },
    { "v1, a negative port", ROW("PROXY TCP4 192.0.2.1 198.51.100.1 -1 2\r\n"), PARSE_BAD, NULL,
      0 },
    { "v1, cut", ROW("PROXY TCP4 192.0.2.1 198.51.100.1 1 2"), PARSE_MORE, NULL, 0 },
    { "v1, cut in its CRLF", ROW("PROXY UNKNOWN\r"), PARSE_MORE, NULL, 0 },
    { "v1, cut in its first word", ROW("PROX"), PARSE_MORE, NULL, 0 },

    { "v2, IPv4", ROW(SIG "\x21\x11\0\x0c" FOUR), PARSE_DONE, "192.0.2.1:4660", 0 },
    { "v2, and a request", ROW(SIG "\x21\x11\0\x0c" FOUR "GET /"), PARSE_DONE, "192.0.2.1:4660",
      5 },
    { "v2, IPv6", ROW(SIG "\x21\x21\0\x24" SIX), PARSE_DONE, "[2001:db8::7]:4660", 0 },
    { "v2, TLVs are skipped", ROW(SIG "\x21\x11\0\x13" FOUR "\4\0\4abcdG"), PARSE_DONE,
      "192.0.2.1:4660", 1 },
    { "v2, TLVs that are none too", ROW(SIG "\x21\x11\0\x0e" FOUR "\xff\xff"), PARSE_DONE,
      "192.0.2.1:4660", 0 },
    { "v2, a Unix socket", ROW(SIG "\x21\x31\0\xd8" TEN TEN NINETY NINETY TEN "012345"), PARSE_DONE,
      "", 0 },
    { "v2, not told", ROW(SIG "\x21\0\0\0"), PARSE_DONE, "", 0 },
    { "v2, not told, with bytes", ROW(SIG "\x21\0\0\3abcG"), PARSE_DONE, "", 1 },
    { "v2, datagrams", ROW(SIG "\x21\x12\0\x0c" FOUR), PARSE_DONE, "", 0 },
    { "v2, LOCAL: a health check", ROW(SIG "\x20\0\0\0"), PARSE_DONE, "", 0 },
    { "v2, LOCAL: addresses mean nothing", ROW(SIG "\x20\x11\0\x0c" FOUR), PARSE_DONE, "", 0 },
    { "v2, LOCAL: nor their length", ROW(SIG "\x20\x11\0\0G"), PARSE_DONE, "", 1 },
    { "v2, IPv4 too short", ROW(SIG "\x21\x11\0\x0b" FOUR), PARSE_BAD, NULL, 0 },
    { "v2, IPv6 too short", ROW(SIG "\x21\x21\0\x23" SIX), PARSE_BAD, NULL, 0 },
    { "v2, Unix too short", ROW(SIG "\x21\x31\0\xd7"), PARSE_BAD, NULL, 0 },
    { "v2, another version", ROW(SIG "\x31\x11\0\x0c" FOUR), PARSE_BAD, NULL, 0 },
    { "v2, version 1", ROW(SIG "\x11\x11\0\x0c" FOUR), PARSE_BAD, NULL, 0 },
    { "v2, another command", ROW(SIG "\x22\x11\0\x0c" FOUR), PARSE_BAD, NULL, 0 },
    { "v2, another family", ROW(SIG "\x21\x41\0\x0c" FOUR), PARSE_BAD, NULL, 0 },
    { "v2, another transport", ROW(SIG "\x21\x13\0\x0c" FOUR), PARSE_BAD, NULL, 0 },
    { "v2, half a family", ROW(SIG "\x21\x10\0\x0c" FOUR), PARSE_BAD, NULL, 0 },
    { "v2, another signature", ROW("\r\n\r\n\0\r\nQUIT\r\x21\x11\0\x0c" FOUR), PARSE_BAD, NULL, 0 },
    { "v2, cut",
      ROW(SIG "\x21\x11\0\x0c"
              "\xc0\0\2"),
      PARSE_MORE, NULL, 0 },
    { "v2, the length says more than came", ROW(SIG "\x21\x11\xff\xff" FOUR), PARSE_MORE, NULL, 0 },
    { "v2, the signature alone", ROW(SIG), PARSE_MORE, NULL, 0 },

    { "a request at once", ROW("GET / HTTP/1.1\r\n"), PARSE_BAD, NULL, 0 },
    { "an empty line before a request", ROW("\r\nGET / HTTP/1.1\r\n"), PARSE_BAD, NULL, 0 },
    { "TLS", ROW("\x16\3\1"), PARSE_BAD, NULL, 0 },
    { "P for POST", ROW("POST / HTTP/1.1\r\n"), PARSE_BAD, NULL, 0 },
    { "nothing", ROW(""), PARSE_MORE, NULL, 0 },
};

enum { PROXY_ROW_COUNT = sizeof(proxy_rows) / sizeof(proxy_rows[0]) };

#endif
