#include "worker/http1_parse.h"

#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include "tests/worker/rows_http1_parse.h"

static struct request req;

/* Parses an exact-size copy of the first n bytes: DONE, MORE, or the status. The copy is *copy. */
static unsigned parse_copy(struct str head, size_t n, char **copy, size_t *used)
{
    struct http1_fault fault = { 0, NULL };
    enum parse_result result;

    *copy = malloc(n + (n == 0));
    memcpy(*copy, head.p, n);
    memset(&req, 0xa5, sizeof(req)); /* nothing of the request before may shine through */
    result = http1_parse_head(&req, *copy, n, &row_limits, used, &fault);
    if (result != PARSE_BAD)
        return result == PARSE_DONE ? DONE : MORE;
    cr_expect(fault.text != NULL && fault.status >= 400);
    return fault.status;
}

static unsigned judge_copy(struct str head, size_t n, size_t *used)
{
    char *copy;
    unsigned got = parse_copy(head, n, &copy, used);

    free(copy);
    return got;
}

Test(http1_parse, judges_each_row)
{
    for (size_t i = 0; i < HEAD_ROW_COUNT; i++) {
        size_t used = 0;
        unsigned got = judge_copy(head_rows[i].head, head_rows[i].head.n, &used);

        cr_expect_eq(got, head_rows[i].status, "%s: got %u, want %u", head_rows[i].why, got,
                     head_rows[i].status);
        if (got == DONE)
            cr_expect_eq(used, head_rows[i].head.n, "%s: used %zu", head_rows[i].why, used);
    }
}

Test(http1_parse, gives_one_answer_wherever_the_bytes_are_cut)
{
    for (size_t i = 0; i < HEAD_ROW_COUNT; i++) {
        struct str head = head_rows[i].head;
        unsigned before = MORE, want = head_rows[i].status;
        size_t used;

        for (size_t n = 0; n < head.n; n++) {
            unsigned got = judge_copy(head, n, &used);

            cr_expect(got == MORE || (want != DONE && got == want), "%s, cut at %zu: got %u",
                      head_rows[i].why, n, got);
            cr_expect(before == MORE || got == before, "%s, cut at %zu: %u after %u",
                      head_rows[i].why, n, got, before);
            before = got;
        }
    }
}

Test(http1_parse, stops_at_the_end_of_the_head)
{
    static const char next[] = "POST /next HTTP/1.1\r\nHost: b\r\n\r\n\x01\r\n";

    for (size_t i = 0; i < HEAD_ROW_COUNT; i++) {
        struct str head = head_rows[i].head;
        char *both;
        size_t used;

        if (head_rows[i].status != DONE)
            continue;
        both = malloc(head.n + sizeof(next));
        memcpy(both, head.p, head.n);
        memcpy(both + head.n, next, sizeof(next));
        cr_expect_eq(
            judge_copy((struct str){ both, head.n + sizeof(next) }, head.n + sizeof(next), &used),
            DONE, "%s", head_rows[i].why);
        cr_expect_eq(used, head.n, "%s", head_rows[i].why);
        free(both);
    }
}

static bool same(struct str got, const char *want)
{
    return want == NULL ? got.p == NULL : got.p != NULL && str_eq(got, str_of(want));
}

/* What is read out of the target and Host. */
static const struct {
    const char *why, *head;
    enum method method;
    enum target_form form;
    const char *host;
    unsigned port;
    const char *raw_path, *query;
} targets[] = {
    { "origin-form", "GET /a?b=c HTTP/1.1\r\nHost: h:81\r\n\r\n", METHOD_GET, TARGET_ORIGIN, "h",
      81, "/a", "b=c" },
    { "empty query", "HEAD /a? HTTP/1.1\r\nHost: h\r\n\r\n", METHOD_HEAD, TARGET_ORIGIN, "h", 0,
      "/a", "" },
    { "second '?' belongs to the query", "PUT /a?b?c HTTP/1.1\r\nHost: h:\r\n\r\n", METHOD_PUT,
      TARGET_ORIGIN, "h", 0, "/a", "b?c" },
    { "nothing is decoded", "GET /%61%2e HTTP/1.1\r\nHost: %61\r\n\r\n", METHOD_GET, TARGET_ORIGIN,
      "%61", 0, "/%61%2e", NULL },
    { "brackets belong to the host", "POST / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", METHOD_POST,
      TARGET_ORIGIN, "[::1]", 8080, "/", NULL },
    { "absolute-form overrides Host, RFC 9112 3.2.2",
      "GET http://b:82/c?d HTTP/1.1\r\nHost: a:81\r\n\r\n", METHOD_GET, TARGET_ABSOLUTE, "b", 82,
      "/c", "d" },
    { "its missing port too", "GET http://b/c HTTP/1.1\r\nHost: a:81\r\n\r\n", METHOD_GET,
      TARGET_ABSOLUTE, "b", 0, "/c", NULL },
    { "empty path is '/'", "GET http://b HTTP/1.1\r\nHost: a\r\n\r\n", METHOD_GET, TARGET_ABSOLUTE,
      "b", 0, "/", NULL },
    { "empty path before a query", "DELETE http://b?x/y HTTP/1.1\r\nHost: a\r\n\r\n", METHOD_DELETE,
      TARGET_ABSOLUTE, "b", 0, "/", "x/y" },
    { "OPTIONS of an empty path is '*', RFC 9112 3.2.4",
      "OPTIONS http://b:1 HTTP/1.1\r\nHost: a\r\n\r\n", METHOD_OPTIONS, TARGET_ASTERISK, "b", 1,
      NULL, NULL },
    { "but not with a query", "OPTIONS http://b? HTTP/1.1\r\nHost: a\r\n\r\n", METHOD_OPTIONS,
      TARGET_ABSOLUTE, "b", 0, "/", "" },
    { "OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", METHOD_OPTIONS, TARGET_ASTERISK, "a", 0,
      NULL, NULL },
    { "CONNECT", "CONNECT b:443 HTTP/1.1\r\nHost: a\r\n\r\n", METHOD_CONNECT, TARGET_AUTHORITY, "b",
      443, NULL, NULL },
    { "methods have a case, RFC 9110 9.1", "get / HTTP/1.1\r\nHost: a\r\n\r\n", METHOD_OTHER,
      TARGET_ORIGIN, "a", 0, "/", NULL },
    { "empty Host", "TRACE / HTTP/1.1\r\nHost:\r\n\r\n", METHOD_TRACE, TARGET_ORIGIN, NULL, 0, "/",
      NULL },
    { "no Host", "PATCH / HTTP/1.0\r\n\r\n", METHOD_PATCH, TARGET_ORIGIN, NULL, 0, "/", NULL },
};

Test(http1_parse, reads_target_and_host)
{
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        struct str head = str_of(targets[i].head);
        const char *why = targets[i].why;
        size_t used;
        char *copy;

        cr_assert_eq(parse_copy(head, head.n, &copy, &used), DONE, "%s", why);
        cr_expect_eq(req.method, targets[i].method, "%s", why);
        cr_expect_eq(req.form, targets[i].form, "%s", why);
        cr_expect(same(req.host, targets[i].host), "%s", why);
        cr_expect_eq(req.port, targets[i].port, "%s: port %u", why, req.port);
        cr_expect(same(req.raw_path, targets[i].raw_path), "%s", why);
        cr_expect(same(req.query, targets[i].query), "%s", why);
        cr_expect_null(req.path.p);
        free(copy);
    }
}

/* What the fields say about the message and the connection; `fields` follow the line. */
static const struct {
    const char *why, *line, *fields;
    unsigned version;
    bool keep_alive, expects_continue;
    enum body_framing framing;
    uint64_t length;
} messages[] = {
    { "1.1 stays, RFC 9112 9.3", "GET / HTTP/1.1", "", 11, true, false, BODY_FRAMING_NONE, 0 },
    { "1.0 goes", "GET / HTTP/1.0", "", 10, false, false, BODY_FRAMING_NONE, 0 },
    { "1.7 is 1.1", "GET / HTTP/1.7", "", 11, true, false, BODY_FRAMING_NONE, 0 },
    { "close", "GET / HTTP/1.1", "Connection: close\r\n", 11, false, false, BODY_FRAMING_NONE, 0 },
    { "close in any case", "GET / HTTP/1.1", "connection: x,\tCLOSE ,y\r\n", 11, false, false,
      BODY_FRAMING_NONE, 0 },
    { "keep-alive on 1.0", "GET / HTTP/1.0", "Connection: keep-alive\r\n", 10, true, false,
      BODY_FRAMING_NONE, 0 },
    { "Keep-Alive on 1.0", "GET / HTTP/1.0", "Connection: TE, Keep-Alive\r\n", 10, true, false,
      BODY_FRAMING_NONE, 0 },
    { "close wins", "GET / HTTP/1.0", "Connection: close, keep-alive\r\n", 10, false, false,
      BODY_FRAMING_NONE, 0 },
    { "close on another line wins", "GET / HTTP/1.1",
      "Connection: keep-alive\r\nA: b\r\nConnection: close\r\n", 11, false, false,
      BODY_FRAMING_NONE, 0 },
    { "keep-alive on a second line", "GET / HTTP/1.0",
      "Connection: x\r\nConnection: keep-alive\r\n", 10, true, false, BODY_FRAMING_NONE, 0 },
    { "closed is not close", "GET / HTTP/1.1", "Connection: closed, xclose\r\n", 11, true, false,
      BODY_FRAMING_NONE, 0 },
    { "length", "PUT / HTTP/1.1", "Content-Length: 42\r\n", 11, true, false, BODY_FRAMING_LENGTH,
      42 },
    { "length of nothing", "PUT / HTTP/1.1", "Content-Length: 0\r\n", 11, true, false,
      BODY_FRAMING_LENGTH, 0 },
    { "length of most", "PUT / HTTP/1.0", "Content-Length: 9223372036854775807\r\n", 10, false,
      false, BODY_FRAMING_LENGTH, INT64_MAX },
    { "chunked", "PUT / HTTP/1.1", "Transfer-Encoding: CHUNKED\r\n", 11, true, false,
      BODY_FRAMING_CHUNKED, 0 },
    { "expects", "PUT / HTTP/1.1", "Expect: 100-Continue\r\nContent-Length: 1\r\n", 11, true, true,
      BODY_FRAMING_LENGTH, 1 },
    { "expects, chunked", "PUT / HTTP/1.1",
      "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n", 11, true, true,
      BODY_FRAMING_CHUNKED, 0 },
    { "expects nothing without a body", "PUT / HTTP/1.1",
      "Expect: 100-continue\r\nContent-Length: 0\r\n", 11, true, false, BODY_FRAMING_LENGTH, 0 },
    { "expects nothing on 1.0, RFC 9110 10.1.1", "PUT / HTTP/1.0",
      "Expect: 100-continue\r\nContent-Length: 1\r\n", 10, false, false, BODY_FRAMING_LENGTH, 1 },
};

Test(http1_parse, reads_framing_and_connection)
{
    for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
        const char *why = messages[i].why;
        char text[256];
        size_t used, n;
        char *copy;

        n = (size_t)snprintf(text, sizeof(text), "%s\r\nHost: a\r\n%s\r\n", messages[i].line,
                             messages[i].fields);
        cr_assert_eq(parse_copy((struct str){ text, n }, n, &copy, &used), DONE, "%s", why);
        cr_expect_eq(req.version, messages[i].version, "%s", why);
        cr_expect_eq(req.keep_alive, messages[i].keep_alive, "%s", why);
        cr_expect_eq(req.expects_continue, messages[i].expects_continue, "%s", why);
        cr_expect_eq(req.framing, messages[i].framing, "%s", why);
        cr_expect_eq(req.content_length, messages[i].length, "%s", why);
        cr_expect(same(req.line, messages[i].line), "%s", why);
        free(copy);
    }
}

Test(http1_parse, keeps_every_field_in_order_and_the_first_of_each_known_one)
{
    static const char head[] = "\r\nGET /x HTTP/1.1\r\nhOsT: h\r\nX: \t1 2\t\r\nRange: first\r\n"
                               "Accept:\r\nrange: second\r\n\r\n";
    static const struct {
        const char *name, *value;
        enum field_id id;
    } want[] = { { "hOsT", "h", FIELD_HOST },
                 { "X", "1 2", FIELD_OTHER },
                 { "Range", "first", FIELD_RANGE },
                 { "Accept", "", FIELD_ACCEPT },
                 { "range", "second", FIELD_RANGE } };
    size_t used;
    char *copy;

    cr_assert_eq(parse_copy((struct str){ head, sizeof(head) - 1 }, sizeof(head) - 1, &copy, &used),
                 DONE);
    cr_expect(same(req.line, "GET /x HTTP/1.1"));
    cr_expect(same(req.method_text, "GET"));
    cr_expect(same(req.target, "/x"));
    cr_assert_eq(req.field_count, 5);
    for (size_t i = 0; i < 5; i++) {
        cr_expect(same(req.fields[i].name, want[i].name), "%zu", i);
        cr_expect(same(req.fields[i].value, want[i].value), "%zu", i);
        cr_expect_eq(req.fields[i].id, (uint32_t)want[i].id, "%zu", i);
    }
    for (int id = 0; id < FIELD_COUNT; id++)
        cr_expect(same(req.known[id], id == FIELD_HOST     ? "h"
                                      : id == FIELD_RANGE  ? "first"
                                      : id == FIELD_ACCEPT ? ""
                                                           : NULL),
                  "%d", id);
    free(copy);
}

/* For the log, what could be read of a line that was refused. */
static const struct {
    const char *head, *line, *method, *target;
} broken[] = {
    { "", NULL, NULL, NULL },
    { "\x16\x03\x01", "\x16\x03\x01", NULL, NULL },
    { "\r\nG@T / HTTP/1.1\r\n", "G@T / HTTP/1.1", NULL, NULL },
    { "GET /a\x01 HTTP/1.1\r\n", "GET /a\x01 HTTP/1.1", "GET", NULL },
    { "HEAD /a\r\nB", "HEAD /a", "HEAD", "/a" },
    { "GET /a HTTP/2.0\r\nA", "GET /a HTTP/2.0", "GET", "/a" },
    { "GET a HTTP/1.1\r\nA", "GET a HTTP/1.1", "GET", "a" },
    { "GET /a HTTP/1.1\r\n A: b\r\n", "GET /a HTTP/1.1", "GET", "/a" },
};

Test(http1_parse, leaves_what_it_could_read_for_the_log)
{
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        struct str head = str_of(broken[i].head);
        size_t used;
        char *copy;

        cr_expect_neq(parse_copy(head, head.n, &copy, &used), DONE);
        cr_expect(same(req.line, broken[i].line), "%zu", i);
        cr_expect(same(req.method_text, broken[i].method), "%zu", i);
        cr_expect(same(req.target, broken[i].target), "%zu", i);
        free(copy);
    }
}

Test(http1_parse, takes_as_many_fields_as_a_request_holds)
{
    const struct http1_limits limits = { 100, 4096, REQUEST_FIELDS_MAX };
    struct http1_fault fault;
    char head[4096];
    size_t n = (size_t)sprintf(head, "GET / HTTP/1.0\r\n"), used;

    for (int i = 0; i < REQUEST_FIELDS_MAX; i++)
        n += (size_t)sprintf(head + n, "A:%d\r\n", i);
    memcpy(head + n, "\r\n", 2);
    cr_expect_eq(http1_parse_head(&req, head, n + 2, &limits, &used, &fault), PARSE_DONE);
    cr_expect_eq(req.field_count, REQUEST_FIELDS_MAX);
    memcpy(head + n, "B", 1);
    cr_expect_eq(http1_parse_head(&req, head, n + 1, &limits, &used, &fault), PARSE_BAD);
    cr_expect_eq(fault.status, 431);
}
