#include <sched.h>
#include <unistd.h>

#include "config/shapes.h"
#include "tests/config/parse.h"

static const struct route *route_of(const struct config *config, size_t site, const char *path)
{
    cr_assert_lt(site, config->site_count);
    for (size_t i = 0; i < config->sites[site].route_count; i++)
        if (strcmp(config->sites[site].routes[i].path, path) == 0)
            return &config->sites[site].routes[i];
    cr_assert_fail("no route %s", path);
    abort();
}

static const struct scope *scope_of(const struct config *config, const char *path)
{
    return &route_of(config, 0, path)->scope;
}

static unsigned cpus(void)
{
    cpu_set_t set;

    sched_getaffinity(0, sizeof(set), &set);
    return (unsigned)CPU_COUNT(&set);
}

Test(load, fills_in_every_default)
{
    struct config *c = parse_good("root: www\n");
    const struct scope *s = scope_of(c, "/");

    cr_expect_str_eq(c->path, TEST_PATH);
    cr_expect_eq(c->workers, cpus());
    cr_expect_not(c->cpu_affinity || c->daemon);
    cr_expect(c->no_new_privs && scope_of(c, "/")->has_server_header);
    cr_expect(c->user == NULL && c->group == NULL && c->error_log == NULL);
    cr_expect_eq(c->rlimit_nofile, 0);
    cr_expect_str_eq(c->pid_file, "/etc/remuda/test.pid");
    cr_expect_str_eq(c->control_socket, "/etc/remuda/test.sock");
    cr_expect(c->is_pid_file_default && c->is_control_socket_default);
    cr_assert_eq(c->listen_count, 2);
    cr_expect_eq(address_port(&c->listens[0].address), 8080);
    cr_expect_eq(c->listens[0].line, 0);
    cr_expect(!c->listens[0].is_wildcard_ipv6 && c->listens[1].is_wildcard_ipv6);
    cr_expect_eq(c->backlog, 4096);
    cr_expect_eq(c->defer_accept_ms, 1000);
    cr_expect_eq(c->log_level, LOG_NOTICE);
    cr_expect_eq(c->access_log_count, 0);
    cr_expect_eq(c->access_log_buffer_bytes, 65536);
    cr_expect_eq(c->access_log_flush_ms, 1000);
    cr_expect_eq(c->worker_connections, 16384);
    cr_expect(c->has_connection_balance);
    cr_expect_eq(c->keepalive_requests, 100000);
    cr_expect_eq(c->client_header_timeout_ms, 30000);
    cr_expect_eq(c->client_body_timeout_ms, 30000);
    cr_expect_eq(c->send_timeout_ms, 30000);
    cr_expect_eq(c->min_rate, 128);
    cr_expect_eq(c->keepalive_timeout_ms, 75000);
    cr_expect_eq(c->lingering_timeout_ms, 2000);
    cr_expect_eq(c->lingering_time_ms, 10000);
    cr_expect_eq(c->worker_shutdown_timeout_ms, 60000);
    cr_expect_eq(c->request_line_max_bytes, 8192);
    cr_expect_eq(c->request_header_max_bytes, 32768);
    cr_expect_eq(c->request_header_max_count, 100);
    cr_expect_eq(c->sendfile_max_chunk_bytes, 2097152);
    cr_expect_eq(c->open_file_cache_max, 10000);
    cr_expect_eq(c->open_file_cache_memory_bytes, 64 << 20);
    cr_expect_eq(c->open_file_cache_small_bytes, 16384);
    cr_expect_eq(c->open_file_cache_valid_ms, 1000);
    cr_expect(c->open_file_cache_watch);
    cr_expect_eq(c->compress_memory_bytes, 32 << 20);
    cr_expect(s->precompressed == ENCODINGS_ALL && s->compress == ENCODINGS_ALL);
    cr_expect_eq(s->compress_min_bytes, 256);
    cr_expect_eq(s->compress_max_bytes, 4 << 20);
    cr_assert_eq(c->site_count, 1);
    cr_expect_str_eq(c->sites[0].hosts[0], "*");
    cr_expect_eq(c->sites[0].line, 0);
    cr_expect_str_eq(s->root, "/etc/remuda/www");
    cr_expect_null(s->alias);
    cr_assert_eq(s->index_count, 2);
    cr_expect_str_eq(s->index[0], "index.html");
    cr_expect_str_eq(s->index[1], "index.htm");
    cr_expect(!s->is_dotfiles_shown && s->etag == ETAG_ON);
    cr_expect_str_eq(s->default_type, "application/octet-stream");
    cr_expect_str_eq(s->charset, "utf-8");
    cr_expect_eq(s->max_ranges, 16);
    cr_expect_not(s->has_listing);
    cr_expect_eq(s->listing_max, 100000);
    cr_expect_eq(c->listing_memory_bytes, 64 << 20);
    cr_expect_eq(s->access_log, ACCESS_LOG_OFF);
    cr_expect_eq(s->client_max_body_bytes, 1 << 20);
    cr_expect_eq(s->error_page_count, 0);
    config_free(&c);
    cr_expect_null(c);
}

/* Each setting as written and as the dump shows it: the dump reads every field. */
static const struct {
    const char *text, *dumped;
} settings_rows[] = {
    { "workers: 1024", "workers: 1024\n" },
    { "workers: '3'", "workers: 3\n" },
    { "worker_cpu_affinity: auto", "worker_cpu_affinity: auto\n" },
    { "user: www-data", "user: www-data\n" },
    { "user: 33", "user: 33\n" },
    { "group: staff", "group: staff\n" },
    { "worker_rlimit_nofile: 65536", "worker_rlimit_nofile: 65536\n" },
    { "no_new_privs: no", "no_new_privs: off\n" },
    { "daemon: YES", "daemon: on\n" },
    { "pid_file: run/a.pid", "pid_file: /etc/remuda/run/a.pid\n" },
    { "pid_file: run/a.pid", "control_socket: /etc/remuda/run/a.sock\n" },
    { "pid_file: /run/a", "control_socket: /run/a.sock\n" },
    { "pid_file: off", "pid_file: off\ncontrol_socket: off\n" },
    { "pid_file: no", "pid_file: off\n" },
    { "control_socket: /run//./a b.sock", "control_socket: '/run/a b.sock'\n" },
    { "control_socket: off", "control_socket: off\n" },
    { "control_socket: off", "control_socket_mode: 0600\n" },
    { "control_socket_mode: 660", "control_socket_mode: 0660\n" },
    { "control_socket_mode: '0060'", "control_socket_mode: 0060\n" },
    { "control_socket_group: adm", "control_socket_group: adm\n" },
    { "listen: 127.0.0.1:80", "listen:\n  - '127.0.0.1:80'\nlisten_backlog" },
    { "listen: '[::1]:80'", "listen:\n  - '[::1]:80'\nlisten_backlog" },
    { "listen: [80, '*:81']", "listen:\n  - '*:80'\n  - '*:81'\nlisten_backlog" },
    { "listen: localhost:0", "listen:\n  - '127.0.0.1:0'\n  - '[::1]:0'\nlisten_backlog" },
    { "listen: unix:/run/a.sock", "listen:\n  - 'unix:/run/a.sock'\nlisten_backlog" },
    { "listen: ['0.0.0.0:1', '[::]:1']", "listen:\n  - '0.0.0.0:1'\n  - '[::]:1'\nlisten_backlog" },
    { "listen_backlog: 511", "listen_backlog: 511\n" },
    { "defer_accept: off", "defer_accept: off\n" },
    { "defer_accept: 0", "defer_accept: off\n" },
    { "error_log: logs/e.log", "error_log: /etc/remuda/logs/e.log\n" },
    { "error_log: ./off", "error_log: /etc/remuda/off\n" },
    { "error_log: STDERR", "error_log: stderr\n" },
    { "log_level: debug", "log_level: debug\n" },
    { "log_level: crit", "log_level: crit\n" },
    { "access_log_buffer: 0", "access_log_buffer: 0\n" },
    { "access_log_flush: 500ms", "access_log_flush: 500ms\n" },
    { "worker_connections: 10", "worker_connections: 10\n" },
    { "connection_balance: off", "connection_balance: off\n" },
    { "keepalive_requests: 1", "keepalive_requests: 1\n" },
    { "client_header_timeout: 1500MS", "client_header_timeout: 1500ms\n" },
    { "client_body_timeout: 90", "client_body_timeout: 90s\n" },
    { "send_timeout: 2m", "send_timeout: 2m\n" },
    { "min_rate: 0", "min_rate: 0\n" },
    { "keepalive_timeout: 1d", "keepalive_timeout: 1d\n" },
    { "lingering_timeout: 10ms", "lingering_timeout: 10ms\n" },
    { "lingering_time: 1h", "lingering_time: 1h\n" },
    { "worker_shutdown_timeout: off", "worker_shutdown_timeout: off\n" },
    { "request_line_max: 128k", "request_line_max: 128KiB\n" },
    { "request_header_max: 1000", "request_header_max: 1000\n" },
    { "request_header_count: 256", "request_header_count: 256\n" },
    { "listing: yes", "listing: on\n" },
    { "listing_max: 1000000", "listing_max: 1000000\n" },
    { "listing_memory: 1024k", "listing_memory: 1MiB\n" },
    { "max_ranges: 256", "max_ranges: 256\n" },
    { "max_ranges: 0", "max_ranges: off\n" },
    { "server_header: false", "server_header: off\n" },
    { "sendfile_max_chunk: 2097152", "sendfile_max_chunk: 2MiB\n" },
    { "open_file_cache: off", "open_file_cache:\n  max: 0\n" },
    { "open_file_cache: {}", "open_file_cache:\n  max: 10000\n" },
    { "open_file_cache: {max: 5, memory: 1g, small: 1kB, valid: 0, watch: off}",
      "open_file_cache:\n  max: 5\n  memory: 1GiB\n  small: 1KiB\n  valid: 0\n  watch: off\n" },
    { "index: off", "index: off\n" },
    { "index: a.html", "index: [a.html]\n" },
    { "index: [off, 'a b']", "index: [off, 'a b']\n" },
    { "dotfiles: show", "dotfiles: show\n" },
    { "default_type: text/plain; charset=x", "default_type: 'text/plain; charset=x'\n" },
    { "charset: off", "charset: off\n" },
    { "charset: iso-8859-1", "charset: iso-8859-1\n" },
    { "etag: off", "etag: off\n" },
    { "etag: no", "etag: off\n" },
    { "etag: yes", "etag: on\n" },
    { "etag: Content", "etag: content\n" },
    { "precompressed: off", "precompressed: off\n" },
    { "precompressed: [gzip, brotli]", "precompressed: [br, gzip]\n" },
    { "compress: zstd", "compress: [zstd]\n" },
    { "compress: [br, zstd, gzip]", "compress: on\n" },
    { "compress_types: [text/css, '*+json']", "compress_types: [text/css, '*+json']\n" },
    { "compress_min: 1k", "compress_min: 1KiB\n" },
    { "compress_max: 1m", "compress_max: 1MiB\n" },
    { "compress_memory: 0", "compress_memory: 0\n" },
    { "access_log: a.log", "access_log: /etc/remuda/a.log\n" },
    { "access_log: {to: a.log, format: combined, sample: 100%}",
      "access_log: /etc/remuda/a.log\n" },
    { "access_log: {to: a.log, format: json}",
      "access_log: {to: /etc/remuda/a.log, format: json}\n" },
    { "access_log: {to: stderr, if_status: [503, 4XX, 404], if_slower: 500ms, sample: 1.50%}",
      "access_log: {to: stderr, if_status: [4xx, 503], if_slower: 500ms, sample: 1.5000%}\n" },
    { "access_log: {to: stdout, if_status: 5xx, sample: 0%}",
      "access_log: {to: stdout, if_status: [5xx]}\n" },
    { "access_log: syslog:unix:/dev/log", "access_log: 'syslog:/dev/log'\n" },
    { "access_log: {to: syslog:127.0.0.1:514, facility: LOCAL7, severity: info, tag: remuda}",
      "access_log: 'syslog:127.0.0.1:514'\n" },
    { "access_log: {to: syslog:127.0.0.1:514, facility: cron, tag: x}",
      "access_log: {to: 'syslog:127.0.0.1:514', facility: cron, tag: x}\n" },
    { "client_max_body_size: 10MB", "client_max_body_size: 10MiB\n" },
    { "error_pages: {503: /b, 404: /it's}",
      "error_pages:\n          404: '/it''s'\n          503: /b\n" },
    { "error_pages: {}", "sites:\n" },
    { "access: [{allow: 10.0.0.0/8}, {deny: All}, {ALLOW: '::ffff:10.0.0.0/104'}]",
      "access: [{allow: 10.0.0.0/8}, {deny: all}, {allow: 10.0.0.0/8}]\n" },
    { "access: OFF", "access: off\n" },
    { "trusted_proxies: all\nlisten: [80, {address: 81, proxy_protocol: on}, {address: 82}]",
      "listen:\n  - '*:80'\n  - {address: '*:81', proxy_protocol: on}\n  - '*:82'\n" },
    { "trusted_proxies: unix\nlisten: {proxy_protocol: yes, address: 'unix:/a b'}",
      "listen:\n  - {address: 'unix:/a b', proxy_protocol: on}\n" },
    { "trusted_proxies: 10.0.0.0/8", "trusted_proxies: [10.0.0.0/8]\n" },
    { "trusted_proxies: ['::1', unix]", "trusted_proxies: ['::1', unix]\n" },
    { "trusted_proxies: no", "trusted_proxies: off\n" },
    { "real_ip_header: forwarded", "real_ip_header: Forwarded\n" },
    { "real_ip_header: no", "real_ip_header: off\n" },
    { "auth_basic: Sta\"ff only\nauth_basic_user_file: users",
      "auth_basic: 'Sta\"ff only'\n        auth_basic_user_file: /etc/remuda/users\n" },
    { "auth_basic: No", "auth_basic: off\n" },
    { "limit_req: {rate: 600/m, burst: 5}", "limit_req: {rate: 600/m, burst: 5, status: 429}\n" },
    { "limit_req: {status: 503, rate: 1000000/s}",
      "limit_req: {rate: 1000000/s, burst: 0, status: 503}\n" },
    { "limit_req: off", "limit_req: off\n" },
    { "limit_conn: 20", "limit_conn: 20\n" },
    { "limit_conn: 0", "limit_conn: off\n" },
    { "allowed_methods: GET", "allowed_methods: [GET, HEAD]\n" },
    { "allowed_methods: [HEAD, GET, HEAD, M-SEARCH]", "allowed_methods: [HEAD, GET, M-SEARCH]\n" },
    { "allowed_methods: no", "allowed_methods: off\n" },
};

Test(load, takes_each_setting)
{
    for (size_t i = 0; i < sizeof(settings_rows) / sizeof(settings_rows[0]); i++) {
        char *text = xasprintf("root: /r\n%s\n", settings_rows[i].text);
        struct config *config = parse_good(text);
        char *dumped = dump_text(config);

        cr_expect_not_null(strstr(dumped, settings_rows[i].dumped), "%s: no \"%s\" in\n%s",
                           settings_rows[i].text, settings_rows[i].dumped, dumped);
        free(dumped);
        config_free(&config);
        free(text);
    }
}

/* The value of each unit, in bytes or milliseconds. */
Test(load, knows_the_units)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } sizes[] = {
        { "65", 65 },      { "100b", 100 },     { "1k", 1024 },      { "1K", 1024 },
        { "1kB", 1024 },   { "1KB", 1024 },     { "1KiB", 1024 },    { "2m", 2 << 20 },
        { "2M", 2 << 20 }, { "2MB", 2 << 20 },  { "2MiB", 2 << 20 }, { "1g", 1 << 30 },
        { "1G", 1 << 30 }, { "1GiB", 1 << 30 },
    };
    static const struct {
        const char *text;
        uint64_t ms;
    } times[] = {
        { "30s", 30000 },  { "500ms", 500 },   { "2m", 120000 },
        { "1h", 3600000 }, { "1d", 86400000 }, { "3", 3000 },
    };

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        char *text = xasprintf("root: /r\nclient_max_body_size: %s\n", sizes[i].text);
        struct config *config = parse_good(text);

        cr_expect_eq(scope_of(config, "/")->client_max_body_bytes, sizes[i].bytes, "%s", text);
        config_free(&config);
        free(text);
    }
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        char *text = xasprintf("root: /r\nsend_timeout: %s\n", times[i].text);
        struct config *config = parse_good(text);

        cr_expect_eq(config->send_timeout_ms, times[i].ms, "%s", text);
        config_free(&config);
        free(text);
    }
}

static const char inherited[] = "root: www\n"
                                "etag: off\n"
                                "precompressed: gzip\n"
                                "compress_types: 'text/*'\n"
                                "index: a\n"
                                "access_log: all.log\n"
                                "error_pages: {404: /s404, 500: /s500}\n"
                                "sites:\n"
                                "  - hosts: [A.Example, '*.B.example']\n"
                                "    charset: off\n"
                                "    error_pages: {404: /t404, 403: /t403}\n"
                                "    routes:\n"
                                "      - path: /a\n"
                                "        index: [x, y]\n"
                                "        error_pages: {500: /r500}\n"
                                "      - path: /long/er/\n"
                                "        alias: files\n"
                                "        access_log: off\n"
                                "      - path: /root\n"
                                "        root: other\n"
                                "        access_log: route.log\n"
                                "  - hosts: c.example\n"
                                "    root: /c\n"
                                "    listing: off\n"
                                "    access_log: off\n"
                                "    max_ranges: off\n"
                                "listing: on\n"
                                "listing_max: 7\n"
                                "max_ranges: 3\n";

Test(load, lets_a_child_inherit_what_it_does_not_set)
{
    struct config *c = parse_good(inherited);
    const struct scope *s = scope_of(c, "/a");

    cr_expect_str_eq(s->root, "/etc/remuda/www");
    cr_expect_eq(s->etag, ETAG_OFF);
    cr_expect_eq(s->precompressed, ENCODING_BIT(ENCODING_GZIP));
    cr_expect_eq(s->compress_types.count, 1, "a list replaces the parent's");
    cr_expect_str_eq(s->charset, "");
    cr_expect_eq(s->index_count, 2, "a list replaces the parent's");
    cr_expect(s->has_listing && s->listing_max == 7);
    cr_expect_eq(s->max_ranges, 3);
    cr_assert_eq(s->error_page_count, 3, "error pages merge by status");
    cr_expect(s->error_pages[0].status == 403 && strcmp(s->error_pages[0].path, "/t403") == 0);
    cr_expect(s->error_pages[1].status == 404 && strcmp(s->error_pages[1].path, "/t404") == 0);
    cr_expect(s->error_pages[2].status == 500 && strcmp(s->error_pages[2].path, "/r500") == 0);

    s = scope_of(c, "/");
    cr_expect_eq(s->index_count, 1);
    cr_expect_str_eq(s->error_pages[2].path, "/s500", "a sibling's page does not leak");

    s = &route_of(c, 1, "/")->scope;
    cr_expect_str_eq(s->root, "/c");
    cr_expect(!s->has_listing && s->listing_max == 7 && s->max_ranges == 0);
    cr_expect_str_eq(s->charset, "utf-8");
    cr_expect_str_eq(s->error_pages[0].path, "/s404");
    config_free(&c);
}

Test(load, has_either_root_or_alias_in_a_route)
{
    struct config *c = parse_good("root: www\n"
                                  "routes:\n"
                                  "  - {path: /a, alias: files}\n"
                                  "  - {path: /b, root: /b}\n"
                                  "  - {path: /c}\n");

    cr_expect_null(scope_of(c, "/a")->root);
    cr_expect_str_eq(scope_of(c, "/a")->alias, "/etc/remuda/files");
    cr_expect_str_eq(scope_of(c, "/b")->root, "/b");
    cr_expect_str_eq(scope_of(c, "/c")->root, "/etc/remuda/www");
    cr_expect_null(scope_of(c, "/c")->alias);
    config_free(&c);
}

Test(load, needs_no_root_above_where_the_route_of_all_paths_has_a_folder)
{
    struct config *c = parse_good("routes: [{path: /, alias: /srv/a}]\n");

    cr_expect_str_eq(scope_of(c, "/")->alias, "/srv/a");
    config_free(&c);
}

Test(load, sorts_routes_by_length_and_ends_with_the_site_itself)
{
    static const char *const order[] = { "/long/er", "/root", "/a", "/" };
    struct config *c = parse_good(inherited);

    cr_assert_eq(c->sites[0].route_count, 4);
    for (size_t i = 0; i < 4; i++)
        cr_expect_str_eq(c->sites[0].routes[i].path, order[i]);
    cr_expect_eq(c->sites[0].routes[0].line, 16);
    cr_expect_eq(c->sites[0].routes[3].line, 0);
    config_free(&c);
}

Test(load, sorts_routes_by_kind_and_keeps_the_order_of_expressions)
{
    static const struct {
        enum route_match match;
        const char *path;
        size_t methods;
    } order[] = {
        { MATCH_EXACT, "/a/", 0 },   { MATCH_REGEX, "z", 0 },   { MATCH_REGEX, "a", 0 },
        { MATCH_PREFIX, "/a/b", 0 }, { MATCH_PREFIX, "/a", 1 }, { MATCH_PREFIX, "/a", 2 },
        { MATCH_PREFIX, "/a", 0 },   { MATCH_PREFIX, "/", 1 },  { MATCH_PREFIX, "/", 0 },
    };
    struct config *c =
        parse_good("root: /r\nroutes: [{path: /a}, {regex: z}, {regex: a},\n"
                   "  {path: /a, methods: GET}, {path: /, methods: PUT},\n"
                   "  {path: /a, methods: [GET, PUT]}, {path: /a/b}, {exact: /a/}]\n");

    cr_assert_eq(c->sites[0].route_count, sizeof(order) / sizeof(order[0]));
    for (size_t i = 0; i < c->sites[0].route_count; i++) {
        const struct route *route = &c->sites[0].routes[i];

        cr_expect(route->match == order[i].match && strcmp(route->path, order[i].path) == 0 &&
                      route->scope.methods.count == order[i].methods,
                  "%zu: %s", i, route->path);
    }
    config_free(&c);
}

Test(load, merges_headers_downwards)
{
    struct config *c = parse_good("root: /r\n"
                                  "headers: {set: {A: '1', B: '1', C: '1'}, remove: [X]}\n"
                                  "cors: {origins: [https://a], max_age: 5m}\n"
                                  "expires: {text/html: 1h, default: 1h}\n"
                                  "sites:\n"
                                  "  - hosts: '*'\n"
                                  "    headers: {set: {b: '2', X: '2'}, remove: [c, Y]}\n"
                                  "    cors: {origins: '*'}\n"
                                  "    expires: {TEXT/html: 2h}\n"
                                  "    routes:\n"
                                  "      - {path: /off, headers: off, cors: off}\n"
                                  "      - {path: /a, headers: {add: {c: '3'}, remove: [a]}}\n");
    const struct scope *site = scope_of(c, "/"), *route = scope_of(c, "/a");

    cr_expect_str_eq(pairs_find(&site->headers_set, STR("A")), "1");
    cr_expect_str_eq(pairs_find(&site->headers_set, STR("B")), "2");
    cr_expect_null(pairs_find(&site->headers_set, STR("C")));
    cr_expect(words_have(&site->headers_remove, STR("C")) &&
              words_have(&site->headers_remove, STR("Y")) &&
              !words_have(&site->headers_remove, STR("X")));
    cr_expect_str_eq(site->cors_origins.list[0], "*");
    cr_expect_eq(site->cors_max_age_ms, 300000);
    cr_expect_str_eq(pairs_find(&site->expires, STR("text/html")), "2h");
    cr_expect_str_eq(pairs_find(&site->expires, STR("default")), "1h");
    cr_expect_null(pairs_find(&route->headers_set, STR("A")));
    cr_expect_str_eq(pairs_find(&route->headers_add, STR("C")), "3");
    cr_expect_not(words_have(&route->headers_remove, STR("C")));
    cr_expect_eq(scope_of(c, "/off")->headers_set.count, 0);
    cr_expect_eq(scope_of(c, "/off")->cors_origins.count, 0);
    config_free(&c);
}

Test(load, adds_headers_behind_those_from_above)
{
    static const char *const want[][2] = {
        { "Link", "a" }, { "X", "x" }, { "link", "b" }, { "link", "c" }
    };
    struct config *c = parse_good("root: /r\n"
                                  "headers: {add: {Old: o, Link: a, X: x}}\n"
                                  "routes:\n"
                                  "  - path: /a\n"
                                  "    headers: {add: {link: [b, c]}, remove: [old]}\n"
                                  "  - path: /b\n"
                                  "    headers: {add: {Link: b}, remove: [link]}\n");
    const struct pairs *a = &scope_of(c, "/a")->headers_add;
    const struct pairs *b = &scope_of(c, "/b")->headers_add;

    cr_assert_eq(a->count, sizeof(want) / sizeof(want[0]));
    for (size_t i = 0; i < a->count; i++) {
        cr_expect_str_eq(a->list[i].name, want[i][0], "%zu", i);
        cr_expect_str_eq(a->list[i].value, want[i][1], "%zu", i);
    }
    cr_expect_eq(b->count, 3);
    cr_expect_str_eq(pairs_find(b, STR("Link")), "b");
    config_free(&c);
}

Test(load, knows_what_answers_of_a_site_vary_by)
{
    struct buf text = { 0 };
    struct config *c = parse_good("root: /r\n"
                                  "routes:\n"
                                  "  - {path: /a, request_headers: {A: '1', B: '*'}}\n"
                                  "  - {path: /a/b, request_headers: {b: '2'}}\n");

    cr_assert_eq(c->sites[0].varies.count, 2);
    cr_expect(words_have(&c->sites[0].varies, STR("A")));
    cr_expect(words_have(&c->sites[0].varies, STR("B")));
    config_free(&c);

    buf_add(&text, STR("root: /r\nroutes:\n"));
    for (int i = 0; i < 300; i++)
        buf_printf(&text, "  - {path: /a, request_headers: {X-%d: '1'}}\n", i);
    c = parse_good(buf_cstr(&text));
    cr_assert_eq(c->sites[0].varies.count, 1);
    cr_expect_str_eq(c->sites[0].varies.list[0], "*");
    config_free(&c);
    buf_fini(&text);
}

Test(load, binds_sites_to_addresses)
{
    struct config *c =
        parse_good("root: /r\nlisten: ['127.0.0.1:1', '127.0.0.1:2', '127.0.0.1:3']\n"
                   "sites:\n"
                   "  - {hosts: a, listen: '127.0.0.1:1'}\n"
                   "  - {hosts: a, listen: ['127.0.0.1:2', '127.0.0.1:3']}\n"
                   "  - {hosts: '*', listen: '127.0.0.1:3'}\n");

    cr_expect(c->has_site_listens);
    cr_expect_eq(c->sites[0].listen_mask, 1);
    cr_expect_eq(c->sites[1].listen_mask, 6);
    cr_expect_eq(c->sites[2].listen_mask, 4);
    cr_expect_eq(c->listens[0].default_site, 3, "the implied one");
    cr_expect_eq(c->listens[1].default_site, 3);
    cr_expect_eq(c->listens[2].default_site, 2);
    config_free(&c);
}

Test(load, keeps_each_access_log_once_and_only_those_in_use)
{
    struct config *c = parse_good(inherited);

    cr_assert_eq(c->access_log_count, 2);
    cr_expect_str_eq(c->access_logs[scope_of(c, "/a")->access_log].path, "/etc/remuda/all.log");
    cr_expect_str_eq(c->access_logs[scope_of(c, "/root")->access_log].path,
                     "/etc/remuda/route.log");
    cr_expect_eq(scope_of(c, "/long/er")->access_log, ACCESS_LOG_OFF);
    cr_expect_eq(scope_of(c, "/a")->access_log, scope_of(c, "/")->access_log);
    config_free(&c);
    c = parse_good(
        "root: /r\naccess_log: unused.log\nsites: [{hosts: '*', access_log: used.log}]\n");
    cr_assert_eq(c->access_log_count, 1);
    cr_expect_str_eq(c->access_logs[0].path, "/etc/remuda/used.log");
    config_free(&c);
}

Test(load, makes_hosts_lower_case)
{
    struct config *c = parse_good(inherited);

    cr_assert_eq(c->sites[0].host_count, 2);
    cr_expect_str_eq(c->sites[0].hosts[0], "a.example");
    cr_expect_str_eq(c->sites[0].hosts[1], "*.b.example");
    config_free(&c);
}

Test(load, takes_addresses_as_hosts)
{
    struct config *c =
        parse_good("root: /r\nsites: [{hosts: ['[::1]', 127.0.0.1, my_host, xn--bcher-kva.x]}]\n");

    cr_expect_eq(c->sites[0].host_count, 4);
    config_free(&c);
}

Test(load, finds_the_default_site)
{
    static const struct {
        const char *why, *text;
        size_t site_count, default_site;
    } rows[] = {
        { "no sites: one is implied", "root: /r\n", 1, 0 },
        { "the site with *", "root: /r\nsites: [{hosts: a}, {hosts: '*'}]\n", 2, 1 },
        { "* beside other names", "root: /r\nsites: [{hosts: a}, {hosts: [b, '*']}]\n", 2, 1 },
        { "a root above: a site is implied", "root: /r\nsites: [{hosts: a}, {hosts: b}]\n", 3, 2 },
        { "no root above: the first", "sites: [{hosts: a, root: /a}, {hosts: b, root: /b}]\n", 2,
          0 },
        { "*.a is not *", "sites: [{hosts: b, root: /b}, {hosts: '*.a', root: /a}]\n", 2, 0 },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct config *c = parse_good(rows[i].text);

        cr_expect_eq(c->site_count, rows[i].site_count, "%s", rows[i].why);
        cr_expect_eq(c->default_site, rows[i].default_site, "%s", rows[i].why);
        config_free(&c);
    }
}

Test(load, gives_routes_beside_sites_to_the_implied_default_site)
{
    struct config *c = parse_good("root: /r\nroutes: [{path: /a}]\nsites: [{hosts: x}]\n");

    cr_expect_eq(c->sites[0].route_count, 1);
    cr_expect_eq(c->sites[1].route_count, 2);
    cr_expect_str_eq(c->sites[1].routes[0].path, "/a");
    config_free(&c);
}

Test(load, follows_aliases)
{
    struct config *c = parse_good("root: /r\n"
                                  "error_pages: &pages {404: /x}\n"
                                  "sites:\n"
                                  "  - hosts: a\n"
                                  "    index: &names [m, n]\n"
                                  "    error_pages: *pages\n"
                                  "  - hosts: b\n"
                                  "    index: *names\n");

    cr_expect_str_eq(route_of(c, 1, "/")->scope.index[1], "n");
    config_free(&c);
}

Test(load, takes_a_byte_order_mark_comments_and_CRLF)
{
    struct config *c = parse_good("\xef\xbb\xbf# \xc3\xa4\r\n---\r\nroot: /r # here\r\n");
    struct config_errors errors = { 0 };
    const char bad[] = "\xef\xbb\xbfrot: /r\r\n";
    struct config *none = parse_bytes(bad, strlen(bad), TEST_PATH, &errors);

    cr_expect_str_eq(scope_of(c, "/")->root, "/r");
    config_free(&c);
    cr_expect_null(none);
    cr_expect_not_null(strstr(config_errors_text(&errors), "test.yaml:1:1:"));
    config_errors_fini(&errors);
}

Test(load, names_run_files_after_the_config)
{
    static const struct {
        const char *path, *pid_file, *control_socket;
    } rows[] = {
        { "/e/a.yaml", "/e/a.pid", "/e/a.sock" },
        { "/e/a.yml", "/e/a.pid", "/e/a.sock" },
        { "/e/a.conf", "/e/a.conf.pid", "/e/a.conf.sock" },
        { "/a.yaml", "/a.pid", "/a.sock" },
        { "/e/012345678901234567890123456789012345678901234567890123456789012345678901234567890123"
          "456789012345678901.yaml",
          "/e/012345678901234567890123456789012345678901234567890123456789012345678901234567890123"
          "456789012345678901.pid",
          NULL },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct config_errors errors = { 0 };
        struct config *c = parse_bytes("root: www\n", 10, rows[i].path, &errors);

        cr_assert_not_null(c);
        cr_expect_str_eq(c->pid_file, rows[i].pid_file);
        if (rows[i].control_socket == NULL)
            cr_expect_null(c->control_socket);
        else
            cr_expect_str_eq(c->control_socket, rows[i].control_socket);
        config_free(&c);
        config_errors_fini(&errors);
    }
}

Test(load, starts_at_the_current_folder_for_the_command_line)
{
    struct config_errors errors = { 0 };
    char *here = getcwd(NULL, 0);
    char *expect = xasprintf("%s/www", here);
    struct config *c = parse_bytes("root: 'www'\nlisten: 8080\n", 25, NULL, &errors);

    cr_assert_not_null(c);
    cr_expect_null(c->path);
    cr_expect_null(c->pid_file);
    cr_expect_null(c->control_socket);
    cr_expect_str_eq(scope_of(c, "/")->root, expect);
    config_free(&c);
    c = parse_bytes("listen: 1\n", 10, NULL, &errors);
    cr_assert_not_null(c, "no root: the current folder");
    cr_expect_str_eq(scope_of(c, "/")->root, here);
    config_free(&c);
    config_errors_fini(&errors);
    free(expect);
    free(here);
}

Test(load, says_why_a_file_cannot_be_read)
{
    struct config_errors errors = { 0 };

    cr_expect_null(config_load("/nowhere/a.yaml", &errors));
    cr_expect_str_eq(config_errors_text(&errors),
                     "/nowhere/a.yaml: error: cannot be read: No such file or directory\n");
    config_errors_fini(&errors);
    cr_expect_null(config_load("/", &errors));
    cr_expect_str_eq(config_errors_text(&errors), "/: error: cannot be read: Is a directory\n");
    config_errors_fini(&errors);
}

Test(load, refuses_a_huge_file)
{
    struct config_errors errors = { 0 };
    size_t n = 5 << 20;
    char *text = xmalloc(n);

    memset(text, ' ', n);
    cr_expect_null(config_parse((struct str){ text, n }, TEST_PATH, &errors));
    cr_expect_not_null(strstr(config_errors_text(&errors), "at most 4 MiB"));
    config_errors_fini(&errors);
    free(text);
}

Test(load, takes_the_example_from_the_tree)
{
    struct config_errors errors = { 0 };
    struct config *c = config_load("config/remuda.yaml", &errors);
    char *root;

    cr_assert_not_null(c, "%s", config_errors_text(&errors));
    root = scope_of(c, "/")->root;
    cr_expect(str_ends(str_of(root), STR("/config/www")), "%s", root);
    cr_expect_eq(address_port(&c->listens[0].address), 8080);
    cr_expect_null(c->user);
    config_free(&c);
    config_errors_fini(&errors);
}
