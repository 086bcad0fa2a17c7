/* Folders without an index, listed. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/integration/client.h"

TestSuite(listing, .timeout = 60);

static bool has(const struct response *r, const char *text)
{
    return memmem(r->body.p, r->body.n, text, strlen(text)) != NULL;
}

/* Whether `a` stands before `b` in the body. */
static bool is_before(const struct response *r, const char *a, const char *b)
{
    const char *p = memmem(r->body.p, r->body.n, a, strlen(a));
    const char *q = memmem(r->body.p, r->body.n, b, strlen(b));

    return p != NULL && q != NULL && p < q;
}

static void open_sample(struct server *s)
{
    server_open(s);
    server_file(s, "root/docs/small.txt", "1");
    server_file(s, "root/docs/large.txt", "123456");
    server_file(s, "root/docs/folder/index.html", "an index");
    server_file(s, "root/docs/<&>.txt", "x");
    server_file(s, "root/docs/.hidden", "x");
    server_file(s, "outside", "secret");
    cr_assert(symlink("../../outside", server_path(s, "root/docs/leads-out")) == 0);
    cr_assert(symlink("small.txt", server_path(s, "root/docs/leads-in")) == 0);
    cr_assert(mkfifo(server_path(s, "root/docs/fifo"), 0644) == 0);
    server_set_mtime(s, "root/docs/small.txt", 784111777);
}

Test(listing, is_off_unless_asked_for)
{
    struct server s;

    open_sample(&s);
    server_start(&s, "routes: [{path: /docs/folder, listing: on}]\n");
    cr_expect_eq(fetch_status(&s, "/docs/"), 403);
    cr_expect_eq(fetch_status(&s, "/docs/folder/"), 200);
    server_close(&s);
}

Test(listing, shows_what_can_be_had)
{
    struct response r;
    struct server s;

    open_sample(&s);
    server_start(&s, "listing: on\n");
    cr_assert(fetch(&s, &r, "GET", "/docs/", NULL), "%s", r.failure);
    cr_expect_eq(r.status, 200);
    cr_expect(response_field_is(&r, "Content-Type", "text/html; charset=utf-8"));
    cr_expect(response_field_is(&r, "Vary", "Accept"));
    cr_expect(response_field_is(&r, "Cache-Control", "no-cache"));
    cr_expect_eq(response_field_count(&r, "Content-Length"), 0);
    cr_expect_eq(response_field_count(&r, "Last-Modified"), 0);
    cr_expect(has(&r, "<a href=\"folder/\">") && has(&r, "<a href=\"small.txt\">"));
    cr_expect(has(&r, "<a href=\"%3C&amp;%3E.txt\"><bdi>&lt;&amp;&gt;.txt</bdi>"));
    cr_expect(has(&r, "leads-in") && has(&r, "1994-11-06 08:49"));
    cr_expect(!has(&r, "leads-out") && !has(&r, "fifo") && !has(&r, ".hidden"));
    cr_expect(is_before(&r, "folder/", "large.txt") && is_before(&r, "large.txt", "small.txt"));
    response_fini(&r);

    cr_expect(fetch(&s, &r, "GET", "/docs/?sort=size&order=asc", NULL));
    cr_expect(is_before(&r, "small.txt", "large.txt") && is_before(&r, "folder/", "small.txt"));
    response_fini(&r);
    cr_expect(fetch(&s, &r, "GET", "/docs/?sort=date", NULL));
    cr_expect(is_before(&r, "large.txt", "<bdi>small.txt"));
    response_fini(&r);

    cr_expect(fetch(&s, &r, "GET", "/docs/folder/", NULL));
    cr_expect(response_body_is(&r, "an index"), "an index goes first");
    response_fini(&r);
    cr_expect_eq(fetch_status(&s, "/docs"), 301);
    cr_expect_eq(fetch_status(&s, "/none/"), 404);
    cr_expect_eq(fetch_status(&s, "/docs/.hidden/"), 404);
    server_close(&s);
}

Test(listing, speaks_json)
{
    struct response r;
    struct server s;

    server_open(&s);
    server_file(&s, "root/d/b.txt", "12");
    server_file(&s, "root/d/a/x", "");
    server_set_mtime(&s, "root/d/b.txt", 784111777);
    server_set_mtime(&s, "root/d/a", 0);
    server_start(&s, "listing: on\n");
    for (int by_query = 0; by_query < 2; by_query++) {
        cr_assert(fetch(&s, &r, "GET", by_query ? "/d/?format=json" : "/d/",
                        by_query ? NULL : "Accept: application/json\r\n"));
        cr_expect(response_field_is(&r, "Content-Type", "application/json"));
        cr_expect(response_field_is(&r, "Vary", "Accept"));
        cr_expect(response_body_is(
                      &r, "{\"path\":\"/d/\",\"truncated\":false,\"entries\":[\n"
                          "{\"name\":\"a\",\"href\":\"a/\",\"type\":\"directory\","
                          "\"mtime\":\"1970-01-01T00:00:00Z\"},\n"
                          "{\"name\":\"b.txt\",\"href\":\"b.txt\",\"type\":\"file\",\"size\":2,"
                          "\"mtime\":\"1994-11-06T08:49:37Z\"}\n]}\n"),
                  "%.*s", STR_ARG(buf_str(&r.body)));
        response_fini(&r);
    }
    server_close(&s);
}

Test(listing, fits_into_any_connection)
{
    struct response r;
    struct client c;
    struct server s;

    open_sample(&s);
    server_start(&s, "listing: on\n");
    client_open(&c, &s);
    cr_expect(client_ask(&c, &r, "HEAD", "/docs/", NULL));
    cr_expect(r.status == 200 && response_field_is(&r, "Vary", "Accept"));
    response_fini(&r);
    client_send_text(&c, "GET /docs/ HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
                         "GET /docs/small.txt HTTP/1.1\r\nHost: a\r\n\r\n"
                         "GET /docs/ HTTP/1.1\r\nHost: a\r\n\r\n"
                         "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    cr_assert(client_read(&c, &r, false), "%s", r.failure);
    cr_expect(has(&r, "</html>"));
    response_fini(&r);
    cr_assert(client_read(&c, &r, false), "%s", r.failure);
    cr_expect(response_body_is(&r, "1"));
    response_fini(&r);
    cr_assert(client_read(&c, &r, false), "%s", r.failure);
    cr_expect(has(&r, "</html>"));
    response_fini(&r);
    cr_assert(client_read(&c, &r, false), "%s", r.failure);
    cr_expect(response_body_is(&r, "hello\n"));
    response_fini(&r);
    client_close(&c);

    client_open(&c, &s); /* HTTP/1.0 knows no chunks: RFC 9112, 6.1 */
    client_send_text(&c, "GET /docs/ HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    cr_assert(client_read(&c, &r, false), "%s", r.failure);
    cr_expect(r.is_closed_by_eof && has(&r, "</html>"));
    cr_expect_eq(response_field_count(&r, "Transfer-Encoding"), 0);
    response_fini(&r);
    client_close(&c);
    server_close(&s);
}

Test(listing, knows_the_path_that_people_see)
{
    struct response r;
    struct server s;

    open_sample(&s);
    server_start(&s, "routes: [{path: /files/of, alias: root/docs, listing: on}]\n");
    cr_expect(fetch(&s, &r, "GET", "/files/of/", NULL));
    cr_expect(r.status == 200 && has(&r, "<title>/files/of/</title>"));
    response_fini(&r);
    cr_expect(fetch(&s, &r, "GET", "/files//x/../of/", NULL));
    cr_expect(r.status == 200 && has(&r, "<title>/files/of/</title>"));
    response_fini(&r);
    server_close(&s);
}

Test(listing, follows_the_disk)
{
    struct response r;
    struct server s;

    open_sample(&s);
    server_start(&s, "listing: on\nopen_file_cache: {valid: 1h}\n");
    cr_expect_eq(fetch_status(&s, "/docs/"), 200);
    server_file(&s, "root/docs/new.txt", "");
    cr_expect(fetch(&s, &r, "GET", "/docs/", NULL) && has(&r, "new.txt"), "at once");
    response_fini(&r);
    server_file(&s, "root/docs/index.html", "an index");
    cr_expect(fetch_until(&s, "/docs/", 200, "an index", 2000));
    unlink(server_path(&s, "root/docs/index.html"));
    cr_assert(rename(server_path(&s, "root/docs"), server_path(&s, "root/moved")) == 0);
    cr_expect(fetch_until(&s, "/docs/", 404, NULL, 2000));
    cr_expect_eq(fetch_status(&s, "/moved/"), 200);
    server_close(&s);
}

/* Many files whose names are dear: the page is some 20 times what the table holds. */
static void make_dear_folder(const struct server *s, int count)
{
    char name[256], path[400];
    int dir;

    cr_assert(mkdir(server_path(s, "root/dear"), 0755) == 0);
    dir = open(server_path(s, "root/dear"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    memset(name, '&', 200);
    name[200] = '\0';
    for (int i = 0; i < count; i++) {
        int fd;

        snprintf(path, sizeof(path), "%s%05d", name, i);
        fd = openat(dir, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        cr_assert(fd >= 0);
        close(fd);
    }
    close(dir);
}

Test(listing, is_cut_at_its_bound_and_says_so)
{
    struct response r;
    struct server s;
    int count = 0;

    server_open(&s);
    make_dear_folder(&s, 3000);
    server_start(&s, "listing: on\nlisting_memory: 8MiB\n"
                     "routes:\n  - {path: /few, alias: root/dear, listing_max: 100}\n");
    cr_expect(fetch(&s, &r, "GET", "/dear/", NULL), "%s", r.failure);
    for (const char *at = r.body.p; (at = strstr(at, "<tr><td>")) != NULL; at++)
        count++;
    cr_expect_eq(count, 3000);
    cr_expect(!has(&r, "class=\"note\"") && has(&r, "3,000 files"));
    response_fini(&r);
    cr_expect(fetch(&s, &r, "GET", "/few/?format=json", NULL));
    cr_expect(has(&r, "\"truncated\":true"));
    response_fini(&r);
    cr_expect(fetch(&s, &r, "GET", "/few/", NULL));
    cr_expect(has(&r, "class=\"note\"") && has(&r, "first 100 entries"));
    response_fini(&r);
    server_close(&s);
}

static bool ask_slowly(struct client *c, const struct server *s, const char *target)
{
    struct sockaddr_in sin = { .sin_family = AF_INET,
                               .sin_port = htons((uint16_t)s->port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    char text[256];

    snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", target);
    return client_open_to(c, (struct sockaddr *)&sin, sizeof(sin), 4096) &&
           client_send_text(c, text) && client_receive(c, DEADLINE_MS);
}

/* Those who take their time hold memory: it is bounded, and small folders go on. */
Test(listing, refuses_what_would_take_too_much_memory)
{
    struct client slow[8];
    struct response r;
    struct server s;
    int refused = 0;

    server_open(&s);
    make_dear_folder(&s, 3000);
    server_file(&s, "root/small/a", "");
    server_start(&s, "workers: 1\nlisting: on\nlisting_memory: 3MiB\n");
    for (int i = 0; i < 8; i++) {
        cr_assert(ask_slowly(&slow[i], &s, "/dear/"));
        refused += strncmp(slow[i].in.p, "HTTP/1.1 503", 12) == 0;
        if (refused > 0)
            cr_expect(strstr(buf_cstr(&slow[i].in), "\r\nRetry-After: ") != NULL);
    }
    cr_expect(refused >= 4 && refused <= 7, "%d of 8", refused);
    cr_expect_eq(fetch_status(&s, "/small/a"), 200, "files go on");
    cr_expect(client_read(&slow[0], &r, false) && has(&r, "</html>"), "the first gets all: %s",
              r.failure);
    response_fini(&r);
    for (int i = 0; i < 8; i++)
        client_reset(&slow[i]);
    cr_expect(fetch_until(&s, "/dear/", 200, NULL, DEADLINE_MS), "they gave it back");
    server_close(&s);
}

Test(listing, ends_well_when_the_client_or_the_server_leaves)
{
    struct client c;
    struct server s;

    server_open(&s);
    make_dear_folder(&s, 2500);
    server_start(&s, "listing: on\n");
    for (int i = 0; i < 40; i++) {
        client_open(&c, &s);
        client_send_text(&c, "GET /dear/ HTTP/1.1\r\nHost: a\r\n\r\n");
        if (i % 2 == 0)
            pause_ms((unsigned)i / 2);
        client_reset(&c);
    }
    cr_expect(fetch_until(&s, "/dear/", 200, NULL, DEADLINE_MS),
              "what nobody waits for is dropped");
    server_reload(&s, "listing: off\n");
    cr_expect_eq(fetch_status(&s, "/dear/"), 403);
    server_reload(&s, "listing: on\n");
    client_open(&c, &s);
    client_send_text(&c, "GET /dear/ HTTP/1.1\r\nHost: a\r\n\r\n");
    server_close(&s); /* in the middle of it */
    client_close(&c);
}
