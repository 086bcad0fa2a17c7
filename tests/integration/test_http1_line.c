/* Request lines, versions, targets, methods and Host, as raw bytes on the wire. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/client.h"
#include "tests/integration/http1_rows.h"

TestSuite(http1_line, .timeout = 60);

#define H "Host: localhost\r\n"

static const struct http1_row line_rows[] = {
    { "plain GET", RAW("GET / HTTP/1.1\r\n" H "\r\n"), "200", STAYS },
    { "plain HEAD", RAW("HEAD / HTTP/1.1\r\n" H "\r\n"), "200", STAYS },
    { "a query is no part of the file's name", RAW("GET /?a=b HTTP/1.1\r\n" H "\r\n"), "200",
      STAYS },
    { "an empty query", RAW("GET /? HTTP/1.1\r\n" H "\r\n"), "200", STAYS },
    { "a query may hold / and ?, RFC 3986 3.4", RAW("GET /?a/../b?c HTTP/1.1\r\n" H "\r\n"), "200",
      STAYS },
    { "a query's percent-encodings are not ours", RAW("GET /?%zz HTTP/1.1\r\n" H "\r\n"), "200|400",
      EITHER },
    { "not found keeps the connection", RAW("GET /none HTTP/1.1\r\n" H "\r\n"), "404", STAYS },
    { "one empty line before, RFC 9112 2.2", RAW("\r\nGET / HTTP/1.1\r\n" H "\r\n"), "200", STAYS },
    { "two empty lines before: SHOULD ignore at least one",
      RAW("\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n"), "200|400", EITHER },
    { "a bare LF before", RAW("\nGET / HTTP/1.1\r\n" H "\r\n"), "200|400", EITHER },
    { "a space before the method, RFC 9112 3", RAW(" GET / HTTP/1.1\r\n" H "\r\n"), "400", CLOSES },
    { "a tab before the method", RAW("\tGET / HTTP/1.1\r\n" H "\r\n"), "400", CLOSES },
    { "two spaces behind the method, RFC 9112 3", RAW("GET  / HTTP/1.1\r\n" H "\r\n"), "400",
      CLOSES },
    { "two spaces before the version", RAW("GET /  HTTP/1.1\r\n" H "\r\n"), "400", CLOSES },
    { "a tab instead of the first space", RAW("GET\t/ HTTP/1.1\r\n" H "\r\n"), "400", CLOSES },
    { "a tab instead of the second space", RAW("GET /\tHTTP/1.1\r\n" H "\r\n"), "400", CLOSES },
    { "a space behind the version", RAW("GET / HTTP/1.1 \r\n" H "\r\n"), "400", CLOSES },
    { "words behind the version", RAW("GET / HTTP/1.1 x\r\n" H "\r\n"), "400", CLOSES },
    { "a space in the target, RFC 9112 3.2", RAW("GET /a b HTTP/1.1\r\n" H "\r\n"), "400", CLOSES },
    { "no target", RAW("GET HTTP/1.1\r\n" H "\r\n"), "400", CLOSES },
    { "an empty target", RAW("GET  HTTP/1.1\r\n" H "\r\n"), "400", CLOSES },
    { "no version: HTTP/0.9 is not spoken", RAW("GET /\r\n\r\n"), "400|505", CLOSES },
    { "no version but fields", RAW("GET /\r\n" H "\r\n"), "400|505", CLOSES },
    { "a method alone", RAW("GET\r\n\r\n"), "400", CLOSES },
    { "only a colon", RAW(":\r\n\r\n"), "400", CLOSES },
    { "a field where the request line belongs", RAW("Host: localhost\r\n\r\n"), "400", CLOSES },
    { "a bare LF ends the request line, RFC 9112 2.2: MAY", RAW("GET / HTTP/1.1\n" H "\r\n"),
      "200|400", EITHER },
    { "bare LFs everywhere", RAW("GET / HTTP/1.1\nHost: localhost\n\n"), "200|400", EITHER },
    { "a bare CR in the request line, RFC 9112 2.2", RAW("GET /\r HTTP/1.1\r\n" H "\r\n"), "400",
      CLOSES },
    { "a bare CR ends the request line", RAW("GET / HTTP/1.1\rHost: localhost\r\n\r\n"), "400",
      CLOSES },
    { "CR CR LF", RAW("GET / HTTP/1.1\r\r\n" H "\r\n"), "400", CLOSES },
    { "NUL in the target", RAW("GET /\0 HTTP/1.1\r\n" H "\r\n"), "400", CLOSES },
    { "NUL in the method", RAW("G\0T / HTTP/1.1\r\n" H "\r\n"), "400", CLOSES },
    { "NUL first", RAW("\0GET / HTTP/1.1\r\n" H "\r\n"), "400", CLOSES },
    { "a control byte in the target", RAW("GET /\x01 HTTP/1.1\r\n" H "\r\n"), "400", CLOSES },
    { "DEL in the target", RAW("GET /\x7f HTTP/1.1\r\n" H "\r\n"), "400", CLOSES },
    { "a form feed between the words", RAW("GET\f/\fHTTP/1.1\r\n" H "\r\n"), "400", CLOSES },
    { "raw UTF-8 in the target: no URI, RFC 3986 2", RAW("GET /\xc3\xa4 HTTP/1.1\r\n" H "\r\n"),
      "400|404", EITHER },
    { "the same, percent-encoded", RAW("GET /%c3%a4 HTTP/1.1\r\n" H "\r\n"), "404", STAYS },
    { "a fragment is never sent, RFC 9112 3.2", RAW("GET /#a HTTP/1.1\r\n" H "\r\n"), "400",
      EITHER },
    { "a cut percent-encoding", RAW("GET /% HTTP/1.1\r\n" H "\r\n"), "400", EITHER },
    { "half a percent-encoding", RAW("GET /%2 HTTP/1.1\r\n" H "\r\n"), "400", EITHER },
    { "a percent-encoding that is not hex", RAW("GET /%zz HTTP/1.1\r\n" H "\r\n"), "400", EITHER },
    { "an encoded NUL", RAW("GET /index.html%00.txt HTTP/1.1\r\n" H "\r\n"), "400|404", EITHER },
    { "an encoded slash is data", RAW("GET /dir%2Findex.html HTTP/1.1\r\n" H "\r\n"), "404|400",
      EITHER },
    { "an encoded letter is the letter, RFC 3986 6.2.2.2",
      RAW("GET /%69ndex.html HTTP/1.1\r\n" H "\r\n"), "200", STAYS },
    { "decoded once only", RAW("GET /%2569ndex.html HTTP/1.1\r\n" H "\r\n"), "404", STAYS },
    { "dot segments, RFC 3986 5.2.4", RAW("GET /dir/../index.html HTTP/1.1\r\n" H "\r\n"), "200",
      STAYS },
    { "a single dot", RAW("GET /./index.html HTTP/1.1\r\n" H "\r\n"), "200", STAYS },
    { "above the root is the root", RAW("GET /../index.html HTTP/1.1\r\n" H "\r\n"), "200|400",
      EITHER },
    { "no leading slash, RFC 9112 3.2.1", RAW("GET index.html HTTP/1.1\r\n" H "\r\n"), "400",
      CLOSES },
    { "a backslash is no slash", RAW("GET \\index.html HTTP/1.1\r\n" H "\r\n"), "400", CLOSES },
    { "bytes that browsers leave as they are", RAW("GET /?a=|{}^\"` HTTP/1.1\r\n" H "\r\n"),
      "200|400", EITHER },
    { "a TLS client hello",
      RAW("\x16\x03\x01\x00\x2e\x01\x00\x00\x2a\x03\x03\x00\x01\x02\x03\x04\x05\x06\x07\x08\r\n"),
      "400|-", CLOSES },
    { "HTTP/2 with prior knowledge, RFC 9113 3.4", RAW("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
      "400|505|-", CLOSES },
    { "an SSH client", RAW("SSH-2.0-OpenSSH_9.2\r\n\r\n"), "400|-", CLOSES },
};

Test(http1_line, judges_request_lines)
{
    http1_rows_judge(ROWS_OF(line_rows));
}

static const struct http1_row version_rows[] = {
    { "1.0 closes, RFC 9112 9.3", RAW("GET / HTTP/1.0\r\n" H "\r\n"), "200", CLOSES },
    { "1.0 needs no Host", RAW("GET / HTTP/1.0\r\n\r\n"), "200", CLOSES },
    { "1.0 with keep-alive", RAW("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), "200",
      STAYS },
    { "1.0 with Keep-Alive in capitals", RAW("GET / HTTP/1.0\r\nConnection: KEEP-ALIVE\r\n\r\n"),
      "200", STAYS },
    { "1.0 with both", RAW("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n"), "200",
      CLOSES },
    { "1.0 HEAD", RAW("HEAD / HTTP/1.0\r\n\r\n"), "200", CLOSES },
    { "1.0 not found", RAW("GET /none HTTP/1.0\r\n\r\n"), "404", CLOSES },
    { "a later minor version is served as 1.1, RFC 9110 2.5", RAW("GET / HTTP/1.2\r\n" H "\r\n"),
      "200", STAYS },
    { "1.9", RAW("GET / HTTP/1.9\r\n" H "\r\n"), "200", STAYS },
    { "1.2 without Host", RAW("GET / HTTP/1.2\r\n\r\n"), "400", CLOSES },
    { "2.0, RFC 9110 15.6.6", RAW("GET / HTTP/2.0\r\n" H "\r\n"), "505", CLOSES },
    { "3.0", RAW("GET / HTTP/3.0\r\n" H "\r\n"), "505", CLOSES },
    { "9.9", RAW("GET / HTTP/9.9\r\n" H "\r\n"), "505", CLOSES },
    { "0.9", RAW("GET / HTTP/0.9\r\n" H "\r\n"), "505|400", CLOSES },
    { "0.0", RAW("GET / HTTP/0.0\r\n" H "\r\n"), "505|400", CLOSES },
    { "two digits, RFC 9112 2.3", RAW("GET / HTTP/1.10\r\n" H "\r\n"), "400", CLOSES },
    { "two digits before the dot", RAW("GET / HTTP/11.1\r\n" H "\r\n"), "400|505", CLOSES },
    { "a leading zero", RAW("GET / HTTP/01.1\r\n" H "\r\n"), "400", CLOSES },
    { "no minor version", RAW("GET / HTTP/1\r\n" H "\r\n"), "400", CLOSES },
    { "no minor digit", RAW("GET / HTTP/1.\r\n" H "\r\n"), "400", CLOSES },
    { "no major digit", RAW("GET / HTTP/.1\r\n" H "\r\n"), "400", CLOSES },
    { "2 without minor", RAW("GET / HTTP/2\r\n" H "\r\n"), "400|505", CLOSES },
    { "letters for digits", RAW("GET / HTTP/x.y\r\n" H "\r\n"), "400", CLOSES },
    { "the name is case-sensitive, RFC 9112 2.3", RAW("GET / http/1.1\r\n" H "\r\n"), "400",
      CLOSES },
    { "mixed case", RAW("GET / Http/1.1\r\n" H "\r\n"), "400", CLOSES },
    { "another protocol", RAW("GET / HTTPS/1.1\r\n" H "\r\n"), "400", CLOSES },
    { "no slash", RAW("GET / HTTP1.1\r\n" H "\r\n"), "400", CLOSES },
    { "a minus", RAW("GET / HTTP/-1.1\r\n" H "\r\n"), "400", CLOSES },
    { "a comma", RAW("GET / HTTP/1,1\r\n" H "\r\n"), "400", CLOSES },
    { "a space within", RAW("GET / HTTP/1. 1\r\n" H "\r\n"), "400", CLOSES },
};

Test(http1_line, judges_versions)
{
    http1_rows_judge(ROWS_OF(version_rows));
}

static const struct http1_row method_rows[] = {
    { "POST to a file, RFC 9110 15.5.6", RAW("POST / HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n"),
      "405", STAYS },
    { "POST without a body length", RAW("POST / HTTP/1.1\r\n" H "\r\n"), "405|411", EITHER },
    { "PUT", RAW("PUT /a HTTP/1.1\r\n" H "Content-Length: 1\r\n\r\nx"), "405", STAYS },
    { "DELETE", RAW("DELETE /index.html HTTP/1.1\r\n" H "\r\n"), "405", STAYS },
    { "PATCH", RAW("PATCH / HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\nxy"), "405", STAYS },
    { "TRACE echoes nothing", RAW("TRACE / HTTP/1.1\r\n" H "\r\n"), "405|501", EITHER },
    { "CONNECT with an authority", RAW("CONNECT localhost:80 HTTP/1.1\r\n" H "\r\n"), "405|501|400",
      EITHER },
    { "CONNECT with a path, RFC 9112 3.2.3", RAW("CONNECT / HTTP/1.1\r\n" H "\r\n"), "400|405|501",
      EITHER },
    { "GET with an authority", RAW("GET localhost:80 HTTP/1.1\r\n" H "\r\n"), "400", CLOSES },
    { "OPTIONS *, RFC 9110 9.3.7", RAW("OPTIONS * HTTP/1.1\r\n" H "\r\n"), "200|204", STAYS },
    { "OPTIONS of a file", RAW("OPTIONS / HTTP/1.1\r\n" H "\r\n"), "200|204|405", STAYS },
    { "GET *, RFC 9112 3.2.4", RAW("GET * HTTP/1.1\r\n" H "\r\n"), "400", EITHER },
    { "OPTIONS * needs Host too", RAW("OPTIONS * HTTP/1.1\r\n\r\n"), "400", CLOSES },
    { "OPTIONS ** is no form", RAW("OPTIONS ** HTTP/1.1\r\n" H "\r\n"), "400", CLOSES },
    { "methods are case-sensitive, RFC 9110 9.1", RAW("get / HTTP/1.1\r\n" H "\r\n"), "501",
      STAYS },
    { "Get", RAW("Get / HTTP/1.1\r\n" H "\r\n"), "501", STAYS },
    { "an unknown method, RFC 9110 15.6.2", RAW("BREW / HTTP/1.1\r\n" H "\r\n"), "501", STAYS },
    { "GETX", RAW("GETX / HTTP/1.1\r\n" H "\r\n"), "501", STAYS },
    { "GE", RAW("GE / HTTP/1.1\r\n" H "\r\n"), "501", STAYS },
    { "M-SEARCH", RAW("M-SEARCH / HTTP/1.1\r\n" H "\r\n"), "501", STAYS },
    { "every token character", RAW("!#$%&'*+-.^_`|~09azAZ / HTTP/1.1\r\n" H "\r\n"), "501", STAYS },
    { "an unknown method's body is skipped",
      RAW("BREW / HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nGET"), "501", STAYS },
    { "no token: a slash", RAW("GE/T / HTTP/1.1\r\n" H "\r\n"), "400", CLOSES },
    { "no token: a bracket", RAW("GET( / HTTP/1.1\r\n" H "\r\n"), "400", CLOSES },
    { "no token: quotes", RAW("\"GET\" / HTTP/1.1\r\n" H "\r\n"), "400", CLOSES },
    { "no token: a high byte", RAW("G\xc3\x8aT / HTTP/1.1\r\n" H "\r\n"), "400", CLOSES },
    { "no token: a comma", RAW("GET,POST / HTTP/1.1\r\n" H "\r\n"), "400", CLOSES },
};

Test(http1_line, judges_methods)
{
    http1_rows_judge(ROWS_OF(method_rows));
}

static const struct http1_row host_rows[] = {
    { "no Host in 1.1, RFC 9112 3.2", RAW("GET / HTTP/1.1\r\n\r\n"), "400", CLOSES },
    { "other fields but no Host", RAW("GET / HTTP/1.1\r\nAccept: */*\r\n\r\n"), "400", CLOSES },
    { "two Hosts, RFC 9112 3.2", RAW("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), "400",
      CLOSES },
    { "the same Host twice", RAW("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"), "400", CLOSES },
    { "two Hosts in 1.0 as well", RAW("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"), "400",
      CLOSES },
    { "two Hosts, one of them empty", RAW("GET / HTTP/1.1\r\nHost:\r\nHost: a\r\n\r\n"), "400",
      CLOSES },
    { "an empty Host is what a target without authority sends",
      RAW("GET / HTTP/1.1\r\nHost:\r\n\r\n"), "200|400", EITHER },
    { "an unknown Host gets the default site", RAW("GET / HTTP/1.1\r\nHost: example.org\r\n\r\n"),
      "200", STAYS },
    { "a port", RAW("GET / HTTP/1.1\r\nHost: localhost:8080\r\n\r\n"), "200", STAYS },
    { "an empty port, RFC 3986 3.2.3", RAW("GET / HTTP/1.1\r\nHost: localhost:\r\n\r\n"), "200|400",
      EITHER },
    { "an IPv4 address", RAW("GET / HTTP/1.1\r\nHost: 127.0.0.1:80\r\n\r\n"), "200", STAYS },
    { "an IPv6 address", RAW("GET / HTTP/1.1\r\nHost: [::1]\r\n\r\n"), "200", STAYS },
    { "an IPv6 address and a port", RAW("GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n"), "200",
      STAYS },
    { "capitals", RAW("GET / HTTP/1.1\r\nHost: LocalHost\r\n\r\n"), "200", STAYS },
    { "an underscore", RAW("GET / HTTP/1.1\r\nHost: my_host\r\n\r\n"), "200", STAYS },
    { "no space behind the colon", RAW("GET / HTTP/1.1\r\nHost:localhost\r\n\r\n"), "200", STAYS },
    { "much space around, RFC 9110 5.5", RAW("GET / HTTP/1.1\r\nHost: \t localhost \t \r\n\r\n"),
      "200", STAYS },
    { "a space inside, RFC 9110 7.2", RAW("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), "400", CLOSES },
    { "a list", RAW("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"), "400", CLOSES },
    { "a slash", RAW("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), "400", CLOSES },
    { "a backslash", RAW("GET / HTTP/1.1\r\nHost: a\\b\r\n\r\n"), "400", CLOSES },
    { "userinfo", RAW("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"), "400", CLOSES },
    { "a question mark", RAW("GET / HTTP/1.1\r\nHost: a?b\r\n\r\n"), "400", CLOSES },
    { "a fragment", RAW("GET / HTTP/1.1\r\nHost: a#b\r\n\r\n"), "400", CLOSES },
    { "angle brackets", RAW("GET / HTTP/1.1\r\nHost: <a>\r\n\r\n"), "400", CLOSES },
    { "letters for a port", RAW("GET / HTTP/1.1\r\nHost: a:http\r\n\r\n"), "400", CLOSES },
    { "a negative port", RAW("GET / HTTP/1.1\r\nHost: a:-1\r\n\r\n"), "400", CLOSES },
    { "two ports", RAW("GET / HTTP/1.1\r\nHost: a:1:2\r\n\r\n"), "400", CLOSES },
    { "a port beyond 65535", RAW("GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n"), "200|400", EITHER },
    { "an IPv6 address without brackets", RAW("GET / HTTP/1.1\r\nHost: ::1\r\n\r\n"), "400",
      CLOSES },
    { "an open bracket", RAW("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"), "400", CLOSES },
    { "words behind the bracket", RAW("GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n"), "400", CLOSES },
    { "a whole URI", RAW("GET / HTTP/1.1\r\nHost: http://a/\r\n\r\n"), "400", CLOSES },
    { "NUL", RAW("GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n"), "400", CLOSES },
    { "absolute-form, RFC 9112 3.2.2", RAW("GET http://localhost/ HTTP/1.1\r\n" H "\r\n"), "200",
      STAYS },
    { "absolute-form with a port",
      RAW("GET http://localhost:80/probe.txt HTTP/1.1\r\nHost: localhost:80\r\n\r\n"), "200",
      STAYS },
    { "absolute-form overrules Host", RAW("GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n"), "200",
      STAYS },
    { "absolute-form without a path", RAW("GET http://localhost HTTP/1.1\r\n" H "\r\n"), "200",
      STAYS },
    { "absolute-form with a query only", RAW("GET http://localhost?a HTTP/1.1\r\n" H "\r\n"),
      "200|400", EITHER },
    { "absolute-form in capitals, RFC 3986 3.1", RAW("GET HTTP://LOCALHOST/ HTTP/1.1\r\n" H "\r\n"),
      "200", STAYS },
    { "absolute-form still needs Host, RFC 9112 3.2", RAW("GET http://localhost/ HTTP/1.1\r\n\r\n"),
      "400", CLOSES },
    { "absolute-form needs no Host in 1.0", RAW("GET http://localhost/ HTTP/1.0\r\n\r\n"), "200",
      CLOSES },
    { "absolute-form with an IPv6 address",
      RAW("GET http://[::1]/ HTTP/1.1\r\nHost: [::1]\r\n\r\n"), "200", STAYS },
    { "absolute-form of nowhere, RFC 9110 4.2.1", RAW("GET http:/// HTTP/1.1\r\n" H "\r\n"), "400",
      EITHER },
    { "absolute-form with userinfo, RFC 9110 4.2.4",
      RAW("GET http://u:p@localhost/ HTTP/1.1\r\n" H "\r\n"), "200|400", EITHER },
    { "absolute-form of another scheme", RAW("GET ftp://localhost/ HTTP/1.1\r\n" H "\r\n"),
      "400|404|421|501|502", EITHER },
    { "absolute-form of https", RAW("GET https://localhost/ HTTP/1.1\r\n" H "\r\n"),
      "200|400|421|501", EITHER },
    { "absolute-form with a wrong port", RAW("GET http://localhost:x/ HTTP/1.1\r\n" H "\r\n"),
      "400", EITHER },
    { "absolute-form with dot segments",
      RAW("GET http://localhost/dir/../probe.txt HTTP/1.1\r\n" H "\r\n"), "200", STAYS },
    { "OPTIONS of a whole server by absolute-form, RFC 9112 3.2.4",
      RAW("OPTIONS http://localhost HTTP/1.1\r\n" H "\r\n"), "200|204|405", STAYS },
};

Test(http1_line, judges_hosts)
{
    http1_rows_judge(ROWS_OF(host_rows));
}

Test(http1_line, says_which_methods_are_allowed)
{
    static const char *const asked[][2] = { { "POST", "/" },
                                            { "DELETE", "/probe.txt" },
                                            { "OPTIONS", "*" } };
    struct response r;
    struct server s;
    char allow[128];

    server_open(&s);
    server_start(&s, "");
    for (size_t i = 0; i < sizeof(asked) / sizeof(*asked); i++) {
        cr_expect(fetch(&s, &r, asked[i][0], asked[i][1], NULL));
        response_field(&r, "Allow", allow, sizeof(allow));
        cr_expect(strstr(allow, "GET") != NULL && strstr(allow, "HEAD") != NULL,
                  "%s %s: %d, Allow: %s", asked[i][0], asked[i][1], r.status, allow);
        response_fini(&r);
    }
    server_close(&s);
}

Test(http1_line, says_close_before_it_closes)
{
    static const char *const requests[] = {
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "GET / HTTP/9.1\r\nHost: a\r\n\r\n",
        "nonsense\r\n\r\n",
    };
    struct response r;
    struct client c;
    struct server s;

    server_open(&s);
    server_start(&s, "");
    for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++) {
        client_open(&c, &s);
        client_send_text(&c, requests[i]);
        cr_expect(client_read(&c, &r, false), "%s: %s", requests[i], r.failure);
        cr_expect(response_field_is(&r, "Connection", "close"), "%s: %s", requests[i], r.head.p);
        response_fini(&r);
        client_close(&c);
    }
    server_close(&s);
}

/* A request line of exactly `n` bytes without its CRLF, then Host. */
static int status_of_line(const struct server *s, size_t n)
{
    char *line = malloc(n + 1);
    struct response r;
    struct client c;
    int status;

    memset(line, 'a', n);
    memcpy(line, "GET /", 5);
    memcpy(line + n - 9, " HTTP/1.1", 9);
    client_open(&c, s);
    client_send(&c, line, n);
    client_send_text(&c, "\r\n" H "\r\n");
    client_read(&c, &r, false);
    status = r.status;
    if (status == 414)
        cr_expect(client_read_to_end(&c, DEADLINE_MS) == CLIENT_FIN, "414 does not close");
    response_fini(&r);
    client_close(&c);
    free(line);
    return status;
}

Test(http1_line, bounds_the_request_line)
{
    struct server s;

    server_open(&s);
    server_start(&s, "request_line_max: 2KiB\n");
    cr_expect(status_of_line(&s, 2000) != 414);
    cr_expect(status_of_line(&s, 2048) != 414, "the bound itself is allowed");
    cr_expect(status_of_line(&s, 2049) == 414, "one byte more is not");
    cr_expect(status_of_line(&s, 100000) == 414);
    server_close(&s);
}

/* An endless line must be answered while it comes, and not be kept. */
Test(http1_line, answers_an_endless_line_early)
{
    char bytes[1000];
    struct response r;
    struct client c;
    struct server s;

    server_open(&s);
    server_start(&s, "");
    client_open(&c, &s);
    client_send_text(&c, "GET /");
    memset(bytes, 'a', sizeof(bytes));
    for (unsigned i = 0; i < 100; i++)
        client_send(&c, bytes, sizeof(bytes));
    cr_expect(client_read(&c, &r, false) && r.status == 414, "%d %s", r.status, r.failure);
    response_fini(&r);
    client_close(&c);
    server_close(&s);
}
