#include "worker/log_line.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/config/parse.h"
#include "worker/http1_parse.h"

static const struct clock now = {
    .epoch_ms = 1795294704089,
    .log_time = "21/Nov/2026:20:58:24 +0000",
    .iso_time = "2026-11-21T20:58:24+00:00",
};

/* A config with this log, and what the log is told of one request. */
struct desk {
    struct config *config;
    struct log_line *line;
    struct sockaddr_in in;
    struct request req;
    struct access_log_entry e;
};

static void desk_init(struct desk *d, const char *log)
{
    char *text = xasprintf("root: /r\naccess_log: %s\n", log);

    memset(d, 0, sizeof(*d));
    d->config = parse_good(text);
    d->line = log_line_new(&d->config->access_logs[0]);
    d->in = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(4242) };
    inet_pton(AF_INET, "192.0.2.255", &d->in.sin_addr);
    request_clear(&d->req);
    d->req.line = STR("GET / HTTP/1.1");
    d->e = (struct access_log_entry){
        .peer = (const struct sockaddr *)&d->in,
        .clock = &now,
        .fd = -1,
        .connection_requests = 3,
        .status = 200,
        .duration_ns = 12034999999,
        .req = &d->req,
        .body_bytes = 151,
        .request_bytes = 77,
        .site = &d->config->sites[0],
        .route = &d->config->sites[0].routes[0],
    };
    free(text);
}

static void desk_fini(struct desk *d)
{
    log_line_free(&d->line);
    cr_expect_null(d->line);
    config_free(&d->config);
}

/* Reads it as the protocol does; the bytes must live on. */
static void parse(struct desk *d, const char *head)
{
    static const struct http1_limits limits = { 8192, 32768, 100 };
    struct http1_fault fault;
    size_t n;

    if (http1_parse_head(&d->req, head, strlen(head), &limits, &n, &fault) == PARSE_DONE)
        d->req.path = STR("/a b/c"); /* of path_clean() */
}

/* The same when it is made whole, and when what repeats of it was kept. */
static void expect_line(struct desk *d, const char *line)
{
    struct buf out = { NULL, 0, 0 }, kept = { NULL, 0, 0 }, again = { NULL, 0, 0 };
    struct access_log_entry e = d->e;

    log_line_add(d->line, &out, &e);
    cr_expect_str_eq(buf_cstr(&out), line);
    log_line_keep(d->line, &kept, &e);
    e.kept = buf_str(&kept);
    e.req = NULL;
    e.user = STR_NONE;
    log_line_add(d->line, &again, &e);
    cr_expect_str_eq(buf_cstr(&again), line, "from what was kept");
    buf_fini(&out);
    buf_fini(&kept);
    buf_fini(&again);
}

static void expect_format(const char *log, const char *head, const char *line)
{
    struct desk d;

    desk_init(&d, log);
    parse(&d, head);
    expect_line(&d, line);
    desk_fini(&d);
}

Test(log_line, is_in_combined_format_by_itself)
{
    struct desk d;

    desk_init(&d, "a.log");
    expect_line(&d, "192.0.2.255 - - [21/Nov/2026:20:58:24 +0000] \"GET / HTTP/1.1\" 200 151 "
                    "\"-\" \"-\"\n");
    d.e.user = STR("anna");
    expect_line(&d, "192.0.2.255 - anna [21/Nov/2026:20:58:24 +0000] \"GET / HTTP/1.1\" 200 151 "
                    "\"-\" \"-\"\n");
    d.e.user = STR(" a \"]\n ");
    expect_line(&d, "192.0.2.255 - \\x20a\\x20\\x22]\\x0A\\x20 [21/Nov/2026:20:58:24 +0000] "
                    "\"GET / HTTP/1.1\" 200 151 \"-\" \"-\"\n");
    d.e.user = STR_NONE;
    d.req.known[FIELD_REFERER] = STR("http://a/");
    d.req.known[FIELD_USER_AGENT] = STR("curl/7");
    d.e.body_bytes = UINT64_MAX;
    expect_line(&d, "192.0.2.255 - - [21/Nov/2026:20:58:24 +0000] \"GET / HTTP/1.1\" 200 "
                    "18446744073709551615 \"http://a/\" \"curl/7\"\n");
    desk_fini(&d);
}

Test(log_line, keeps_a_hostile_line_in_its_quotes)
{
    struct desk d;

    desk_init(&d, "a.log");
    inet_pton(AF_INET, "0.0.0.0", &d.in.sin_addr);
    d.req.line = (struct str){ "a\"\\\n\x7f\xff\0", 7 };
    d.req.known[FIELD_USER_AGENT] = STR("");
    expect_line(&d, "0.0.0.0 - - [21/Nov/2026:20:58:24 +0000] "
                    "\"a\\x22\\x5C\\x0A\\x7F\\xFF\\x00\" 200 151 \"-\" \"\"\n");
    d.req.line = STR_NONE;
    expect_line(&d, "0.0.0.0 - - [21/Nov/2026:20:58:24 +0000] \"-\" 200 151 \"-\" \"\"\n");
    desk_fini(&d);
}

Test(log_line, names_ipv6_and_unix_peers)
{
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
                                .sin6_port = htons(80),
                                .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    struct desk d;

    desk_init(&d, "{to: a.log, format: '$remote_addr $remote_port'}");
    d.e.peer = (const struct sockaddr *)&in6;
    expect_line(&d, "::1 80\n");
    d.e.peer = (const struct sockaddr *)&un;
    expect_line(&d, "unix: 0\n");
    desk_fini(&d);
}

/* More peers than have a place, so that each place is taken anew again and again. */
Test(log_line, tells_many_peers_apart)
{
    struct desk d;
    char line[64], ip[INET_ADDRSTRLEN];

    desk_init(&d, "{to: a.log, format: $remote_addr}");
    for (uint32_t i = 0; i < 2000; i++) {
        d.in.sin_addr.s_addr = htonl(i * 2654435761u);
        inet_ntop(AF_INET, &d.in.sin_addr, ip, sizeof(ip));
        snprintf(line, sizeof(line), "%s\n", ip);
        expect_line(&d, line);
    }
    desk_fini(&d);
}

static const char head[] = "POST /a%20b//./c?x=%20y HTTP/1.0\r\nHost: Example.org:81\r\n"
                           "X-Two_Words: one\r\nX-Two_Words: two\r\nReferer: r\r\n"
                           "Cookie: c=1\r\n\r\n";

static const struct {
    const char *format, *line;
} rows[] = {
    { "$remote_addr:$remote_port", "192.0.2.255:4242\n" },
    { "[$time_local] [$time_iso8601] [$msec]",
      "[21/Nov/2026:20:58:24 +0000] [2026-11-21T20:58:24+00:00] [1795294704.089]\n" },
    { "$request", "POST /a%20b//./c?x=%20y HTTP/1.0\n" },
    { "$request_method $request_uri $server_protocol", "POST /a%20b//./c?x=%20y HTTP/1.0\n" },
    { "$uri $args|$query_string", "/a b/c x=%20y|x=%20y\n" },
    { "$scheme://$host", "http://Example.org\n" },
    { "$status $body_bytes_sent $request_length", "200 151 77\n" },
    { "$request_time $connection_requests", "12.034 3\n" },
    { "$site $server_name $route", "* * /\n" },
    { "$worker$$$remote_user", "0$-\n" },
    { "${status}s ${http_referer}", "200s r\n" },
    { "$http_x_two_words,$http_X_Two_Words,$http_cookie,$http_none", "one,one,c=1,-\n" },
    { "$server_addr:$server_port", "unix::0\n" }, /* there is no socket */
    { "- $status -", "- 200 -\n" },
    { "$STATUS", "200\n" },
};

Test(log_line, fills_in_each_variable)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *log = xasprintf("{to: a.log, format: '%s'}", rows[i].format);

        expect_format(log, head, rows[i].line);
        free(log);
    }
}

Test(log_line, names_this_process_and_machine)
{
    char name[256], *line;
    struct desk d;

    cr_assert_eq(gethostname(name, sizeof(name)), 0);
    line = xasprintf("%d@%s\n", (int)getpid(), name);
    desk_init(&d, "{to: a.log, format: $pid@$hostname}");
    expect_line(&d, line);
    desk_fini(&d);
    free(line);
}

Test(log_line, has_the_common_format)
{
    expect_format("{to: a.log, format: common}", head,
                  "192.0.2.255 - - [21/Nov/2026:20:58:24 +0000] \"POST /a%20b//./c?x=%20y "
                  "HTTP/1.0\" 200 151\n");
}

Test(log_line, has_json)
{
    expect_format("{to: a.log, format: json}", head,
                  "{\"time\":\"2026-11-21T20:58:24+00:00\",\"msec\":1795294704.089,"
                  "\"remote_addr\":\"192.0.2.255\",\"remote_port\":4242,\"remote_user\":\"\","
                  "\"request\":\"POST /a%20b//./c?x=%20y HTTP/1.0\",\"method\":\"POST\","
                  "\"uri\":\"/a%20b//./c?x=%20y\",\"protocol\":\"HTTP/1.0\",\"scheme\":\"http\","
                  "\"host\":\"Example.org\",\"status\":200,\"body_bytes_sent\":151,"
                  "\"request_length\":77,\"request_time\":12.034,\"connection_requests\":3,"
                  "\"referer\":\"r\",\"user_agent\":\"\",\"site\":\"*\",\"route\":\"/\","
                  "\"request_id\":\"\",\"worker\":0}\n");
}

Test(log_line, has_the_id_of_a_request)
{
    struct desk d;

    desk_init(&d, "{to: a.log, format: '$status [$request_id]'}");
    expect_line(&d, "200 [-]\n");
    d.e.request_id = STR("8f3a");
    expect_line(&d, "200 [8f3a]\n");
    desk_fini(&d);
}

Test(log_line, escapes_for_json)
{
    struct desk d;

    desk_init(&d, "{to: a.log, format: '{\"a\":\"$request\",\"b\":\"$remote_user\"}'}");
    d.req.line = (struct str){ "\"\\/\n\x7f\0\t", 7 };
    expect_line(&d, "{\"a\":\"\\\"\\\\/\\n\\u007f\\u0000\\t\",\"b\":\"\"}\n");
    d.req.line = STR("\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x8e|\xc3|\xff"); /* UTF-8 stays */
    d.e.user = STR("a b");
    expect_line(&d, "{\"a\":\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x8e|\xef\xbf\xbd|\xef\xbf\xbd\","
                    "\"b\":\"a b\"}\n");
    desk_fini(&d);
}

/* What could not be read has no method, no target and no version of ours. */
Test(log_line, tells_what_could_not_be_read)
{
    expect_format("{to: a.log, format: '$request_method|$uri|$server_protocol|$host|$request'}",
                  "nonsense\r\n\r\n", "-|-|-|-|nonsense\n");
}

Test(log_line, begins_for_syslog_as_rfc_5424_says)
{
    char name[256], *line;
    struct desk d;

    cr_assert_eq(gethostname(name, sizeof(name)), 0);
    desk_init(&d, "{to: 'syslog:/dev/log', format: '{\"s\":$status}', facility: local1, "
                  "severity: warn, tag: a$b}");
    line = xasprintf("<140>1 2026-11-21T20:58:24+00:00 %s a$b %d access - {\"s\":200}\n", name,
                     (int)getpid());
    expect_line(&d, line);
    free(line);
    desk_fini(&d);
}

Test(log_line, knows_whether_it_needs_the_duration)
{
    struct desk d;

    desk_init(&d, "a.log");
    cr_expect_not(log_line_needs_duration(d.line));
    desk_fini(&d);
    desk_init(&d, "{to: a.log, format: '$status $request_time'}");
    cr_expect(log_line_needs_duration(d.line));
    desk_fini(&d);
}
