/* The lines of a trace: what clients sent can do no harm in them. */
#include "worker/trace_line.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <time.h>

#include "tests/json_check.h"

static struct sockaddr_in client;
static struct buf line;

static struct trace_request request(void)
{
    setenv("TZ", "UTC", 1);
    tzset();
    line.n = 0;
    client = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(0xc0000207) };
    return (struct trace_request){
        .time_ms = 1795824000123,
        .worker = 2,
        .client = (const struct sockaddr *)&client,
        .method = STR("GET"),
        .host = STR("a.example"),
        .target = STR("/b?c"),
        .path = STR("/b"),
        .status = 404,
        .body_bytes = 153,
        .took_ns = 213000,
        .site = STR("*"),
        .route = STR("= /b"),
    };
}

Test(trace_line, tells_all_of_a_request_to_people)
{
    struct trace_request r = request();

    trace_line_text(&r, 0, &line);
    cr_expect_str_eq(
        buf_cstr(&line),
        "00:00:00.123 worker 2 192.0.2.7 GET a.example /b?c 404 153 0.213ms (* = /b)\n");
}

Test(trace_line, tells_all_of_a_request_as_json)
{
    struct trace_request r = request();

    trace_line_json(&r, 0, &line);
    cr_expect_str_eq(
        buf_cstr(&line),
        "{\"time\":\"2026-11-28T00:00:00.123Z\",\"worker\":2,\"client\":\"192.0.2.7\",\"method\":"
        "\"GET\",\"host\":\"a.example\",\"target\":\"/b?c\",\"status\":404,\"bytes\":153,"
        "\"duration_ms\":0.213,\"site\":\"*\",\"route\":\"= /b\"}\n");
}

Test(trace_line, tells_what_was_dropped_before)
{
    struct trace_request r = request();

    trace_line_text(&r, 7, &line);
    cr_expect_eq(strncmp(buf_cstr(&line), "(7 more that were not read fast enough)\n00:", 43), 0,
                 "%s", line.p);
    line.n = 0;
    trace_line_json(&r, 7, &line);
    cr_expect_not_null(strstr(buf_cstr(&line), ",\"dropped_before\":7}\n"));
}

Test(trace_line, has_a_place_for_what_is_not_there)
{
    struct trace_request r = request();

    r.method = r.host = r.target = r.path = r.site = r.route = STR_NONE;
    trace_line_text(&r, 0, &line);
    cr_expect_str_eq(buf_cstr(&line), "00:00:00.123 worker 2 192.0.2.7 - - - 404 153 0.213ms\n");
    line.n = 0;
    trace_line_json(&r, 0, &line);
    cr_expect_not_null(strstr(buf_cstr(&line), "\"method\":null,\"host\":null,\"target\":null"));
}

Test(trace_line, lets_no_byte_of_a_client_out_of_its_word)
{
    static char bytes[256];
    struct trace_request r = request();
    size_t blanks = 0;

    for (int i = 0; i < 256; i++)
        bytes[i] = (char)i;
    r.target = r.host = r.method = (struct str){ bytes, 256 };
    trace_line_text(&r, 0, &line);
    for (size_t i = 0; i < line.n; i++) {
        blanks += line.p[i] == ' ';
        cr_assert((line.p[i] >= 0x20 && line.p[i] < 0x7f) || i + 1 == line.n);
    }
    cr_expect_eq(blanks, 12);
    cr_expect_not_null(strstr(buf_cstr(&line), "\\x00\\x01"));
    cr_expect_not_null(strstr(buf_cstr(&line), "\\x1B"));
    cr_expect_not_null(strstr(buf_cstr(&line), "\\x5C"), "the backslash itself");
    line.n = 0;
    trace_line_json(&r, 1, &line);
    cr_expect(json_is_valid(buf_str(&line)), "%s", line.p);
    for (size_t i = 0; i < line.n; i++)
        cr_assert((unsigned char)line.p[i] >= 0x20 || i + 1 == line.n);
}

/* A socket takes a small message whole or not at all. */
Test(trace_line, stays_short)
{
    static char bytes[60000];
    struct trace_request r = request();

    memset(bytes, '\x01', sizeof(bytes));
    r.target = r.host = r.method = (struct str){ bytes, sizeof(bytes) };
    trace_line_text(&r, 0, &line);
    cr_expect_lt(line.n, 3 * 4 * TRACE_TEXT_MAX + 256);
    cr_expect_not_null(strstr(buf_cstr(&line), "\\x01... 404"));
    line.n = 0;
    trace_line_json(&r, 0, &line);
    cr_expect_lt(line.n, 3 * 6 * TRACE_TEXT_MAX + 512);
}
