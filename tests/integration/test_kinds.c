#include <criterion/criterion.h>
#include <stdio.h>

#include "tests/integration/client.h"

static void expect(const struct server *s, const char *method, const char *target, int status,
                   const char *field, const char *value)
{
    struct response r;

    fetch(s, &r, method, target, NULL);
    cr_expect(r.status == status, "%s %s gave %d %s", method, target, r.status,
              r.failure != NULL ? r.failure : "");
    cr_expect(field == NULL || response_field_is(&r, field, value), "%s %s: %s in\n%s", method,
              target, field, r.head.p);
    response_fini(&r);
}

Test(kinds, redirect_with_each_status_and_method)
{
    static const char *const methods[] = { "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS" };
    struct server s;

    server_open(&s);
    server_start(&s, "sites:\n"
                     "  - hosts: '*'\n" /* no folder at all */
                     "    routes:\n"
                     "      - {path: /, redirect: 'https://www.example$path'}\n"
                     "      - {path: /301, redirect: {to: /x, status: 301}}\n"
                     "      - {path: /303, redirect: {to: /x, status: 303}}\n"
                     "      - {path: /307, redirect: {to: /x, status: 307}}\n"
                     "      - {path: /308, redirect: {to: /x, status: 308}}\n"
                     "      - {regex: '^/u/([^/]+)(.*)$', redirect: '/user/$1$2?from=u'}\n");
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        expect(&s, methods[i], "/a?b=c", 302, "Location", "https://www.example/a?b=c");
    expect(&s, "GET", "/301", 301, "Location", "/x");
    expect(&s, "GET", "/303", 303, "Location", "/x");
    expect(&s, "POST", "/307", 307, "Location", "/x");
    expect(&s, "POST", "/308", 308, "Location", "/x");
    expect(&s, "GET", "/u/a%20b/c", 302, "Location", "/user/a%20b/c?from=u");
    expect(&s, "GET", "/u/%0d%0aX:y", 302, "Location", "/user/%0D%0AX:y?from=u");
    expect(&s, "GET", "//evil.example/%2e%2e", 302, "Location", "https://www.example/");
    expect(&s, "TRACE", "/a", 405, "Allow", "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH");
    expect(&s, "BREW", "/a", 501, NULL, NULL);
    server_close(&s);
}

Test(kinds, respond_as_the_config_says)
{
    struct response r;
    struct server s;

    server_open(&s);
    server_file(&s, "root/gone.html", "gone for good");
    server_start(&s, "error_pages: {410: /gone.html}\n"
                     "routes:\n"
                     "  - {path: /204, respond: 204}\n"
                     "  - {path: /410, respond: 410}\n"
                     "  - {path: /451, respond: 451}\n"
                     "  - {path: /ok, respond: {body: fine, type: application/x-fine}}\n"
                     "  - {path: /tea, respond: {status: 418, body: short}}\n");
    expect(&s, "GET", "/204", 204, NULL, NULL);
    expect(&s, "POST", "/204", 204, NULL, NULL);
    expect(&s, "GET", "/410", 410, "Content-Length", "13");
    expect(&s, "GET", "/451", 451, "Content-Type", "text/html; charset=utf-8");
    expect(&s, "HEAD", "/ok", 200, "Content-Length", "4");
    expect(&s, "OPTIONS", "/ok", 204, "Allow", "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH");
    fetch(&s, &r, "GET", "/ok", NULL);
    cr_expect(response_body_is(&r, "fine") &&
              response_field_is(&r, "Content-Type", "application/x-fine"));
    response_fini(&r);
    fetch(&s, &r, "GET", "/tea", NULL);
    cr_expect(r.status == 418 && response_body_is(&r, "short") &&
              response_field_is(&r, "Content-Type", "text/plain; charset=utf-8"));
    response_fini(&r);
    server_close(&s);
}

Test(kinds, status_page_counts_for_all_workers)
{
    unsigned requests = 0;
    struct response r;
    struct server s;

    server_open(&s);
    server_start(&s, "workers: 2\nroutes: [{path: /status, status_page: on}]\n");
    for (int i = 0; i < 20; i++)
        expect(&s, "GET", "/", 200, NULL, NULL);
    fetch(&s, &r, "GET", "/status", NULL);
    cr_expect(response_field_is(&r, "Content-Type", "text/plain; charset=utf-8"));
    cr_expect(response_field_is(&r, "Cache-Control", "no-store"));
    cr_assert_not_null(strstr(r.body.p, "\nrequests "), "%s", r.body.p);
    cr_expect_eq(sscanf(strstr(r.body.p, "\nrequests "), " requests %u", &requests), 1);
    cr_expect_geq(requests, 20, "%s", r.body.p);
    cr_expect_not_null(strstr(r.body.p, "\nworkers 2\n"), "%s", r.body.p);
    response_fini(&r);
    fetch(&s, &r, "GET", "/status", "Accept: text/html;q=0.1, Application/JSON;q=0.9\r\n");
    cr_expect(response_field_is(&r, "Content-Type", "application/json"));
    cr_expect_eq(strncmp(r.body.p, "{\"server\":\"remuda\",", 19), 0, "%s", r.body.p);
    response_fini(&r);
    expect(&s, "POST", "/status", 405, "Allow", "GET, HEAD, OPTIONS");
    server_close(&s);
}
