#include "config/settings.h"

#include <inttypes.h>

#include "common/log.h"
#include "config/access.h"
#include "config/choices.h"
#include "config/config.h"
#include "config/shapes.h"

#define SERVER(field)  SCOPE_SERVER, offsetof(struct config, field)
#define CACHE(field)   SCOPE_FILE_CACHE, offsetof(struct config, field)
#define EVERY(field)   SCOPE_INHERITED, offsetof(struct scope, field)
#define HEADERS(field) SCOPE_HEADERS, offsetof(struct scope, field)
#define CORS(field)    SCOPE_CORS, offsetof(struct scope, field)
#define ROUTE(field)   SCOPE_ROUTE, offsetof(struct scope, field)
#define KIB            ((uint64_t)1 << 10)
#define MIB            ((uint64_t)1 << 20)
#define GIB            ((uint64_t)1 << 30)
#define SECOND         ((uint64_t)1000)
#define HOUR           (3600 * SECOND)
#define DAY            (24 * HOUR)

/* A timeout of 0 would close a connection before its first byte. */
#define TIMEOUT .min = 10, .max = DAY

const struct setting settings[] = {
    { "workers", SET_WORKERS, SERVER(workers), "auto", .min = 1, .max = CONFIG_WORKERS_MAX,
      .heading = "processes",
      .help = "worker processes; auto: one for each CPU that the server may use" },
    { "worker_cpu_affinity", SET_SWITCH, SERVER(cpu_affinity), "off", .words = { "off", "auto" },
      .help = "auto: pin each worker to a CPU of its own" },
    { "user", SET_ACCOUNT, SERVER(user), .example = "www-data",
      .help = "who the workers run as, a name or an id, when the server is started by root; not "
              "set: whoever started it" },
    { "group", SET_ACCOUNT, SERVER(group), .example = "www-data",
      .help = "the workers' group, a name or an id; not set: the user's own" },
    { "worker_rlimit_nofile", SET_COUNT, SERVER(rlimit_nofile), "0", .max = 1073741816,
      .help = "open files that a worker may have; 0: leave the limit as it is" },
    { "no_new_privs", SET_BOOL, SERVER(no_new_privs), "on",
      .help = "on: workers can never gain rights by executing a set-user-id program" },
    { "daemon", SET_BOOL, SERVER(daemon), "off", .help = "on: go to the background" },
    { "pid_file", SET_PATH, SERVER(pid_file), .none = "off", .example = "/run/remuda.pid",
      .help = "holds the master's process id, and a lock that keeps a second master away; not "
              "set: beside the config, with .pid for .yaml" },
    { "control_socket", SET_SOCKET_PATH, SERVER(control_socket), .none = "off",
      .example = "/run/remuda.sock",
      .help = "where remudactl speaks to the master; not set: the pid file's name with .sock" },
    { "control_socket_mode", SET_MODE, SERVER(control_socket_mode), "0600",
      .help = "who may use it, as chmod(1) writes it: who can write to it can stop the server" },
    { "control_socket_group", SET_ACCOUNT, SERVER(control_socket_group), .example = "adm",
      .help = "its group, a name or an id, for a mode such as 0660; not set: the master's own" },

    { "listen", SET_LISTEN, SERVER(listens), "8080", .heading = "listening",
      .help = "an address or a list of them: 8080 or \"*:8080\" (every address, IPv4 and IPv6), "
              "127.0.0.1:8080, \"[::1]:8080\", localhost:8080, unix:/run/remuda-http.sock; or "
              "{address: 8080, proxy_protocol: on} behind a load balancer, one of "
              "trusted_proxies, that sends the PROXY protocol, version 1 or 2" },
    { "listen_backlog", SET_UNSIGNED, SERVER(backlog), "4096", .min = 1, .max = 65535,
      .help = "connections that the kernel queues for each listening socket" },
    { "defer_accept", SET_DURATION, SERVER(defer_accept_ms), "1s", .none = "off", .max = HOUR,
      .help = "a new connection wakes a worker when its first bytes are there, or after this time; "
              "whole seconds" },

    { "trusted_proxies", SET_NETWORKS, SERVER(trusted_proxies), "off", .none = "off",
      .example = "[10.0.0.0/8, '::1', unix]",
      .help = "networks whose word on the client's address is taken; the client is the last "
              "address in real_ip_header that is not one of them: access rules, limits and the "
              "access log go by it" },
    { "real_ip_header", SET_REAL_IP, SERVER(real_ip_header), "X-Forwarded-For",
      .help = "the field in which trusted proxies tell the client's address" },

    { "error_log", SET_PATH, SERVER(error_log), "stderr", .none = "stderr", .heading = "logs",
      .example = "/var/log/remuda/error.log", .help = "where errors and notices go" },
    { "error_log_format", SET_WORD, SERVER(error_log_format), "text", .words = { "text", "json" },
      .help = "text: nginx's layout; json: an object a line, with the client, the request and its "
              "id where a request is what the line is about" },
    { "log_level", SET_LOG_LEVEL, SERVER(log_level), "notice",
      .help = "what the error log tells: this level and all before it" },
    { "access_log_buffer", SET_SIZE, SERVER(access_log_buffer_bytes), "64KiB", .max = 16 * MIB,
      .help = "lines that a worker collects before it writes them; 0: each line at once" },
    { "access_log_flush", SET_DURATION, SERVER(access_log_flush_ms), "1s", .min = 10, .max = HOUR,
      .help = "collected lines are written when they are this old" },
    { "log_queue", SET_SIZE, SERVER(log_queue_bytes), "8MiB", .min = 64 * KIB, .max = GIB,
      .help = "memory of a worker for lines of access logs that a slow disk has not taken yet, and "
              "as much for the error log; what does not fit is dropped and counted, and serving "
              "goes on" },

    { "worker_connections", SET_COUNT, SERVER(worker_connections), "16384", .min = 1, .max = MIB,
      .heading = "connections",
      .help = "open connections of one worker; at the limit the oldest idle one is closed" },
    { "connection_balance", SET_BOOL, SERVER(has_connection_balance), "on",
      .help = "on: a worker that has more open connections than a sibling hands it the next new "
              "one, where the kernel alone deals them unevenly" },
    { "keepalive_requests", SET_COUNT, SERVER(keepalive_requests), "100000", .min = 1,
      .max = 1000000000, .help = "requests on one connection; 1: no keep-alive" },
    { "client_header_timeout", SET_DURATION, SERVER(client_header_timeout_ms), "30s", TIMEOUT,
      .help = "from the first byte of a request to the end of its head; then 408" },
    { "client_body_timeout", SET_DURATION, SERVER(client_body_timeout_ms), "30s", TIMEOUT,
      .help = "window in which a request's body must come at min_rate" },
    { "send_timeout", SET_DURATION, SERVER(send_timeout_ms), "30s", TIMEOUT,
      .help = "window in which a response must be taken at min_rate" },
    { "min_rate", SET_SIZE, SERVER(min_rate), "128", .max = GIB,
      .help = "bytes a second that a client must send or take; 0: any progress will do" },
    { "keepalive_timeout", SET_DURATION, SERVER(keepalive_timeout_ms), "75s", .max = DAY,
      .help = "an idle connection is closed after it; 0: no keep-alive" },
    { "lingering_timeout", SET_DURATION, SERVER(lingering_timeout_ms), "2s", TIMEOUT,
      .help = "after an error reply, what the client still sends is read until it is silent so "
              "long, or the reply would be lost" },
    { "lingering_time", SET_DURATION, SERVER(lingering_time_ms), "10s", TIMEOUT,
      .help = "the longest that this goes on" },
    { "worker_shutdown_timeout", SET_DURATION, SERVER(worker_shutdown_timeout_ms), "60s",
      .none = "off", .max = 7 * DAY,
      .help = "a graceful stop closes what is left after it; off: waits for ever" },
    { "worker_stuck_timeout", SET_DURATION, SERVER(worker_stuck_timeout_ms), "10s", .none = "off",
      .min = 100, .max = DAY,
      .help = "a worker that does nothing for so long, though siblings accept what waits for it at "
              "once, is ended, its stack is logged, and another takes its place; off: never, as a "
              "debugger needs it" },

    { "request_line_max", SET_SIZE, SERVER(request_line_max_bytes), "8KiB", .min = 64,
      .max = 256 * KIB, .heading = "what a request may cost",
      .help = "longest request line; a longer one is answered 414" },
    { "request_header_max", SET_SIZE, SERVER(request_header_max_bytes), "32KiB", .min = 64,
      .max = 256 * KIB,
      .help = "all field lines together; more is answered 431; at most 256KiB with "
              "request_line_max" },
    { "request_header_count", SET_COUNT, SERVER(request_header_max_count), "100", .min = 1,
      .max = 256, .help = "field lines of a request; more are answered 431" },

    { "sendfile_max_chunk", SET_SIZE, SERVER(sendfile_max_chunk_bytes), "2MiB", .min = 4 * KIB,
      .max = GIB, .heading = "sending and caching",
      .help = "the most that one response sends before others have their turn" },
    { "open_file_cache", SET_GROUP, SERVER(open_file_cache_max), .none = "off",
      .group = SCOPE_FILE_CACHE,
      .help = "files kept open by each worker; open_file_cache: off does without" },
    { "max", SET_COUNT, CACHE(open_file_cache_max), "10000", .max = MIB,
      .help = "entries; 0: no cache" },
    { "memory", SET_SIZE, CACHE(open_file_cache_memory_bytes), "64MiB", .max = 64 * GIB,
      .help = "for the bodies of small files" },
    { "small", SET_SIZE, CACHE(open_file_cache_small_bytes), "16KiB", .max = 16 * MIB,
      .help = "files up to this size are held in memory" },
    { "valid", SET_DURATION, CACHE(open_file_cache_valid_ms), "1s", .max = DAY,
      .help = "age at which a file is looked at again where changes cannot be watched" },
    { "watch", SET_BOOL, CACHE(open_file_cache_watch), "on",
      .help = "on: the kernel tells of changes (inotify), so that nothing is looked at twice" },
    { "compress_memory", SET_SIZE, SERVER(compress_memory_bytes), "32MiB", .max = 64 * GIB,
      .help = "for what a worker compressed; at the limit what was not asked for lately goes; 0: "
              "nothing is compressed" },
    { "recall_memory", SET_SIZE, SERVER(recall_memory_bytes), "8MiB", .max = 64 * GIB,
      .help = "for each worker's answers to requests that it has seen before, byte for byte: they "
              "are given again without parsing, while the files are the same; 0: none are kept" },
    { "listing_memory", SET_SIZE, SERVER(listing_memory_bytes), "64MiB", .min = 64 * KIB,
      .max = 64 * GIB,
      .help = "for the folder listings that a worker reads or sends at a time, one takes half of "
              "it at most; who comes when it is used up is answered 503" },

    { "root", SET_PATH, EVERY(root), .example = "/srv/www",
      .heading = "files: these settings may also stand in a site or a route",
      .help = "folder to serve: the whole path of a request is looked up below it" },
    { "alias", SET_PATH, SCOPE_ROUTE, offsetof(struct scope, alias), .example = "/srv/images",
      .help = "instead of root, in a route: what follows the route's path is looked up below it" },
    { "index", SET_INDEX, EVERY(index), "[index.html, index.htm]", .none = "off",
      .help = "files tried for a folder, in order" },
    { "dotfiles", SET_SWITCH, EVERY(is_dotfiles_shown), "hide", .words = { "hide", "show" },
      .help = "hide: a name that starts with a dot is not found (/.well-known/ is)" },
    { "listing", SET_BOOL, EVERY(has_listing), "off",
      .help = "on: a folder without an index is answered with a list of what is in it, as a page "
              "or as JSON (Accept, or ?format=json)" },
    { "listing_max", SET_COUNT, EVERY(listing_max), "100000", .min = 1, .max = 1000000,
      .help = "entries of one listing; of more the first that the disk gives, and the page says "
              "so" },
    { "default_type", SET_MEDIA_TYPE, EVERY(default_type), "application/octet-stream",
      .help = "media type of a file whose name does not tell" },
    { "charset", SET_CHARSET, EVERY(charset), "utf-8", .none = "off",
      .help = "told with text types" },
    { "etag", SET_WORD, EVERY(etag), "on", .words = { "off", "on", "content" },
      .help = "on: send a strong ETag; content: one made from the file's bytes, the same on every "
              "machine and after a build that sets all times equal" },
    { "precompressed", SET_ENCODINGS, EVERY(precompressed), "on",
      .help = "serve FILE.br, FILE.zst or FILE.gz for FILE to who takes that; one with an older "
              "mtime than FILE is not used" },
    { "compress", SET_ENCODINGS, EVERY(compress), "on",
      .help = "a file without a compressed one beside it is compressed once, in the background, "
              "and kept with its cache entry; the first request gets it as it is" },
    { "compress_types", SET_WORDS, EVERY(compress_types),
      "['text/*', '*+json', '*+xml', application/json, application/javascript, application/xml, "
      "application/wasm, application/x-ndjson, application/sql, application/rtf, "
      "application/vnd.ms-fontobject, font/ttf, font/otf, font/collection, image/bmp, "
      "image/vnd.microsoft.icon, image/x-icon]",
      .check = check_type_pattern, .example = "['text/*', application/json]",
      .help = "media types that this is done for; a '*' stands for anything" },
    { "compress_min", SET_SIZE, EVERY(compress_min_bytes), "256", .max = GIB,
      .help = "smaller files are left as they are: they fit into one packet either way" },
    { "compress_max", SET_SIZE, EVERY(compress_max_bytes), "4MiB", .max = 64 * MIB,
      .help = "so are larger ones, which would keep others waiting" },
    { "max_ranges", SET_UNSIGNED, EVERY(max_ranges), "16", .none = "off", .max = 256,
      .help = "byte ranges that one request may get; if it asks for more, those near to each other "
              "are joined, else all is sent; 0 or off: no ranges" },
    { "access_log", SET_ACCESS_LOG, EVERY(access_log), "off", .none = "off",
      .example = "{to: /var/log/remuda/access.log, format: json, if_status: [4xx, 5xx]}",
      .help =
          "a line for each request; the target alone, or as \"to\" of a map: a file, stderr, "
          "stdout, or syslog:/dev/log, syslog:127.0.0.1:514 and syslog:[::1]:514 (RFC 5424 "
          "in datagrams; with facility: local7, severity: info and tag: remuda if not set). "
          "format is combined, common, json, or a text with these variables, which is JSON if it "
          "begins with {: $remote_addr $remote_port $remote_user $time_local $time_iso8601 $msec "
          "$request $request_method $request_uri $uri $args $query_string $server_protocol "
          "$scheme $host $server_addr $server_port $server_name $status $body_bytes_sent "
          "$request_length $request_time $connection_requests $request_id $site $route $worker "
          "$pid "
          "$hostname and $http_NAME, a field of the request. With if_status: [4xx, 503] or "
          "if_slower: 500ms "
          "only requests are logged for which one of them holds; sample: 1% is the share that is "
          "logged of the others, or of all where there is no condition" },
    { "client_max_body_size", SET_SIZE, EVERY(client_max_body_bytes), "1MiB", .none = "off",
      .max = 1024 * GIB, .help = "a longer request body is answered 413; 0 or off: no limit" },
    { "error_pages", SET_ERROR_PAGES, EVERY(error_pages),
      .example = "{404: /404.html, 503: /busy.html}",
      .help = "pages for errors, by status; a site's or route's add to those above it" },

    { "types", SET_PAIRS, EVERY(types), .example = "{wasm: application/wasm, log: text/plain}",
      .check_name = check_extension, .check = check_type,
      .help = "media types by file name extension, before those that are built in" },
    { "cache_control", SET_TEXT, EVERY(cache_control), .none = "off", .default_text = "off",
      .example = "'public, no-cache'", .check = check_field_value,
      .help = "Cache-Control of files" },
    { "expires", SET_PAIRS, EVERY(expires),
      .example = "{text/html: off, image/*: 30d, default: 1h}", .check_name = check_expires_name,
      .check = check_expires,
      .help = "how long files may be kept, by media type: Cache-Control's max-age, and Expires "
              "where Cache-Control says nothing else" },

    { "server_header", SET_BOOL, EVERY(has_server_header), "on",
      .heading = "headers: these settings may also stand in a site or a route",
      .help = "on: send \"Server: remuda\"" },
    { "security_headers", SET_SWITCH, EVERY(has_security_headers), "off",
      .words = { "off", "basic" },
      .help = "basic: X-Content-Type-Options: nosniff, X-Frame-Options: SAMEORIGIN, and "
              "Referrer-Policy: strict-origin-when-cross-origin with every answer" },
    { "request_id", SET_WORD, EVERY(request_id), "off", .words = { "off", "on", "trusted", "any" },
      .help = "X-Request-ID with every answer, for logs: on: made here; trusted: the one that "
              "trusted_proxies sent, if it is 1 to 128 letters, digits and ._~+/=-, else made "
              "here; any: the same from everybody" },
    { "headers", SET_GROUP, EVERY(headers_set), .none = "off", .group = SCOPE_HEADERS,
      .example = "{set: {X-Frame-Options: DENY}, remove: [X-Old]}",
      .help =
          "fields of every answer, errors too; a site's or route's come to those above it; off: "
          "none of those above" },
    { "set", SET_PAIRS, HEADERS(headers_set), .example = "{X-Frame-Options: DENY}",
      .check_name = check_header_name, .check = check_field_value,
      .help = "fields that have this value, whatever a handler or a setting above says" },
    { "add", SET_FIELDS, HEADERS(headers_add), .example = "{Link: '</a.css>; rel=preload'}",
      .check_name = check_added_name, .check = check_field_value,
      .help = "fields beside those that are there, also those of the same name from above; a list "
              "makes several" },
    { "remove", SET_WORDS, HEADERS(headers_remove), .example = "[X-Powered-By]",
      .check = check_header_name, .help = "fields from above that are not sent here" },
    { "cors", SET_GROUP, EVERY(cors_origins), .none = "off", .group = SCOPE_CORS,
      .example = "{origins: ['https://app.example'], methods: [GET, PUT], credentials: on}",
      .help = "who may use the answers from pages of other origins; off: nobody" },
    { "origins", SET_WORDS, CORS(cors_origins), .none = "off", .default_text = "off",
      .example = "['https://app.example', 'http://localhost:3000']", .check = check_origin,
      .help = "origins, or '*' for all" },
    { "methods", SET_WORDS, CORS(cors_methods), .default_text = "[GET, HEAD, POST]",
      .example = "[GET, PUT]", .check = check_method, .help = "methods that pages may use" },
    { "headers", SET_WORDS, CORS(cors_headers), .none = "off", .default_text = "off",
      .example = "[X-Token]", .check = check_token,
      .help = "request fields that pages may set; off: those that need no permission" },
    { "expose", SET_WORDS, CORS(cors_expose), .none = "off", .default_text = "off",
      .example = "[X-Total]", .check = check_token,
      .help = "answer fields that pages may read beside the usual ones" },
    { "credentials", SET_BOOL, CORS(cors_credentials), "off",
      .help = "on: requests may come with cookies and passwords; not with the origin '*'" },
    { "max_age", SET_DURATION, CORS(cors_max_age_ms), "10m", .max = 7 * DAY,
      .help = "how long browsers remember a permission" },

    { "try", SET_WORDS, EVERY(tries), .none = "off", .default_text = "off", .check = check_try,
      .example = "[$path, $path.html, $path/, /index.html, =404]",
      .help = "paths below the folder that are looked up in turn; $path is the request's (below an "
              "alias: what follows the route's path); one that ends in / is a folder with an "
              "index; =404 at the end is a status" },
    { "trailing_slash", SET_SWITCH, EVERY(redirects_folders), "redirect",
      .words = { "off", "redirect" },
      .help = "redirect: a folder that is asked for without its / is redirected to it; off: it is "
              "answered at once" },
    { "rewrite", SET_REWRITES, EVERY(rewrites), .example = "[{match: '^/old/(.*)$', to: /new/$1}]",
      .help = "other paths for those that match, the first match counts; in a site before its "
              "routes are looked at, in a route before its files are" },

    { "methods", SET_WORDS, ROUTE(methods), .example = "[GET, POST]", .check = check_method,
      .help = "the route is for these methods only (GET: also HEAD); others look further" },
    { "request_headers", SET_PAIRS, ROUTE(request_headers), .example = "{X-Beta: '1'}",
      .check_name = check_token, .check = check_field_value,
      .help = "the route is only for requests with these fields; '*': with any value; all "
              "answers of its site then have Vary with their names" },
    { "redirect", SET_REDIRECT, ROUTE(redirect),
      .example = "{to: 'https://$host$path', status: 301}",
      .help = "send the client elsewhere, with 302 if no other status is given; $1 to $9, $path, "
              "$query, $uri, $host and $scheme are filled in, and the query is kept unless the "
              "target has a \"?\"" },
    { "respond", SET_RESPOND, ROUTE(respond),
      .example = "{status: 200, body: ok, type: text/plain}",
      .help = "a fixed response; respond: 404 is that error's page" },
    { "status_page", SET_BOOL, ROUTE(has_status_page), .example = "on",
      .help = "on: what all workers count, by site and route: as text, as a page with live charts "
              "(browsers), JSON, or for Prometheus; by Accept, or ?format=text, html, json, "
              "prometheus, openmetrics" },
    { "access", SET_ACCESS, EVERY(access), "off", .none = "off",
      .example = "[{allow: 10.0.0.0/8}, {allow: '::1'}, {deny: all}]",
      .heading = "access: these settings may also stand in a site or a route",
      .help = "who may ask: the first rule that fits the client's address decides, and whom none "
              "fits may; networks of IPv4 and IPv6, unix and all; others are answered 403" },
    { "allowed_methods", SET_METHODS, EVERY(allowed_methods), "off", .none = "off",
      .example = "[GET, HEAD, OPTIONS]",
      .help = "other methods are answered 405; GET brings HEAD with it; off: all that there are" },
    { "limit_req", SET_LIMIT_REQ, EVERY(limit_req), "off", .none = "off",
      .example = "{rate: 10/s, burst: 20, status: 429}",
      .help = "requests of one client, over all workers: at this rate, and burst more at once; "
              "others get the status (429) and Retry-After; counted for all routes that inherit "
              "it together, IPv6 by /64; 600/m is 10/s in other words" },
    { "limit_conn", SET_COUNT, EVERY(limit_conn), "off", .none = "off", .max = 60000,
      .help = "requests of one client that are being answered at a time, over all workers and all "
              "routes with a limit_conn; others get 503 and Retry-After" },
    { "auth_basic", SET_REALM, EVERY(auth_basic), "off", .none = "off",
      .help = "name of what needs a user and a password, of auth_basic_user_file; others are "
              "answered 401; use it over TLS" },
    { "auth_basic_user_file", SET_PATH, EVERY(auth_basic_user_file), .example = "/etc/remuda/users",
      .help = "lines of USER:HASH, the hash made by mkpasswd -m yescrypt or htpasswd -nB (bcrypt, "
              "yescrypt, sha512, sha256); read by the workers at start and reload" },

    { "sites", SET_STRUCTURE, SCOPE_SERVER, .example = "[{hosts: example.org, root: www}]",
      .help = "a list of sites, chosen by the request's host" },
    { "hosts", SET_STRUCTURE, SCOPE_SITE, .example = "[example.org, '*.example.org']",
      .help = "names of the site; '*' for every other name" },
    { "routes", SET_STRUCTURE, SCOPE_SERVER | SCOPE_SITE,
      .example = "[{path: /images, alias: /srv/images}]",
      .help = "a list of routes, chosen by the request's path: exact ones first, then regex in the "
              "order written, then the longest path; a regex that matches thus overrides every "
              "path, one with access or auth_basic too" },
    { "listen", SET_STRUCTURE, SCOPE_SITE, .example = "['127.0.0.1:8080']",
      .help = "the only addresses, of those that the server listens on, that the site is for" },
    { "path", SET_STRUCTURE, SCOPE_ROUTE, .example = "/images",
      .help =
          "start of the paths that the route is for, by whole segments; the longest counts, and "
          "only where no exact and no regex route matches: what protects a path does not "
          "protect what a regex takes out of it" },
    { "exact", SET_STRUCTURE, SCOPE_ROUTE, .example = "/favicon.ico",
      .help = "instead of path: the only path that the route is for; it comes before all regex and "
              "path routes" },
    { "regex", SET_STRUCTURE, SCOPE_ROUTE, .example = "'^/user/([0-9]+)$'",
      .help = "instead of path: a Perl-compatible expression for the paths of the route; the first "
              "one written that matches counts, before any path route however long, so that it "
              "needs the access and auth_basic of the paths that it reaches into" },
};

const size_t setting_count = sizeof(settings) / sizeof(settings[0]);

/* What nginx, Apache and others call it. */
static const struct {
    const char *theirs, *ours;
} foreign_words[] = {
    { "server_name", "hosts" },
    { "server_names", "hosts" },
    { "server", "sites" },
    { "servers", "sites" },
    { "virtual_hosts", "sites" },
    { "location", "routes" },
    { "locations", "routes" },
    { "worker_processes", "workers" },
    { "pid", "pid_file" },
    { "server_tokens", "server_header" },
    { "port", "listen" },
    { "bind", "listen" },
    { "address", "listen" },
    { "document_root", "root" },
    { "docroot", "root" },
    { "error_page", "error_pages" },
    { "backlog", "listen_backlog" },
    { "large_client_header_buffers", "request_header_max" },
    { "client_header_buffer_size", "request_header_max" },
    { "directory_index", "index" },
    { "autoindex", "listing" },
    { "dir_listing", "listing" },
    { "browse", "listing" },
    { "gzip", "compress" },
    { "brotli", "compress" },
    { "encode", "compress" },
    { "gzip_types", "compress_types" },
    { "gzip_min_length", "compress_min" },
    { "gzip_static", "precompressed" },
    { "brotli_static", "precompressed" },
    { "max_body_size", "client_max_body_size" },
    { "set_real_ip_from", "trusted_proxies" },
    { "allow", "access" },
    { "deny", "access" },
    { "log_format", "access_log" },
    { "limit_except", "allowed_methods" },
};

bool setting_is_scoped(const struct setting *row)
{
    return (row->scopes & (SCOPE_SITE | SCOPE_ROUTE | SCOPE_HEADERS | SCOPE_CORS)) != 0;
}

unsigned setting_indent(const struct setting *row)
{
    return (row->scopes & (SCOPE_FILE_CACHE | SCOPE_HEADERS | SCOPE_CORS)) != 0 ? 2 : 0;
}

bool setting_group_has_default(const struct setting *group)
{
    for (size_t i = 0; i < setting_count; i++)
        if (settings[i].scopes == (unsigned)group->group && settings[i].default_text != NULL)
            return true;
    return false;
}

const struct setting *setting_find(struct str name, unsigned scope)
{
    const struct setting *elsewhere = NULL;

    for (size_t i = 0; i < setting_count; i++) {
        if (!str_eq(str_of(settings[i].name), name))
            continue;
        if ((settings[i].scopes & scope) != 0)
            return &settings[i];
        elsewhere = &settings[i];
    }
    return elsewhere;
}

/* Lower case, so that KEEPALIVE_TIMEOUT is near. */
static struct str fold(struct str name, char *out, size_t size)
{
    size_t n = name.n < size ? name.n : size;

    for (size_t i = 0; i < n; i++)
        out[i] = ascii_lower(name.p[i]);
    return (struct str){ out, n };
}

static const char *nearest(struct str name, unsigned scopes)
{
    unsigned best = 2 + (unsigned)name.n / 4; /* more wrong letters make another word */
    const char *found = NULL;

    for (size_t i = 0; i < setting_count; i++) {
        unsigned distance = str_distance(name, str_of(settings[i].name));

        if ((settings[i].scopes & scopes) == 0 || distance >= best ||
            distance >= strlen(settings[i].name))
            continue;
        found = settings[i].name;
        best = distance;
    }
    return found;
}

const char *setting_guess(struct str name, unsigned scope)
{
    char folded[64];
    const char *found;

    if (name.n > sizeof(folded))
        return NULL;
    name = fold(name, folded, sizeof(folded));
    for (size_t i = 0; i < sizeof(foreign_words) / sizeof(foreign_words[0]); i++)
        if (str_eq(name, str_of(foreign_words[i].theirs)))
            return foreign_words[i].ours;
    found = nearest(name, scope);
    return found != NULL || scope == SCOPE_FILE_CACHE ? found : nearest(name, SCOPE_INHERITED);
}

void setting_format_number(enum setting_type type, uint64_t value, struct buf *out)
{
    static const struct {
        enum setting_type type;
        uint64_t factor;
        const char *unit;
    } units[] = {
        { SET_SIZE, GIB, "GiB" },      { SET_SIZE, MIB, "MiB" },
        { SET_SIZE, KIB, "KiB" },      { SET_DURATION, DAY, "d" },
        { SET_DURATION, HOUR, "h" },   { SET_DURATION, 60 * SECOND, "m" },
        { SET_DURATION, SECOND, "s" }, { SET_DURATION, 1, "ms" },
    };

    for (size_t i = 0; value > 0 && i < sizeof(units) / sizeof(units[0]); i++) {
        if (units[i].type != type || value % units[i].factor != 0)
            continue;
        buf_printf(out, "%" PRIu64 "%s", value / units[i].factor, units[i].unit);
        return;
    }
    buf_printf(out, "%" PRIu64, value);
}

static void describe_range(const struct setting *row, const char *what, const char *example,
                           struct buf *out)
{
    buf_printf(out, "%s from ", what);
    setting_format_number(row->type, row->min, out);
    buf_add(out, STR(" to "));
    setting_format_number(row->type, row->max, out);
    if (example != NULL)
        buf_printf(out, ", as in %s", example);
}

static void describe_log_levels(struct buf *out)
{
    for (unsigned i = 0; log_level_names[i] != NULL; i++)
        buf_printf(out, "%s%s",
                   i == 0                           ? ""
                   : log_level_names[i + 1] != NULL ? ", "
                                                    : " or ",
                   log_level_names[i]);
}

/* What needs nothing of the row's. */
static const char *const descriptions[] = {
    [SET_BOOL] = "on or off",
    [SET_MODE] = "a file's mode of three octal digits, as in 0660",
    [SET_MEDIA_TYPE] = "a media type, as in text/plain",
    [SET_CHARSET] = "a charset, as in utf-8",
    [SET_REALM] = "a text that people are shown, as in 'Staff only'",
    [SET_INDEX] = "a file name or a list of them, as in [index.html, index.htm]",
    [SET_LISTEN] = "an address or a list of them, as in [8080, '[::1]:9090']",
    [SET_STRUCTURE] = NULL, /* the last of the enum: a slot for each */
};

/* What the row's example follows. */
static const char *const kinds[] = {
    [SET_ACCOUNT] = "a name or an id",
    [SET_PATH] = "a path",
    [SET_SOCKET_PATH] = "a path",
    [SET_ACCESS_LOG] = "a path, stderr, stdout, syslog:ADDRESS or a map",
    [SET_ERROR_PAGES] = "a map of status to path",
    [SET_WORDS] = "one or a list",
    [SET_PAIRS] = "a map",
    [SET_FIELDS] = "a map",
    [SET_TEXT] = "a text",
    [SET_REWRITES] = "a list of rules",
    [SET_REDIRECT] = "a target or a map",
    [SET_RESPOND] = "a status or a map",
    [SET_STRUCTURE] = NULL,
};

void setting_describe(const struct setting *row, struct buf *out)
{
    if (row->none != NULL)
        buf_printf(out, "%s or ", row->none);
    if (descriptions[row->type] != NULL) {
        buf_add(out, str_of(descriptions[row->type]));
        return;
    }
    if (kinds[row->type] != NULL) {
        buf_printf(out, "%s, as in %s", kinds[row->type], row->example);
        return;
    }
    switch (row->type) {
    case SET_SWITCH:
        buf_printf(out, "%s or %s", row->words[0], row->words[1]);
        break;
    case SET_LOG_LEVEL:
        describe_log_levels(out);
        break;
    case SET_WORKERS:
        describe_range(row, "auto or a whole number", NULL, out);
        break;
    case SET_UNSIGNED:
    case SET_COUNT:
        describe_range(row, "a whole number", NULL, out);
        break;
    case SET_SIZE:
        describe_range(row, "a size", "512, 8KiB or 1MiB", out);
        break;
    case SET_DURATION:
        describe_range(row, "a time", "30s, 500ms or 2m", out);
        break;
    case SET_GROUP:
        buf_printf(out, "a map of settings, as in %s",
                   row->example != NULL ? row->example : "{max: 1000, valid: 10s}");
        break;
    case SET_STRUCTURE:
        buf_printf(out, "%s, as in %s", row->help, row->example);
        break;
    default:
        if (choice_has_type(row->type))
            choice_value_describe(row, out);
        else
            access_value_describe(row, out);
    }
}
