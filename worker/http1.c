/*
 * http1 - HTTP/1.0 and 1.1 on a connection, as a table of steps.
 *
 *     READ_HEAD -> ANSWER -> (READ_BODY) -> WRITE -> FINISH -> READ_HEAD ...
 *
 * A request body that the handler has no use for is read and dropped before the answer goes out,
 * so that a broken one still gets a clean 400 and the next request is in step. Responses are
 * gathered in the worker's scratch and leave together when the input runs dry.
 *
 * Behind WRITE, a body of several parts has WRITE_PARTS, one that is made as it goes WRITE_SOURCE.
 */
#include "worker/protocol.h"

#include <assert.h>

#include "common/log.h"
#include "common/put.h"
#include "worker/account.h"
#include "worker/compose.h"
#include "worker/conn.h"
#include "worker/generation.h"
#include "worker/http1_parse.h"
#include "worker/http1_recall.h"
#include "worker/internal.h"
#include "worker/out.h"

enum http1_state {
    READ_HEAD,
    ANSWER,
    READ_BODY,
    WRITE,
    WRITE_PARTS,
    WRITE_SOURCE,
    FINISH,
    TIMED_OUT
};

enum { STATUS_CLIENT_CLOSED = 499 }; /* in the access log only, as nginx writes it */

static bool is_head(const struct request *req)
{
    return req->method == METHOD_HEAD;
}

/* ---- errors that end the connection ---- */

/* What the log and the composer read of a request that could not be parsed. */
static void blank_request(struct request *req, bool has_line)
{
    if (!has_line)
        request_clear(req);
    req->method = str_eq(req->method_text, STR("HEAD")) ? METHOD_HEAD : METHOD_OTHER;
    req->version = 11;
    req->keep_alive = false;
}

/* Answers with `status` and closes; the rest of what the peer sends is of no interest. */
static void reject(struct conn *c, unsigned status)
{
    response_reset(&c->x->res);
    exchange_error(c->x, status);
    c->must_close = c->must_linger = true;
    c->state = WRITE;
}

static void reject_bad(struct conn *c, const struct http1_fault *fault)
{
    char host[ADDRESS_TEXT_MAX];

    c->close_reason = CLOSE_BAD_REQUEST;
    reject(c, fault->status);
    if (log_is_on(LOG_INFO)) { /* now that it may have an id */
        address_format_host(&c->peer.sa, host);
        log_info("%s: %u: %s", host, fault->status, fault->text);
    }
}

/* ---- READ_HEAD ---- */

static void take_exchange(struct conn *c)
{
    struct worker *w = c->worker;

    c->x = w->spare;
    c->x->conn = c;
    c->x->remote = &c->peer.sa;
    w->spare = NULL;
    c->request_count++;
    c->x->began_ns = w->turn_ns;
    c->x->flight = w->flight->current;
    flight_take(w->flight);
}

/* Before anything is done with it. */
static inline void record(struct conn *c)
{
    struct worker *w = c->worker;
    struct str input = conn_input(c);

    flight_begin(w->flight, &c->peer, input.p, input.n, w->turn_ns);
}

static enum need reject_unparsed(struct conn *c, const struct http1_fault *fault, bool has_line)
{
    struct str input = conn_input(c);

    take_exchange(c);
    c->x->head = input.p;
    c->x->head_n = input.n;
    blank_request(&c->x->req, has_line);
    reject_bad(c, fault);
    return NEED_NOTHING;
}

static enum need await_head(struct conn *c, bool is_partial)
{
    static const struct http1_fault cut = { 400, "the connection ended in the middle of a head" };

    if (!c->is_eof) {
        c->awaits = is_partial || c->request_count == 0 ? DEADLINE_HEAD : DEADLINE_IDLE;
        return NEED_READ;
    }
    c->close_reason = CLOSE_CLIENT;
    return is_partial ? reject_unparsed(c, &cut, false) : NEED_CLOSE;
}

/* Whether we would keep a connection that had so many requests. */
static bool may_stay(const struct worker *w, uint32_t request_count)
{
    return request_count < w->requests_most;
}

static enum need read_head(struct conn *c)
{
    struct worker *w = c->worker;
    struct str input = conn_input(c);
    struct http1_fault fault;
    struct recall_key key = { 0, 0 };
    enum need need;
    size_t head_n;

    if (c->must_close)
        return NEED_CLOSE;
    if (input.n == 0)
        return await_head(c, false);
    if (conn_turn_is_over(c))
        return NEED_YIELD;
    record(c);
    if (w->quick != NULL && http1_answer_again(c, may_stay(w, c->request_count + 1), &key, &need))
        return need;
    if (w->spare == NULL)
        w->spare = exchange_new(w);
    switch (http1_parse_head(&w->spare->req, input.p, input.n, &w->gen->limits, &head_n, &fault)) {
    case PARSE_MORE:
        return await_head(c, true);
    case PARSE_BAD:
        return reject_unparsed(c, &fault, true);
    case PARSE_DONE:
        break;
    }
    take_exchange(c);
    c->x->head = input.p;
    c->x->head_n = head_n;
    c->x->recall_key = key;
    conn_consume(c, head_n);
    c->state = ANSWER;
    return NEED_NOTHING;
}

/* ---- ANSWER ---- */

static bool keeps_alive(const struct conn *c)
{
    return c->x->req.keep_alive && may_stay(c->worker, c->request_count);
}

/* The client waits for our word before it sends the body (RFC 9110, 10.1.1). */
static enum need answer_expectation(struct conn *c)
{
    struct out *out = c->worker->out;

    if (c->x->res.status >= 400) { /* spare the client the sending */
        c->must_close = c->must_linger = true;
        c->state = WRITE;
        return NEED_NOTHING;
    }
    if (!out_has_room(out, 64))
        return NEED_FLUSH;
    out_add(out, STR("HTTP/1.1 100 Continue\r\n\r\n"));
    counter_add(c->worker->counters, COUNTER_RESPONSES_1XX, 1);
    c->state = READ_BODY;
    return NEED_NOTHING;
}

static bool is_body_too_large(const struct conn *c, uint64_t bytes)
{
    uint64_t most = c->x->route->config->scope.client_max_body_bytes;

    return most > 0 && bytes > most;
}

static enum need begin_body(struct conn *c)
{
    struct request *req = &c->x->req;

    c->x->body_left = req->content_length;
    c->x->chunked = NULL;
    if (req->framing == BODY_FRAMING_CHUNKED) {
        c->x->chunked = pool_alloc(&c->x->pool, sizeof(struct http1_chunked));
        memset(c->x->chunked, 0, sizeof(struct http1_chunked));
    } else if (is_body_too_large(c, req->content_length)) {
        reject(c, 413);
        return NEED_NOTHING;
    }
    if (req->expects_continue && conn_input(c).n == 0)
        return answer_expectation(c);
    c->state = READ_BODY;
    return NEED_NOTHING;
}

static enum need answer(struct conn *c)
{
    struct exchange *x = c->x;
    struct request *req = &x->req;
    void (*resume)(struct exchange *) = x->resume;

    if (resume != NULL && !x->is_awake)
        return NEED_WAKE;
    x->resume = NULL;
    if (resume != NULL)
        resume(x);
    else if (x->res.status == 0)
        exchange_answer(x);
    if (x->resume != NULL)
        return NEED_WAKE;
    c->must_close = !keeps_alive(c) || req->method == METHOD_CONNECT;
    if (req->framing == BODY_FRAMING_NONE ||
        (req->framing == BODY_FRAMING_LENGTH && req->content_length == 0)) {
        c->state = WRITE;
        return NEED_NOTHING;
    }
    return begin_body(c);
}

/* ---- READ_BODY: read and dropped ---- */

static enum need await_body(struct conn *c)
{
    static const struct http1_fault cut = { 400, "the connection ended in the middle of a body" };

    if (c->is_eof) {
        reject_bad(c, &cut);
        return NEED_NOTHING;
    }
    c->awaits = DEADLINE_BODY;
    return NEED_READ;
}

static enum need read_chunked(struct conn *c)
{
    struct http1_chunked *chunked = c->x->chunked;
    struct str input = conn_input(c);
    struct http1_fault fault;
    size_t used = 0;
    enum parse_result result =
        http1_parse_chunked(chunked, input.p, input.n, &used, &fault, NULL, NULL);

    conn_consume(c, used);
    if (is_body_too_large(c, chunked->body_bytes)) {
        reject(c, 413);
        return NEED_NOTHING;
    }
    switch (result) {
    case PARSE_DONE:
        c->state = WRITE;
        return NEED_NOTHING;
    case PARSE_BAD:
        reject_bad(c, &fault);
        return NEED_NOTHING;
    case PARSE_MORE:
        break;
    }
    return await_body(c);
}

static enum need read_body(struct conn *c)
{
    size_t input_n = conn_input(c).n;
    uint64_t part;

    if (c->x->chunked != NULL)
        return read_chunked(c);
    part = input_n < c->x->body_left ? input_n : c->x->body_left;
    conn_consume(c, (size_t)part);
    c->x->body_left -= part;
    if (c->x->body_left > 0)
        return await_body(c);
    c->state = WRITE;
    return NEED_NOTHING;
}

/* ---- WRITE ---- */

static bool sends_body(const struct exchange *x)
{
    return !is_head(&x->req) && status_has_body(x->res.status);
}

static struct str connection_field(const struct conn *c)
{
    if (c->must_close)
        return STR("close");
    return c->x->req.version == 10 ? STR("keep-alive") : STR_NONE;
}

/* A file that is not in memory goes out before the next response is made. */
static bool has_open_file(const struct out *out)
{
    return out->count > 0 && out->chunks[out->count - 1].p == NULL;
}

/* A body without a length is chunked; HTTP/1.0 knows no chunks, there it ends with the connection. */
static void choose_framing(struct conn *c, struct compose_options *options)
{
    if (c->x->res.source == NULL)
        return;
    options->is_chunked = c->x->req.version >= 11;
    options->has_no_length = !options->is_chunked;
    if (options->has_no_length)
        c->must_close = true;
}

/* What is sent behind the head, if it does not fit behind it at once. */
static enum http1_state state_of_body(const struct exchange *x)
{
    if (!sends_body(x))
        return FINISH;
    if (x->res.source != NULL)
        return WRITE_SOURCE;
    return x->res.part_count > 0 ? WRITE_PARTS : FINISH;
}

static enum need write_response(struct conn *c)
{
    struct worker *w = c->worker;
    struct exchange *x = c->x;
    struct response *res = &x->res;
    const struct headers *headers = x->route->headers;
    size_t most = compose_http1_most(res, headers) + res->bytes.n + OUT_COPY_MAX;
    struct compose_options options = {
        .date = w->clock.date,
        .now = w->clock.now,
        .headers = headers,
        .request_id = x->request_id,
    };
    struct composed composed;
    char *head;

    assert(most <= OUT_BYTES); /* or no flush would ever make room */
    if (!out_has_room(w->out, most))
        return NEED_FLUSH;
    if (w->is_quitting)
        c->must_close = true;
    choose_framing(c, &options);
    options.connection = connection_field(c);
    head = out_tail(w->out);
    composed = compose_http1(head, res, &options);
    out_commit(w->out, composed.n);
    http1_remember(c, head, &composed, sends_body(x));
    c->state = state_of_body(x);
    if (c->state == FINISH && sends_body(x)) {
        if (res->file != NULL)
            out_add_file(w->out, res->file, res->first, (size_t)res->length);
        else if (res->bytes.n > 0)
            out_add(w->out, res->bytes);
    }
    return w->out->used >= OUT_BATCH_BYTES || has_open_file(w->out) ? NEED_FLUSH : NEED_NOTHING;
}

/* ---- WRITE_PARTS ---- */

static enum need write_parts(struct conn *c)
{
    struct out *out = c->worker->out;
    struct exchange *x = c->x;
    const struct response *res = &x->res;

    for (; x->part_at < res->part_count; x->part_at++) {
        const struct response_part *part = &res->parts[x->part_at];

        if (!out_has_room(out, part->before.n + OUT_COPY_MAX))
            return NEED_FLUSH;
        out_add(out, part->before);
        out_add_file(out, res->file, part->first, (size_t)part->length);
        x->body_bytes += part->before.n + (uint64_t)part->length;
    }
    if (!out_has_room(out, res->bytes.n))
        return NEED_FLUSH;
    out_add(out, res->bytes);
    x->body_bytes += res->bytes.n;
    c->state = FINISH;
    return NEED_FLUSH;
}

/* ---- WRITE_SOURCE ---- */

enum {
    SOURCE_BYTES = 16384,               /* asked for at a time */
    CHUNK_SIZE_N = 8,                   /* "00004000" */
    CHUNK_FRAME = CHUNK_SIZE_N + 2 + 2, /* its CRLF, and the one behind the data */
};

static void put_chunk_size(char *p, size_t n)
{
    for (int i = CHUNK_SIZE_N - 1; i >= 0; i--, n >>= 4)
        p[i] = "0123456789abcdef"[n & 15];
    put_str(p + CHUNK_SIZE_N, STR("\r\n"));
}

static enum need write_source(struct conn *c)
{
    struct out *out = c->worker->out;
    struct exchange *x = c->x;
    bool is_chunked = x->req.version >= 11;
    size_t frame = is_chunked ? CHUNK_SIZE_N + 2 : 0;
    char *p = out_tail(out);
    ssize_t n;

    if (!out_has_room(out, SOURCE_BYTES + CHUNK_FRAME))
        return NEED_FLUSH;
    n = x->res.source->read(x->res.source, p + frame, SOURCE_BYTES);
    if (n < 0) { /* the end without its last chunk tells the client (RFC 9112, 8) */
        c->close_reason = CLOSE_FILE_ERROR;
        return NEED_CLOSE;
    }
    x->body_bytes += (uint64_t)n;
    if (n == 0) {
        if (is_chunked)
            out_add(out, STR("0\r\n\r\n"));
        c->state = FINISH;
        return NEED_NOTHING;
    }
    if (is_chunked) {
        put_chunk_size(p, (size_t)n);
        put_str(p + frame + n, STR("\r\n"));
        frame += 2;
    }
    out_commit(out, (size_t)n + frame);
    /* A client that takes all at once must not keep the others waiting for what is made for it. */
    return out->used >= OUT_BATCH_BYTES ? NEED_YIELD : NEED_NOTHING;
}

/* ---- FINISH ---- */

/* Its entry in the flight recorder; the place of one, if too many came after it. */
static struct flight_entry *find_seen(struct worker *w, const struct exchange *x)
{
    struct flight_entry *seen = flight_find(w->flight, x->flight);

    if (seen != NULL)
        return seen;
    w->unseen.began_ns = x->began_ns;
    return &w->unseen;
}

/* `unsent`: bytes of the body that never left. */
static void log_exchange(struct conn *c, unsigned status, uint64_t unsent)
{
    struct exchange *x = c->x;
    const struct live_route *route = x->route != NULL ? x->route : generation_default_route(x->gen);
    struct flight_entry *seen = find_seen(c->worker, x);
    struct access_log_entry entry;
    uint64_t body = sends_body(x) && status == x->res.status ? (uint64_t)x->res.length : 0;

    if (x->res.source != NULL || x->res.parts != NULL)
        body = x->body_bytes;
    body = body > unsent ? body - unsent : 0;
    account_request(c->worker, route->series, seen, status, body);
    if (c->worker->tracers.count > 0)
        tracers_tell(c->worker, x, status, body);
    if (account_log(x->route) == NULL)
        return;
    entry = exchange_log_entry(x, status, body);
    account_entry(c->worker, x->route->log, x->began_ns, &entry);
}

static void release_exchange(struct conn *c)
{
    exchange_free(c->worker, c->x);
    c->x = NULL;
}

static enum need finish(struct conn *c)
{
    if (c->worker->observe != NULL)
        c->worker->observe(c->worker->observer, c->x);
    log_exchange(c, c->x->res.status, 0);
    /* A close that the client did not ask for may cross its next request: see linger(). */
    if (c->must_close && (c->x->req.keep_alive || conn_input(c).n > 0))
        c->must_linger = true;
    release_exchange(c);
    c->is_new_wait = true;
    c->state = READ_HEAD;
    return NEED_NOTHING;
}

static void settle(struct conn *c)
{
    if (c->x != NULL)
        exchange_settle(c->x);
}

/* Bytes of the body under way that were gathered and never left. */
static uint64_t unsent_body(const struct conn *c)
{
    const struct out *out = c->out != NULL ? c->out : c->worker->out;

    return c->x->body_bytes > 0 ? out_left(out) : out_last_file_left(out);
}

static void end(struct conn *c)
{
    if (c->x == NULL)
        return;
    if (c->state >= WRITE_PARTS && c->state <= FINISH)
        log_exchange(c, c->x->res.status, unsent_body(c));
    else
        log_exchange(c, STATUS_CLIENT_CLOSED, 0);
    release_exchange(c);
}

/* ---- TIMED_OUT ---- */

static bool time_out(struct conn *c)
{
    if (c->x == NULL && c->kept == NULL)
        return false; /* nothing was asked, nothing is answered */
    c->state = TIMED_OUT;
    return true;
}

static enum need answer_time_out(struct conn *c)
{
    struct worker *w = c->worker;

    if (c->x == NULL) {
        if (w->spare == NULL)
            w->spare = exchange_new(w);
        record(c);
        take_exchange(c);
        blank_request(&c->x->req, false);
    }
    reject(c, 408);
    return NEED_NOTHING;
}

static step_fn *const steps[] = {
    [READ_HEAD] = read_head,       /* input -> x->req       | ANSWER                     */
    [ANSWER] = answer,             /* x->req -> x->res      | READ_BODY or WRITE         */
    [READ_BODY] = read_body,       /* input -> nowhere      | WRITE                      */
    [WRITE] = write_response,      /* x->res -> w->out      | FINISH                     */
    [WRITE_PARTS] = write_parts,   /* x->res.parts -> w->out | FINISH                    */
    [WRITE_SOURCE] = write_source, /* x->res.source -> w->out | FINISH                  */
    [FINISH] = finish,             /* log, forget           | READ_HEAD, or close        */
    [TIMED_OUT] = answer_time_out, /* 408                   | WRITE                      */
};

const struct protocol http1 = { "http/1.1", steps, time_out, settle, end };
