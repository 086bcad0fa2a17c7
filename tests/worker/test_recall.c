/* Answers that are given again: what is kept, for how long, and to whose bytes alone. */
#include "worker/recall.h"

#include <netinet/in.h>
#include <stdlib.h>

#include "tests/config/parse.h"
#include "tests/worker/file_cache_bench.h"
#include "worker/acceptor.h"
#include "worker/conn.h"
#include "worker/generation.h"
#include "worker/http1_parse.h"

enum { ROOMY = 1 << 20 };

static const char answer_head[] = "HTTP/1.1 200 OK\r\n"
                                  "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n";

struct desk {
    struct bench b;
    struct recall *recall;
    struct listener here, there;
    struct live_route route;
    struct exchange *x;
    struct str input;
    struct recall_key key;
    uint32_t hint;
};

static void desk_init(struct desk *d, uint64_t bytes_max)
{
    memset(d, 0, sizeof(*d));
    bench_init(&d->b, &roomy);
    d->recall = recall_new(bytes_max);
    d->x = calloc(1, sizeof(*d->x));
    d->x->route = &d->route;
    response_init(&d->x->res);
}

static void desk_fini(struct desk *d)
{
    response_reset(&d->x->res);
    free(d->x);
    recall_free(&d->recall);
    cr_expect_null(d->recall);
    bench_fini(&d->b);
}

static struct recalled *look(struct desk *d, const struct listener *by, struct str input)
{
    d->input = input;
    return recall_find(d->recall, by, input, d->b.cache, d->b.now_ms, &d->hint, &d->key);
}

/* What the protocol does with a request that was not found: parses it, and starts an answer. */
static struct exchange *begin(struct desk *d)
{
    static const struct http1_limits limits = { 8192, 32768, 100 };
    struct exchange *x = d->x;
    struct http1_fault fault;

    cr_assert_eq(http1_parse_head(&x->req, d->input.p, d->input.n, &limits, &x->head_n, &fault),
                 PARSE_DONE, "%.*s", STR_ARG(d->input));
    x->head = d->input.p;
    x->recall_key = d->key;
    x->ticket_count = 0;
    response_reset(&x->res);
    return x;
}

static void rest_on(struct desk *d, const char *path)
{
    find(&d->b, path);
    d->x->tickets[d->x->ticket_count++] = file_cache_ticket(d->b.cache);
}

static void keep(struct desk *d, const struct listener *by, bool sends_body)
{
    const struct composed composed = { .n = sizeof(answer_head) - 1, .date_at = 23 };

    recall_keep(d->recall, by, d->x, answer_head, &composed, sends_body);
}

/* One request for /a.txt from beginning to end. Whether it was recalled. */
static bool ask_by(struct desk *d, const struct listener *by, struct str input)
{
    struct lookup l;

    if (look(d, by, input) != NULL)
        return true;
    begin(d);
    rest_on(d, "/a.txt");
    l = find(&d->b, "/a.txt");
    if (l.kind == LOOKUP_FILE)
        response_file(&d->x->res, 200, l.file);
    keep(d, by, true);
    return false;
}

static bool ask(struct desk *d, const char *text)
{
    return ask_by(d, &d->here, str_of(text));
}

/* Until it is kept. */
static struct recalled *teach(struct desk *d, struct str input)
{
    ask_by(d, &d->here, input);
    ask_by(d, &d->here, input);
    return look(d, &d->here, input);
}

/* A head of exactly `n` bytes, the same for the same n and `mark`. */
static char *head_of(size_t n, unsigned mark)
{
    char *p = malloc(n + 1);
    int at = snprintf(p, n, "GET / HTTP/1.1\r\nHost: a\r\nX-%05u: ", mark);

    cr_assert(at > 0 && n >= (size_t)at + 4);
    memset(p + at, 'x', n - (size_t)at);
    strcpy(p + n - 4, "\r\n\r\n");
    return p;
}

#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

Test(recall, is_off_without_memory)
{
    struct recall *recall = recall_new(0);

    cr_expect_null(recall);
    recall_free(&recall);
}

Test(recall, keeps_an_answer_on_the_second_sight)
{
    struct recalled *e;
    struct desk d;

    desk_init(&d, ROOMY);
    cr_expect_not(ask(&d, GET));
    cr_expect_eq(recall_stats(d.recall).count, 0, "the first costs no copy");
    cr_expect_not(ask(&d, GET));
    cr_expect_eq(recall_stats(d.recall).count, 1);
    e = look(&d, &d.here, STR(GET));
    cr_assert_not_null(e);
    cr_expect(str_eq(e->head, STR(answer_head)));
    cr_expect_neq((const void *)e->head.p, (const void *)answer_head, "a copy");
    cr_expect_eq(e->composed.date_at, 23);
    cr_expect_eq(e->request_n, strlen(GET));
    cr_expect_eq(e->length, 3);
    cr_expect_eq(memcmp(e->body, "one", 3), 0);
    cr_expect_eq(e->file, find(&d.b, "/a.txt").file);
    cr_expect_eq(e->used, e->file);
    cr_expect_eq(e->route, &d.route);
    cr_expect_eq(e->status, 200);
    cr_expect_not(e->closes);
    cr_expect_null(e->log_kept.p, "no log, no line");
    cr_expect_eq(recall_stats(d.recall).hits, 1);
    cr_expect_eq(recall_stats(d.recall).bytes, e->bytes_n);
    desk_fini(&d);
}

Test(recall, is_for_the_listener_alone_that_it_came_by)
{
    struct desk d;

    desk_init(&d, ROOMY);
    cr_assert_not_null(teach(&d, STR(GET)));
    for (int i = 0; i < 4; i++)
        cr_expect_not(ask_by(&d, &d.there, STR(GET)));
    cr_expect(ask(&d, GET), "the first one stays");
    desk_fini(&d);
}

Test(recall, is_over_when_the_file_changes)
{
    struct desk d;

    desk_init(&d, ROOMY);
    cr_assert_not_null(teach(&d, STR(GET)));
    temp_write_old(&d.b.t, "www/a.txt", "two, and longer");
    hear(&d.b);
    cr_expect_not(ask(&d, GET));
    cr_expect_eq(recall_stats(d.recall).count, 1, "its bytes were seen before: kept at once");
    cr_expect_eq(look(&d, &d.here, STR(GET))->length, 15);
    MUST(unlink(temp_at(&d.b.t, "www/a.txt")) == 0);
    hear(&d.b);
    cr_expect_null(look(&d, &d.here, STR(GET)));
    cr_expect_eq(recall_stats(d.recall).count, 0);
    cr_expect_eq(recall_stats(d.recall).bytes, 0);
    desk_fini(&d);
}

Test(recall, is_over_when_the_entry_goes_or_is_to_be_checked)
{
    struct desk d;

    desk_init(&d, ROOMY);
    cr_assert_not_null(teach(&d, STR(GET)));
    d.b.now_ms = d.x->tickets[0].stale_ms - 1;
    cr_expect_not_null(look(&d, &d.here, STR(GET)));
    d.b.now_ms++;
    cr_expect_null(look(&d, &d.here, STR(GET)));

    cr_assert_not_null(teach(&d, STR(GET)));
    file_cache_retire(d.b.cache);
    cr_expect_null(look(&d, &d.here, STR(GET)));
    for (int i = 0; i < 4; i++)
        cr_expect_not(ask(&d, GET), "the cache keeps nothing: nothing tells that it is still so");
    desk_fini(&d);
}

Test(recall, rests_on_every_look_up)
{
    static const char *const changed[] = { "www/none", "www/sub/b.html" };
    struct desk d;

    for (int i = 0; i < 2; i++) {
        desk_init(&d, ROOMY);
        for (int j = 0; j < 2; j++) {
            cr_expect_null(look(&d, &d.here, STR(GET)));
            begin(&d);
            rest_on(&d, "/none");
            rest_on(&d, "/sub/b.html");
            response_file(&d.x->res, 404, find(&d.b, "/sub/b.html").file);
            keep(&d, &d.here, true);
        }
        cr_assert_not_null(look(&d, &d.here, STR(GET)));
        temp_write_old(&d.b.t, changed[i], "new");
        hear(&d.b);
        cr_expect_null(look(&d, &d.here, STR(GET)), "%s", changed[i]);
        desk_fini(&d);
    }
}

/* Below and above where only samples are hashed, and where nothing is kept any more. */
Test(recall, is_for_these_very_bytes_alone)
{
    static const size_t sizes[] = { 40, 223, 224, 225, 226, 335, 336, 337, 600, RECALL_HEAD_MAX };
    struct desk d;

    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        size_t n = sizes[i];
        char *head = head_of(n, 1);

        desk_init(&d, ROOMY);
        cr_assert_not_null(teach(&d, (struct str){ head, n }), "%zu bytes", n);
        for (size_t at = 0; at < n; at++) {
            head[at] ^= 1;
            cr_expect_null(look(&d, &d.here, (struct str){ head, n }), "byte %zu of %zu", at, n);
            head[at] ^= 1;
        }
        cr_expect_not_null(look(&d, &d.here, (struct str){ head, n }));
        desk_fini(&d);
        free(head);
    }
}

/* The same length and the same samples: the first keeps the place, the others are parsed. */
Test(recall, tells_heads_apart_that_share_a_hash)
{
    enum { N = 1000 };
    char *one = head_of(N, 1), *other = head_of(N, 1);
    struct desk d;

    desk_init(&d, ROOMY);
    for (size_t i = 200; i < 300; i++) /* the samples are at 0, (N - 112) / 2 and N - 112 */
        other[i] = 'y';
    cr_assert_not_null(teach(&d, (struct str){ one, N }));
    for (int i = 0; i < 4; i++)
        cr_expect_not(ask(&d, other));
    cr_expect_eq(recall_stats(d.recall).count, 1);
    cr_expect(ask(&d, one));

    /* And when the first one is not true any more, nothing of it is left for the other. */
    temp_write_old(&d.b.t, "www/a.txt", "two");
    hear(&d.b);
    cr_expect_not(ask(&d, other));
    cr_expect_not(ask(&d, one));
    cr_expect(ask(&d, one));
    cr_expect_not(ask(&d, other));
    desk_fini(&d);
    free(one);
    free(other);
}

Test(recall, keeps_no_head_that_is_too_long)
{
    char *head = head_of(RECALL_HEAD_MAX + 1, 1), *longer = head_of(9000, 2);
    struct desk d;

    desk_init(&d, ROOMY);
    for (int i = 0; i < 4; i++) {
        cr_expect_not(ask(&d, head));
        cr_expect_not(ask(&d, longer));
    }
    cr_expect_eq(recall_stats(d.recall).count, 0);
    desk_fini(&d);
    free(head);
    free(longer);
}

Test(recall, finds_a_head_before_others_and_none_before_its_end)
{
    static const char piped[] = GET "GET /b HTTP/1.1\r\nHost: a\r\n\r\n";
    struct recalled *e;
    struct desk d;

    desk_init(&d, ROOMY);
    cr_expect_null(look(&d, &d.here, STR("")));
    cr_expect_null(look(&d, &d.here, STR("\r\n\r")));
    e = teach(&d, STR(GET));
    cr_assert_not_null(e);
    for (size_t n = 0; n < strlen(GET); n++)
        cr_expect_null(look(&d, &d.here, (struct str){ GET, n }), "%zu bytes of it", n);
    for (size_t n = strlen(GET); n < sizeof(piped); n++)
        cr_expect_eq(look(&d, &d.here, (struct str){ piped, n }), e, "%zu bytes", n);
    desk_fini(&d);
}

/* Two heads, as long together as a third one that was just asked for. */
Test(recall, does_not_take_two_heads_for_one)
{
    char two[2 * sizeof(GET)], *third = head_of(2 * strlen(GET), 1);
    struct desk d;

    desk_init(&d, ROOMY);
    snprintf(two, sizeof(two), "%s%s", GET, GET);
    cr_assert_not_null(teach(&d, str_of(third)));
    for (int i = 0; i < 4; i++) {
        look(&d, &d.here, str_of(third)); /* so that this length is guessed */
        cr_expect_null(look(&d, &d.here, str_of(two)));
        begin(&d);
        cr_expect_eq(d.x->head_n, strlen(GET));
        rest_on(&d, "/a.txt");
        response_file(&d.x->res, 200, find(&d.b, "/a.txt").file);
        keep(&d, &d.here, true);
    }
    cr_assert_not_null(look(&d, &d.here, STR(GET)), "kept by its own bytes, not by those hashed");
    cr_expect_eq(look(&d, &d.here, STR(GET))->request_n, strlen(GET));
    cr_expect_eq(look(&d, &d.here, str_of(two))->request_n, strlen(GET));
    desk_fini(&d);
    free(third);
}

Test(recall, is_bounded_in_bytes)
{
    enum { BOUND = 32768, HEADS = 500 };
    struct desk d;
    size_t most = 0;

    desk_init(&d, BOUND);
    for (unsigned i = 0; i < HEADS; i++) {
        char *head = head_of(40 + i * 7 % 3000, i);

        teach(&d, str_of(head));
        cr_expect_leq(recall_stats(d.recall).bytes, BOUND);
        if (recall_stats(d.recall).count > most)
            most = recall_stats(d.recall).count;
        free(head);
    }
    cr_expect_geq(most, 8, "there is room for some");
    desk_fini(&d);

    desk_init(&d, 300); /* for no answer at all */
    for (int i = 0; i < 4; i++)
        cr_expect_not(ask(&d, GET));
    cr_expect_eq(recall_stats(d.recall).bytes, 0);
    desk_fini(&d);
}

Test(recall, gives_up_what_was_not_asked_for_lately)
{
    enum { BOUND = 16384, HEADS = 300 };
    char *hot = head_of(100, 99999), *cold = head_of(100, 99998);
    struct desk d;

    desk_init(&d, BOUND);
    cr_assert_not_null(teach(&d, str_of(hot)));
    cr_assert_not_null(teach(&d, str_of(cold)));
    for (unsigned i = 0; i < HEADS; i++) {
        char *head = head_of(100, i);

        cr_expect_not_null(look(&d, &d.here, str_of(hot)), "after %u others", i);
        ask(&d, head);
        cr_expect_not_null(look(&d, &d.here, str_of(hot)), "after %u others", i);
        ask(&d, head);
        free(head);
    }
    cr_expect_null(look(&d, &d.here, str_of(cold)));
    desk_fini(&d);
    free(hot);
    free(cold);
}

Test(recall, remembers_the_close)
{
    struct desk d;

    desk_init(&d, ROOMY);
    cr_expect_not(teach(&d, STR(GET))->closes);
    cr_expect(teach(&d, STR("GET / HTTP/1.0\r\n\r\n"))->closes);
    cr_expect(teach(&d, STR("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"))->closes);
    cr_expect_not(teach(&d, STR("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"))->closes);
    desk_fini(&d);
}

static void expect_log(bool sends_body, const char *expected)
{
    static const char request[] = "GET /\" HTTP/1.1\r\nHost: a\r\nReferer: http://b/\r\n"
                                  "User-Agent: x \"y\"\r\n\r\n";
    static struct shared_slot slot;
    static const struct clock now = { .log_time = "21/Nov/2026:20:58:24 +0000" };
    static const struct sockaddr_in peer = { .sin_family = AF_INET };
    struct config *config = parse_good("root: /r\naccess_log: a.log\n");
    struct log_line *line = log_line_new(&config->access_logs[0]);
    struct access_log_entry entry = { .peer = (const struct sockaddr *)&peer, .clock = &now };
    struct conn conn = { .io.fd = -1 };
    struct buf out = { NULL, 0, 0 };
    struct desk d;
    struct recalled *e;

    desk_init(&d, ROOMY);
    d.x->conn = &conn;
    d.route.log = access_log_new(&config->access_logs[0], -1, 4096, 1000, &slot);
    for (int i = 0; i < 2; i++) {
        cr_expect_null(look(&d, &d.here, STR(request)));
        begin(&d);
        rest_on(&d, "/a.txt");
        response_file(&d.x->res, 200, find(&d.b, "/a.txt").file);
        keep(&d, &d.here, sends_body);
    }
    e = look(&d, &d.here, STR(request));
    cr_assert_not_null(e);
    entry.kept = e->log_kept;
    log_line_add(line, &out, &entry);
    cr_expect_str_eq(buf_cstr(&out), expected);
    buf_fini(&out);
    log_line_free(&line);
    access_log_free(&d.route.log);
    config_free(&config);
    desk_fini(&d);
}

Test(recall, knows_the_line_of_the_log)
{
    expect_log(true, "0.0.0.0 - - [21/Nov/2026:20:58:24 +0000] \"GET /\\x22 HTTP/1.1\" 200 3 "
                     "\"http://b/\" \"x \\x22y\\x22\"\n");
    expect_log(false, "0.0.0.0 - - [21/Nov/2026:20:58:24 +0000] \"GET /\\x22 HTTP/1.1\" 200 0 "
                      "\"http://b/\" \"x \\x22y\\x22\"\n");
}

/* `f` NULL: bytes. */
static struct recalled *teach_body(struct desk *d, struct file *f, struct str bytes, off_t first,
                                   off_t length, bool sends_body)
{
    for (int i = 0; i < 2; i++) {
        cr_expect_null(look(d, &d->here, STR(GET)));
        begin(d);
        if (f != NULL)
            response_file(&d->x->res, 206, f);
        else
            response_bytes(&d->x->res, 404, STR("text/plain"), bytes);
        d->x->res.first = first;
        d->x->res.length = length;
        keep(d, &d->here, sends_body);
    }
    return look(d, &d->here, STR(GET));
}

Test(recall, gives_the_body_again)
{
    static char bytes[4097];
    struct recalled *e;
    struct desk d;
    struct lookup l;

    desk_init(&d, ROOMY);
    e = teach_body(&d, find(&d.b, "/a.txt").file, STR_NONE, 1, 2, true);
    cr_assert_not_null(e);
    cr_expect_eq(memcmp(e->body, "ne", 2), 0, "a range");
    cr_expect_eq(e->first, 1);
    cr_expect_eq(e->length, 2);
    desk_fini(&d);

    desk_init(&d, ROOMY);
    e = teach_body(&d, find(&d.b, "/a.txt").file, STR_NONE, 0, 3, false);
    cr_assert_not_null(e);
    cr_expect_eq(e->length, 0, "HEAD");
    cr_expect_null(e->file);
    cr_expect_not_null(e->used);
    desk_fini(&d);

    desk_init(&d, ROOMY);
    memset(bytes, 'b', sizeof(bytes));
    e = teach_body(&d, NULL, (struct str){ bytes, 4096 }, 0, 4096, true);
    cr_assert_not_null(e);
    memset(bytes, 'c', sizeof(bytes));
    cr_expect(e->body[0] == 'b' && e->body[4095] == 'b', "a copy");
    cr_expect_eq(e->length, 4096);
    cr_expect_null(e->used);
    desk_fini(&d);

    desk_init(&d, ROOMY);
    cr_expect_null(teach_body(&d, NULL, (struct str){ bytes, 4097 }, 0, 4097, true));
    desk_fini(&d);

    desk_init(&d, ROOMY);
    temp_write_old(&d.b.t, "www/large", "");
    MUST(truncate(temp_at(&d.b.t, "www/large"), 5000) == 0);
    temp_age(&d.b.t, "www/large", 100);
    file_cache_on_change(d.b.cache);
    l = find(&d.b, "/large");
    cr_assert(l.kind == LOOKUP_FILE && l.file->body == NULL);
    cr_expect_null(teach_body(&d, l.file, STR_NONE, 0, 5000, true), "read while it is sent");
    desk_fini(&d);

    desk_init(&d, ROOMY);
    temp_write_old(&d.b.t, "www/large", "");
    MUST(truncate(temp_at(&d.b.t, "www/large"), 5000) == 0);
    file_cache_on_change(d.b.cache);
    cr_expect_not_null(teach_body(&d, find(&d.b, "/large").file, STR_NONE, 0, 5000, false));
    desk_fini(&d);
}

/* As many as there are sets: each place is free when its head comes. */
Test(recall, finds_room_for_heads_that_come_in_turn)
{
    enum { HEADS = ROOMY / 1024, ROUNDS = 3 };
    unsigned known = 0;
    struct desk d;

    desk_init(&d, ROOMY);
    for (unsigned round = 0; round < ROUNDS; round++) {
        known = 0;
        for (unsigned i = 0; i < HEADS; i++) {
            char *head = head_of(60, i);

            known += ask(&d, head);
            free(head);
        }
    }
    cr_expect_geq(known, HEADS * 9 / 10, "%u of %u", known, (unsigned)HEADS);
    desk_fini(&d);
}
