#include <stdio.h>

#include "common/xmalloc.h"
#include "config/settings.h"
#include "tests/config/parse.h"

static const char *const texts[] = {
    "root: www\n",
    "routes: [{path: /, alias: /srv/a}, {path: /b, root: /b}]\n",
    "root: /r\n"
    "listen: [localhost:1, 'unix:/tmp/a b.sock', '*:0', 80, '127.0.0.1:81', '[::]:82']\n"
    "access_log: logs/all.log\n"
    "error_pages: {404: /404.html, 500: '/a: b'}\n"
    "user: nobody\n"
    "open_file_cache: off\n"
    "worker_shutdown_timeout: off\n"
    "sites:\n"
    "  - hosts: [A.example, '[::1]', 127.0.0.1]\n"
    "    error_pages: {404: /a404.html}\n"
    "    access_log: off\n"
    "    routes:\n"
    "      - {path: /img/, alias: 'null', error_pages: {403: /x}, access_log: ./logs//b.log}\n"
    "      - {path: \"/it's: a \xe6\x97\xa5\", index: [off, a'b, '~', 'null'], charset: off}\n"
    "      - {path: /, root: '- other #'}\n"
    "  - hosts: '*.example'\n",
    "root: /r\nlisten: ['127.0.0.1:1', '127.0.0.1:2']\n"
    "sites:\n"
    "  - hosts: a\n"
    "    listen: '127.0.0.1:1'\n"
    "    routes:\n"
    "      - {exact: /x, methods: [GET, PUT], request_headers: {X-A: '*', X-B: 'it''s'}}\n"
    "      - {regex: '^/a: (b)', root: /b}\n"
    "      - {path: /, methods: GET}\n"
    "      - {path: /r, redirect: /x?y}\n"
    "      - {path: /s, redirect: {to: 'https://a/$$', status: 308}}\n"
    "      - {path: /w, rewrite: [{match: '^/w(.*)', to: $1}], try: [$path, =410]}\n"
    "      - path: /h\n"
    "        headers: {set: {X-A: 'b: c'}, add: {Link: d, X-F: [g, 'h i']}, remove: [X-E]}\n"
    "        cors: {origins: ['https://a.example', 'null'], credentials: on, max_age: 0}\n"
    "        types: {a: text/x, b-c: text/y}\n"
    "        expires: {text/html: off, image/*: 30d, default: 1h}\n"
    "        cache_control: 'public, immutable'\n"
    "        server_header: off\n"
    "        security_headers: basic\n"
    "      - {path: /t, respond: 204}\n"
    "      - {path: /u, respond: {body: 'it''s: {}', status: 418}}\n"
    "      - {path: /v, status_page: on}\n",
    "sites: [{hosts: b, root: /b}, {hosts: a, root: /a, dotfiles: show, index: off}]\n",
    "root: /r\n"
    "access_log: {to: a.log, format: '{\"it''s\": \"$host\"}', if_status: [4xx, 503, 200, 201]}\n"
    "routes:\n"
    "  - {path: /a, access_log: stderr}\n"
    "  - {path: /b, access_log: {to: stdout, if_slower: 1500ms, sample: 0.05%}}\n"
    "  - {path: /c, access_log: {to: 'syslog:/dev/lo''g', facility: local0, severity: debug, tag: "
    "'a:b'}}\n"
    "  - {path: /d, access_log: 'syslog:[::1]:514'}\n"
    "  - {path: /e, access_log: {to: ./stderr, format: json}}\n"
    "  - {path: /f, access_log: {to: 'syslog:unix:/dev/log', sample: 12.5%, if_status: 1xx}}\n",
};

Test(dump, loads_to_an_equal_dump)
{
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct config *first = parse_good(texts[i]), *second;
        char *dumped = dump_text(first), *again;

        second = parse_good(dumped);
        again = dump_text(second);
        cr_expect_str_eq(again, dumped);
        cr_expect_eq(second->default_site, first->default_site, "%s", dumped);
        cr_expect_eq(second->listen_count, first->listen_count);
        for (size_t j = 0; j < first->listen_count; j++)
            cr_expect_eq(second->listens[j].is_wildcard_ipv6, first->listens[j].is_wildcard_ipv6);
        free(dumped);
        free(again);
        config_free(&first);
        config_free(&second);
    }
}

static char *written(void (*write)(FILE *out))
{
    char *text = NULL, *copy;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);

    write(out);
    fclose(out);
    copy = str_dup((struct str){ text, n });
    free(text);
    return copy;
}

static char *full_text(void)
{
    return written(config_write_full);
}

static void expect_in_tree(const char *path, char *text, const char *how)
{
    struct buf file = { 0 };
    FILE *in = fopen(path, "r");
    int c;

    cr_assert_not_null(in);
    while ((c = getc(in)) != EOF)
        buf_add_char(&file, (char)c);
    fclose(in);
    cr_expect_str_eq(buf_cstr(&file), text, "write it again: %s", how);
    buf_fini(&file);
    free(text);
}

Test(dump, writes_the_full_config_that_stands_in_the_tree)
{
    expect_in_tree("config/full.yaml", full_text(), "remuda --full > config/full.yaml");
}

Test(dump, writes_the_manual_page_that_stands_in_the_tree)
{
    expect_in_tree("scripts/remuda.yaml.5", written(config_write_manual),
                   "remuda --man > scripts/remuda.yaml.5");
}

/* All lines from the one that starts with `from` on, without their "# ". */
static char *uncomment(const char *text, const char *from)
{
    struct buf out = { 0 };
    struct str rest = str_of(strstr(text, from));

    while (rest.n > 0) {
        struct str line = str_cut(&rest, '\n');

        if (str_starts(line, STR("# ")))
            line = str_range(line.p + 2, line.p + line.n);
        buf_add(&out, line);
        buf_add_char(&out, '\n');
    }
    return buf_take(&out);
}

Test(dump, full_config_says_the_defaults)
{
    char *text = full_text(), *full_dump, *plain_dump;
    struct config *full = parse_good(text), *plain = parse_good("root: www\n");

    full_dump = dump_text(full);
    plain_dump = dump_text(plain);
    cr_expect_str_eq(full_dump, plain_dump);
    free(full_dump);
    free(plain_dump);
    free(text);
    config_free(&full);
    config_free(&plain);
}

Test(dump, full_config_has_an_example_of_sites_that_loads)
{
    char *text = full_text(), *sites = uncomment(text, "# sites:\n");
    struct config *config = parse_good(sites);

    cr_expect_eq(config->site_count, 2);
    for (size_t i = 0; i < setting_count; i++) {
        char *key;

        if ((settings[i].scopes & SCOPE_SERVER) != 0 ||
            (settings[i].scopes & (SCOPE_SITE | SCOPE_ROUTE)) == 0)
            continue;
        key = xasprintf(" %s: ", settings[i].name);
        cr_expect_not_null(strstr(sites, key), "no example of \"%s\"", settings[i].name);
        free(key);
    }
    config_free(&config);
    free(sites);
    free(text);
}
