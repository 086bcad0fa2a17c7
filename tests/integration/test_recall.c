/*
 * Answers that are given again (recall.h) never differ from those that are made anew: not when the
 * world changes, not for another client, not where bytes only look alike. Each request is asked
 * often enough to be recalled before anything happens.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/integration/client.h"

TestSuite(recall, .timeout = 40);

enum { LONG_AGO = 1500000000, OFTEN = 5, AT_ONCE_MS = 100 * SLOWNESS };

#define ONE        "workers: 1\n"
#define GET(path)  "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define HEAD(path) "HEAD " path " HTTP/1.1\r\nHost: a\r\n\r\n"

/* Old, so that the cache looks at them again only when it is told of a change. */
static void old_file(const struct server *s, const char *name, const char *text)
{
    server_file(s, name, text);
    server_set_mtime(s, name, LONG_AGO);
}

static bool ask(struct client *c, struct response *r, const char *bytes)
{
    client_send_text(c, bytes);
    return client_read(c, r, strncmp(bytes, "HEAD", 4) == 0);
}

/* What is asked for now: the status, and the body unless NULL. */
static bool is_now(struct client *c, const char *bytes, int status, const char *body)
{
    struct response r;
    bool is_so =
        ask(c, &r, bytes) && r.status == status && (body == NULL || response_body_is(&r, body));

    response_fini(&r);
    return is_so;
}

static void expect_often(struct client *c, const char *bytes, int status, const char *body)
{
    struct response r;

    for (int i = 0; i < OFTEN; i++) {
        cr_assert(ask(c, &r, bytes), "%s: %s", bytes, r.failure);
        cr_expect(r.status == status, "%d. time %d, not %d: %s", i, r.status, status, bytes);
        if (body != NULL)
            cr_expect(response_body_is(&r, body), "%d. time %s, not %s", i, r.body.p, body);
        response_fini(&r);
    }
}

/* And stays so. */
static void expect_soon(struct client *c, const char *bytes, int status, const char *body)
{
    uint64_t end = now_ms() + AT_ONCE_MS;

    while (!is_now(c, bytes, status, body) && now_ms() < end)
        pause_ms(1);
    expect_often(c, bytes, status, body);
}

/* ---- the world changes ---- */

static void write_in_place(const struct server *s, const char *name, const char *text)
{
    FILE *f = fopen(server_path(s, name), "r+");

    cr_assert_not_null(f);
    fputs(text, f);
    fclose(f);
}

static void swap(const struct server *s, const char *name, const char *with)
{
    cr_assert_eq(rename(server_path(s, name), server_path(s, "aside")), 0);
    cr_assert_eq(rename(server_path(s, with), server_path(s, name)), 0);
}

static void point(const struct server *s, const char *link, const char *target)
{
    cr_assert_eq(symlink(target, server_path(s, "new-link")), 0);
    cr_assert_eq(rename(server_path(s, "new-link"), server_path(s, link)), 0);
}

enum what { IN_PLACE, RENAMED, GONE, MADE, UNREADABLE, READABLE, SWAPPED, POINTED, FOLDER };

static const struct {
    const char *why, *bytes;
    int status;
    const char *body;
    enum what what;
    const char *name, *with;
    int then_status;
    const char *then_body;
} changes[] = {
    { "rewritten in place, as long as before", GET("/1"), 200, "one", IN_PLACE, "root/1", "two",
      200, "two" },
    { "another renamed over it", GET("/2"), 200, "one", RENAMED, "root/2", "three", 200, "three" },
    { "deleted", GET("/3"), 200, "one", GONE, "root/3", NULL, 404, "no such page" },
    { "created", GET("/4"), 404, "no such page", MADE, "root/4", "four", 200, "four" },
    { "created in a new folder", GET("/new/4"), 404, NULL, MADE, "root/new/4", "4", 200, "4" },
    { "may not be read any more", GET("/5"), 200, "one", UNREADABLE, "root/5", NULL, 403, NULL },
    { "may be read now", GET("/6"), 403, NULL, READABLE, "root/6", NULL, 200, "one" },
    { "its folder may not be searched", GET("/in/5"), 200, "one", UNREADABLE, "root/in", NULL, 403,
      NULL },
    { "its folder replaced", GET("/sub/7"), 200, "one", SWAPPED, "root/sub", "sub2", 200, "other" },
    { "its link points elsewhere", GET("/8"), 200, "one", POINTED, "root/8", "9", 200, "nine" },
    { "a link on its way points elsewhere", GET("/way/7"), 200, "one", POINTED, "root/way", "way2",
      200, "else" },
    { "the page for errors rewritten", GET("/none"), 404, "no such page", RENAMED, "root/404.html",
      "nothing", 404, "nothing" },
    { "the page for errors deleted", GET("/none"), 404, "nothing", GONE, "root/404.html", NULL, 404,
      NULL },
    { "an index where there was none", GET("/bare/"), 403, NULL, MADE, "root/bare/index.html",
      "index", 200, "index" },
    { "an index goes", GET("/full/"), 200, "full", GONE, "root/full/index.html", NULL, 403, NULL },
    { "an index that comes first", GET("/second/"), 200, "htm", MADE, "root/second/index.html",
      "html", 200, "html" },
    { "a folder where a file was", GET("/10"), 200, "one", FOLDER, "root/10", NULL, 301, NULL },
    { "HEAD of what is deleted", HEAD("/11"), 200, "", GONE, "root/11", NULL, 404, "" },
    { "a file too large for memory", GET("/large"), 200, NULL, RENAMED, "root/large", "small", 200,
      "small" },
    { "a range of it", "GET /12 HTTP/1.1\r\nHost: a\r\nRange: bytes=1-1\r\n\r\n", 206, "n", RENAMED,
      "root/12", "other", 206, "t" },
    { "and none any more", "GET /13 HTTP/1.1\r\nHost: a\r\nRange: bytes=2-\r\n\r\n", 206, "e",
      RENAMED, "root/13", "x", 416, NULL },
    { "If-Modified-Since its time",
      "GET /14 HTTP/1.1\r\nHost: a\r\nIf-Modified-Since: Fri, 14 Jul 2017 02:40:00 GMT\r\n\r\n",
      304, "", RENAMED, "root/14", "young", 200, "young" },
    { "If-None-Match: *", "GET /15 HTTP/1.1\r\nHost: a\r\nIf-None-Match: *\r\n\r\n", 404, NULL,
      MADE, "root/15", "x", 304, "" },
    { "If-Range by time",
      "GET /16 HTTP/1.1\r\nHost: a\r\nRange: bytes=0-0\r\n"
      "If-Range: Fri, 14 Jul 2017 02:40:00 GMT\r\n\r\n",
      206, "o", RENAMED, "root/16", "young", 200, "young" },
    { "the second choice goes", GET("/try/x"), 200, "there", GONE, "root/there", NULL, 404, NULL },
    { "the first choice comes", GET("/try2/x"), 200, "there", MADE, "root/try2/x", "here", 200,
      "here" },
    { "HTTP/1.0, and the connection stays", "GET /17 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
      200, "one", RENAMED, "root/17", "later", 200, "later" },
};
enum { CHANGES = sizeof(changes) / sizeof(*changes) };

static void change(const struct server *s, size_t i)
{
    char path[64];

    switch (changes[i].what) {
    case IN_PLACE:
        write_in_place(s, changes[i].name, changes[i].with);
        server_set_mtime(s, changes[i].name, LONG_AGO); /* as rsync --inplace -t would */
        return;
    case RENAMED:
    case MADE:
        server_file(s, changes[i].name, changes[i].with);
        return;
    case GONE:
        cr_assert_eq(unlink(server_path(s, changes[i].name)), 0);
        return;
    case UNREADABLE:
        cr_assert_eq(chmod(server_path(s, changes[i].name), 0), 0);
        return;
    case READABLE:
        cr_assert_eq(chmod(server_path(s, changes[i].name), 0644), 0);
        return;
    case SWAPPED:
        snprintf(path, sizeof(path), "root/%s", changes[i].with);
        swap(s, changes[i].name, path);
        return;
    case POINTED:
        point(s, changes[i].name, changes[i].with);
        return;
    case FOLDER:
        cr_assert_eq(unlink(server_path(s, changes[i].name)), 0);
        cr_assert_eq(mkdir(server_path(s, changes[i].name), 0755), 0);
        return;
    }
}

static void make_site(const struct server *s)
{
    static const char *const ones[] = { "1",  "2",  "3",  "5",  "6",  "in/5", "sub/7", "target",
                                        "10", "11", "12", "13", "14", "16",   "17",    "way1/7" };
    char name[64];

    for (size_t i = 0; i < sizeof(ones) / sizeof(*ones); i++) {
        snprintf(name, sizeof(name), "root/%s", ones[i]);
        old_file(s, name, "one");
    }
    old_file(s, "root/9", "nine");
    old_file(s, "root/sub2/7", "other");
    old_file(s, "root/way2/7", "else");
    old_file(s, "root/404.html", "no such page");
    old_file(s, "root/bare/x", "x");
    old_file(s, "root/full/index.html", "full");
    old_file(s, "root/second/index.htm", "htm");
    old_file(s, "root/there", "there");
    old_file(s, "root/try2/there", "there");
    server_blob(s, "root/large", 40000, 1);
    server_set_mtime(s, "root/large", LONG_AGO);
    point(s, "root/8", "target");
    point(s, "root/way", "way1");
    cr_assert_eq(chmod(server_path(s, "root/6"), 0), 0);
}

/* Root reads all: the rows about rights are for others. */
static const char *as_somebody(void)
{
    return geteuid() == 0 ? "user: nobody\n" : "";
}

static void follow_changes(const char *settings)
{
    struct server s;
    struct client c;
    char config[1024];

    server_open(&s);
    make_site(&s);
    snprintf(config, sizeof(config),
             ONE "%s%s"
                 "error_pages: {404: /404.html}\n"
                 "routes:\n"
                 "  - {path: /try, try: [$path, /there]}\n"
                 "  - {path: /try2, try: [$path, /try2/there]}\n",
             as_somebody(), settings);
    server_start(&s, config);
    client_open(&c, &s);
    for (size_t i = 0; i < CHANGES; i++) {
        expect_often(&c, changes[i].bytes, changes[i].status, changes[i].body);
        change(&s, i);
        expect_soon(&c, changes[i].bytes, changes[i].then_status, changes[i].then_body);
    }
    client_close(&c);
    server_close(&s);
}

Test(recall, follows_every_change)
{
    follow_changes("");
}

Test(recall, follows_every_change_with_tags_by_content)
{
    follow_changes("etag: content\n");
}

Test(recall, follows_every_change_where_no_file_is_kept)
{
    follow_changes("open_file_cache: off\n");
}

Test(recall, may_be_off)
{
    follow_changes("recall_memory: 0\n");
}

Test(recall, follows_a_root_that_is_replaced)
{
    struct server s;
    struct client c;

    server_open(&s);
    old_file(&s, "v1/a.txt", "one");
    old_file(&s, "v2/a.txt", "two");
    point(&s, "now", "v1");
    server_start(&s, ONE "root: now\n");
    client_open(&c, &s);
    expect_often(&c, GET("/a.txt"), 200, "one");
    point(&s, "now", "v2");
    expect_soon(&c, GET("/a.txt"), 200, "two");
    cr_assert_eq(rename(server_path(&s, "v2"), server_path(&s, "v3")), 0);
    cr_assert_eq(rename(server_path(&s, "v1"), server_path(&s, "v2")), 0);
    expect_soon(&c, GET("/a.txt"), 200, "one");
    client_close(&c);
    server_close(&s);
}

/* ---- encodings and tags ---- */

#define GZIP(path) "GET " path " HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n"

Test(recall, follows_encodings_that_come_and_go)
{
    struct server s;
    struct client c;

    server_open(&s);
    old_file(&s, "root/a.js", "plain");
    server_start(&s, ONE);
    client_open(&c, &s);
    expect_often(&c, GZIP("/a.js"), 200, "plain");
    old_file(&s, "root/a.js.gz", "gzipped!");
    expect_soon(&c, GZIP("/a.js"), 200, "gzipped!");
    expect_often(&c, GET("/a.js"), 200, "plain");
    server_set_mtime(&s, "root/a.js", LONG_AGO + 100); /* the encoded one is of an older version */
    expect_soon(&c, GZIP("/a.js"), 200, "plain");
    server_set_mtime(&s, "root/a.js.gz", LONG_AGO + 100);
    expect_soon(&c, GZIP("/a.js"), 200, "gzipped!");
    old_file(&s, "root/a.js.gz", "again");
    server_set_mtime(&s, "root/a.js.gz", LONG_AGO + 200);
    expect_soon(&c, GZIP("/a.js"), 200, "again");
    cr_assert_eq(unlink(server_path(&s, "root/a.js.gz")), 0);
    expect_soon(&c, GZIP("/a.js"), 200, "plain");
    client_close(&c);
    server_close(&s);
}

static char *long_text(size_t n)
{
    char *text = malloc(n + 1);

    for (size_t i = 0; i < n; i++)
        text[i] = "lorem ipsum dolor sit amet\n"[(i * i / 31 + i) % 27];
    text[n] = '\0';
    return text;
}

static bool has_encoder(const struct server *s)
{
    const char *const argv[] = { server_binary(), "-V", NULL };
    struct command c;
    bool has;

    command_run(&c, s, argv);
    has = strstr(buf_cstr(&c.output), "gzip") != NULL;
    command_fini(&c);
    return has;
}

/* Until it comes in this encoding ("": as it is), and then often. */
static void expect_encoding(struct client *c, const char *bytes, const char *encoding)
{
    uint64_t end = now_ms() + DEADLINE_MS;
    struct response r;
    int in_row = 0;
    char value[64];

    while (in_row < OFTEN && now_ms() < end) {
        cr_assert(ask(c, &r, bytes), "%s", r.failure);
        response_field(&r, "Content-Encoding", value, sizeof(value));
        in_row = strcmp(value, encoding) == 0 ? in_row + 1 : 0;
        response_fini(&r);
        if (in_row == 0)
            pause_ms(1);
    }
    cr_expect_eq(in_row, OFTEN, "%s", encoding);
}

Test(recall, gives_the_encoding_as_soon_as_it_is_made)
{
    static const size_t sizes[] = { 3000, 60000 }; /* from memory, and through a descriptor */
    struct server s;
    struct client c;
    char bytes[128], name[32];

    server_open(&s);
    server_start(&s, ONE "etag: content\n");
    client_open(&c, &s);
    for (int i = 0; i < 2 && has_encoder(&s); i++) {
        char *text = long_text(sizes[i]), *other = long_text(sizes[i] / 2);

        snprintf(name, sizeof(name), "root/%d.css", i);
        snprintf(bytes, sizeof(bytes), GET("/%d.css"), i);
        old_file(&s, name, text);
        expect_often(&c, bytes, 200, text);
        snprintf(bytes, sizeof(bytes), GZIP("/%d.css"), i);
        expect_encoding(&c, bytes, "gzip");
        old_file(&s, name, other);
        snprintf(bytes, sizeof(bytes), GET("/%d.css"), i);
        expect_soon(&c, bytes, 200, other);
        snprintf(bytes, sizeof(bytes), GZIP("/%d.css"), i);
        expect_encoding(&c, bytes, "gzip");
        free(text);
        free(other);
    }
    client_close(&c);
    server_close(&s);
}

static void tag_of(struct client *c, const char *bytes, char *tag, size_t size)
{
    struct response r;

    cr_assert(ask(c, &r, bytes), "%s", r.failure);
    response_field(&r, "ETag", tag, size);
    response_fini(&r);
}

Test(recall, tells_the_tag_by_content_once_it_is_known)
{
    struct server s;
    struct client c;
    char tag[80] = "W/", other[80];
    uint64_t end = now_ms() + DEADLINE_MS;

    server_open(&s);
    server_blob(&s, "root/a.bin", 300000, 1);
    server_set_mtime(&s, "root/a.bin", LONG_AGO);
    server_start(&s, ONE "etag: content\n");
    client_open(&c, &s);
    while (tag[0] == 'W' && now_ms() < end)
        tag_of(&c, HEAD("/a.bin"), tag, sizeof(tag));
    cr_expect_eq(tag[0], '"', "%s", tag);
    for (int i = 0; i < OFTEN; i++) {
        tag_of(&c, HEAD("/a.bin"), other, sizeof(other));
        cr_expect_str_eq(other, tag);
    }
    server_blob(&s, "root/a.bin", 300000, 2);
    server_set_mtime(&s, "root/a.bin", LONG_AGO);
    for (end = now_ms() + DEADLINE_MS; now_ms() < end;) {
        tag_of(&c, HEAD("/a.bin"), other, sizeof(other));
        if (other[0] == '"' && strcmp(other, tag) != 0)
            break;
        pause_ms(1);
    }
    cr_expect(other[0] == '"' && strcmp(other, tag) != 0, "%s", other);
    client_close(&c);
    server_close(&s);
}

Test(recall, follows_the_tag_that_a_client_has)
{
    struct server s;
    struct client c;
    char tag[80], bytes[256];

    server_open(&s);
    old_file(&s, "root/a.txt", "one");
    server_start(&s, ONE);
    client_open(&c, &s);
    tag_of(&c, GET("/a.txt"), tag, sizeof(tag));
    snprintf(bytes, sizeof(bytes), "GET /a.txt HTTP/1.1\r\nHost: a\r\nIf-None-Match: %s\r\n\r\n",
             tag);
    expect_often(&c, bytes, 304, "");
    old_file(&s, "root/a.txt", "two");
    expect_soon(&c, bytes, 200, "two");
    snprintf(bytes, sizeof(bytes),
             "GET /a.txt HTTP/1.1\r\nHost: a\r\nIf-Range: %s\r\nRange: bytes=1-\r\n\r\n", tag);
    expect_often(&c, bytes, 200, "two");
    tag_of(&c, GET("/a.txt"), tag, sizeof(tag));
    snprintf(bytes, sizeof(bytes),
             "GET /a.txt HTTP/1.1\r\nHost: a\r\nIf-Range: %s\r\nRange: bytes=1-\r\n\r\n", tag);
    expect_often(&c, bytes, 206, "wo");
    old_file(&s, "root/a.txt", "three");
    expect_soon(&c, bytes, 200, "three");
    client_close(&c);
    server_close(&s);
}

/* ---- time ---- */

static void times_of(struct client *c, const char *bytes, time_t *date, time_t *expires)
{
    struct response r;
    struct tm tm = { 0 };
    char value[64];

    cr_assert(ask(c, &r, bytes), "%s", r.failure);
    response_field(&r, "Date", value, sizeof(value));
    cr_assert_not_null(strptime(value, "%a, %d %b %Y %H:%M:%S GMT", &tm), "%s", value);
    *date = timegm(&tm);
    response_field(&r, "Expires", value, sizeof(value));
    cr_assert_not_null(strptime(value, "%a, %d %b %Y %H:%M:%S GMT", &tm), "%s", value);
    *expires = timegm(&tm);
    response_fini(&r);
}

Test(recall, moves_its_dates_on)
{
    static const char *const rows[] = {
        GET("/a.txt"), HEAD("/a.txt"), "GET /a.txt HTTP/1.1\r\nHost: a\r\nRange: bytes=0-0\r\n\r\n",
        "GET /a.txt HTTP/1.1\r\nHost: a\r\nIf-None-Match: *\r\n\r\n",
        "GET /a.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
    };
    enum { ROWS = sizeof(rows) / sizeof(*rows) };
    time_t date, expires, first[ROWS];
    struct server s;
    struct client c;

    server_open(&s);
    old_file(&s, "root/a.txt", "one");
    server_start(&s, ONE "expires: {default: 1h}\n");
    client_open(&c, &s);
    for (int i = 0; i < ROWS; i++) {
        for (int j = 0; j < OFTEN; j++)
            times_of(&c, rows[i], &first[i], &expires);
        cr_expect_eq(expires - first[i], 3600);
    }
    pause_ms(1050);
    for (int i = 0; i < ROWS; i++) {
        times_of(&c, rows[i], &date, &expires);
        cr_expect(date > first[i] && labs((long)(date - time(NULL))) <= 1, "%s", rows[i]);
        cr_expect_eq(expires - date, 3600, "%s", rows[i]);
    }
    client_close(&c);
    server_close(&s);
}

/* A date is a strong validator only when its second is over (RFC 9110, 8.8.2.2). */
Test(recall, asks_the_clock_where_an_answer_depends_on_it)
{
    struct server s;
    struct client c;
    struct response r;
    char date[64], bytes[256];
    uint64_t end;

    server_open(&s);
    server_file(&s, "root/a.txt", "one");
    server_set_mtime(&s, "root/a.txt", time(NULL) + 1000); /* modified when it is read, then */
    server_start(&s, ONE);
    client_open(&c, &s);
    cr_assert(ask(&c, &r, GET("/a.txt")));
    response_field(&r, "Last-Modified", date, sizeof(date));
    response_fini(&r);
    snprintf(bytes, sizeof(bytes),
             "GET /a.txt HTTP/1.1\r\nHost: a\r\nIf-Range: %s\r\nRange: bytes=1-\r\n\r\n", date);
    for (end = now_ms() + 2000; !is_now(&c, bytes, 206, "ne") && now_ms() < end;)
        pause_ms(5);
    expect_often(&c, bytes, 206, "ne");
    client_close(&c);
    server_close(&s);
}

/* Seen within a second or two where nothing is recalled, whatever `valid` says. */
Test(recall, follows_a_root_that_is_replaced_and_cannot_be_watched)
{
    struct server s;
    struct client c;
    uint64_t end;
    bool is_new = false;

    server_open(&s);
    old_file(&s, "v1/a.txt", "one");
    old_file(&s, "v2/a.txt", "two");
    point(&s, "now", "v1");
    server_start(&s, ONE "root: now\nopen_file_cache: {watch: off, valid: 1h}\n");
    client_open(&c, &s);
    for (end = now_ms() + 1200; now_ms() < end; pause_ms(10)) /* it is looked at each second */
        cr_assert(is_now(&c, GET("/a.txt"), 200, "one"));
    point(&s, "now", "v2");
    for (end = now_ms() + 1700 * SLOWNESS; !is_new && now_ms() < end; pause_ms(10))
        is_new = is_now(&c, GET("/a.txt"), 200, "two");
    cr_expect(is_new);
    client_close(&c);
    server_close(&s);
}
