#include <criterion/criterion.h>
#include <stdio.h>

#include "tests/integration/client.h"

static const struct row {
    const char *why, *target;
    int status;
    const char *body;     /* NULL: any */
    const char *location; /* NULL: none */
} rows[] = {
    { "a file", "/app/main.js", 200, "js", NULL },
    { "without its ending", "/app/about", 200, "about", NULL },
    { "a folder by its index", "/app/sub/", 200, "sub", NULL },
    { "a folder without its slash", "/app/sub?a", 301, NULL, "/app/sub/?a" },
    { "a folder without an index", "/app/empty/", 200, "shell", NULL },
    { "what is not there: the one page", "/app/user/17", 200, "shell", NULL },
    { "an encoded slash is no path", "/app/a%2fb", 404, NULL, NULL },
    { "dot files stay hidden", "/app/.env", 200, "shell", NULL },
    { "below an alias", "/spa/deep/link", 200, "spa", NULL },
    { "a file below an alias", "/spa/x.txt", 200, "spa-x", NULL },
    { "the status at the end", "/gone/a", 410, NULL, NULL },
    { "found before the status", "/gone/b.txt", 200, "b", NULL },
    { "no redirect", "/plain/sub", 200, "plain-sub", NULL },
    { "a file is no folder", "/plain/f.txt/", 404, NULL, NULL },
    { "an alias without its slash", "/bare", 200, "spa", NULL },
    { "a site's rule", "/old/app/main.js", 200, "js", NULL },
    { "only the first rule", "/old/old/app/main.js", 404, NULL, NULL },
    { "a rule cannot lead out", "/up/..%2f", 404, NULL, NULL },
    { "nor by parts that become dots", "/join/./secret.txt", 404, NULL, NULL },
    { "parts that become dots", "/dots/.", 404, NULL, NULL },
    { "a route's rule", "/ver/v12/app.css", 200, "css", NULL },
    { "a rule that never ends", "/slow/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", 500,
      NULL, NULL },
};

Test(lookups, judge_each_row)
{
    struct server s;

    server_open(&s);
    server_file(&s, "secret.txt", "SECRET");
    server_file(&s, "root/app/main.js", "js");
    server_file(&s, "root/app/about.html", "about");
    server_file(&s, "root/app/sub/index.html", "sub");
    server_file(&s, "root/app/empty/x/y", "");
    server_file(&s, "root/app/.env", "SECRET");
    server_file(&s, "root/app/shell.html", "shell");
    server_file(&s, "root/gone/b.txt", "b");
    server_file(&s, "root/plain/sub/index.html", "plain-sub");
    server_file(&s, "root/plain/f.txt", "f");
    server_file(&s, "root/ver/app.css", "css");
    server_file(&s, "spa/index.html", "spa");
    server_file(&s, "spa/x.txt", "spa-x");
    server_start(&s, "rewrite:\n"
                     "  - {match: '^/old(/.*)$', to: $1}\n"
                     "  - {match: '^/up/(.*)$', to: /../$1}\n"
                     "  - {match: '^/dots/(.*)$', to: /..$1/secret.txt}\n"
                     "  - {match: '^/slow/(a+)+$', to: /}\n"
                     "routes:\n"
                     "  - path: /app\n"
                     "    try: [$path, $path.html, $path/, /app/shell.html]\n"
                     "  - {path: /spa, alias: spa, try: [$path, /index.html]}\n"
                     "  - {path: /bare, alias: spa, trailing_slash: off}\n"
                     "  - {path: /gone, try: [$path, =410]}\n"
                     "  - {path: /plain, trailing_slash: off}\n"
                     "  - {path: /ver, rewrite: [{match: '^/ver/v[0-9]+/(.*)$', to: /ver/$1}]}\n");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct response r;

        fetch(&s, &r, "GET", rows[i].target, NULL);
        cr_expect(r.status == rows[i].status, "%s: %s gave %d", rows[i].why, rows[i].target,
                  r.status);
        cr_expect(rows[i].body == NULL || response_body_is(&r, rows[i].body), "%s: body %.80s",
                  rows[i].why, r.body.p);
        cr_expect(rows[i].location == NULL || response_field_is(&r, "Location", rows[i].location),
                  "%s: %s", rows[i].why, r.head.p);
        response_fini(&r);
    }
    server_close(&s);
}
