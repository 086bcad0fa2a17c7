#include "worker/metrics_prometheus.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <time.h>

#include "tests/worker/metrics_block.h"

static struct buf text_of(const struct block *b, bool is_openmetrics)
{
    struct metrics m;
    struct buf out = { 0 };

    metrics_take(&m, b->shared, 5000);
    metrics_prometheus_write(&m, is_openmetrics, &out);
    metrics_fini(&m);
    return out;
}

static void expect_line(struct buf *text, const char *line)
{
    cr_expect_not_null(strstr(buf_cstr(text), line), "%s in\n%s", line, buf_cstr(text));
}

Test(metrics_prometheus, counts_what_lies_below_each_bound_exactly)
{
    static const uint64_t bound = (1 << 15) - LATENCY_FIRST; /* the first that is not below */
    struct block b;
    struct buf text;

    block_open(&b);
    block_worker(&b, 0, 0, 100, 1);
    block_requests(&b, 0, 0, "a", "/", 200, 2, bound - 1);
    block_requests(&b, 0, 0, "a", "/", 200, 3, bound);
    block_requests(&b, 0, 0, "a", "/", 200, 1, UINT64_C(200000000000));
    text = text_of(&b, false);
#define BUCKET "\nremuda_http_request_duration_seconds_bucket{site=\"a\",route=\"/\",le="
    expect_line(&text, BUCKET "\"0.000032511\"} 2\n");
    expect_line(&text, BUCKET "\"0.000065279\"} 5\n");
    expect_line(&text, BUCKET "\"34.359738111\"} 5\n");
    expect_line(&text, BUCKET "\"+Inf\"} 6\n");
    expect_line(&text, "\nremuda_http_request_duration_seconds_count{site=\"a\",route=\"/\"} 6\n");
    expect_line(&text, "\nremuda_http_request_duration_seconds_sum{site=\"a\",route=\"/\"} "
                       "200.000162558\n");
    expect_line(&text, "\nremuda_http_requests_total{site=\"a\",route=\"/\",code=\"2xx\"} 6\n");
    expect_line(&text, "\nremuda_http_requests_total{site=\"a\",route=\"/\",code=\"5xx\"} 0\n");
    expect_line(&text, "\nremuda_http_response_body_bytes_total{site=\"a\",route=\"/\"} 60\n");
    expect_line(&text, "\nremuda_worker_requests_total{worker=\"1\"} 6\n");
    buf_fini(&text);
    block_close(&b);
}

Test(metrics_prometheus, escapes_labels)
{
    struct block b;
    struct buf text;

    block_open(&b);
    block_worker(&b, 0, 0, 100, 1);
    block_requests(&b, 0, 0, "a\nb", "~ \\.\"x\" \xff\xc3\xa4", 200, 1, 1000);
    text = text_of(&b, false);
    expect_line(&text, "{site=\"a\\nb\",route=\"~ \\\\.\\\"x\\\" \xef\xbf\xbd\xc3\xa4\",");
    buf_fini(&text);
    block_close(&b);
}

Test(metrics_prometheus, openmetrics_has_families_without_total_and_an_end)
{
    struct block b;
    struct buf text;

    block_open(&b);
    block_worker(&b, 0, 0, 100, 1);
    block_requests(&b, 0, 0, "a", "/", 200, 1, 1000);
    text = text_of(&b, true);
    expect_line(&text, "\n# TYPE remuda_http_requests counter\n");
    expect_line(&text, "\nremuda_http_requests_total{");
    cr_expect(str_ends(buf_str(&text), STR("\n# EOF\n")));
    buf_fini(&text);
    text = text_of(&b, false);
    expect_line(&text, "\n# TYPE remuda_http_requests_total counter\n");
    cr_expect_not(str_ends(buf_str(&text), STR("# EOF\n")));
    buf_fini(&text);
    block_close(&b);
}

Test(metrics_prometheus, stays_reasonable_with_all_the_names_that_there_can_be)
{
    struct block b;
    struct buf text;
    struct timespec from, to;

    block_open(&b);
    block_fill(&b, 16);
    clock_gettime(CLOCK_MONOTONIC, &from);
    text = text_of(&b, false);
    clock_gettime(CLOCK_MONOTONIC, &to);
    cr_log_info("%zu bytes in %.1f ms", text.n,
                (double)(to.tv_sec - from.tv_sec) * 1e3 +
                    (double)(to.tv_nsec - from.tv_nsec) / 1e6);
    cr_expect_lt(text.n, 2000000);
    buf_fini(&text);
    block_close(&b);
}
