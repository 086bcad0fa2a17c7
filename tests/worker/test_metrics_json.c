#include "worker/metrics_json.h"

#include <criterion/criterion.h>

#include "tests/json_check.h"
#include "tests/worker/metrics_block.h"

static void expect_at(const struct buf *json, const char *path, const char *expect)
{
    struct str got = json_at(buf_str(json), path);

    cr_expect(got.p != NULL && str_eq(got, str_of(expect)), "%s is %.*s, not %s", path,
              got.p != NULL ? (int)got.n : 7, got.p != NULL ? got.p : "missing", expect);
}

Test(metrics_json, is_valid_and_has_everything)
{
    struct buf out = { 0 };
    struct metrics m;
    struct block b;

    block_open(&b);
    block_worker(&b, 0, 0, 100, 1);
    block_requests(&b, 0, 0, "a\"\xff", "/", 200, 1, 1000);
    block_requests(&b, 0, 0, "b", "/", 404, 2, 1000);
    block_requests(&b, 0, 0, "b", "/x", 503, 1, UINT64_C(200000000000));
    block_requests(&b, 0, 0, "c", "/", 200, 0, 0);
    metrics_take(&m, b.shared, 61500);
    metrics_json_write(&m, &out);
    cr_assert(json_is_valid(buf_str(&out)), "%s", buf_cstr(&out));
    expect_at(&out, "server", "\"remuda\"");
    expect_at(&out, "time", "61.500");
    expect_at(&out, "uptime_seconds", "60");
    expect_at(&out, "workers", "1");
    expect_at(&out, "requests", "4");
    expect_at(&out, "responses_4xx", "2");
    expect_at(&out, "bytes_sent", "0");
    expect_at(&out, "per_worker.0.worker", "1");
    expect_at(&out, "per_worker.0.requests", "4");
    expect_at(&out, "sites.0.site", "\"a\\\"\xef\xbf\xbd\"");
    expect_at(&out, "sites.1.routes.0.responses.4xx", "2");
    expect_at(&out, "sites.1.routes.0.latency.sum", "0.000002");
    expect_at(&out, "sites.1.routes.0.latency.mean", "0.000001");
    expect_at(&out, "sites.1.routes.0.latency.buckets.0", "[0.000001024,2]");
    expect_at(&out, "sites.1.routes.1.latency.buckets.0.0", "null");
    expect_at(&out, "sites.1.routes.1.latency.buckets.0.1", "1");
    expect_at(&out, "sites.2.routes.0.latency.p99", "0");
    expect_at(&out, "sites.2.routes.0.latency.buckets", "[]");
    metrics_fini(&m);
    buf_fini(&out);
    block_close(&b);
}
