/* Preconditions, ranges, and files that change while they are served. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/integration/client.h"

TestSuite(conditional, .timeout = 40);

#define MODIFIED 784111777 /* Sun, 06 Nov 1994 08:49:37 GMT */

/* A file so young that its times cannot tell two versions apart may have a weak tag; wait. */
static void etag_wait_strong(const struct server *s, const char *target, char *etag, size_t size)
{
    uint64_t end = now_ms() + DEADLINE_MS;
    struct response r;

    do {
        cr_assert(fetch(s, &r, "GET", target, NULL) && r.status == 200, "%s", target);
        response_field(&r, "ETag", etag, size);
        response_fini(&r);
        if (etag[0] == '"')
            return;
        pause_ms(50);
    } while (now_ms() < end);
    cr_assert_fail("the tag stays weak: %s", etag);
}

struct row {
    const char *why, *method;
    const char *fields; /* every "TAG" in it stands for the file's ETag */
    int status, or_status;
};

static void fields_expand(char *out, size_t size, const char *fields, const char *etag)
{
    const char *tag = strstr(fields, "TAG");

    if (tag == NULL)
        snprintf(out, size, "%s", fields);
    else
        snprintf(out, size, "%.*s%s%s", (int)(tag - fields), fields, etag, tag + 3);
}

static const struct row precondition_rows[] = {
    { "If-None-Match with the tag, RFC 9110 13.1.2", "GET", "If-None-Match: TAG\r\n", 304, 0 },
    { "HEAD too", "HEAD", "If-None-Match: TAG\r\n", 304, 0 },
    { "weak comparison", "GET", "If-None-Match: W/TAG\r\n", 304, 0 },
    { "in a list", "GET", "If-None-Match: \"a\", TAG , W/\"b\"\r\n", 304, 0 },
    { "in a list without spaces", "GET", "If-None-Match: \"a\",TAG,\"b\"\r\n", 304, 0 },
    { "on a second line", "GET", "If-None-Match: \"a\"\r\nIf-None-Match: TAG\r\n", 304, 0 },
    { "behind a tag with a comma in it", "GET", "If-None-Match: \"a,b\", TAG\r\n", 304, 0 },
    { "any", "GET", "If-None-Match: *\r\n", 304, 0 },
    { "another tag", "GET", "If-None-Match: \"a\"\r\n", 200, 0 },
    { "no quotes", "GET", "If-None-Match: a\r\n", 200, 400 },
    { "empty", "GET", "If-None-Match:\r\n", 200, 400 },
    { "If-Modified-Since with the same date, RFC 9110 13.1.3", "GET",
      "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n", 304, 0 },
    { "RFC 850 form", "GET", "If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT\r\n", 304, 0 },
    { "asctime form", "GET", "If-Modified-Since: Sun Nov  6 08:49:37 1994\r\n", 304, 0 },
    { "HEAD with a date", "HEAD", "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n", 304, 0 },
    { "a later date", "GET", "If-Modified-Since: Mon, 07 Nov 1994 08:49:37 GMT\r\n", 304, 0 },
    { "a second earlier", "GET", "If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n", 200, 0 },
    { "RFC 850 form, earlier", "GET", "If-Modified-Since: Saturday, 05-Nov-94 08:49:37 GMT\r\n",
      200, 0 },
    { "asctime form, earlier", "GET", "If-Modified-Since: Sun Nov  6 08:49:36 1994\r\n", 200, 0 },
    { "no date, RFC 9110 13.1.3: ignored", "GET", "If-Modified-Since: yesterday\r\n", 200, 0 },
    { "no such day", "GET", "If-Modified-Since: Sun, 31 Feb 1999 08:49:37 GMT\r\n", 200, 304 },
    { "another zone is no date", "GET", "If-Modified-Since: Mon, 07 Nov 1994 08:49:37 CET\r\n", 200,
      0 },
    { "a number is no date", "GET", "If-Modified-Since: 999999999\r\n", 200, 0 },
    { "If-None-Match decides, the date does not, RFC 9110 13.1.3", "GET",
      "If-None-Match: \"a\"\r\nIf-Modified-Since: Mon, 07 Nov 1994 08:49:37 GMT\r\n", 200, 0 },
    { "the other way round", "GET",
      "If-None-Match: TAG\r\nIf-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n", 304, 0 },
    { "If-Match with the tag: MAY be ignored or met", "GET", "If-Match: TAG\r\n", 200, 0 },
    { "If-Match any", "GET", "If-Match: *\r\n", 200, 0 },
    { "If-Match another, RFC 9110 13.1.1", "GET", "If-Match: \"a\"\r\n", 412, 200 },
    { "If-Match is strong", "GET", "If-Match: W/TAG\r\n", 412, 200 },
    { "If-Unmodified-Since the same date", "GET",
      "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n", 200, 0 },
    { "If-Unmodified-Since an earlier one, RFC 9110 13.1.4", "GET",
      "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n", 412, 200 },
    { "a condition does not make a POST right", "POST", "If-None-Match: *\r\nContent-Length: 0\r\n",
      405, 412 },
};

Test(conditional, judges_preconditions)
{
    char etag[128], fields[512], value[128];
    struct response r;
    struct server s;

    server_open(&s);
    server_blob(&s, "root/a.bin", 1000, 1);
    server_set_mtime(&s, "root/a.bin", MODIFIED);
    server_start(&s, "");
    etag_wait_strong(&s, "/a.bin", etag, sizeof(etag));
    for (size_t i = 0; i < sizeof(precondition_rows) / sizeof(*precondition_rows); i++) {
        const struct row *row = &precondition_rows[i];

        fields_expand(fields, sizeof(fields), row->fields, etag);
        cr_expect(fetch(&s, &r, row->method, "/a.bin", fields), "%s: %s", row->why, r.failure);
        cr_expect(r.status == row->status || r.status == row->or_status, "%s: %d", row->why,
                  r.status);
        if (r.status == 304) {
            cr_expect(response_field_is(&r, "ETag", etag), "RFC 9110 15.4.5: %s", r.head.p);
            cr_expect_eq(response_field_count(&r, "Date"), 1);
            cr_expect_eq(response_field_count(&r, "Transfer-Encoding"), 0);
            cr_expect(!response_field(&r, "Content-Length", value, sizeof(value)) ||
                          strcmp(value, "1000") == 0,
                      "RFC 9110 8.6: %s", value);
        }
        response_fini(&r);
    }
    server_close(&s);
}

enum { INVALID = -1 };

static const struct {
    const char *why, *method, *fields;
    int status;     /* INVALID: 14.2 lets a server ignore or reject */
    size_t from, n; /* of the 1000 bytes */
} range_rows[] = {
    { "the first bytes, RFC 9110 14.1.2", "GET", "Range: bytes=0-9\r\n", 206, 0, 10 },
    { "one byte", "GET", "Range: bytes=0-0\r\n", 206, 0, 1 },
    { "the last byte", "GET", "Range: bytes=999-999\r\n", 206, 999, 1 },
    { "in the middle", "GET", "Range: bytes=500-509\r\n", 206, 500, 10 },
    { "all", "GET", "Range: bytes=0-999\r\n", 206, 0, 1000 },
    { "beyond the end", "GET", "Range: bytes=990-5000\r\n", 206, 990, 10 },
    { "open", "GET", "Range: bytes=900-\r\n", 206, 900, 100 },
    { "open from the start", "GET", "Range: bytes=0-\r\n", 206, 0, 1000 },
    { "suffix", "GET", "Range: bytes=-10\r\n", 206, 990, 10 },
    { "a suffix larger than the file", "GET", "Range: bytes=-5000\r\n", 206, 0, 1000 },
    { "the unit in capitals, RFC 9110 14.1", "GET", "Range: BYTES=0-9\r\n", 206, 0, 10 },
    { "If-Range with the tag, RFC 9110 13.1.5", "GET", "Range: bytes=0-9\r\nIf-Range: TAG\r\n", 206,
      0, 10 },
    { "If-Range with the date", "GET",
      "Range: bytes=0-9\r\nIf-Range: Sun, 06 Nov 1994 08:49:37 GMT\r\n", 206, 0, 10 },
    { "If-Range with another tag", "GET", "Range: bytes=0-9\r\nIf-Range: \"a\"\r\n", 200, 0, 1000 },
    { "If-Range with a weak tag", "GET", "Range: bytes=0-9\r\nIf-Range: W/TAG\r\n", 200, 0, 1000 },
    { "If-Range with another date", "GET",
      "Range: bytes=0-9\r\nIf-Range: Sun, 06 Nov 1994 08:49:38 GMT\r\n", 200, 0, 1000 },
    { "If-Range with nonsense", "GET", "Range: bytes=0-9\r\nIf-Range: x\r\n", 200, 0, 1000 },
    { "If-Range alone", "GET", "If-Range: TAG\r\n", 200, 0, 1000 },
    { "the condition comes first, RFC 9110 13.2.2", "GET",
      "Range: bytes=0-9\r\nIf-None-Match: TAG\r\n", 304, 0, 0 },
    { "behind the end, RFC 9110 15.5.17", "GET", "Range: bytes=1000-\r\n", 416, 0, 0 },
    { "far behind the end", "GET", "Range: bytes=5000-6000\r\n", 416, 0, 0 },
    { "no bytes at all", "GET", "Range: bytes=-0\r\n", 416, 0, 0 },
    { "HEAD has no range, RFC 9110 14.2", "HEAD", "Range: bytes=0-9\r\n", 200, 0, 0 },
    { "backwards is no range, RFC 9110 14.1.1", "GET", "Range: bytes=9-0\r\n", INVALID, 0, 1000 },
    { "another unit, RFC 9110 14.2", "GET", "Range: lines=0-9\r\n", 200, 0, 1000 },
    { "no unit", "GET", "Range: 0-9\r\n", INVALID, 0, 1000 },
    { "no numbers", "GET", "Range: bytes=-\r\n", INVALID, 0, 1000 },
    { "letters", "GET", "Range: bytes=a-b\r\n", INVALID, 0, 1000 },
    { "nothing", "GET", "Range: bytes=\r\n", INVALID, 0, 1000 },
    { "a sign", "GET", "Range: bytes=+0-9\r\n", INVALID, 0, 1000 },
    { "a number above 2^64", "GET", "Range: bytes=0-99999999999999999999999\r\n", 206, 0, 1000 },
    { "hundreds: never a storm, RFC 9110 17.15", "GET",
      "Range: bytes=0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-\r\n", 206, 0,
      1000 },
    { "several that become one", "GET", "Range: bytes=10-19,0-9,5-14\r\n", 206, 0, 20 },
    { "several, one of them satisfiable", "GET", "Range: bytes=5000-,0-9\r\n", 206, 0, 10 },
    { "several, none satisfiable", "GET", "Range: bytes=5000-,6000-6001\r\n", 416, 0, 0 },
    { "several, one malformed", "GET", "Range: bytes=0-9,x\r\n", INVALID, 0, 1000 },
    { "several with another tag", "GET", "Range: bytes=0-9,20-29\r\nIf-Range: \"a\"\r\n", 200, 0,
      1000 },
    { "HEAD has no ranges either", "HEAD", "Range: bytes=0-9,20-29\r\n", 200, 0, 0 },
};

Test(conditional, sends_ranges)
{
    char etag[128], fields[512], expected[64];
    struct response r;
    struct server s;

    server_open(&s);
    server_blob(&s, "root/a.bin", 1000, 1);
    server_set_mtime(&s, "root/a.bin", MODIFIED);
    server_start(&s, "");
    etag_wait_strong(&s, "/a.bin", etag, sizeof(etag));
    for (size_t i = 0; i < sizeof(range_rows) / sizeof(*range_rows); i++) {
        const char *why = range_rows[i].why;

        fields_expand(fields, sizeof(fields), range_rows[i].fields, etag);
        cr_expect(fetch(&s, &r, range_rows[i].method, "/a.bin", fields), "%s: %s", why, r.failure);
        cr_expect(range_rows[i].status == INVALID
                      ? r.status == 200 || r.status == 400 || r.status == 416
                      : r.status == range_rows[i].status,
                  "%s: %d", why, r.status);
        snprintf(expected, sizeof(expected), "bytes %zu-%zu/1000", range_rows[i].from,
                 range_rows[i].from + range_rows[i].n - 1);
        if (r.status == 416)
            cr_expect(response_field_is(&r, "Content-Range", "bytes */1000"), "%s: %s", why,
                      r.head.p);
        else if (r.status == 206)
            cr_expect(response_field_is(&r, "Content-Range", expected), "%s: %s", why, r.head.p);
        else
            cr_expect_eq(response_field_count(&r, "Content-Range"), 0, "%s", why);
        if (r.status == 200 || r.status == 206)
            cr_expect(response_field_is(&r, "ETag", etag), "RFC 9110 15.3.7: %s", r.head.p);
        if (r.status < 300)
            cr_expect(response_body_is_pattern(&r, range_rows[i].from, range_rows[i].n, 1),
                      "%s: wrong bytes", why);
        response_fini(&r);
    }
    server_close(&s);
}

Test(conditional, sends_ranges_of_large_and_empty_files)
{
    struct response r;
    struct server s;

    server_open(&s);
    server_blob(&s, "root/big.bin", 5000000, 7);
    server_file(&s, "root/empty", "");
    server_start(&s, "");
    cr_expect(fetch(&s, &r, "GET", "/big.bin", "Range: bytes=1234567-4234566\r\n"));
    cr_expect(r.status == 206 && response_body_is_pattern(&r, 1234567, 3000000, 7));
    cr_expect(response_field_is(&r, "Content-Range", "bytes 1234567-4234566/5000000"));
    response_fini(&r);
    cr_expect(fetch(&s, &r, "GET", "/big.bin", "Range: bytes=-1\r\n"));
    cr_expect(r.status == 206 && response_body_is_pattern(&r, 4999999, 1, 7));
    response_fini(&r);
    cr_expect(fetch(&s, &r, "GET", "/empty", "Range: bytes=0-\r\n") &&
                  (r.status == 416 || r.status == 200),
              "%d", r.status);
    response_fini(&r);
    cr_expect(fetch(&s, &r, "GET", "/empty", "Range: bytes=-5\r\n") &&
                  (r.status == 416 || r.status == 200),
              "%d", r.status);
    response_fini(&r);
    server_close(&s);
}

/* Only notice, not age, can show these changes in time. */
#define PATIENT "open_file_cache: {valid: 1h}\n"

Test(conditional, shows_changes_at_once)
{
    struct server s;
    int fd;

    server_open(&s);
    server_file(&s, "root/a.txt", "one");
    server_start(&s, PATIENT);
    cr_expect(fetch_until(&s, "/a.txt", 200, "one", 0));

    fd = open(server_path(&s, "root/a.txt"), O_WRONLY | O_CLOEXEC);
    cr_assert(pwrite(fd, "two", 3, 0) == 3);
    close(fd);
    cr_expect(fetch_until(&s, "/a.txt", 200, "two", 2000), "written in place");

    server_file(&s, "root/a.txt", "three");
    cr_expect(fetch_until(&s, "/a.txt", 200, "three", 2000), "replaced by rename");

    cr_assert(truncate(server_path(&s, "root/a.txt"), 2) == 0);
    cr_expect(fetch_until(&s, "/a.txt", 200, "th", 2000), "cut short");

    unlink(server_path(&s, "root/a.txt"));
    cr_expect(fetch_until(&s, "/a.txt", 404, NULL, 2000), "deleted");

    server_file(&s, "root/a.txt", "four");
    cr_expect(fetch_until(&s, "/a.txt", 200, "four", 2000), "there again after a cached 404");
    server_close(&s);
}

Test(conditional, shows_changes_of_folders)
{
    struct server s;

    server_open(&s);
    server_file(&s, "root/old/a.txt", "a");
    server_start(&s, PATIENT);
    cr_expect_eq(fetch_status(&s, "/new/a.txt"), 404);
    cr_expect_eq(fetch_status(&s, "/old/a.txt"), 200);
    cr_expect_eq(fetch_status(&s, "/dir/"), 404);

    cr_assert(rename(server_path(&s, "root/old"), server_path(&s, "root/new")) == 0);
    cr_expect(fetch_until(&s, "/new/a.txt", 200, "a", 2000));
    cr_expect(fetch_until(&s, "/old/a.txt", 404, NULL, 2000));

    server_file(&s, "root/dir/index.htm", "second");
    cr_expect(fetch_until(&s, "/dir/", 200, "second", 2000), "a folder that was not there");
    server_file(&s, "root/dir/index.html", "first");
    cr_expect(fetch_until(&s, "/dir/", 200, "first", 2000), "an index name that goes before");
    unlink(server_path(&s, "root/dir/index.html"));
    cr_expect(fetch_until(&s, "/dir/", 200, "second", 2000));

    cr_assert(symlink("new", server_path(&s, "root/link")) == 0);
    cr_expect(fetch_until(&s, "/link/a.txt", 200, "a", 2000));
    server_file(&s, "root/newer/a.txt", "b");
    cr_assert(symlink("newer", server_path(&s, "root/link2")) == 0);
    cr_assert(rename(server_path(&s, "root/link2"), server_path(&s, "root/link")) == 0);
    cr_expect(fetch_until(&s, "/link/a.txt", 200, "b", 2000), "a link that was turned");
    server_close(&s);
}

Test(conditional, rechecks_by_age_without_watching)
{
    struct server s;

    server_open(&s);
    server_file(&s, "root/a.txt", "one");
    server_start(&s, "open_file_cache: {valid: 200ms, watch: off}\n");
    cr_expect(fetch_until(&s, "/a.txt", 200, "one", 0));
    cr_expect_eq(fetch_status(&s, "/b.txt"), 404);
    server_file(&s, "root/a.txt", "two");
    server_file(&s, "root/b.txt", "b");
    cr_expect(fetch_until(&s, "/a.txt", 200, "two", 2000));
    cr_expect(fetch_until(&s, "/b.txt", 200, "b", 2000));
    server_close(&s);
}

Test(conditional, serves_without_a_cache)
{
    struct server s;

    server_open(&s);
    server_file(&s, "root/a.txt", "one");
    server_start(&s, "open_file_cache: off\n");
    cr_expect(fetch_until(&s, "/a.txt", 200, "one", 0));
    server_file(&s, "root/a.txt", "two");
    cr_expect(fetch_until(&s, "/a.txt", 200, "two", 0), "at the very next request");
    unlink(server_path(&s, "root/a.txt"));
    cr_expect_eq(fetch_status(&s, "/a.txt"), 404);
    server_close(&s);
}

Test(conditional, finishes_a_download_with_the_version_it_began_with)
{
    enum { SIZE = 8000000 };
    struct response r;
    struct client c;
    struct server s;

    server_open(&s);
    server_blob(&s, "root/big.bin", SIZE, 1);
    server_start(&s, "");
    client_open(&c, &s);
    client_send_text(&c, "GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    cr_assert(client_receive(&c, DEADLINE_MS));
    server_blob(&s, "root/big.bin", SIZE, 2); /* by rename */
    cr_expect(client_read(&c, &r, false), "%s", r.failure);
    cr_expect(response_body_is_pattern(&r, 0, SIZE, 1), "two versions in one body");
    response_fini(&r);
    client_close(&c);
    cr_expect(fetch_until(&s, "/big.bin", 200, NULL, 0));
    cr_expect(fetch(&s, &r, "GET", "/big.bin", NULL));
    cr_expect(response_body_is_pattern(&r, 0, SIZE, 2), "the new version comes next");
    response_fini(&r);
    server_close(&s);
}

/* What was promised cannot be sent any more: the connection ends early, and never mixes. */
Test(conditional, ends_a_download_early_when_the_file_shrinks)
{
    enum { SIZE = 20000000 };
    struct response r;
    struct client c;
    struct server s;

    server_open(&s);
    server_blob(&s, "root/big.bin", SIZE, 1);
    server_start(&s, "");
    client_open(&c, &s);
    client_send_text(&c, "GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    cr_assert(client_receive(&c, DEADLINE_MS));
    cr_assert(truncate(server_path(&s, "root/big.bin"), 1000) == 0);
    cr_expect(!client_read(&c, &r, false) && c.end != CLIENT_TIMEOUT, "%d bytes of %d",
              (int)r.body.n, SIZE);
    response_fini(&r);
    client_close(&c);
    cr_expect_eq(fetch_status(&s, "/"), 200);
    server_close(&s);
}

Test(conditional, never_mixes_versions_of_a_small_file)
{
    enum { SIZE = 4000 };
    char body[SIZE];
    struct server s;

    server_open(&s);
    memset(body, 'a', SIZE);
    server_bytes(&s, "root/small.txt", body, SIZE);
    server_start(&s, PATIENT);
    for (unsigned i = 0; i < 300; i++) {
        struct response r;

        memset(body, 'a' + (int)(i % 26), SIZE);
        server_bytes(&s, "root/small.txt", body, SIZE);
        cr_expect(fetch(&s, &r, "GET", "/small.txt", NULL) && r.status == 200, "%d", r.status);
        cr_expect(r.body.n == SIZE && memcmp(r.body.p, r.body.p + 1, SIZE - 1) == 0);
        response_fini(&r);
    }
    server_close(&s);
}
