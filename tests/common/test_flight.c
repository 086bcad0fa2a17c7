/* The flight recorder: what is found in it, and what of it is told. */
#include "common/flight.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

static struct flight flight;

/* Of `n` bytes came, behind which stands what others sent. */
static struct flight_entry *begin_bytes(const char *bytes, size_t n, uint64_t now_ns)
{
    static const char of_others[] = "Authorization: Basic c2VjcmV0\r\nHost: other.example\r\n\r\n";
    struct sockaddr_in6 peer = { .sin6_family = AF_INET6 };
    char *input = malloc(n + FLIGHT_HEAD);
    struct flight_entry *e;

    ((struct sockaddr_in *)(void *)&peer)->sin_family = AF_INET;
    ((struct sockaddr_in *)(void *)&peer)->sin_addr.s_addr = htonl(0xc0000207);
    for (size_t i = 0; i < FLIGHT_HEAD; i++)
        input[n + i] = of_others[i % (sizeof(of_others) - 1)];
    memcpy(input, bytes, n);
    e = flight_begin(&flight, &peer, input, n, now_ns);
    free(input);
    return e;
}

static struct flight_entry *begin(const char *text, uint64_t now_ns)
{
    return begin_bytes(text, strlen(text), now_ns);
}

static struct flight_entry *take(const char *text, uint64_t now_ns)
{
    struct flight_entry *e = begin(text, now_ns);

    flight_take(&flight);
    return e;
}

static void finish(struct flight_entry *e, unsigned status, uint64_t took_ns)
{
    e->status = (uint16_t)status;
    e->body_bytes = 5;
    e->took_ns = took_ns;
    flight.current = 0;
}

/* What is told; valid until the next call. */
static const char *told(unsigned most)
{
    static struct buf text;

    text.n = 0;
    flight_describe(&flight, 5000000, most, &text);
    return buf_cstr(&text);
}

Test(flight, tells_nothing_of_a_worker_that_did_nothing)
{
    cr_expect_str_eq(told(16), "");
}

Test(flight, tells_what_the_worker_was_at)
{
    take("GET /a?b HTTP/1.1\r\nHost: a.example\r\nCookie: secret\r\n\r\n", 1000000);
    cr_expect_str_eq(told(16), "it was at: GET /a?b HTTP/1.1, host a.example, from 192.0.2.7, "
                               "began 4 ms before\n");
}

Test(flight, tells_what_was_answered_and_what_is_under_way_the_newest_first)
{
    finish(take("GET /1 HTTP/1.1\r\n\r\n", 0), 200, 1500000);
    take("GET /2 HTTP/1.1\r\n\r\n", 0);
    finish(take("GET /3 HTTP/1.1\r\n\r\n", 0), 404, 20000);
    cr_expect_str_eq(
        told(16),
        "answered:  GET /3 HTTP/1.1, from 192.0.2.7: 404, 5 bytes, in 0.020 ms, began 5 ms before\n"
        "under way: GET /2 HTTP/1.1, from 192.0.2.7, began 5 ms before\n"
        "answered:  GET /1 HTTP/1.1, from 192.0.2.7: 200, 5 bytes, in 1.500 ms, began 5 ms "
        "before\n");
    cr_expect_str_eq(told(1),
                     "answered:  GET /3 HTTP/1.1, from 192.0.2.7: 404, 5 bytes, in 0.020 "
                     "ms, began 5 ms before\n"
                     "under way: GET /2 HTTP/1.1, from 192.0.2.7, began 5 ms before\n",
                     "those under way are no part of the bound");
}

Test(flight, tells_no_time_that_is_not_taken_yet)
{
    for (unsigned i = 0; i < FLIGHT_ENTRIES; i++)
        finish(take("GET /old HTTP/1.1\r\n\r\n", 0), 200, 777000000);
    finish(take("GET /new HTTP/1.1\r\n\r\n", 0), 200, 0);
    cr_expect_not_null(strstr(told(1), "/new HTTP/1.1, from 192.0.2.7: 200, 5 bytes, began"));
    cr_expect_null(strstr(told(0), "in 777"), "%s", told(0));
}

/* A request in pieces begins anew with each. */
Test(flight, overwrites_an_entry_that_was_not_taken)
{
    begin("GET /", 0);
    begin("GET /whole HTTP/1.1\r\n\r\n", 0);
    flight_take(&flight);
    cr_expect_eq(flight.count, 1);
    cr_expect_not_null(strstr(told(1), "GET /whole HTTP/1.1, from"));
    flight.current = 0;
    begin("GET /par", 0);
    cr_expect_not_null(strstr(told(0), "it was at: GET /par..., from 192.0.2.7"));
    flight.current = 0;
    cr_expect_null(strstr(told(16), "/par"), "the worker left it, nobody waits for it");
}

Test(flight, keeps_the_last_ones)
{
    char text[64];

    for (unsigned i = 1; i <= 1000; i++) {
        snprintf(text, sizeof(text), "GET /%u HTTP/1.1\r\n\r\n", i);
        finish(take(text, 0), 200, 1);
    }
    for (unsigned i = 1000 - FLIGHT_ENTRIES + 1; i <= 1000; i++) {
        snprintf(text, sizeof(text), "GET /%u HTTP", i);
        cr_expect_not_null(strstr(told(1000), text), "%s", text);
    }
    snprintf(text, sizeof(text), "GET /%u HTTP", 1000 - FLIGHT_ENTRIES);
    cr_expect_null(strstr(told(1000), text));
    cr_expect_not_null(flight_find(&flight, 1000));
    cr_expect_not_null(flight_find(&flight, 1000 - FLIGHT_ENTRIES + 1));
    cr_expect_null(flight_find(&flight, 1000 - FLIGHT_ENTRIES));
    cr_expect_null(flight_find(&flight, 1001));
}

Test(flight, goes_on_with_a_request_whose_entry_is_there)
{
    struct sockaddr_in6 peer = { .sin6_family = AF_INET6 };
    uint64_t number;

    take("GET /1 HTTP/1.1\r\n\r\n", 0);
    number = flight.current;
    take("GET /2 HTTP/1.1\r\n\r\n", 0);
    cr_expect_eq(flight_resume(&flight, number, &peer, STR("GET /1"), 0), number);
    cr_expect_eq(flight.current, number);
    cr_expect_eq(flight.count, 2);
    cr_expect_not_null(strstr(told(0), "it was at: GET /1 HTTP/1.1, from 192.0.2.7"));
    cr_expect_null(strstr(strchr(told(16), '\n'), "GET /1"), "told once");
}

Test(flight, records_a_request_anew_that_many_have_overtaken)
{
    struct sockaddr_in6 peer = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    char *head = strdup("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"); /* no byte behind it */
    uint64_t number, again;

    take("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n", 1000000);
    number = flight.current;
    for (unsigned i = 0; i < FLIGHT_ENTRIES; i++)
        finish(take("GET / HTTP/1.1\r\n\r\n", 0), 200, 1);
    again = flight_resume(&flight, number, &peer, (struct str){ head, strlen(head) }, 1000000);
    cr_expect_eq(again, FLIGHT_ENTRIES + 2);
    cr_expect_eq(flight.count, again);
    cr_expect_eq(flight_find(&flight, again)->began_ns, 1000000);
    cr_expect_not_null(strstr(told(0), "it was at: GET /1 HTTP/1.1, host a, from ::1, began 4 ms"));
    cr_expect_neq(flight_resume(&flight, number, &peer, STR_NONE, 0), 0, "408 has no head");
    free(head);
}

Test(flight, is_empty_for_another_worker)
{
    take("GET /1 HTTP/1.1\r\n\r\n", 0);
    flight_clear(&flight);
    cr_expect_str_eq(told(16), "");
}

static const struct {
    const char *why, *head, *expect;
} rows[] = {
    { "host in any case", "GET / HTTP/1.1\r\nhOsT:\t a.example \r\n\r\n",
      "GET / HTTP/1.1, host a.example" },
    { "not the first field", "GET / HTTP/1.1\r\nA: b\r\nHost: c\r\n\r\n",
      "GET / HTTP/1.1, host c" },
    { "no host", "GET / HTTP/1.1\r\nA: b\r\n\r\n", "GET / HTTP/1.1" },
    { "in a body", "POST / HTTP/1.1\r\nA: b\r\n\r\nHost: c\r\n\r\n", "POST / HTTP/1.1" },
    { "of the next request", "GET / HTTP/1.0\r\n\r\nGET /2 HTTP/1.1\r\nHost: c\r\n\r\n",
      "GET / HTTP/1.0" },
    { "a longer name", "GET / HTTP/1.1\r\nHost-A: b\r\n\r\n", "GET / HTTP/1.1" },
    { "lines without CR", "GET / HTTP/1.1\nHost: a\n\n", "GET / HTTP/1.1, host a" },
    { "empty lines in front", "\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET /x HTTP/1.1, host a" },
    { "a line in part", "GET /x HT", "GET /x HT..." },
    { "a host in part", "GET /x HTTP/1.1\r\nHost: exam", "GET /x HTTP/1.1, host exam..." },
    { "a field in part", "GET /x HTTP/1.1\r\nHo", "GET /x HTTP/1.1" },
    { "escapes", "GET /\x1b[31m\x07\x9b HTTP/1.1\r\nHost: \x1b]0;x\x07\r\n\r\n",
      "GET /?[31m?? HTTP/1.1, host ?]0;x?" },
    { "a field first", "Authorization: Basic c2VjcmV0\r\n\r\n",
      "something without a request line" },
    { "a body first", "password=secret&user=a b\r\n\r\n", "something without a request line" },
    { "TLS", "\x16\x03\x01\x02", "something without a request line" },
    { "only empty lines", "\r\n\r\n", "something without a request line" },
    { "one word", "GET", "something without a request line" },
};

Test(flight, tells_request_line_and_host_and_nothing_else)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char expect[256];

        flight_clear(&flight);
        begin(rows[i].head, 5000000);
        snprintf(expect, sizeof(expect), "it was at: %s, from 192.0.2.7, began 0 ms before\n",
                 rows[i].expect);
        cr_expect_str_eq(told(0), expect, "%s: %s", rows[i].why, told(0));
    }
}

Test(flight, never_tells_what_stands_behind_the_bytes_that_came)
{
    static const char head[] = "GET /a HTTP/1.1\r\nHost: mine.example\r\nX: y\r\n\r\n";

    for (size_t n = 0; n < sizeof(head); n++) {
        flight_clear(&flight);
        begin_bytes(head, n, 0);
        cr_expect_null(strstr(told(0), "other"), "%zu: %s", n, told(0));
        cr_expect_null(strstr(told(0), "c2Vj"), "%zu: %s", n, told(0));
    }
}

Test(flight, cuts_long_ones)
{
    char head[4096];

    memset(head, 'x', sizeof(head));
    memcpy(head, "GET /", 5);
    begin_bytes(head, sizeof(head), 0);
    cr_expect_eq(flight.entries[1].head_n, FLIGHT_HEAD);
    cr_expect_not_null(strstr(told(0), "xxx..., from"));
    cr_expect_lt(strlen(told(0)), FLIGHT_HEAD + 80);
}

/* A worker that broke may have left anything there. */
Test(flight, is_read_safely_whatever_stands_in_it)
{
    struct buf text = { 0 };

    for (unsigned seed = 0; seed < 200; seed++) {
        unsigned char *p = (unsigned char *)&flight;

        srand(seed);
        for (size_t i = 0; i < sizeof(flight); i++)
            p[i] = (unsigned char)rand();
        if (seed % 2 == 0) {
            flight.count = flight.current = seed;
            for (uint64_t i = 0; i < FLIGHT_ENTRIES; i++)
                flight.entries[(seed - i) % FLIGHT_ENTRIES].number = seed - i;
        }
        text.n = 0;
        flight_describe(&flight, 0, 16, &text);
        for (size_t i = 0; i < text.n; i++)
            cr_assert(text.p[i] == '\n' || (text.p[i] >= 0x20 && text.p[i] < 0x7f));
    }
    buf_fini(&text);
}
