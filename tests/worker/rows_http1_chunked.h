/*
 * rows_http1_chunked - chunked bodies and what http1_parse_chunked() makes of them: for the unit
 * test, and where its fuzzer starts from.
 */
#ifndef TESTS_WORKER_ROWS_HTTP1_CHUNKED_H
#define TESTS_WORKER_ROWS_HTTP1_CHUNKED_H

#include "worker/http1_parse.h"

#define GOOD(text, body) STR_INIT(text), 0, body
#define PART(text, body) STR_INIT(text), 1, body
#define BAD(text)        STR_INIT(text), 400, NULL

/* RFC 9112, 7.1 unless another place is named. Status 0: complete, 1: more to come. */
static const struct {
    const char *why;
    struct str text;
    unsigned status;
    const char *body;
} chunked_rows[] = {
    { "nothing yet", PART("", "") },
    { "no data", GOOD("0\r\n\r\n", "") },
    { "one chunk", GOOD("5\r\nhello\r\n0\r\n\r\n", "hello") },
    { "two chunks", GOOD("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world") },
    { "data that looks like framing", GOOD("5\r\n0\r\n\r\n\r\n0\r\n\r\n", "0\r\n\r\n") },
    { "hexadecimal, upper case", GOOD("A\r\n0123456789\r\n0\r\n\r\n", "0123456789") },
    { "hexadecimal, lower case", GOOD("a\r\n0123456789\r\n0\r\n\r\n", "0123456789") },
    { "two digits", GOOD("10\r\n0123456789abcdef\r\n0\r\n\r\n", "0123456789abcdef") },
    { "zeros in front", GOOD("0000000000000001\r\nx\r\n0\r\n\r\n", "x") },
    { "last chunk of many zeros", GOOD("0000000000000000\r\n\r\n", "") },
    { "largest size", PART("7fffffffffffffff\r\nx", "x") },
    { "size above INT64_MAX", BAD("8000000000000000\r\nx") },
    { "size of all ones", BAD("ffffffffffffffff\r\nx") },
    { "size that wraps to 1", BAD("10000000000000001\r\nx") },
    { "17 zeros", BAD("00000000000000000\r\n\r\n") },
    { "cut in the data", PART("5\r\nhel", "hel") },
    { "cut behind the data", PART("5\r\nhello", "hello") },
    { "cut before the trailer", PART("0\r\n", "") },
    { "cut in the last line", PART("0\r\n\r", "") },

    { "no size", BAD("\r\n\r\n") },
    { "only an extension", BAD(";a\r\n") },
    { "plus sign", BAD("+5\r\nhello\r\n0\r\n\r\n") },
    { "minus sign", BAD("-5\r\nhello\r\n0\r\n\r\n") },
    { "0x", BAD("0x5\r\nhello\r\n0\r\n\r\n") },
    { "x", BAD("x5\r\nhello\r\n0\r\n\r\n") },
    { "white space before the size", BAD(" 5\r\nhello\r\n0\r\n\r\n") },
    { "white space behind the size", BAD("5 \r\nhello\r\n0\r\n\r\n") },
    { "tab behind the size", BAD("5\t\r\nhello\r\n0\r\n\r\n") },
    { "white space inside the size", BAD("5 0\r\nhello\r\n0\r\n\r\n") },
    { "underscore", BAD("1_0\r\n0123456789abcdef\r\n0\r\n\r\n") },
    { "letter behind the size", BAD("5g\r\nhello\r\n0\r\n\r\n") },
    { "comma", BAD("5,5\r\nhello\r\n0\r\n\r\n") },
    { "fraction", BAD("5.0\r\nhello\r\n0\r\n\r\n") },
    { "NUL behind the size", BAD("5\0\r\nhello\r\n0\r\n\r\n") },
    { "LF ends the size", BAD("5\nhello\r\n0\r\n\r\n") },
    { "CR ends the size", BAD("5\rhello\r\n0\r\n\r\n") },
    { "CR CR LF ends the size", BAD("5\r\r\nhello\r\n0\r\n\r\n") },
    { "data longer than its size", BAD("5\r\nhello!\r\n0\r\n\r\n") },
    { "data shorter than its size", BAD("5\r\nhell\r\n0\r\n\r\n") },
    { "LF behind the data", BAD("5\r\nhello\n0\r\n\r\n") },
    { "CR behind the data", BAD("5\r\nhello\r0\r\n\r\n") },
    { "nothing behind the data", BAD("5\r\nhello0\r\n\r\n") },
    { "two other bytes behind the data", BAD("5\r\nhello!!0\r\n\r\n") },
    { "CR CR behind the data", BAD("5\r\nhello\r\r0\r\n\r\n") },
    { "LF LF behind the data", BAD("5\r\nhello\n\n0\r\n\r\n") },
    { "LF CR behind the data", BAD("5\r\nhello\n\r0\r\n\r\n") },
    { "empty line behind the data", BAD("5\r\nhello\r\n\r\n0\r\n\r\n") },
    { "LF ends the last size", BAD("0\n\r\n") },
    { "LF ends the body", BAD("0\r\n\n") },
    { "CR and no LF ends the body", BAD("0\r\n\rx") },

    { "extension, 7.1.1", GOOD("1;a\r\nx\r\n0\r\n\r\n", "x") },
    { "extension with a value", GOOD("1;a=b\r\nx\r\n0\r\n\r\n", "x") },
    { "extension with a quoted value", GOOD("1;a=\"b;\\\"\t\x80 c\"\r\nx\r\n0\r\n\r\n", "x") },
    { "empty quoted value", GOOD("1;a=\"\"\r\nx\r\n0\r\n\r\n", "x") },
    { "two extensions", GOOD("1;a=b;c\r\nx\r\n0\r\n\r\n", "x") },
    { "quoted, then another", GOOD("1;a=\"b\" ;c\r\nx\r\n0\r\n\r\n", "x") },
    { "extension of the last chunk", GOOD("1\r\nx\r\n0;a=b\r\n\r\n", "x") },
    { "bad white space, which is allowed",
      GOOD("1 ; a\t=\t b ; c = \"d\"\r\nx\r\n0\r\n\r\n", "x") },
    { "no name", BAD("1;\r\nx\r\n0\r\n\r\n") },
    { "no name but a value", BAD("1;=b\r\nx\r\n0\r\n\r\n") },
    { "no name between", BAD("1;;a\r\nx\r\n0\r\n\r\n") },
    { "no value", BAD("1;a=\r\nx\r\n0\r\n\r\n") },
    { "no value between", BAD("1;a=;b\r\nx\r\n0\r\n\r\n") },
    { "white space at the end, name", BAD("1;a \r\nx\r\n0\r\n\r\n") },
    { "white space at the end, value", BAD("1;a=b \r\nx\r\n0\r\n\r\n") },
    { "white space at the end, quoted", BAD("1;a=\"b\" \r\nx\r\n0\r\n\r\n") },
    { "two words", BAD("1;a b\r\nx\r\n0\r\n\r\n") },
    { "two values", BAD("1;a=b c\r\nx\r\n0\r\n\r\n") },
    { "something behind the quotes", BAD("1;a=\"b\"c\r\nx\r\n0\r\n\r\n") },
    { "quotes without end", BAD("1;a=\"b\r\nx\r\n0\r\n\r\n") },
    { "CR LF in quotes", BAD("1;a=\"\r\n\"\r\nx\r\n0\r\n\r\n") },
    { "CR behind a backslash", BAD("1;a=\"\\\r\n\"\r\nx\r\n0\r\n\r\n") },
    { "NUL in quotes", BAD("1;a=\"\0\"\r\nx\r\n0\r\n\r\n") },
    { "DEL in quotes", BAD("1;a=\"\x7f\"\r\nx\r\n0\r\n\r\n") },
    { "name is no token", BAD("1;a@b\r\nx\r\n0\r\n\r\n") },
    { "value is no token", BAD("1;a=b@\r\nx\r\n0\r\n\r\n") },
    { "8-bit byte in the name", BAD("1;\xe4\r\nx\r\n0\r\n\r\n") },
    { "LF ends an extension", BAD("1;a\nx\r\n0\r\n\r\n") },
    { "CR ends an extension", BAD("1;a\rx\r\n0\r\n\r\n") },
    { "LF hidden in an extension", BAD("2;\nxx\r\n4c\r\n0\r\n\r\n") },

    { "trailer, 7.1.2", GOOD("0\r\nA: b\r\n\r\n", "") },
    { "two trailers", GOOD("1\r\nx\r\n0\r\nA:\r\nB:\t\x80\r\n\r\n", "x") },
    { "framing in a trailer means nothing, 6.5.1 of RFC 9110",
      GOOD("0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nHost: b\r\n\r\n", "") },
    { "cut in a trailer", PART("0\r\nA: b", "") },
    { "cut behind a trailer", PART("0\r\nA: b\r\n", "") },
    { "trailer without colon", BAD("0\r\nA\r\n\r\n") },
    { "trailer without name", BAD("0\r\n: b\r\n\r\n") },
    { "white space before the colon", BAD("0\r\nA : b\r\n\r\n") },
    { "white space before the name", BAD("0\r\n A: b\r\n\r\n") },
    { "folded trailer", BAD("0\r\nA: b\r\n c\r\n\r\n") },
    { "LF ends a trailer", BAD("0\r\nA: b\n\r\n") },
    { "CR in a trailer", BAD("0\r\nA: b\rc\r\n\r\n") },
    { "NUL in a trailer", BAD("0\r\nA: \0\r\n\r\n") },
    { "control byte in a trailer", BAD("0\r\nA: \x01\r\n\r\n") },
    { "trailer name is no token", BAD("0\r\nA@: b\r\n\r\n") },
    { "a chunk behind the last one", BAD("0\r\n5\r\nhello\r\n0\r\n\r\n") },
    { "a request in place of the trailer", BAD("0\r\nGET / HTTP/1.1\r\n\r\n") },
};

enum { CHUNKED_ROW_COUNT = sizeof(chunked_rows) / sizeof(chunked_rows[0]) };

#undef GOOD
#undef PART
#undef BAD

#endif
