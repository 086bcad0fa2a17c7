/* A docroot on the wire: which file a path leads to, with which fields and which bytes. */
#include <criterion/criterion.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "tests/integration/client.h"

TestSuite(serving, .timeout = 40);

/* One row: what a GET of `target` gives. body NULL: any; else the whole body. */
struct row {
    const char *why, *target;
    int status, or_status; /* or_status 0: no second choice */
    const char *body;
};

static void judge_rows(const struct server *s, const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct response r;

        cr_expect(fetch(s, &r, "GET", rows[i].target, NULL), "%s: %s", rows[i].why, r.failure);
        cr_expect(r.status == rows[i].status ||
                      (rows[i].or_status && r.status == rows[i].or_status),
                  "%s: %s gave %d", rows[i].why, rows[i].target, r.status);
        cr_expect(rows[i].body == NULL || response_body_is(&r, rows[i].body), "%s: body %.80s",
                  rows[i].why, r.body.p);
        cr_expect(memmem(r.body.p, r.body.n, "SECRET", 6) == NULL, "%s: the secret came out",
                  rows[i].why);
        response_fini(&r);
        cr_expect(fetch(s, &r, "HEAD", rows[i].target, NULL) &&
                      (r.status == rows[i].status || r.status == rows[i].or_status),
                  "%s: HEAD gave %d", rows[i].why, r.status);
        response_fini(&r);
    }
}
#define JUDGE(s, rows) judge_rows((s), (rows), sizeof(rows) / sizeof(*(rows)))

Test(serving, finds_the_file_of_each_path)
{
    static const struct row rows[] = {
        { "index", "/", 200, 0, "hello\n" },
        { "by name", "/index.html", 200, 0, "hello\n" },
        { "index of a folder", "/dir/", 200, 0, "dir" },
        { "second index name", "/htm/", 200, 0, "htm" },
        { "the first index name wins", "/both/", 200, 0, "html" },
        { "not there", "/none.txt", 404, 0, NULL },
        { "below a file", "/a.txt/b", 404, 0, NULL },
        { "a file with a slash behind", "/a.txt/", 404, 0, NULL },
        { "below a folder that is not there", "/none/a.txt", 404, 0, NULL },
        { "a folder without index", "/bare/", 403, 0, NULL },
        { "a folder that is not there", "/none/", 404, 0, NULL },
        { "empty segments are merged", "/dir//x.txt", 200, 0, "x" },
        { "many empty segments", "///dir////x.txt", 200, 0, "x" },
        { "dot segments", "/bare/../dir/./x.txt", 200, 0, "x" },
        { "dot segments at the end", "/dir/.", 200, 0, "dir" },
        { "two dots at the end", "/dir/sub/..", 200, 0, "dir" },
        { "encoded dot segments, RFC 3986 6.2.2.2", "/bare/%2e%2E/a.txt", 200, 0, "a" },
        { "three dots are a name", "/.../a.txt", 404, 0, NULL },
        { "UTF-8", "/%c3%a4%E2%82%AC.txt", 200, 0, "utf8" },
        { "a space", "/a%20b.txt", 200, 0, "space" },
        { "a plus is a plus", "/a+b.txt", 200, 0, "plus" },
        { "a percent sign", "/100%25.txt", 200, 0, "percent" },
        { "a question mark in a name", "/a%3Fb.txt", 200, 0, "question" },
        { "sub-delims, RFC 3986 3.3", "/a;b=c,d.txt", 200, 0, "delims" },
        { "names are case-sensitive", "/A.TXT", 404, 0, NULL },
        { "a query is not part of the name", "/a.txt?v=1", 200, 0, "a" },
        { "an empty file", "/empty.txt", 200, 0, "" },
        { "a dotfile", "/.secret", 404, 403, NULL },
        { "an encoded dotfile", "/%2esecret", 404, 403, NULL },
        { "a file in a dot folder", "/.git/config", 404, 403, NULL },
        { "a dot folder", "/.git", 404, 403, NULL },
        { "a dotfile further down", "/dir/.htaccess", 404, 403, NULL },
        { "/.well-known/ is public, RFC 8615", "/.well-known/a.txt", 200, 0, "known" },
        { "but not the dotfiles in it", "/.well-known/.a", 404, 403, NULL },
        { "nor a longer name", "/.well-known-not/a.txt", 404, 403, NULL },
    };
    struct server s;

    server_open(&s);
    server_file(&s, "root/dir/index.html", "dir");
    server_file(&s, "root/dir/x.txt", "x");
    server_file(&s, "root/dir/sub/y.txt", "y");
    server_file(&s, "root/htm/index.htm", "htm");
    server_file(&s, "root/both/index.htm", "htm");
    server_file(&s, "root/both/index.html", "html");
    server_file(&s, "root/bare/x.txt", "x");
    server_file(&s, "root/a.txt", "a");
    server_file(&s, "root/\xc3\xa4\xe2\x82\xac.txt", "utf8");
    server_file(&s, "root/a b.txt", "space");
    server_file(&s, "root/a+b.txt", "plus");
    server_file(&s, "root/100%.txt", "percent");
    server_file(&s, "root/a?b.txt", "question");
    server_file(&s, "root/a;b=c,d.txt", "delims");
    server_file(&s, "root/empty.txt", "");
    server_file(&s, "root/.secret", "SECRET");
    server_file(&s, "root/.git/config", "SECRET");
    server_file(&s, "root/dir/.htaccess", "SECRET");
    server_file(&s, "root/.well-known/a.txt", "known");
    server_file(&s, "root/.well-known/.a", "SECRET");
    server_file(&s, "root/.well-known-not/a.txt", "SECRET");
    server_start(&s, "");
    JUDGE(&s, rows);
    server_close(&s);
}

Test(serving, keeps_every_path_inside_the_root)
{
    static const char *const targets[] = {
        "/../secret.txt",
        "/../../../../../../../../etc/passwd",
        "/dir/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/.%2e/secret.txt",
        "/%2e./secret.txt",
        "/%2E%2E/secret.txt",
        "/%2e%2e%2fsecret.txt",
        "/..%2fsecret.txt",
        "/dir/..%2f..%2fsecret.txt",
        "/..%5csecret.txt",
        "/..\\secret.txt",
        "/%252e%252e/secret.txt",
        "/%252e%252e%252fsecret.txt",
        "/..;/secret.txt",
        "/.../secret.txt",
        "//../secret.txt",
        "/./../secret.txt",
        "/dir/./.././../secret.txt",
        "/%c0%ae%c0%ae/secret.txt",
        "/%c0%af../secret.txt",
        "/%uff0e%uff0e/secret.txt",
        "/..%00/secret.txt",
        "/../secret.txt%00.html",
        "/../secret.txt?/",
        "/dir/..//../secret.txt",
        "http://localhost/../secret.txt",
        "http://localhost/%2e%2e/secret.txt",
        "/out.txt",
        "/out/secret.txt",
        "/out-relative/secret.txt",
        "/dir/out.txt",
        "/proc/self/environ",
    };
    struct server s;

    server_open(&s);
    server_file(&s, "secret.txt", "SECRET");
    server_file(&s, "root/dir/index.html", "dir");
    cr_assert(symlink(server_path(&s, "secret.txt"), server_path(&s, "root/out.txt")) == 0);
    cr_assert(symlink("../../secret.txt", server_path(&s, "root/dir/out.txt")) == 0);
    cr_assert(symlink(s.dir, server_path(&s, "root/out")) == 0);
    cr_assert(symlink("..", server_path(&s, "root/out-relative")) == 0);
    server_start(&s, "");
    for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++) {
        struct response r;

        cr_expect(fetch(&s, &r, "GET", targets[i], NULL), "%s: %s", targets[i], r.failure);
        cr_expect(r.status == 400 || r.status == 403 || r.status == 404, "%s: %d", targets[i],
                  r.status);
        cr_expect(memmem(r.body.p, r.body.n, "SECRET", 6) == NULL, "%s", targets[i]);
        cr_expect(memmem(r.body.p, r.body.n, "root:", 5) == NULL, "%s", targets[i]);
        response_fini(&r);
    }
    server_close(&s);
}

Test(serving, follows_links_that_stay_inside)
{
    static const struct row rows[] = {
        { "to a file", "/to-file.txt", 200, 0, "a" },
        { "to a folder", "/to-dir/a.txt", 200, 0, "a" },
        { "up and down again", "/dir/up.txt", 200, 0, "hello\n" },
        { "to nothing", "/dangling", 404, 403, NULL },
        { "to itself", "/loop", 404, 403, NULL },
    };
    struct server s;

    server_open(&s);
    server_file(&s, "root/dir/a.txt", "a");
    cr_assert(symlink("dir/a.txt", server_path(&s, "root/to-file.txt")) == 0);
    cr_assert(symlink("dir", server_path(&s, "root/to-dir")) == 0);
    cr_assert(symlink("../index.html", server_path(&s, "root/dir/up.txt")) == 0);
    cr_assert(symlink("nowhere", server_path(&s, "root/dangling")) == 0);
    cr_assert(symlink("loop", server_path(&s, "root/loop")) == 0);
    server_start(&s, "");
    JUDGE(&s, rows);
    server_close(&s);
}

/* A FIFO without a writer blocks whoever opens it carelessly: the other requests would tell. */
Test(serving, refuses_what_is_no_regular_file)
{
    static const struct row rows[] = {
        { "a FIFO", "/fifo", 403, 404, NULL },
        { "a socket", "/socket", 403, 404, NULL },
        { "a device", "/device", 403, 404, NULL },
        { "a file that may not be read", "/private.txt", 403, 0, NULL },
        { "and all goes on", "/", 200, 0, "hello\n" },
    };
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    struct server s;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    server_open(&s);
    cr_assert(mkfifo(server_path(&s, "root/fifo"), 0644) == 0);
    snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", server_path(&s, "root/socket"));
    cr_assert(bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0);
    if (mknod(server_path(&s, "root/device"), S_IFCHR | 0644, makedev(1, 5)) != 0)
        cr_assert(mkfifo(server_path(&s, "root/device"), 0644) == 0); /* not root */
    server_file(&s, "root/private.txt", "SECRET");
    chmod(server_path(&s, "root/private.txt"), 0);
    if (access(server_path(&s, "root/private.txt"), R_OK) == 0)
        unlink(server_path(&s, "root/private.txt")); /* root reads all */
    server_start(&s, "workers: 1\n");
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        if (rows[i].target[1] != 'p' || access(server_path(&s, "root/private.txt"), F_OK) == 0)
            judge_rows(&s, &rows[i], 1);
    close(fd);
    server_close(&s);
}

/* Location is a path or a whole URI (RFC 9110, 10.2.2); both must lead to the same place. */
static bool location_is(const struct response *r, const char *expected)
{
    static const char prefix[] = "http://localhost";
    char location[1024], *path = location;

    response_field(r, "Location", location, sizeof(location));
    if (strncmp(path, prefix, sizeof(prefix) - 1) == 0) {
        path += sizeof(prefix) - 1;
        if (*path == ':')
            path += 1 + strspn(path + 1, "0123456789");
    }
    return strcmp(path, expected) == 0;
}

Test(serving, redirects_a_folder_without_slash)
{
    static const char *const rows[][2] = {
        { "/dir", "/dir/" },
        { "/dir?a=b&c", "/dir/?a=b&c" },
        { "//dir", "/dir/" },
        { "/dir/../dir/sub", "/dir/sub/" },
        { "/a%20b%C3%A4", "/a%20b%C3%A4/" },
        { "/a%0d%0aSet-Cookie:%20x=y", "/a%0D%0ASet-Cookie:%20x=y/" },
        { "/%5cexample.org", "/%5Cexample.org/" },
        { "//example.org", "/example.org/" },
        { "http://localhost/dir?q", "/dir/?q" },
    };
    struct response r;
    struct server s;

    server_open(&s);
    server_file(&s, "root/dir/sub/x.txt", "x");
    server_file(&s, "root/a b\xc3\xa4/x.txt", "x");
    server_file(&s, "root/a\r\nSet-Cookie: x=y/x.txt", "x");
    server_file(&s, "root/\\example.org/x.txt", "x");
    server_file(&s, "root/example.org/x.txt", "x");
    server_start(&s, "");
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char location[256];

        cr_expect(fetch(&s, &r, "GET", rows[i][0], NULL), "%s: %s", rows[i][0], r.failure);
        response_field(&r, "Location", location, sizeof(location));
        cr_expect(r.status == 301 || r.status == 308, "%s: %d", rows[i][0], r.status);
        cr_expect(location_is(&r, rows[i][1]), "%s leads to %s", rows[i][0], location);
        cr_expect(response_field_count(&r, "Set-Cookie") == 0);
        response_fini(&r);
    }
    server_close(&s);
}

Test(serving, serves_dotfiles_when_told_and_no_index_when_told)
{
    static const struct row rows[] = {
        { "shown", "/.a", 200, 0, "dot" },
        { "index: off", "/", 403, 0, NULL },
        { "the file is still there", "/index.html", 200, 0, "hello\n" },
        { "its own index", "/own/", 200, 0, "start" },
    };
    struct server s;

    server_open(&s);
    server_file(&s, "root/.a", "dot");
    server_file(&s, "root/own/start.txt", "start");
    server_start(&s, "dotfiles: show\nindex: off\nroutes:\n"
                     "  - path: /own\n    index: [none.txt, start.txt]\n");
    JUDGE(&s, rows);
    server_close(&s);
}

Test(serving, sends_files_of_every_size_byte_for_byte)
{
    static const size_t sizes[] = { 1,      2,       1023,    1024,    4095,    4096,   16383,
                                    16384,  16385,   65535,   65536,   131073,  524287, 524288,
                                    524289, 1000000, 1048576, 5000001, 20971520 };
    struct response r;
    struct client c;
    struct server s;

    server_open(&s);
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        char name[32];

        snprintf(name, sizeof(name), "root/%u.bin", i);
        server_blob(&s, name, sizes[i], i);
    }
    server_start(&s, "");
    client_open(&c, &s);
    for (unsigned twice = 0; twice < 2; twice++) /* the second time from the cache */
        for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
            char target[32], length[32];

            snprintf(target, sizeof(target), "/%u.bin", i);
            snprintf(length, sizeof(length), "%zu", sizes[i]);
            cr_assert(client_ask(&c, &r, "GET", target, NULL), "%zu bytes: %s", sizes[i],
                      r.failure);
            cr_expect(response_body_is_pattern(&r, 0, sizes[i], i), "%zu bytes differ", sizes[i]);
            cr_expect(response_field_is(&r, "Content-Length", length));
            response_fini(&r);
            cr_assert(client_ask(&c, &r, "HEAD", target, NULL), "HEAD: %s", r.failure);
            cr_expect(response_field_is(&r, "Content-Length", length), "RFC 9110 9.3.2");
            response_fini(&r);
        }
    client_close(&c);
    server_close(&s);
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, 5.6.7); -1: another form. */
static time_t imf_fixdate(const char *text)
{
    struct tm tm = { 0 };
    char again[64];
    time_t when;

    if (strlen(text) != 29 || strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm) == NULL)
        return -1;
    when = timegm(&tm);
    gmtime_r(&when, &tm);
    strftime(again, sizeof(again), "%a, %d %b %Y %H:%M:%S GMT", &tm);
    return strcmp(text, again) == 0 ? when : -1;
}

Test(serving, sends_the_fields_that_a_file_needs)
{
    static const char *const once[] = { "Date", "Content-Length", "Content-Type", "Last-Modified",
                                        "ETag", "Accept-Ranges",  "Server" };
    struct response get, head;
    struct server s;
    char value[256];
    size_t n;

    server_open(&s);
    server_set_mtime(&s, "root/index.html", 784111777);
    server_start(&s, "");
    cr_assert(fetch(&s, &get, "GET", "/", NULL));
    cr_assert(fetch(&s, &head, "HEAD", "/", NULL));
    for (size_t i = 0; i < sizeof(once) / sizeof(*once); i++) {
        cr_expect_eq(response_field_count(&get, once[i]), 1, "%s", once[i]);
        response_field(&get, once[i], value, sizeof(value));
        if (i > 0)
            cr_expect(response_field_is(&head, once[i], value), "HEAD differs in %s: %s", once[i],
                      head.head.p);
    }
    response_field(&get, "Date", value, sizeof(value));
    cr_expect(labs((long)(imf_fixdate(value) - time(NULL))) <= 2, "RFC 9110 6.6.1: %s", value);
    cr_expect(response_field_is(&get, "Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT"));
    cr_expect(response_field_is(&get, "Content-Length", "6"));
    cr_expect(response_field_is(&get, "Accept-Ranges", "bytes"));
    cr_expect(response_field(&get, "Server", value, sizeof(value)) &&
                  strncmp(value, "remuda", 6) == 0,
              "%s", value);
    response_field(&get, "ETag", value, sizeof(value));
    n = strlen(value);
    cr_expect(n > 2 && value[n - 1] == '"' && (value[0] == '"' || strncmp(value, "W/\"", 3) == 0),
              "RFC 9110 8.8.3: %s", value);
    cr_expect(strspn(value + 3, "!#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`"
                                "abcdefghijklmnopqrstuvwxyz{|}~") == n - 4,
              "%s", value);
    response_fini(&get);
    response_fini(&head);
    server_close(&s);
}

Test(serving, leaves_out_the_fields_that_are_switched_off)
{
    struct response r;
    struct server s;

    server_open(&s);
    server_start(&s, "server_header: off\netag: off\ncharset: off\n");
    cr_assert(fetch(&s, &r, "GET", "/", NULL));
    cr_expect_eq(response_field_count(&r, "Server"), 0);
    cr_expect_eq(response_field_count(&r, "ETag"), 0);
    cr_expect(response_field_is(&r, "Content-Type", "text/html"));
    response_fini(&r);
    server_close(&s);
}

Test(serving, tells_the_media_type)
{
    static const struct {
        const char *name, *type, *or_type;
    } rows[] = {
        { "a.html", "text/html; charset=utf-8", NULL },
        { "a.HTML", "text/html; charset=utf-8", NULL },
        { "a.htm", "text/html; charset=utf-8", NULL },
        { "a.txt", "text/plain; charset=utf-8", NULL },
        { "a.css", "text/css; charset=utf-8", NULL },
        { "a.js", "text/javascript; charset=utf-8", "application/javascript; charset=utf-8" },
        { "a.mjs", "text/javascript; charset=utf-8", "application/javascript; charset=utf-8" },
        { "a.json", "application/json", NULL },
        { "a.png", "image/png", NULL },
        { "a.PnG", "image/png", NULL },
        { "a.jpg", "image/jpeg", NULL },
        { "a.jpeg", "image/jpeg", NULL },
        { "a.gif", "image/gif", NULL },
        { "a.svg", "image/svg+xml", "image/svg+xml; charset=utf-8" },
        { "a.webp", "image/webp", NULL },
        { "a.pdf", "application/pdf", NULL },
        { "a.mp4", "video/mp4", NULL },
        { "a.mp3", "audio/mpeg", NULL },
        { "a.woff2", "font/woff2", NULL },
        { "a.wasm", "application/wasm", NULL },
        { "a.zip", "application/zip", NULL },
        { "a.csv", "text/csv; charset=utf-8", NULL },
        { "a.min.js", "text/javascript; charset=utf-8", "application/javascript; charset=utf-8" },
        { "a.html.png", "image/png", NULL },
        { "a.unknown-to-all", "application/octet-stream", NULL },
        { "README", "application/octet-stream", NULL },
        { "html", "application/octet-stream", NULL },
        { "a.", "application/octet-stream", NULL },
        { "d.html/plain", "application/octet-stream", NULL },
    };
    struct response r;
    struct server s;
    char name[64], type[128];

    server_open(&s);
    server_start(&s, "");
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        snprintf(name, sizeof(name), "root/types/%s", rows[i].name);
        server_file(&s, name, "x");
        cr_expect(fetch(&s, &r, "GET", name + 4, NULL) && r.status == 200, "%s", name);
        response_field(&r, "Content-Type", type, sizeof(type));
        for (char *p = type; *p; p++)
            *p = (char)tolower((unsigned char)*p); /* RFC 9110, 8.3.1 */
        cr_expect(!strcmp(type, rows[i].type) ||
                      (rows[i].or_type && !strcmp(type, rows[i].or_type)),
                  "%s: %s", rows[i].name, type);
        response_fini(&r);
    }
    server_close(&s);
}

Test(serving, takes_the_default_type_of_the_route)
{
    struct response r;
    struct server s;

    server_open(&s);
    server_file(&s, "root/README", "x");
    server_file(&s, "root/text/README", "x");
    server_start(&s, "routes:\n  - path: /text\n    default_type: text/plain\n    charset: "
                     "iso-8859-1\n");
    cr_expect(fetch(&s, &r, "GET", "/README", NULL));
    cr_expect(response_field_is(&r, "Content-Type", "application/octet-stream"));
    response_fini(&r);
    cr_expect(fetch(&s, &r, "GET", "/text/README", NULL));
    cr_expect(response_field_is(&r, "Content-Type", "text/plain; charset=iso-8859-1"), "%s",
              r.head.p);
    response_fini(&r);
    server_close(&s);
}
