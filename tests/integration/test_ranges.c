/* Several ranges of a file in one response. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/client.h"

TestSuite(ranges, .timeout = 40);

struct part {
    struct str type, range, body;
};

/* Takes the next part off *rest, judged by RFC 2046, 5.1.1; false: the end, or it is not one. */
static bool take_part(struct str *rest, struct str delimiter, bool is_first, struct part *part)
{
    struct str lines;
    const char *end;

    if (!is_first) {
        if (!str_starts(*rest, STR("\r\n")))
            return false;
        *rest = (struct str){ rest->p + 2, rest->n - 2 };
    }
    if (!str_starts(*rest, delimiter))
        return false;
    *rest = (struct str){ rest->p + delimiter.n, rest->n - delimiter.n };
    if (!str_starts(*rest, STR("\r\n")))
        return false;
    end = memmem(rest->p, rest->n, "\r\n\r\n", 4);
    if (end == NULL)
        return false;
    *part = (struct part){ STR_NONE, STR_NONE, STR_NONE };
    lines = str_range(rest->p + 2, end + 1);
    *rest = str_range(end + 4, rest->p + rest->n);
    while (lines.p != NULL && lines.n > 0) {
        struct str line = str_cut(&lines, '\n');

        if (str_starts(line, STR("Content-Type: ")))
            part->type = (struct str){ line.p + 14, line.n - 15 };
        if (str_starts(line, STR("Content-Range: ")))
            part->range = (struct str){ line.p + 15, line.n - 16 };
    }
    return true;
}

/* That the response has exactly these parts, each with the right bytes. */
static void check_parts(const struct response *r, const char *why, const char *type,
                        const long long (*expected)[2], size_t count, long long size, unsigned seed)
{
    static const char multipart[] = "multipart/byteranges; boundary=";
    char value[256], delimiter_text[256], range[128];
    struct str rest = buf_str(&r->body), delimiter;

    cr_assert_eq(r->status, 206, "%s: %d", why, r->status);
    cr_expect_eq(response_field_count(r, "Content-Range"), 0, "%s: RFC 9110 15.3.7.2", why);
    cr_assert(response_field(r, "Content-Type", value, sizeof(value)), "%s", why);
    cr_assert(strncmp(value, multipart, sizeof(multipart) - 1) == 0, "%s: %s", why, value);
    snprintf(delimiter_text, sizeof(delimiter_text), "--%s", value + sizeof(multipart) - 1);
    delimiter = str_of(delimiter_text);
    for (size_t i = 0; i < count; i++) {
        size_t from = (size_t)expected[i][0], n = (size_t)(expected[i][1] - expected[i][0] + 1);
        char *bytes = malloc(from + n + 1);
        struct part part;

        cr_assert(take_part(&rest, delimiter, i == 0, &part), "%s: part %zu", why, i);
        snprintf(range, sizeof(range), "bytes %lld-%lld/%lld", expected[i][0], expected[i][1],
                 size);
        cr_expect(str_eq(part.range, str_of(range)), "%s: %.*s", why, STR_ARG(part.range));
        cr_expect(str_eq(part.type, str_of(type)), "%s: %.*s", why, STR_ARG(part.type));
        cr_assert_geq(rest.n, n, "%s: part %zu is cut", why, i);
        pattern_fill(bytes, from + n, seed);
        cr_expect_eq(memcmp(rest.p, bytes + from, n), 0, "%s: wrong bytes in part %zu", why, i);
        rest = (struct str){ rest.p + n, rest.n - n };
        free(bytes);
    }
    cr_expect(str_starts(rest, STR("\r\n")) && rest.n == 2 + delimiter.n + 4 &&
                  memcmp(rest.p + 2, delimiter.p, delimiter.n) == 0 &&
                  memcmp(rest.p + 2 + delimiter.n, "--\r\n", 4) == 0,
              "%s: ends in %.*s", why, STR_ARG(rest));
}

static const struct {
    const char *why, *range;
    long long expected[4][2];
    size_t count;
} rows[] = {
    { "two parts", "0-9,20-29", { { 0, 9 }, { 20, 29 } }, 2 },
    { "in the order asked for", "900-,0-9", { { 900, 999 }, { 0, 9 } }, 2 },
    { "suffix, open and closed", "-1,500-,0-0", { { 500, 999 }, { 0, 0 } }, 2 },
    { "overlapping ones joined", "0-9,5-19,30-39", { { 0, 19 }, { 30, 39 } }, 2 },
    { "some not satisfiable", "0-1,5000-,8-9", { { 0, 1 }, { 8, 9 } }, 2 },
    { "as many as may be",
      "0-1,100-101,200-201,300-301",
      { { 0, 1 }, { 100, 101 }, { 200, 201 }, { 300, 301 } },
      4 },
    { "more, joined with what is near",
      "0-1,100-101,110-111,200-201,300-301",
      { { 0, 1 }, { 100, 111 }, { 200, 201 }, { 300, 301 } },
      4 },
};

/* The same file from memory and through sendfile(2). */
static void check_rows(const char *config)
{
    char fields[256];
    struct response r;
    struct server s;
    struct client c;

    server_open(&s);
    server_blob(&s, "root/a.txt", 1000, 3);
    server_start(&s, config);
    client_open(&c, &s);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(fields, sizeof(fields), "Range: bytes=%s\r\n", rows[i].range);
        cr_assert(client_ask(&c, &r, "GET", "/a.txt", fields), "%s: %s", rows[i].why, r.failure);
        check_parts(&r, rows[i].why, "text/plain; charset=utf-8", rows[i].expected, rows[i].count,
                    1000, 3);
        cr_expect_eq(response_field_count(&r, "ETag"), 1, "RFC 9110 15.3.7");
        cr_expect_eq(response_field_count(&r, "Date"), 1);
        response_fini(&r);
    }
    cr_assert(client_ask(&c, &r, "GET", "/a.txt", NULL));
    cr_expect(r.status == 200 && response_body_is_pattern(&r, 0, 1000, 3), "nothing is left over");
    response_fini(&r);
    client_close(&c);
    server_close(&s);
}

Test(ranges, sends_several_parts_from_memory)
{
    check_rows("max_ranges: 4\n");
}

Test(ranges, sends_several_parts_through_sendfile)
{
    check_rows("max_ranges: 4\nopen_file_cache: {small: 0}\n");
}

Test(ranges, sends_large_parts_to_a_client_that_takes_its_time)
{
    static const long long expected[][2] = { { 3000000, 4999999 },
                                             { 10, 19 },
                                             { 100000, 2000000 } };
    struct response r;
    struct client c;
    struct server s;

    server_open(&s);
    server_blob(&s, "root/big.bin", 5000000, 7);
    server_start(&s, "sendfile_max_chunk: 64KiB\n");
    client_open(&c, &s);
    client_send_text(&c, "GET /big.bin HTTP/1.1\r\nHost: a\r\n"
                         "Range: bytes=3000000-,10-19,100000-2000000\r\n\r\n"
                         "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    pause_ms(100); /* until both sides' buffers are full */
    cr_assert(client_read(&c, &r, false), "%s", r.failure);
    check_parts(&r, "large", "application/octet-stream", expected, 3, 5000000, 7);
    response_fini(&r);
    cr_assert(client_read(&c, &r, false), "%s", r.failure);
    cr_expect(r.status == 200 && response_body_is(&r, "hello\n"), "the next one is in step");
    response_fini(&r);
    client_close(&c);
    server_close(&s);
}

/* `0-,0-,0-` must not become three times the file (RFC 9110, 17.15). */
Test(ranges, sends_no_byte_twice)
{
    struct buf fields = { 0 };
    struct response r;
    struct server s;

    server_open(&s);
    server_blob(&s, "root/big.bin", 5000000, 7);
    server_start(&s, "");
    cr_expect(fetch(&s, &r, "GET", "/big.bin", "Range: bytes=0-,0-,0-,1-,2-,-5000000\r\n"));
    cr_expect(r.status == 206 && response_body_is_pattern(&r, 0, 5000000, 7), "%zu", r.body.n);
    response_fini(&r);

    buf_add(&fields, STR("Range: bytes=0-0"));
    for (unsigned i = 1; i < 1000; i++)
        buf_printf(&fields, ",%u-%u", i * 1000, i * 1000);
    buf_add(&fields, STR("\r\n"));
    cr_expect(fetch(&s, &r, "GET", "/big.bin", buf_cstr(&fields)));
    cr_expect(r.status == 200 && r.body.n == 5000000, "tiny ones without end: %d, %zu", r.status,
              r.body.n);
    response_fini(&r);
    buf_fini(&fields);
    server_close(&s);
}

/* What the pattern is for other files: each 4 KiB of a sparse one tells where it stands. */
Test(ranges, counts_beyond_4_gib)
{
    static const off_t marks[] = { 0, 4294967296 - 3, 5000000000 };
    struct response r;
    struct server s;
    int fd;

    server_open(&s);
    server_file(&s, "root/huge.bin", "");
    fd = open(server_path(&s, "root/huge.bin"), O_WRONLY | O_CLOEXEC);
    cr_assert(ftruncate(fd, 6000000000) == 0);
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
        cr_assert(pwrite(fd, &"abcdefghijklmnopqr"[i * 6], 6, marks[i]) == 6);
    close(fd);
    server_start(&s, "");
    cr_expect(fetch(&s, &r, "GET", "/huge.bin", "Range: bytes=4294967293-4294967298\r\n"));
    cr_expect(r.status == 206 && response_body_is(&r, "ghijkl"), "%d", r.status);
    cr_expect(response_field_is(&r, "Content-Range", "bytes 4294967293-4294967298/6000000000"));
    response_fini(&r);
    cr_expect(fetch(&s, &r, "GET", "/huge.bin",
                    "Range: bytes=5000000000-5000000005,0-5,4294967293-4294967298\r\n"));
    cr_expect_eq(r.status, 206);
    cr_expect(strstr(buf_cstr(&r.body), "5000000005/6000000000\r\n\r\nmnopqr\r\n--") != NULL);
    cr_expect(strstr(buf_cstr(&r.body), "0-5/6000000000\r\n\r\nabcdef\r\n--") != NULL);
    cr_expect(strstr(buf_cstr(&r.body), "-4294967298/6000000000\r\n\r\nghijkl\r\n--") != NULL);
    response_fini(&r);
    cr_expect(fetch(&s, &r, "GET", "/huge.bin", "Range: bytes=6000000000-\r\n"));
    cr_expect(r.status == 416 && response_field_is(&r, "Content-Range", "bytes */6000000000"));
    response_fini(&r);
    server_close(&s);
}

Test(ranges, can_be_switched_off)
{
    struct response r;
    struct server s;

    server_open(&s);
    server_file(&s, "root/a.txt", "hello\n");
    server_start(&s, "max_ranges: off\nroutes: [{path: /b, alias: root, max_ranges: 1}]\n");
    cr_expect(fetch(&s, &r, "GET", "/a.txt", "Range: bytes=0-1\r\n"));
    cr_expect(r.status == 200 && response_body_is(&r, "hello\n"), "%d", r.status);
    cr_expect_eq(response_field_count(&r, "Accept-Ranges"), 0);
    response_fini(&r);
    cr_expect(fetch(&s, &r, "GET", "/b/a.txt", "Range: bytes=0-1\r\n"));
    cr_expect(r.status == 206 && response_body_is(&r, "he"), "%d", r.status);
    response_fini(&r);
    cr_expect(fetch(&s, &r, "GET", "/b/a.txt", NULL));
    cr_expect(response_field_is(&r, "Accept-Ranges", "bytes"), "RFC 9110 14.3");
    response_fini(&r);
    server_close(&s);
}
