#include "worker/listing_page.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

enum { PLENTY = 1 << 30 };

/* The whole page, taken in pieces of `step` bytes, each in an exact heap block. */
static struct buf page_of(struct listing_table *table, const char *path, struct listing_view view,
                          size_t step)
{
    struct listing_page page = { .table = table, .view = view, .path = str_of(path) };
    struct buf whole = { 0 };
    size_t n;

    do {
        char *piece = malloc(step);

        n = listing_page_read(&page, piece, step);
        cr_assert_leq(n, step);
        buf_add(&whole, (struct str){ piece, n });
        free(piece);
    } while (n > 0);
    listing_page_fini(&page);
    return whole;
}

static void add(struct listing_table *table, const char *name, bool is_folder, int64_t size,
                int64_t mtime)
{
    table->entries_max = PLENTY;
    table->bytes_max = PLENTY;
    cr_assert(listing_table_add(table, str_of(name), is_folder, size, mtime));
}

static const struct listing_view html, json = { .is_json = true };

static const struct {
    const char *why, *name;
    bool is_folder;
    const char *html_href, *html_text, *json_name;
} name_rows[] = {
    { "plain", "a.txt", false, "a.txt", "a.txt", "a.txt" },
    { "a folder", "a", true, "a/", "a", "a" },
    { "mark-up", "<b>&\"'", false, "%3Cb%3E&amp;%22&#39;", "&lt;b&gt;&amp;&quot;&#39;",
      "<b>&\\\"'" },
    { "the end of a script", "</script>", false, "%3C/script%3E", "&lt;/script&gt;", "</script>" },
    { "a scheme, RFC 3986 4.2", "javascript:x", false, "./javascript:x", "javascript:x",
      "javascript:x" },
    { "what a URL is cut at", "a?b#c%d e", false, "a%3Fb%23c%25d%20e", "a?b#c%d e", "a?b#c%d e" },
    { "a line break", "a\nb", false, "a%0Ab",
      "a\xe2\x90\x8a"
      "b",
      "a\\u000ab" },
    { "delete", "a\x7f", false, "a%7F", "a\xe2\x90\xa1", "a\\u007f" },
    { "a backslash", "a\\b", false, "a%5Cb", "a\\b", "a\\\\b" },
    { "UTF-8", "\xc3\xbc\xe6\x97\xa5\xf0\x9f\x90\x8e", false, "%C3%BC%E6%97%A5%F0%9F%90%8E",
      "\xc3\xbc\xe6\x97\xa5\xf0\x9f\x90\x8e", "\xc3\xbc\xe6\x97\xa5\xf0\x9f\x90\x8e" },
    { "not UTF-8: shown as such, linked as it is", "\xff\xc3", false, "%FF%C3",
      "\xef\xbf\xbd\xef\xbf\xbd", "\xef\xbf\xbd\xef\xbf\xbd" },
    { "a C1 control", "\xc2\x9b", false, "%C2%9B", "\xef\xbf\xbd", "\xc2\x9b" },
    { "text turned around",
      "\xe2\x80\xae"
      "exe",
      false, "%E2%80%AEexe",
      "\xef\xbf\xbd"
      "exe",
      "\xe2\x80\xae"
      "exe" },
};

static void expect_in(const struct buf *page, const char *text, const char *why)
{
    cr_expect(memmem(page->p, page->n, text, strlen(text)) != NULL, "%s: no %s", why, text);
}

Test(listing_page, escapes_and_links_each_name)
{
    for (size_t i = 0; i < sizeof(name_rows) / sizeof(name_rows[0]); i++) {
        struct listing_table table = { 0 };
        char expected[256];
        struct buf page;

        add(&table, name_rows[i].name, name_rows[i].is_folder, 1, 0);
        page = page_of(&table, "/", html, 16384);
        snprintf(expected, sizeof(expected), "<a href=\"%s\"><bdi>%s</bdi></a>",
                 name_rows[i].html_href, name_rows[i].html_text);
        expect_in(&page, expected, name_rows[i].why);
        buf_fini(&page);
        page = page_of(&table, "/", json, 16384);
        snprintf(expected, sizeof(expected), "{\"name\":\"%s\",\"href\":\"",
                 name_rows[i].json_name);
        expect_in(&page, expected, name_rows[i].why);
        buf_fini(&page);
        listing_table_fini(&table);
    }
}

Test(listing_page, writes_json)
{
    struct listing_table table = { 0 };
    struct buf page;

    page = page_of(&table, "/\"a/", json, 100);
    cr_expect_str_eq(buf_cstr(&page),
                     "{\"path\":\"/\\\"a/\",\"truncated\":false,\"entries\":[\n]}\n");
    buf_fini(&page);
    add(&table, "d:", true, 4096, 784111777);
    add(&table, "f", false, 5000000000, 0);
    add(&table, "old", false, 0, -62167219201); /* before the year 0: no date is better */
    table.is_cut = true;
    page = page_of(&table, "/", json, 100);
    cr_expect_str_eq(buf_cstr(&page),
                     "{\"path\":\"/\",\"truncated\":true,\"entries\":[\n"
                     "{\"name\":\"d:\",\"href\":\"./d:/"
                     "\",\"type\":\"directory\",\"mtime\":\"1994-11-06T08:49:37Z\"},\n"
                     "{\"name\":\"f\",\"href\":\"f\",\"type\":\"file\",\"size\":5000000000,"
                     "\"mtime\":\"1970-01-01T00:00:00Z\"},\n"
                     "{\"name\":\"old\",\"href\":\"old\",\"type\":\"file\",\"size\":0}\n]}\n");
    buf_fini(&page);
    listing_table_fini(&table);
}

Test(listing_page, is_the_same_however_it_is_taken)
{
    struct listing_table table = { 0 };
    struct buf whole, piece;
    char name[32];

    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof(name), "file %d & more", i);
        add(&table, name, i % 7 == 0, i, i);
    }
    for (int is_json = 0; is_json < 2; is_json++) {
        whole = page_of(&table, "/a/b/", is_json ? json : html, 1 << 20);
        for (size_t step = 1; step < 5000; step = step * 3 + 1) {
            piece = page_of(&table, "/a/b/", is_json ? json : html, step);
            cr_expect(str_eq(buf_str(&whole), buf_str(&piece)), "%zu", step);
            buf_fini(&piece);
        }
        buf_fini(&whole);
    }
    listing_table_fini(&table);
}

Test(listing_page, leads_upwards_and_sorts)
{
    struct listing_table table = { 0 };
    struct listing_view by_size = { .sort = LISTING_BY_SIZE, .is_descending = true };
    struct buf deep = { 0 }, page;

    add(&table, "a", false, 1234567, 0);
    page = page_of(&table, "/x/<y>/z/", by_size, 16384);
    expect_in(&page, "<title>/x/&lt;y&gt;/z/</title>", "title");
    expect_in(&page,
              "<a href=\"/\">Files</a><i>/</i><a href=\"../../\"><bdi>x</bdi></a><i>/</i>"
              "<a href=\"../\"><bdi>&lt;y&gt;</bdi></a><i>/</i><bdi>z</bdi></h1>",
              "breadcrumb");
    expect_in(&page, "<a href=\"../\">Parent folder</a>", "parent");
    expect_in(&page, "aria-sort=\"descending\"><a href=\"?sort=size&amp;order=asc\">", "turn it");
    expect_in(&page, "<a href=\"?sort=name&amp;order=asc\">Name</a>", "by name");
    expect_in(&page, "<a href=\"?sort=date&amp;order=desc\">", "by date");
    expect_in(&page, "title=\"1,234,567 bytes\">1.2 MB</td><td>1970-01-01 00:00</td>", "row");
    expect_in(&page, "<p>1 file, 1.2 MB</p>", "summary");
    buf_fini(&page);

    page = page_of(&table, "/", html, 16384);
    cr_expect(memmem(page.p, page.n, "Parent", 6) == NULL, "the top has no parent");
    cr_expect(memmem(page.p, page.n, "class=\"note\"", 12) == NULL);
    buf_fini(&page);
    table.is_cut = true;
    page = page_of(&table, "/", html, 16384);
    expect_in(&page, "class=\"note\"", "a cut listing says so");
    buf_fini(&page);

    for (int i = 0; i < 2000; i++) /* as deep as PATH_MAX allows */
        buf_add(&deep, STR("/d"));
    buf_add_char(&deep, '/');
    page = page_of(&table, buf_cstr(&deep), html, 16384);
    cr_expect_lt(page.n, 20000, "%zu: links upwards are as long as the way", page.n);
    buf_fini(&page);
    buf_fini(&deep);
    listing_table_fini(&table);
}

Test(listing_page, writes_sizes_for_people)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } rows[] = {
        { 0, "0 B" },
        { 999, "999 B" },
        { 1000, "1.0 kB" },
        { 1049, "1.0 kB" },
        { 1050, "1.1 kB" },
        { 9949, "9.9 kB" },
        { 9950, "10 kB" },
        { 10499, "10 kB" },
        { 10500, "11 kB" },
        { 999499, "999 kB" },
        { 10450, "10 kB" },
        { 999500, "1.0 MB" },
        { 1000000, "1.0 MB" },
        { 1500000000, "1.5 GB" },
        { 5368709120, "5.4 GB" },
        { UINT64_MAX, "18 EB" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf out = { 0 };

        listing_put_size(&out, rows[i].bytes);
        cr_expect_str_eq(buf_cstr(&out), rows[i].text);
        buf_fini(&out);
    }
}
