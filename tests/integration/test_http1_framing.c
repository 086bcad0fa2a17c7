/* Field syntax, message framing, persistence and Expect, as raw bytes on the wire. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/client.h"
#include "tests/integration/http1_rows.h"

TestSuite(http1_framing, .timeout = 60);

#define G  "GET / HTTP/1.1\r\nHost: localhost\r\n"
#define P  "POST / HTTP/1.1\r\nHost: localhost\r\n"
#define TE "Transfer-Encoding: chunked\r\n\r\n"

static const struct http1_row field_rows[] = {
    { "an empty value", RAW(G "Accept:\r\n\r\n"), "200", STAYS },
    { "no space behind the colon", RAW(G "Accept:*/*\r\n\r\n"), "200", STAYS },
    { "white space around the value, RFC 9112 5", RAW(G "Accept: \t */* \t \r\n\r\n"), "200",
      STAYS },
    { "a tab inside a value", RAW(G "User-Agent: a\tb\r\n\r\n"), "200", STAYS },
    { "obs-text in a value, RFC 9110 5.5", RAW(G "User-Agent: \xe4\xff\r\n\r\n"), "200", STAYS },
    { "every token character in a name", RAW(G "!#$%&'*+-.^_`|~09aZ: x\r\n\r\n"), "200", STAYS },
    { "a colon in the value", RAW(G "X: a:b\r\n\r\n"), "200", STAYS },
    { "names in any case, RFC 9110 5.1", RAW("GET / HTTP/1.1\r\nhOsT: localhost\r\n\r\n"), "200",
      STAYS },
    { "the same field twice", RAW(G "Accept: a\r\nAccept: b\r\n\r\n"), "200", STAYS },
    { "a space before the colon, RFC 9112 5.1", RAW(G "Accept : x\r\n\r\n"), "400", CLOSES },
    { "a tab before the colon", RAW(G "Accept\t: x\r\n\r\n"), "400", CLOSES },
    { "Host with a space before the colon", RAW("GET / HTTP/1.1\r\nHost : localhost\r\n\r\n"),
      "400", CLOSES },
    { "an empty name", RAW(G ": x\r\n\r\n"), "400", CLOSES },
    { "no colon", RAW(G "Accept\r\n\r\n"), "400", CLOSES },
    { "a space in the name", RAW(G "Acc ept: x\r\n\r\n"), "400", CLOSES },
    { "a bracket in the name", RAW(G "Acc(ept: x\r\n\r\n"), "400", CLOSES },
    { "a high byte in the name", RAW(G "Acc\xc3\xa4: x\r\n\r\n"), "400", CLOSES },
    { "NUL in the name", RAW(G "A\0b: x\r\n\r\n"), "400", CLOSES },
    { "a control byte in the name", RAW(G "A\x01: x\r\n\r\n"), "400", CLOSES },
    { "DEL in the name", RAW(G "A\x7f: x\r\n\r\n"), "400", CLOSES },
    { "NUL in a value, RFC 9110 5.5", RAW(G "A: x\0y\r\n\r\n"), "400", CLOSES },
    { "a bare CR in a value, RFC 9112 2.2", RAW(G "A: x\ry\r\n\r\n"), "400", CLOSES },
    { "a bare CR that hides a field", RAW(G "A: x\rContent-Length: 5\r\n\r\n"), "400", CLOSES },
    { "CR CR LF behind a value", RAW(G "A: x\r\r\n\r\n"), "400", CLOSES },
    { "other control bytes in a value, RFC 9110 5.5: MAY retain", RAW(G "A: x\x01y\r\n\r\n"),
      "200|400", EITHER },
    { "a bare LF ends a field line: MAY", RAW(G "A: x\nB: y\r\n\r\n"), "200|400", EITHER },
    { "a bare LF ends the head: MAY", RAW(G "A: x\r\n\n"), "200|400", EITHER },
    { "a folded line, RFC 9112 5.2", RAW(G "A: x\r\n y\r\n\r\n"), "400", CLOSES },
    { "a line folded by a tab", RAW(G "A: x\r\n\ty\r\n\r\n"), "400", CLOSES },
    { "a folded Host", RAW("GET / HTTP/1.1\r\nHost:\r\n localhost\r\n\r\n"), "400", CLOSES },
    { "a folded Transfer-Encoding", RAW(P "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"), "400",
      CLOSES },
    { "white space before the first field, RFC 9112 2.2",
      RAW("GET / HTTP/1.1\r\n Host: localhost\r\n\r\n"), "400", CLOSES },
    { "a line of white space before the fields",
      RAW("GET / HTTP/1.1\r\n \r\nHost: localhost\r\n\r\n"), "400", CLOSES },
    { "a line of white space last", RAW(G " \r\n\r\n"), "400", CLOSES },
    { "form feed before the colon", RAW(G "A\f: x\r\n\r\n"), "400", CLOSES },
};

Test(http1_framing, judges_field_lines)
{
    http1_rows_judge(ROWS_OF(field_rows));
}

static const struct http1_row length_rows[] = {
    { "a GET may have a body, RFC 9110 9.3.1", RAW(G "Content-Length: 5\r\n\r\nhello"), "200",
      STAYS },
    { "a body that looks like a request is no request",
      RAW(P "Content-Length: 30\r\n\r\nGET /x HTTP/1.1\r\nHost: xxx\r\n\r\n"), "405", STAYS },
    { "HEAD with a body", RAW("HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"), "200",
      STAYS },
    { "404 with a body", RAW("GET /none HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"), "404",
      STAYS },
    { "zero", RAW(P "Content-Length: 0\r\n\r\n"), "405", STAYS },
    { "leading zeros are digits, RFC 9110 8.6", RAW(P "Content-Length: 0005\r\n\r\nhello"),
      "405|400", EITHER },
    { "white space around", RAW(P "Content-Length: \t5 \r\n\r\nhello"), "405", STAYS },
    { "a plus sign", RAW(P "Content-Length: +5\r\n\r\nhello"), "400", CLOSES },
    { "a minus sign", RAW(P "Content-Length: -5\r\n\r\nhello"), "400", CLOSES },
    { "minus zero", RAW(P "Content-Length: -0\r\n\r\n"), "400", CLOSES },
    { "hex", RAW(P "Content-Length: 0x5\r\n\r\nhello"), "400", CLOSES },
    { "hex digits", RAW(P "Content-Length: a\r\n\r\nhello"), "400", CLOSES },
    { "a fraction", RAW(P "Content-Length: 5.0\r\n\r\nhello"), "400", CLOSES },
    { "an exponent", RAW(P "Content-Length: 1e1\r\n\r\nhello"), "400", CLOSES },
    { "two numbers in one value", RAW(P "Content-Length: 5 5\r\n\r\nhello"), "400", CLOSES },
    { "a unit", RAW(P "Content-Length: 5b\r\n\r\nhello"), "400", CLOSES },
    { "an empty value", RAW(P "Content-Length:\r\n\r\n"), "400", CLOSES },
    { "quotes", RAW(P "Content-Length: \"5\"\r\n\r\nhello"), "400", CLOSES },
    { "high digits", RAW(P "Content-Length: \xd9\xa5\r\n\r\nhello"), "400", CLOSES },
    { "2^64 + 5", RAW(P "Content-Length: 18446744073709551621\r\n\r\nhello"), "400|413", CLOSES },
    { "2^63", RAW(P "Content-Length: 9223372036854775808\r\n\r\nhello"), "400|413", CLOSES },
    { "forty digits", RAW(P "Content-Length: 1000000000000000000000000000000000000000\r\n\r\nx"),
      "400|413", CLOSES },
    { "two lines that differ, RFC 9112 6.3",
      RAW(P "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"), "400", CLOSES },
    { "two lines that agree: reject or merge, RFC 9110 8.6",
      RAW(P "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"), "400|405", EITHER },
    { "a list that differs", RAW(P "Content-Length: 5, 6\r\n\r\nhello!"), "400", CLOSES },
    { "a list that agrees", RAW(P "Content-Length: 5, 5\r\n\r\nhello"), "400|405", EITHER },
    { "a list with nothing behind the comma", RAW(P "Content-Length: 5,\r\n\r\nhello"), "400|405",
      EITHER },
    { "zero hides a body", RAW(P "Content-Length: 0\r\nContent-Length: 5\r\n\r\nhello"), "400",
      CLOSES },
};

Test(http1_framing, judges_content_lengths)
{
    http1_rows_judge(ROWS_OF(length_rows));
}

static const struct http1_row coding_rows[] = {
    { "chunked", RAW(P TE "5\r\nhello\r\n0\r\n\r\n"), "405", STAYS },
    { "GET chunked", RAW(G TE "5\r\nhello\r\n0\r\n\r\n"), "200", STAYS },
    { "coding names in any case, RFC 9112 7",
      RAW(P "transfer-encoding: cHuNkEd\r\n\r\n5\r\nhello\r\n0\r\n\r\n"), "405", STAYS },
    { "with Content-Length, RFC 9112 6.1: framing in doubt",
      RAW(P "Content-Length: 5\r\n" TE "5\r\nhello\r\n0\r\n\r\n"), "400", CLOSES },
    { "with Content-Length behind",
      RAW(P "Transfer-Encoding: chunked\r\nContent-Length: 15\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
      "400", CLOSES },
    { "with Content-Length 0", RAW(P "Content-Length: 0\r\n" TE "0\r\n\r\n"), "400", CLOSES },
    { "in 1.0, RFC 9112 6.1", RAW("POST / HTTP/1.0\r\nConnection: keep-alive\r\n" TE "0\r\n\r\n"),
      "400", CLOSES },
    { "GET in 1.0", RAW("GET / HTTP/1.0\r\n" TE "0\r\n\r\n"), "400", CLOSES },
    { "an unknown coding, RFC 9112 6.1", RAW(P "Transfer-Encoding: foo\r\n\r\n"), "501|400",
      CLOSES },
    { "an unknown coding before chunked", RAW(P "Transfer-Encoding: foo, chunked\r\n\r\n0\r\n\r\n"),
      "501|400", CLOSES },
    { "gzip before chunked", RAW(P "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), "501|400",
      CLOSES },
    { "chunked is not last, RFC 9112 6.3", RAW(P "Transfer-Encoding: chunked, gzip\r\n\r\n"),
      "400|501", CLOSES },
    { "chunked twice, RFC 9112 7.1", RAW(P "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
      "400|501", CLOSES },
    { "chunked on two lines", RAW(P "Transfer-Encoding: chunked\r\n" TE "0\r\n\r\n"), "400|501",
      CLOSES },
    { "another coding on a second line",
      RAW(P "Transfer-Encoding: chunked\r\n"
            "Transfer-Encoding: x\r\n\r\n0\r\n\r\n"),
      "400|501", CLOSES },
    { "identity is gone since RFC 7230", RAW(P "Transfer-Encoding: identity\r\n\r\n"), "501|400",
      CLOSES },
    { "identity beside chunked", RAW(P "Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n"),
      "501|400", CLOSES },
    { "identity and a length",
      RAW(P "Transfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello"), "501|400", CLOSES },
    { "an empty value", RAW(P "Transfer-Encoding:\r\n\r\n"), "400|501", CLOSES },
    { "xchunked", RAW(P "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"), "501|400", CLOSES },
    { "chunkedx", RAW(P "Transfer-Encoding: chunkedx\r\n\r\n0\r\n\r\n"), "501|400", CLOSES },
    { "quotes", RAW(P "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"), "501|400", CLOSES },
    { "a parameter, RFC 9112 7: chunked has none",
      RAW(P "Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n"), "501|400", CLOSES },
    { "two words", RAW(P "Transfer-Encoding: chunked foo\r\n\r\n0\r\n\r\n"), "501|400", CLOSES },
    { "a vertical tab before",
      RAW(P "Transfer-Encoding: \x0b"
            "chunked\r\n\r\n0\r\n\r\n"),
      "501|400", CLOSES },
    { "a high byte behind", RAW(P "Transfer-Encoding: chunked\xff\r\n\r\n0\r\n\r\n"), "501|400",
      CLOSES },
    { "an underscore is another field",
      RAW(P "Transfer_Encoding: chunked\r\nContent-Length: "
            "5\r\n\r\nhello"),
      "405|400", EITHER },
};

Test(http1_framing, judges_transfer_codings)
{
    http1_rows_judge(ROWS_OF(coding_rows));
}

/* A bad chunk may be met before or behind the answer to its request: 405 too, but then a close. */
static const struct http1_row chunk_rows[] = {
    { "an empty body", RAW(P TE "0\r\n\r\n"), "405", STAYS },
    { "three chunks", RAW(P TE "1\r\na\r\n2\r\nbc\r\n3\r\ndef\r\n0\r\n\r\n"), "405", STAYS },
    { "capital hex", RAW(P TE "A\r\n0123456789\r\n0\r\n\r\n"), "405", STAYS },
    { "small hex", RAW(P TE "a\r\n0123456789\r\n0\r\n\r\n"), "405", STAYS },
    { "leading zeros", RAW(P TE "0005\r\nhello\r\n000\r\n\r\n"), "405", STAYS },
    { "data that looks like the end", RAW(P TE "7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n"), "405", STAYS },
    { "data that looks like a request", RAW(P TE "18\r\nGET /x HTTP/1.1\r\nHost: a\r\n0\r\n\r\n"),
      "405", STAYS },
    { "an extension, RFC 9112 7.1.1", RAW(P TE "5;a=b\r\nhello\r\n0\r\n\r\n"), "405", STAYS },
    { "an extension without a value", RAW(P TE "5;a\r\nhello\r\n0;b\r\n\r\n"), "405", STAYS },
    { "a quoted extension", RAW(P TE "5;a=\"b;c\"\r\nhello\r\n0\r\n\r\n"), "405", STAYS },
    { "white space around an extension: bad", RAW(P TE "5 ; a = b\r\nhello\r\n0\r\n\r\n"),
      "405|400", EITHER },
    { "a trailer field, RFC 9112 7.1.2", RAW(P TE "5\r\nhello\r\n0\r\nX: y\r\n\r\n"), "405",
      STAYS },
    { "a trailer cannot frame", RAW(P TE "0\r\nContent-Length: 50\r\n\r\n"), "405|400", EITHER },
    { "a trailer cannot be a Host", RAW(P TE "0\r\nHost: b\r\n\r\n"), "405|400", EITHER },
    { "no hex", RAW(P TE "x\r\nhello\r\n0\r\n\r\n"), "400|405", CLOSES },
    { "no size", RAW(P TE "\r\nhello\r\n0\r\n\r\n"), "400|405", CLOSES },
    { "a 0x before", RAW(P TE "0x5\r\nhello\r\n0\r\n\r\n"), "400|405", CLOSES },
    { "a plus sign", RAW(P TE "+5\r\nhello\r\n0\r\n\r\n"), "400|405", CLOSES },
    { "a minus sign", RAW(P TE "-5\r\nhello\r\n0\r\n\r\n"), "400|405", CLOSES },
    { "a space before", RAW(P TE " 5\r\nhello\r\n0\r\n\r\n"), "400|405", CLOSES },
    { "a comma", RAW(P TE "5,0\r\nhello\r\n0\r\n\r\n"), "400|405", CLOSES },
    { "an underscore", RAW(P TE "0_5\r\nhello\r\n0\r\n\r\n"), "400|405", CLOSES },
    { "too little data", RAW(P TE "6\r\nhello\r\n0\r\n\r\n"), "400|405", CLOSES },
    { "too much data", RAW(P TE "4\r\nhello\r\n0\r\n\r\n"), "400|405", CLOSES },
    { "no CRLF behind the data", RAW(P TE "5\r\nhello0\r\n\r\n"), "400|405", CLOSES },
    { "two bytes instead of the CRLF", RAW(P TE "5\r\nhelloXX0\r\n\r\n"), "400|405", CLOSES },
    { "a bare LF behind the size", RAW(P TE "5\nhello\r\n0\r\n\r\n"), "400|405", CLOSES },
    { "a bare LF behind the data", RAW(P TE "5\r\nhello\n0\r\n\r\n"), "400|405", CLOSES },
    { "a bare CR behind the size", RAW(P TE "5\rhello\r\n0\r\n\r\n"), "400|405", CLOSES },
    { "a bare LF within an extension", RAW(P TE "5;a\nb\r\nhello\r\n0\r\n\r\n"), "400|405",
      CLOSES },
    { "a bare CR within an extension", RAW(P TE "5;a\rb\r\nhello\r\n0\r\n\r\n"), "400|405",
      CLOSES },
    { "NUL behind the size", RAW(P TE "5\0\r\nhello\r\n0\r\n\r\n"), "400|405", CLOSES },
    { "2^64", RAW(P TE "10000000000000000\r\nhello\r\n0\r\n\r\n"), "400|413|405", CLOSES },
    { "2^64 + 5", RAW(P TE "10000000000000005\r\nhello\r\n0\r\n\r\n"), "400|413|405", CLOSES },
    { "2^64 - 1", RAW(P TE "ffffffffffffffff\r\nhello\r\n0\r\n\r\n"), "400|413|405", CLOSES },
    { "a hundred zeros",
      RAW(P TE "00000000000000000000000000000000000000000000000000000000000000000000000000000005"
               "\r\nhello\r\n0\r\n\r\n"),
      "400|405", EITHER },
    { "a space in a trailer's name", RAW(P TE "0\r\nX : y\r\n\r\n"), "400|405", CLOSES },
    { "a trailer without a colon", RAW(P TE "0\r\nX\r\n\r\n"), "400|405", CLOSES },
};

Test(http1_framing, judges_chunked_bodies)
{
    http1_rows_judge(ROWS_OF(chunk_rows));
}

static const struct http1_row connection_rows[] = {
    { "close, RFC 9112 9.6", RAW(G "Connection: close\r\n\r\n"), "200", CLOSES },
    { "close in capitals, RFC 9110 7.6.1", RAW(G "Connection: CLOSE\r\n\r\n"), "200", CLOSES },
    { "close in a list", RAW(G "Connection: foo,close , bar\r\n\r\n"), "200", CLOSES },
    { "close on a second line", RAW(G "Connection: foo\r\nConnection: close\r\n\r\n"), "200",
      CLOSES },
    { "close wins over keep-alive", RAW(G "Connection: keep-alive, close\r\n\r\n"), "200", CLOSES },
    { "close among empty elements, RFC 9110 5.6.1", RAW(G "Connection: , ,close,\r\n\r\n"), "200",
      CLOSES },
    { "keep-alive says nothing new", RAW(G "Connection: keep-alive\r\n\r\n"), "200", STAYS },
    { "an unknown option", RAW(G "Connection: foo\r\n\r\n"), "200", STAYS },
    { "a longer word", RAW(G "Connection: closer\r\n\r\n"), "200", STAYS },
    { "a longer word before", RAW(G "Connection: not-close\r\n\r\n"), "200", STAYS },
    { "an empty value", RAW(G "Connection:\r\n\r\n"), "200", STAYS },
    { "Keep-Alive parameters", RAW(G "Keep-Alive: timeout=5, max=100\r\n\r\n"), "200", STAYS },
    { "Proxy-Connection is nobody's", RAW(G "Proxy-Connection: close\r\n\r\n"), "200", STAYS },
    { "close and a body", RAW(P "Connection: close\r\nContent-Length: 2\r\n\r\nhi"), "405",
      CLOSES },
    { "close and a request behind: not answered", RAW(G "Connection: close\r\n\r\n" G "\r\n"),
      "200", CLOSES },
    { "an error and a request behind: not answered", RAW(G "A : b\r\n\r\n" G "\r\n"), "400",
      CLOSES },
    { "1.0 and a request behind: not answered", RAW("GET / HTTP/1.0\r\n\r\nGET / HTTP/1.0\r\n\r\n"),
      "200", CLOSES },
    { "an upgrade is optional, RFC 9110 7.8",
      RAW(G "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"), "200", STAYS },
    { "an upgrade to h2c, RFC 9113 3.1",
      RAW(G "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: \r\n\r\n"),
      "200", STAYS },
    { "TE is the client's wish, RFC 9110 10.1.4", RAW(G "TE: trailers\r\nConnection: TE\r\n\r\n"),
      "200", STAYS },
    { "100-continue with the body behind, RFC 9110 10.1.1",
      RAW(P "Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello"), "405|417", EITHER },
    { "100-continue without a body", RAW(G "Expect: 100-continue\r\n\r\n"), "200", STAYS },
    { "100-Continue in another case", RAW(G "Expect: 100-CONTINUE\r\n\r\n"), "200", STAYS },
    { "100-continue in 1.0 is ignored", RAW("GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n"),
      "200", CLOSES },
    { "an unknown expectation: 417 MAY", RAW(G "Expect: tea\r\n\r\n"), "200|417", EITHER },
};

Test(http1_framing, judges_connection_options)
{
    http1_rows_judge(ROWS_OF(connection_rows));
}

Test(http1_framing, keeps_a_1_0_connection_alive_in_words)
{
    struct response r;
    struct client c;
    struct server s;

    server_open(&s);
    server_start(&s, "");
    client_open(&c, &s);
    client_send_text(&c, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    cr_expect(client_read(&c, &r, false));
    cr_expect(response_field_is(&r, "Connection", "keep-alive"), "RFC 9112 C.2.2: %s", r.head.p);
    response_fini(&r);
    client_close(&c);
    server_close(&s);
}

/* A client that waits for 100 before it sends its body must get something to go on. */
Test(http1_framing, answers_expect_before_the_body)
{
    static const char *const heads[] = {
        "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n",
    };
    static const char *const bodies[] = { "hello", "hello", "5\r\nhello\r\n0\r\n\r\n" };
    struct response r;
    struct client c;
    struct server s;

    server_open(&s);
    server_start(&s, "");
    for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
        client_open(&c, &s);
        client_send_text(&c, heads[i]);
        cr_expect(client_read(&c, &r, false), "%s: %s", heads[i], r.failure);
        if (r.status == 100) {
            response_fini(&r);
            client_send_text(&c, bodies[i]);
            cr_expect(client_read(&c, &r, false) && r.status >= 200, "%s: then %d", heads[i],
                      r.status);
            response_fini(&r);
            cr_expect(client_ask(&c, &r, "GET", "/", NULL) && r.status == 200,
                      "out of step after the body: %d %s", r.status, r.failure);
        }
        response_fini(&r);
        client_close(&c);
    }
    server_close(&s);
}

Test(http1_framing, sends_no_100_to_a_1_0_client)
{
    struct response r;
    struct client c;
    struct server s;

    server_open(&s);
    server_start(&s, "");
    client_open(&c, &s);
    client_send_text(&c, "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    client_send_text(&c, "hello");
    cr_expect(client_read(&c, &r, false) && r.status == 405, "RFC 9110 10.1.1: %d", r.status);
    response_fini(&r);
    client_close(&c);
    server_close(&s);
}

/* `count` fields of `size` bytes each, CRLF included, the Host line among them; then the end. */
static int status_of_fields(const struct server *s, size_t count, size_t size)
{
    struct buf b = { 0 };
    struct response r;
    struct client c;
    int status;

    buf_printf(&b, "GET / HTTP/1.1\r\nHost: ");
    for (size_t i = 0; i < count; i++) {
        size_t name_n = i == 0 ? 6 : (buf_printf(&b, "X: "), 3);

        for (size_t n = name_n; n < size - 2; n++)
            buf_add_char(&b, 'a');
        buf_printf(&b, "\r\n");
    }
    buf_printf(&b, "\r\n");
    client_open(&c, s);
    client_send(&c, b.p, b.n);
    client_read(&c, &r, false);
    status = r.status;
    if (status == 431)
        cr_expect(client_read_to_end(&c, DEADLINE_MS) == CLIENT_FIN, "431 does not close");
    response_fini(&r);
    client_close(&c);
    buf_fini(&b);
    return status;
}

Test(http1_framing, bounds_the_fields)
{
    struct server s;

    server_open(&s);
    server_start(&s, "request_header_max: 4KiB\nrequest_header_count: 20\n");
    cr_expect_eq(status_of_fields(&s, 20, 16), 200);
    cr_expect_eq(status_of_fields(&s, 21, 16), 431, "RFC 6585 5: one field too many");
    cr_expect_eq(status_of_fields(&s, 16, 256), 200, "4096 bytes of fields are allowed");
    cr_expect_eq(status_of_fields(&s, 17, 256), 431);
    cr_expect_eq(status_of_fields(&s, 2, 100000), 431);
    server_close(&s);
}

Test(http1_framing, bounds_the_fields_by_default)
{
    struct server s;

    server_open(&s);
    server_start(&s, "");
    cr_expect_eq(status_of_fields(&s, 100, 32), 200);
    cr_expect_eq(status_of_fields(&s, 101, 32), 431);
    cr_expect_eq(status_of_fields(&s, 64, 512), 200, "32 KiB");
    cr_expect_eq(status_of_fields(&s, 65, 512), 431);
    cr_expect_eq(status_of_fields(&s, 10000, 16), 431);
    server_close(&s);
}

static int status_of_body(const struct server *s, const char *fields, const char *body, size_t n)
{
    struct response r;
    struct client c;
    int status;

    client_open(&c, s);
    client_send_text(&c, "POST / HTTP/1.1\r\nHost: a\r\n");
    client_send_text(&c, fields);
    client_send(&c, body, n);
    client_read(&c, &r, false);
    status = r.status;
    if (status == 413)
        cr_expect(client_read_to_end(&c, DEADLINE_MS) == CLIENT_FIN, "413 does not close");
    response_fini(&r);
    client_close(&c);
    return status;
}

Test(http1_framing, bounds_the_body)
{
    char *body = calloc(1, 40000);
    struct server s;

    memcpy(body, "2711\r\n", 6); /* one chunk of 10001 */
    memset(body + 6, 'x', 10001);
    memcpy(body + 10007, "\r\n0\r\n\r\n", 7);
    server_open(&s);
    server_start(&s, "client_max_body_size: 10000\n");
    cr_expect_eq(status_of_body(&s, "Content-Length: 10000\r\n\r\n", body, 10000), 405);
    cr_expect_eq(status_of_body(&s, "Content-Length: 10001\r\n\r\n", body, 10001), 413);
    cr_expect_eq(status_of_body(&s, "Content-Length: 99999999999\r\n\r\n", body, 10), 413);
    cr_expect_eq(status_of_body(&s, TE, body, 10014), 413, "chunked");
    cr_expect_eq(status_of_body(&s, "Expect: 100-continue\r\nContent-Length: 10001\r\n\r\n", "", 0),
                 413, "an expectation that cannot be met is refused at once");
    server_close(&s);
    free(body);
}

/* Small chunks with long extensions, or a trailer without end, are no way around the bound. */
Test(http1_framing, bounds_what_a_chunked_body_costs)
{
    static const char *const pieces[] = {
        "1;"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nx\r\n",
        "X-Trailer: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n",
        "1\r\nx\r\n",
    };
    struct client c;
    struct server s;

    server_open(&s);
    server_start(&s, "client_max_body_size: 10000\n");
    for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
        struct buf b = { 0 };

        while (b.n < 4000000)
            buf_printf(&b, "%s", pieces[i]);
        client_open(&c, &s);
        client_send_text(&c, P TE);
        client_send_text(&c, i == 1 ? "0\r\n" : "");
        cr_expect(!client_send(&c, b.p, b.n) || client_read_to_end(&c, DEADLINE_MS) == CLIENT_FIN,
                  "%s: goes on for ever", pieces[i]);
        client_close(&c);
        buf_fini(&b);
    }
    server_close(&s);
}
