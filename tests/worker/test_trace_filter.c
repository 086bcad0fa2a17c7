/* Which requests an operator's words mean. */
#include "worker/trace_filter.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdio.h>

static struct sockaddr_in client;

/* "GET /downloads/a%20b?c" of 192.0.2.7 at www.example.org: 404, in 250 ms. */
static struct trace_request request(void)
{
    client = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(0xc0000207) };
    return (struct trace_request){
        .client = (const struct sockaddr *)&client,
        .method = STR("GET"),
        .host = STR("www.Example.org"),
        .target = STR("/downloads/a%20b?c"),
        .path = STR("/downloads/a b"),
        .status = 404,
        .took_ns = 250000000,
    };
}

static bool has(const char *text, const struct trace_request *r)
{
    struct trace_filter filter;
    struct buf why = { 0 };
    bool result;

    cr_assert(trace_filter_parse(str_of(text), &filter, &why), "%s: %s", text, buf_cstr(&why));
    result = trace_filter_has(&filter, r);
    trace_filter_fini(&filter);
    buf_fini(&why);
    return result;
}

static const struct {
    const char *text;
    bool expect;
} rows[] = {
    { "", true },
    { "host=www.example.org", true },
    { "host=example.org", false },
    { "host=*.example.org", true },
    { "host=*.EXAMPLE.*", true },
    { "host=???.example.org", true },
    { "host=??.example.org", false },
    { "host=a,www.example.org,b", true },
    { "host=a,b", false },
    { "path=/", true },
    { "path=/down", true },
    { "path=/downloads/a", true },
    { "path=/downloads/a%20b", true },
    { "path=/downloads/a%20b?c", false },
    { "path=/other", false },
    { "path=/downloads/*", true },
    { "path=/*b", true },
    { "path=/*c", false },
    { "path=*%20*", true },
    { "path=/Downloads", false },
    { "path=/a,b", false },
    { "method=GET", true },
    { "method=get", true },
    { "method=POST,GET", true },
    { "method=POST", false },
    { "status=404", true },
    { "status=4xx", true },
    { "status=4XX", true },
    { "status=5xx,404", true },
    { "status=403,5xx", false },
    { "client=192.0.2.7", true },
    { "client=192.0.2.0/24", true },
    { "client=10.0.0.0/8,192.0.2.7", true },
    { "client=::1", false },
    { "slower=200ms", true },
    { "slower=250ms", false },
    { "slower=1s", false },
    { "slower=0", true },
    { "limit=5", true },
    { "host=*.example.org path=/down status=4xx slower=10ms method=GET client=192.0.2.7", true },
    { "  host=*.example.org   path=/x ", false },
    { "host=x path=/down", false },
};

Test(trace_filter, judges_each_row)
{
    struct trace_request r = request();

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        cr_expect_eq(has(rows[i].text, &r), rows[i].expect, "\"%s\"", rows[i].text);
}

/* One that could not be parsed, for instance. */
Test(trace_filter, judges_a_request_of_which_little_is_known)
{
    struct trace_request r = request();

    r.method = r.host = r.target = r.path = STR_NONE;
    cr_expect(has("", &r));
    cr_expect(has("status=404", &r));
    cr_expect_not(has("host=a", &r));
    cr_expect_not(has("path=/", &r));
    cr_expect_not(has("method=GET", &r));
    r.target = STR("*");
    cr_expect(has("path=*", &r));
    cr_expect_not(has("path=/", &r));
}

Test(trace_filter, finds_a_pattern_in_a_hostile_text_in_time)
{
    static char target[30000];
    struct trace_request r = request();

    memset(target, 'a', sizeof(target));
    target[0] = '/';
    r.target = r.path = (struct str){ target, sizeof(target) };
    cr_expect_not(has("path=/*a*a*a*a*a*a*a*a*b", &r));
    cr_expect(has("path=/*a*a*a*a*a*a*a*a", &r));
}

static const struct {
    const char *text, *why;
} bad[] = {
    { "hots=a", "unknown filter \"hots\"; did you mean host?" },
    { "statsu=404", "unknown filter \"statsu\"; did you mean status?" },
    { "example.org", "unknown filter \"example.org\"; there are host=, method=, path=, status=, "
                     "client=, slower= and limit=" },
    { "=", "unknown filter \"\"; there are " },
    { "host", "host needs a value: host=, and behind it a name such as" },
    { "host=", "host=: it takes a name" },
    { "host=a,,b", "host=a,,b: it takes a name" },
    { "host=a host=b", "host= is there twice; put a comma between two values" },
    { "path=/a path=/b", "path= is there twice" },
    { "path=a", "path=a: it takes the beginning of a path" },
    { "status=40", "status=40: it takes codes such as 404" },
    { "status=4x4", "it takes codes" },
    { "status=xxx", "it takes codes" },
    { "status=4xx,", "it takes codes" },
    { "client=a", "it takes an address or a network" },
    { "client=10.0.0.0/33", "it takes an address or a network" },
    { "slower=fast", "it takes a time such as 200ms" },
    { "limit=0", "limit=0: it takes a number of lines, from 1 on" },
    { "limit=-1", "it takes a number" },
    { "limit=99999999999999999999", "it takes a number" },
};

Test(trace_filter, says_what_is_wrong_and_what_would_be_right)
{
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct trace_filter filter;
        struct buf why = { 0 };

        cr_expect_not(trace_filter_parse(str_of(bad[i].text), &filter, &why), "%s", bad[i].text);
        cr_expect(strstr(buf_cstr(&why), bad[i].why) != NULL, "%s: %s", bad[i].text,
                  buf_cstr(&why));
        trace_filter_fini(&filter);
        buf_fini(&why);
    }
}

Test(trace_filter, tells_how_many_lines_are_wanted)
{
    struct trace_filter filter;
    struct buf why = { 0 };

    cr_expect(trace_filter_parse(STR("limit=12 host=a"), &filter, &why));
    cr_expect_eq(filter.lines_max, 12);
    trace_filter_fini(&filter);
    cr_expect(trace_filter_parse(STR_NONE, &filter, &why));
    cr_expect_eq(filter.lines_max, 0);
    trace_filter_fini(&filter);
    buf_fini(&why);
}
