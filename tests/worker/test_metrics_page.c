#include "worker/metrics_page.h"

#include <criterion/criterion.h>

#include "tests/worker/metrics_block.h"

static size_t count(struct buf *text, const char *what)
{
    size_t n = 0;

    for (const char *at = buf_cstr(text); (at = strstr(at, what)) != NULL; at++)
        n++;
    return n;
}

Test(metrics_page, fills_every_place_and_escapes_names)
{
    struct buf out = { 0 };
    struct metrics m;
    struct block b;

    block_open(&b);
    block_worker(&b, 0, 0, 4711, 1);
    block_requests(&b, 0, 0, "<b>&\"", "~ ^/</script>", 200, 1234, 1500000);
    metrics_take(&m, b.shared, 61000);
    metrics_page_write(&m, "0123abcd", &out);
    cr_expect_eq(count(&out, "{{"), 0);
    cr_expect_eq(count(&out, "nonce=\"0123abcd\""), 3, "the style and both scripts");
    cr_expect_eq(count(&out, "<style"), 1);
    cr_expect_eq(count(&out, "<script"), 2);
    cr_expect_eq(count(&out, "&lt;b&gt;&amp;&quot;"), 1);
    cr_expect_eq(count(&out, "~ ^/&lt;/script&gt;"), 1);
    cr_expect_eq(count(&out, "<td>1,234</td>"), 4, "of the server, the worker, the route, its 2xx");
    cr_expect_eq(count(&out, "<td>4711</td>"), 1);
    cr_expect_eq(count(&out, "id=\"reload\" hidden>"), 1);
    cr_expect_eq(count(&out, " style=\""), 0, "the policy would forbid it");
    cr_expect_eq(count(&out, "://") - count(&out, "http://www.w3.org/"), 0, "no outside assets");
    metrics_fini(&m);
    buf_fini(&out);

    b.shared->is_reload_failed = 1;
    metrics_take(&m, b.shared, 61000);
    metrics_page_write(&m, "0123abcd", &out);
    cr_expect_eq(count(&out, "id=\"reload\" >"), 1);
    metrics_fini(&m);
    buf_fini(&out);
    block_close(&b);
}

Test(metrics_page, has_another_nonce_each_time)
{
    char a[METRICS_NONCE_MAX], b[METRICS_NONCE_MAX];
    struct pool pool;
    struct str policy;

    metrics_page_make_nonce(a);
    metrics_page_make_nonce(b);
    cr_expect_eq(strlen(a), METRICS_NONCE_MAX - 1);
    cr_expect_neq(strcmp(a, b), 0);
    pool_init(&pool);
    policy = metrics_page_policy(a, &pool);
    cr_expect_not_null(memmem(policy.p, policy.n, a, strlen(a)));
    pool_fini(&pool);
}
