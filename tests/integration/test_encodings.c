/* Content codings: files beside the one asked for, files compressed once, tags by content. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/integration/client.h"

TestSuite(encodings, .timeout = 60);

#define USUAL "Accept-Encoding: gzip, deflate, br, zstd\r\n"
enum { LONG_AGO = 1500000000 };

static void old_file(const struct server *s, const char *name, const char *text)
{
    server_file(s, name, text);
    server_set_mtime(s, name, LONG_AGO);
}

static bool is_built_in(const struct server *s, const char *encoding)
{
    const char *const argv[] = { server_binary(), "-V", NULL };
    struct command c;
    bool is_in;

    command_run(&c, s, argv);
    cr_assert_eq(c.exit_code, 0);
    cr_assert_not_null(strstr(buf_cstr(&c.output), "encodings: "));
    is_in = strstr(buf_cstr(&c.output), encoding) != NULL;
    command_fini(&c);
    return is_in;
}

static const struct {
    const char *why, *method, *target, *fields;
    int status;
    const char *encoding; /* "": none */
    const char *body;
} rows[] = {
    { "no Accept-Encoding", "GET", "/a.js", "", 200, "", "identity" },
    { "a browser", "GET", "/a.js", USUAL, 200, "br", "brotli" },
    { "gzip alone", "GET", "/a.js", "Accept-Encoding: gzip\r\n", 200, "gzip", "gzipped!" },
    { "an alias, RFC 9110 8.4.1.3", "GET", "/a.js", "Accept-Encoding: X-GZIP\r\n", 200, "gzip",
      "gzipped!" },
    { "zstd", "GET", "/a.js", "Accept-Encoding: zstd\r\n", 200, "zstd", "zst" },
    { "weights, RFC 9110 12.5.3", "GET", "/a.js", "Accept-Encoding: br;q=0.2, zstd;q=0.3\r\n", 200,
      "zstd", "zst" },
    { "excluded", "GET", "/a.js", "Accept-Encoding: gzip;q=0\r\n", 200, "", "identity" },
    { "any", "GET", "/a.js", "Accept-Encoding: *\r\n", 200, "br", "brotli" },
    { "two lines", "GET", "/a.js", "Accept-Encoding: br;q=0\r\nAccept-Encoding: gzip\r\n", 200,
      "gzip", "gzipped!" },
    { "identity excluded, but nothing else known: disregarded, RFC 9110 12.4.1", "GET", "/a.js",
      "Accept-Encoding: identity;q=0, deflate\r\n", 200, "", "identity" },
    { "malformed", "GET", "/a.js", "Accept-Encoding: br;q=2\r\n", 200, "", "identity" },
    { "HEAD", "HEAD", "/a.js", USUAL, 200, "br", "" },
    { "a range of the encoded bytes", "GET", "/a.js", USUAL "Range: bytes=1-3\r\n", 206, "br",
      "rot" },
    { "a suffix of the encoded bytes", "GET", "/a.js",
      "Accept-Encoding: gzip\r\nRange: bytes=-2\r\n", 206, "gzip", "d!" },
    { "beyond the encoded bytes, though not beyond the file", "GET", "/a.js",
      USUAL "Range: bytes=7-\r\n", 416, "", NULL },
    { "beside an index", "GET", "/", USUAL, 200, "gzip", "index in gzip" },
    { "by its own name: a plain file", "GET", "/a.js.gz", USUAL, 200, "", "gzipped!" },
    { "one that is older than its file", "GET", "/old.js", USUAL, 200, "", "newer" },
    { "switched off for this route", "GET", "/off/a.js", USUAL, 200, "", "identity" },
    { "only some for this route", "GET", "/some/a.js", USUAL, 200, "gzip", "gzipped!" },
};

static void make_site(const struct server *s)
{
    static const char *const folders[] = { "root/", "root/off/", "root/some/" };
    char name[64];

    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof(name), "%sa.js", folders[i]);
        old_file(s, name, "identity");
        strcat(name, ".br");
        old_file(s, name, "brotli");
        strcpy(strrchr(name, '.'), ".gz");
        old_file(s, name, "gzipped!");
        strcpy(strrchr(name, '.'), ".zst");
        old_file(s, name, "zst");
    }
    server_set_mtime(s, "root/index.html", LONG_AGO);
    old_file(s, "root/index.html.gz", "index in gzip");
    old_file(s, "root/old.js", "newer");
    server_file(s, "root/old.js.br", "older");
    server_set_mtime(s, "root/old.js.br", LONG_AGO - 1);
}

Test(encodings, serves_what_lies_beside_a_file)
{
    struct response r;
    struct server s;

    server_open(&s);
    make_site(&s);
    server_start(&s, "routes:\n"
                     "  - path: /off\n"
                     "    precompressed: off\n"
                     "  - path: /some\n"
                     "    precompressed: [gzip]\n");
    for (int turn = 0; turn < 2; turn++) {
        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
            char value[64];

            cr_expect(fetch(&s, &r, rows[i].method, rows[i].target, rows[i].fields), "%s: %s",
                      rows[i].why, r.failure);
            cr_expect_eq(r.status, rows[i].status, "%s: %d", rows[i].why, r.status);
            response_field(&r, "Content-Encoding", value, sizeof(value));
            cr_expect_str_eq(value, rows[i].encoding, "%s", rows[i].why);
            if (rows[i].body != NULL)
                cr_expect(response_body_is(&r, rows[i].body), "%s: %s", rows[i].why,
                          buf_cstr(&r.body));
            if (strcmp(rows[i].target, "/a.js") == 0 && r.status < 300)
                cr_expect(response_field_is(&r, "Vary", "Accept-Encoding"),
                          "%s: RFC 9110 12.5.5: %s", rows[i].why, r.head.p);
            if (strcmp(rows[i].target, "/a.js") == 0 && r.status < 300)
                cr_expect(response_field_is(&r, "Content-Type", "text/javascript; charset=utf-8"),
                          "%s: %s", rows[i].why, r.head.p);
            if (strcmp(rows[i].target, "/a.js.gz") == 0)
                cr_expect_eq(response_field_count(&r, "Vary"), 0, "%s", r.head.p);
            response_fini(&r);
        }
    }
    server_close(&s);
}

static void tag_of(const struct server *s, const char *fields, char *tag, size_t size)
{
    struct response r;

    cr_assert(fetch(s, &r, "GET", "/a.js", fields) && r.status == 200);
    cr_expect(response_field(&r, "ETag", tag, size));
    cr_expect_eq(tag[0], '"', "%s", tag);
    response_fini(&r);
}

Test(encodings, gives_each_its_own_tag_and_judges_by_it)
{
    char tags[4][128], fields[1024];
    static const char *const accepts[] = { "", "Accept-Encoding: br\r\n",
                                           "Accept-Encoding: zstd\r\n",
                                           "Accept-Encoding: gzip\r\n" };
    struct response r;
    struct server s;

    server_open(&s);
    make_site(&s);
    server_start(&s, "");
    for (int i = 0; i < 4; i++)
        tag_of(&s, accepts[i], tags[i], sizeof(tags[i]));
    for (int sent = 0; sent < 4; sent++) {
        for (int asked = 0; asked < 4; asked++) {
            bool is_same = sent == asked;

            cr_expect_eq(strcmp(tags[sent], tags[asked]) == 0, is_same, "RFC 9110, 8.8.3.3");
            snprintf(fields, sizeof(fields), "%sIf-None-Match: %s\r\n", accepts[asked], tags[sent]);
            cr_assert(fetch(&s, &r, "GET", "/a.js", fields));
            cr_expect_eq(r.status, is_same ? 304 : 200, "%s%d", fields, r.status);
            cr_expect(response_field_is(&r, "Vary", "Accept-Encoding"), "RFC 9110, 15.4.5: %s",
                      r.head.p);
            cr_expect(response_field_is(&r, "ETag", tags[asked]));
            response_fini(&r);
            snprintf(fields, sizeof(fields), "%sRange: bytes=0-1\r\nIf-Range: %s\r\n",
                     accepts[asked], tags[sent]);
            cr_assert(fetch(&s, &r, "GET", "/a.js", fields));
            cr_expect_eq(r.status, is_same ? 206 : 200, "RFC 9110, 13.1.5: %s%d", fields, r.status);
            response_fini(&r);
            snprintf(fields, sizeof(fields), "%sIf-Match: %s\r\n", accepts[asked], tags[sent]);
            cr_assert(fetch(&s, &r, "GET", "/a.js", fields));
            cr_expect_eq(r.status, is_same ? 200 : 412, "RFC 9110, 13.1.1: %s%d", fields, r.status);
            response_fini(&r);
        }
    }
    server_close(&s);
}

/* Repeats a GET until its Content-Encoding is this. */
static bool encoding_until(const struct server *s, struct response *r, const char *target,
                           const char *fields, const char *encoding)
{
    uint64_t end = now_ms() + DEADLINE_MS;

    do {
        cr_assert(fetch(s, r, "GET", target, fields) && r->status == 200, "%s: %s", target,
                  r->failure);
        if (response_field_is(r, "Content-Encoding", encoding))
            return true;
        response_fini(r);
        pause_ms(20);
    } while (now_ms() < end);
    return false;
}

static char *long_text(size_t n)
{
    char *text = malloc(n + 1);

    for (size_t i = 0; i < n; i++)
        text[i] = "lorem ipsum dolor sit amet\n"[(i * i / 31 + i) % 27];
    text[n] = '\0';
    return text;
}

Test(encodings, compresses_a_file_once_and_serves_it_from_then_on)
{
    static const size_t sizes[] = { 3000, 300000 }; /* from memory, and through a descriptor */
    struct response r;
    struct server s;
    char name[64], value[64];

    server_open(&s);
    server_start(&s, "workers: 1\n");
    for (int i = 0; i < 2; i++) {
        char *text = long_text(sizes[i]);
        const char *unzip[] = { "/bin/sh", "-c", "gzip -dc got.gz", NULL };
        struct command c;

        snprintf(name, sizeof(name), "root/%d.css", i);
        old_file(&s, name, text);
        cr_assert(fetch(&s, &r, "GET", name + 4, USUAL));
        cr_expect(response_body_is(&r, text) && !response_field(&r, "Content-Encoding", value, 64),
                  "the first request gets it as it is: %s", r.head.p);
        cr_expect(response_field_is(&r, "Vary", "Accept-Encoding") || is_built_in(&s, "none"));
        response_fini(&r);
        if (is_built_in(&s, "gzip")) {
            cr_assert(encoding_until(&s, &r, name + 4, "Accept-Encoding: gzip\r\n", "gzip"));
            cr_expect_lt(r.body.n, sizes[i]);
            cr_expect(response_field_is(&r, "Vary", "Accept-Encoding"));
            cr_expect(response_field_is(&r, "Content-Type", "text/css; charset=utf-8"));
            cr_expect(response_field_is(&r, "Accept-Ranges", "bytes"));
            server_bytes(&s, "got.gz", r.body.p, r.body.n);
            command_run(&c, &s, unzip);
            cr_expect(str_eq(buf_str(&c.output), str_of(text)), "what went in comes out: %d %.100s",
                      c.exit_code, buf_cstr(&c.output));
            command_fini(&c);
            response_fini(&r);
        }
        if (is_built_in(&s, "br")) {
            cr_assert(encoding_until(&s, &r, name + 4, USUAL, "br"));
            response_fini(&r);
        }
        cr_assert(fetch(&s, &r, "GET", name + 4, ""));
        cr_expect(response_body_is(&r, text), "who takes none gets none");
        response_fini(&r);
        free(text);
    }
    server_close(&s);
}

Test(encodings, never_serves_an_encoding_of_what_a_file_was_before)
{
    struct response r;
    struct server s;
    char *one = long_text(2000), *two = long_text(2600);

    server_open(&s);
    server_start(&s, "workers: 1\n");
    old_file(&s, "root/a.txt", one);
    if (is_built_in(&s, "gzip")) {
        cr_assert(encoding_until(&s, &r, "/a.txt", "Accept-Encoding: gzip\r\n", "gzip"));
        response_fini(&r);
        server_file(&s, "root/fresh", two);
        cr_assert_eq(rename(server_path(&s, "root/fresh"), server_path(&s, "root/a.txt")), 0);
        cr_expect(fetch_until(&s, "/a.txt", 200, two, DEADLINE_MS));
        cr_assert(fetch(&s, &r, "GET", "/a.txt", "Accept-Encoding: gzip\r\n"));
        if (!response_field_is(&r, "Content-Encoding", "gzip"))
            cr_expect(response_body_is(&r, two));
        response_fini(&r);
        /* A reload throws away what was made, and it is made again. */
        server_reload(&s, "workers: 1\nkeepalive_timeout: 3s\n");
        cr_expect(encoding_until(&s, &r, "/a.txt", "Accept-Encoding: gzip\r\n", "gzip"));
        response_fini(&r);
    }
    free(one);
    free(two);
    server_close(&s);
}

Test(encodings, leaves_alone_what_the_config_leaves_alone)
{
    static const char *const targets[] = { "/off/a.txt", "/a.png", "/small.txt", "/large.txt",
                                           "/types/a.txt" };
    char *text = long_text(2000), *large = long_text(9000);
    struct response r;
    struct server s;

    server_open(&s);
    old_file(&s, "root/off/a.txt", text);
    old_file(&s, "root/types/a.txt", text);
    old_file(&s, "root/a.png", text);
    old_file(&s, "root/small.txt", "small");
    old_file(&s, "root/large.txt", large);
    server_start(&s, "workers: 1\n"
                     "compress_max: 8KiB\n"
                     "routes:\n"
                     "  - path: /off\n"
                     "    compress: off\n"
                     "  - path: /types\n"
                     "    compress_types: [application/json]\n");
    for (size_t i = 0; i < 5; i++) {
        for (int turn = 0; turn < 3; turn++) {
            cr_assert(fetch(&s, &r, "GET", targets[i], USUAL));
            cr_expect_eq(r.status, 200, "%s", targets[i]);
            cr_expect_eq(response_field_count(&r, "Content-Encoding"), 0, "%s", targets[i]);
            cr_expect_eq(response_field_count(&r, "Vary"), 0, "%s does not vary", targets[i]);
            response_fini(&r);
            pause_ms(30);
        }
    }
    free(text);
    free(large);
    server_close(&s);
}

Test(encodings, stops_at_once_in_the_middle_of_the_work)
{
    char *large = long_text(4 << 20);
    struct response r;
    struct server s;

    server_open(&s);
    old_file(&s, "root/a.txt", large);
    old_file(&s, "root/b.txt", large);
    server_start(&s, "workers: 1\n");
    for (int i = 0; i < 2; i++) {
        cr_assert(fetch(&s, &r, "GET", i == 0 ? "/a.txt" : "/b.txt", USUAL));
        response_fini(&r);
    }
    server_signal(&s, 15);
    cr_expect_geq(server_wait_exit(&s, 3000 * SLOWNESS), 0, "it waits for the encoder");
    free(large);
    server_close(&s);
}

Test(encodings, tags_by_content_where_it_is_told_so)
{
    char tags[3][128], *large = long_text(300000);
    static const char *const names[] = { "root/one.txt", "root/two.txt", "root/other.txt" };
    struct response r;
    struct server s;

    server_open(&s);
    for (int i = 0; i < 3; i++) {
        large[1000] = (char)(i < 2 ? 'x' : 'y');
        server_file(&s, names[i], large);
        server_set_mtime(&s, names[i], LONG_AGO + i % 2);
    }
    server_file(&s, "root/epoch.txt", "built to be the same");
    server_set_mtime(&s, "root/epoch.txt", 1);
    server_start(&s, "etag: content\ncompress: off\n");
    for (int i = 0; i < 3; i++) {
        uint64_t end = now_ms() + DEADLINE_MS;

        do {
            cr_assert(fetch(&s, &r, "GET", names[i] + 4, NULL) && r.status == 200);
            response_field(&r, "ETag", tags[i], sizeof(tags[i]));
            response_fini(&r);
            pause_ms(10);
        } while (tags[i][0] == 'W' && now_ms() < end);
        cr_expect_eq(strlen(tags[i]), 34, "%s", tags[i]);
    }
    cr_expect_str_eq(tags[0], tags[1], "equal bytes");
    cr_expect_str_neq(tags[0], tags[2], "equal size and time, other bytes");
    cr_assert(fetch(&s, &r, "GET", "/epoch.txt", NULL));
    cr_expect_eq(response_field_count(&r, "Last-Modified"), 0);
    cr_expect_eq(response_field_count(&r, "ETag"), 1);
    response_fini(&r);
    free(large);
    server_close(&s);
}
