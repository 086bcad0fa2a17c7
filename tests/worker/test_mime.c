#include "worker/mime.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static const struct {
    const char *why, *name, *expect; /* NULL: the name tells none */
} rows[] = {
    { "html", "index.html", "text/html" },
    { "htm", "index.htm", "text/html" },
    { "css", "a.css", "text/css" },
    { "js, RFC 9239", "a.js", "text/javascript" },
    { "mjs, RFC 9239", "a.mjs", "text/javascript" },
    { "cjs, RFC 9239", "a.cjs", "text/javascript" },
    { "json", "a.json", "application/json" },
    { "svg", "a.svg", "image/svg+xml" },
    { "webp", "a.webp", "image/webp" },
    { "avif", "a.avif", "image/avif" },
    { "png", "a.png", "image/png" },
    { "jpg", "a.jpg", "image/jpeg" },
    { "jpeg", "a.jpeg", "image/jpeg" },
    { "gif", "a.gif", "image/gif" },
    { "woff", "a.woff", "font/woff" },
    { "woff2, RFC 8081", "a.woff2", "font/woff2" },
    { "wasm", "a.wasm", "application/wasm" },
    { "mp4", "a.mp4", "video/mp4" },
    { "webm", "a.webm", "video/webm" },
    { "mp3", "a.mp3", "audio/mpeg" },
    { "pdf", "a.pdf", "application/pdf" },
    { "txt", "a.txt", "text/plain" },
    { "md, RFC 7763", "a.md", "text/markdown" },
    { "xml", "a.xml", "application/xml" },
    { "ico", "favicon.ico", "image/vnd.microsoft.icon" },
    { "source map", "a.js.map", "application/json" },
    { "gz", "a.gz", "application/gzip" },
    { "the last extension counts", "a.tar.gz", "application/gzip" },
    { "HTTP Live Streaming", "seg.ts", "video/mp2t" },
    { "web app manifest", "a.webmanifest", "application/manifest+json" },
    { "registered type before x-", "a.frm", "application/vnd.ufdl" },
    { "first of the table", "a.123", "application/vnd.lotus-1-2-3" },
    { "last of the table", "a.zst", "application/zstd" },
    { "any case", "a.HtMl", "text/html" },
    { "upper case in Debian's list", "a.amr", "audio/AMR" },
    { "with a folder", "/a/b/c.png", "image/png" },
    { "dot in the folder only", "/a.png/b", NULL },
    { "folder", "/a.png/", NULL },
    { "hidden file", ".htaccess", NULL },
    { "hidden file named like an extension", ".html", NULL },
    { "the same in a folder", "/a/.html", NULL },
    { "hidden file with an extension", ".a.html", "text/html" },
    { "no dot", "Makefile", NULL },
    { "dot at the end", "a.", NULL },
    { "two dots", "a..html", "text/html" },
    { "unknown", "a.nosuchthing", NULL },
    { "prefix of an extension", "a.htmlx", NULL },
    { "very long", "a.htmlhtmlhtmlhtmlhtmlhtmlhtmlhtmlh", NULL },
    { "bytes above 127", "a.\xc3\xa9", NULL },
    { "empty", "", NULL },
    { "a dot", ".", NULL },
    { "a slash", "/", NULL },
};

Test(mime, knows_each_row)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t n = strlen(rows[i].name);
        char *copy = malloc(n > 0 ? n : 1);
        struct str got;

        memcpy(copy, rows[i].name, n);
        got = mime_type((struct str){ copy, n });
        cr_expect(rows[i].expect == NULL ? got.p == NULL : str_eq(got, str_of(rows[i].expect)),
                  "%s: %s gives %.*s", rows[i].why, rows[i].name, STR_ARG(got));
        free(copy);
    }
}

Test(mime, finds_every_extension_of_its_table)
{
    static const char *const table[][2] = {
#define MIME(extension, type) { extension, type },
#include "worker/mime_table.inc"
#undef MIME
    };
    size_t count = sizeof(table) / sizeof(table[0]);

    cr_expect_gt(count, 1000);
    for (size_t i = 0; i < count; i++) {
        char name[64] = "x.";

        strcat(name, table[i][0]);
        cr_expect(str_eq(mime_type(str_of(name)), str_of(table[i][1])), "%s", name);
        cr_expect(i == 0 || strcmp(table[i - 1][0], table[i][0]) < 0, "%s is out of order", name);
    }
}

static const struct {
    const char *type;
    bool expect;
} charset_rows[] = {
    { "text/html", true },
    { "text/plain", true },
    { "text/css", true },
    { "text/javascript", true },
    { "TEXT/HTML", true },
    { "application/javascript", true },
    { "application/json", false },
    { "application/xml", false },
    { "text/xml", false },
    { "image/svg+xml", false },
    { "application/wasm", false },
    { "application/octet-stream", false },
    { "text/html; charset=koi8-r", false },
    { "text/", false },
    { "textual/html", false },
    { "", false },
};

Test(mime, adds_a_charset_where_it_means_something)
{
    for (size_t i = 0; i < sizeof(charset_rows) / sizeof(charset_rows[0]); i++)
        cr_expect_eq(mime_wants_charset(str_of(charset_rows[i].type)), charset_rows[i].expect, "%s",
                     charset_rows[i].type);
}
