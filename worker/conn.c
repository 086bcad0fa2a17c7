#include "worker/conn.h"

#include <assert.h>
#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/log.h"
#include "common/xmalloc.h"
#include "config/config.h"
#include "worker/account.h"
#include "worker/acceptor.h"
#include "worker/generation.h"
#include "worker/internal.h"
#include "worker/out.h"
#include "worker/transport.h"

enum outcome { GO_ON, WAIT, GONE };

enum { EVICT_LOOKS = 16 }; /* connections that are asked before one is closed */

static const struct {
    const char *word;
    enum counter counter;
} reasons[CLOSE_REASON_COUNT] = {
#define CLOSE_ROW(name, word, counter) { word, COUNTER_CONNECTIONS_##counter },
    CLOSE_REASONS(CLOSE_ROW)
#undef CLOSE_ROW
};

struct str conn_input(const struct conn *c)
{
    return str_range(c->worker->input_at, c->worker->input_end);
}

void conn_consume(struct conn *c, size_t n)
{
    assert(n <= (size_t)(c->worker->input_end - c->worker->input_at));
    c->worker->input_at += n;
}

bool conn_turn_is_over(struct conn *c)
{
    return ++c->worker->turn_requests > TURN_REQUESTS;
}

/* ---- input: scratch while driven, a block of the connection's own while it waits ---- */

static void load_input(struct conn *c)
{
    struct worker *w = c->worker;

    w->input_at = w->input_end = w->input;
    c->is_in_pieces = c->kept != NULL;
    if (c->kept == NULL)
        return;
    memcpy(w->input, c->kept->bytes, c->kept->n);
    w->input_end += c->kept->n;
    free(c->kept);
    c->kept = NULL;
}

static void keep_input(struct conn *c)
{
    struct worker *w = c->worker;
    size_t n = (size_t)(w->input_end - w->input_at);

    if (c->x != NULL)
        c->protocol->settle(c);
    if (n == 0)
        return;
    c->kept = xmalloc(sizeof(*c->kept) + n);
    c->kept->n = n;
    memcpy(c->kept->bytes, w->input_at, n);
}

/* What is left goes to the scratch's beginning, so that there is room behind it. */
static void make_room(struct conn *c)
{
    struct worker *w = c->worker;
    size_t n = (size_t)(w->input_end - w->input_at);

    c->protocol->settle(c);
    memmove(w->input, w->input_at, n);
    w->input_at = w->input;
    w->input_end = w->input + n;
    assert(n <= INPUT_BYTES - INPUT_READ_BYTES); /* heads are bounded and bodies consumed */
}

/*
 * Reads once. GO_ON: there is more, or the end; WAIT: nothing now, or enough for this turn, and the
 * poll will say so again; GONE: the socket failed.
 */
static enum outcome fill_input(struct conn *c)
{
    struct worker *w = c->worker;
    ssize_t n;

    if (c->is_drained || w->turn_read >= TURN_READ_BYTES)
        return WAIT;
    if (w->input + INPUT_BYTES - w->input_end < INPUT_READ_BYTES)
        make_room(c);
    do
        n = c->listener->transport->read(c, w->input + (w->input_end - w->input), INPUT_READ_BYTES);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN ? WAIT : GONE;
    if (n == 0)
        c->is_eof = true;
    w->turn_read += (size_t)n;
    w->input_end += n;
    c->bytes_received += (uint64_t)n;
    counter_add(w->counters, COUNTER_BYTES_RECEIVED, (uint64_t)n);
    return GO_ON;
}

/* ---- closing ---- */

static void log_close(const struct conn *c, enum close_reason reason)
{
    char host[ADDRESS_TEXT_MAX];

    if (!log_is_on(LOG_INFO))
        return;
    address_format_host(&c->peer.sa, host);
    log_info("%s: closed: %s, after %u requests", host, reasons[reason].word, c->request_count);
}

void conn_close(struct conn **cp, enum close_reason reason)
{
    struct conn *c = *cp;
    struct worker *w = c->worker;

    *cp = NULL;
    c->close_reason = (uint8_t)reason;
    c->protocol->end(c);
    assert(c->x == NULL);
    if (w->driven == NULL) /* else it makes room for that one, which goes on */
        account_rest(w);
    out_free(&c->out);
    free(c->kept);
    c->kept = NULL;
    deadline_disarm(&c->deadline);
    list_remove(&c->runnable);
    if (c->is_watched)
        ev_io_stop(w->loop, &c->io);
    c->listener->transport->close(c);
    log_close(c, reason);
    counter_add(w->counters, COUNTER_CONNECTIONS_CLOSED, 1);
    if (reasons[reason].counter != COUNTER_CONNECTIONS_CLOSED)
        counter_add(w->counters, reasons[reason].counter, 1);
    listener_put(&c->listener);
    w->conn_count--;
    list_append(&w->conns_free, &c->runnable);
    worker_on_conn_closed(w);
}

/* A peer that does not read gets no more time from the kernel either: RST frees its buffers. */
static void abort_close(struct conn *c, enum close_reason reason)
{
    struct linger now = { .l_onoff = 1, .l_linger = 0 };

    setsockopt(c->io.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    conn_close(&c, reason);
}

/* ---- waiting ---- */

static void change_watch(struct conn *c, int events)
{
    struct ev_loop *loop = c->worker->loop;

    if (c->is_watched)
        ev_io_stop(loop, &c->io);
    /* Who has room for more of a long answer comes after all who ask for one. */
    ev_set_priority(&c->io, events == EV_WRITE ? -1 : 0);
    ev_io_modify(&c->io, events);
    ev_io_start(loop, &c->io);
    c->is_watched = true;
}

static inline void watch(struct conn *c, int events)
{
    if (!c->is_watched || c->io.events != events)
        change_watch(c, events);
}

static void wait_readable(struct conn *c)
{
    struct worker *w = c->worker;

    /* A head's time is absolute and a body's is a window: neither starts anew with each byte. */
    if (c->is_new_wait || c->deadline.kind != c->awaits) {
        c->is_new_wait = false;
        deadline_arm(&w->deadlines, &c->deadline, c->awaits, w->clock.now_ms);
        c->window_mark = c->bytes_received;
    }
    watch(c, EV_READ);
}

/* What the peer's kernel has acknowledged: bytes that only we have buffered are no progress. */
static uint64_t sent_progress(const struct conn *c)
{
    int queued = 0;

    if (ioctl(c->io.fd, SIOCOUTQ, &queued) < 0)
        queued = 0;
    return c->bytes_sent > (uint64_t)queued ? c->bytes_sent - (uint64_t)queued : 0;
}

static void wait_writable(struct conn *c)
{
    struct worker *w = c->worker;

    if (c->deadline.kind != DEADLINE_SEND) {
        deadline_arm(&w->deadlines, &c->deadline, DEADLINE_SEND, w->clock.now_ms);
        c->window_mark = sent_progress(c);
    }
    watch(c, EV_WRITE);
}

/* ---- output ---- */

/* Sends what was gathered or left over. WAIT: blocked, all that is left is in c->out. */
static enum outcome flush(struct conn *c, bool then_closes)
{
    struct worker *w = c->worker;
    struct out *out = c->out != NULL ? c->out : w->out;
    uint64_t sent = 0;
    enum out_result result;

    if (out_is_empty(out))
        return GO_ON;
    result = out_send(out, c, then_closes, &w->turn_budget, &sent);
    c->bytes_sent += sent;
    counter_add(w->counters, COUNTER_BYTES_SENT, sent);
    switch (result) {
    case OUT_SENT:
        /* close(2) puts the FIN behind it as well, but with input unread it would send RST and drop
           what was held back. When one read took all there was, there is none. And the sibling
           that handed it over may be about to close its copy, before which ours does nothing. */
        if (then_closes && (!c->is_drained || c->is_in_pieces || w->handover.is_taking))
            c->listener->transport->shut_write(c);
        if (c->out == NULL && sent <= TURN_SENT_BYTES)
            w->quick_ms = w->clock.now_ms;
        if (c->out != NULL)
            out_free(&c->out);
        return GO_ON;
    case OUT_BLOCKED:
    case OUT_TURN_OVER:
        if (c->out == NULL)
            c->out = out_detach(w->out);
        return WAIT;
    case OUT_FILE_CHANGED:
        c->close_reason = CLOSE_FILE_CHANGED;
        break;
    case OUT_FILE_FAILED:
        c->close_reason = CLOSE_FILE_ERROR;
        break;
    case OUT_FAILED:
        c->close_reason =
            errno == EPIPE || errno == ECONNRESET ? CLOSE_CLIENT_EARLY : CLOSE_SOCKET_ERROR;
        break;
    }
    return GONE;
}

/* ---- lingering close ---- */

/*
 * Unread input makes the kernel answer close(2) with RST, and RST can overtake our last response
 * (RFC 9112, 9.6). So: end our side, then read and forget until the peer ends its own.
 */
static void linger(struct conn *c)
{
    struct worker *w = c->worker;

    c->is_lingering = true;
    c->linger_until_ms = w->clock.now_ms + w->gen->config->lingering_time_ms;
    c->listener->transport->shut_write(c);
    deadline_arm(&w->deadlines, &c->deadline, DEADLINE_LINGER, w->clock.now_ms);
    watch(c, EV_READ);
}

static void drive_lingering(struct conn *c)
{
    struct worker *w = c->worker;
    ssize_t n = c->listener->transport->read(c, w->input, INPUT_READ_BYTES);

    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) ||
        w->clock.now_ms >= c->linger_until_ms) {
        conn_close(&c, c->close_reason);
        return;
    }
    if (n > 0)
        deadline_arm(&w->deadlines, &c->deadline, DEADLINE_LINGER, w->clock.now_ms);
}

/* ---- the driver ---- */

/* Neither bytes nor room are waited for, so the poll must not wake us for them. */
static void wait_for_turn(struct conn *c)
{
    struct worker *w = c->worker;

    deadline_arm(&w->deadlines, &c->deadline, DEADLINE_TURN, w->clock.now_ms);
    if (c->is_watched)
        ev_io_stop(w->loop, &c->io);
    c->is_watched = false;
}

void conn_wake(struct conn *c)
{
    struct worker *w = c->worker;

    list_remove(&c->runnable);
    list_append(&w->runnable, &c->runnable);
    ev_prepare_start(w->loop, &w->run_runnable);
    ev_idle_start(w->loop, &w->stay_awake);
}

static enum outcome read_more(struct conn *c)
{
    enum outcome outcome;

    if (c->is_eof) {
        c->close_reason = CLOSE_CLIENT_EARLY;
        return GONE;
    }
    outcome = fill_input(c);
    if (outcome == WAIT)
        wait_readable(c);
    else if (outcome == GONE)
        c->close_reason = errno == ECONNRESET ? CLOSE_CLIENT_EARLY : CLOSE_SOCKET_ERROR;
    return outcome;
}

/* One step and what it needs. */
static enum outcome advance(struct conn *c)
{
    enum outcome outcome;
    enum need need = c->protocol->steps[c->state](c);

    if (need == NEED_NOTHING)
        return GO_ON;
    outcome = flush(c, need == NEED_CLOSE && !c->must_linger);
    if (outcome == WAIT) {
        wait_writable(c);
        return WAIT;
    }
    if (outcome == GONE)
        return GONE;
    switch (need) {
    case NEED_READ:
        return read_more(c);
    case NEED_YIELD:
        wait_for_turn(c);
        conn_wake(c);
        return WAIT;
    case NEED_WAKE:
        wait_for_turn(c);
        return WAIT;
    case NEED_CLOSE:
        if (!c->must_linger || c->is_eof)
            return GONE;
        linger(c);
        return WAIT;
    case NEED_NOTHING:
    case NEED_FLUSH:
        break;
    }
    return GO_ON;
}

/*
 * Large stretches of a file are cheapest by the byte, but who asks for little meanwhile waits: when
 * there are such, downloads go on in small ones.
 */
static size_t turn_budget(const struct worker *w)
{
    size_t most = w->gen->config->sendfile_max_chunk_bytes;

    return w->clock.now_ms - w->quick_ms < QUICK_MS && most > TURN_SENT_BYTES ? TURN_SENT_BYTES
                                                                              : most;
}

/* `is_readable`: it waited for input, which is there. */
static void drive(struct conn *c, bool is_readable)
{
    struct worker *w = c->worker;
    enum outcome outcome;

    if (c->is_lingering) {
        drive_lingering(c);
        return;
    }
    list_remove(&c->runnable);
    w->turn_requests = 0;
    w->turn_read = 0;
    w->turn_budget = turn_budget(w);
    c->is_drained = false;
    if (c->out != NULL) {
        outcome = flush(c, false);
        if (outcome == WAIT) {
            wait_writable(c);
            return;
        }
        if (outcome == GONE) {
            conn_close(&c, c->close_reason);
            return;
        }
    }
    load_input(c);
    w->driven = c;
    if (c->x != NULL)
        c->x->flight = flight_resume(w->flight, c->x->flight, &c->peer,
                                     (struct str){ c->x->head, c->x->head_n }, c->x->began_ns);
    outcome = is_readable ? read_more(c) : GO_ON;
    while (outcome == GO_ON)
        outcome = advance(c);
    w->driven = NULL;
    assert(outcome == GONE || out_is_empty(w->out));
    if (outcome == GONE) {
        conn_close(&c, c->close_reason); /* first: its log tells what was not sent */
        out_clear(w->out);
        return;
    }
    account_rest(w);
    if (!c->is_lingering)
        keep_input(c);
}

void conn_drive(struct conn *c)
{
    drive(c, false);
}

static void on_ready(struct ev_loop *loop, ev_io *io, int events)
{
    drive(CONTAINER_OF(io, struct conn, io), (events & EV_READ) != 0);
}

void conn_open(struct listener *l, int fd, const union peer *peer, const struct protocol *protocol,
               uint32_t request_count)
{
    struct worker *w = l->worker;
    struct conn *c;

    if (list_is_empty(&w->conns_free)) {
        c = xmalloc(sizeof(*c));
    } else {
        c = CONTAINER_OF(w->conns_free.next, struct conn, runnable);
        list_remove(&c->runnable);
    }
    memset(c, 0, sizeof(*c));
    ev_io_init(&c->io, on_ready, fd, EV_READ);
    deadline_init(&c->deadline);
    list_init(&c->runnable);
    c->worker = w;
    c->listener = listener_get(l);
    c->protocol = protocol;
    c->request_count = request_count;
    c->close_reason = CLOSE_DONE;
    c->awaits = DEADLINE_HEAD;
    c->peer = *peer;
    w->conn_count++;
    counter_add(w->counters, COUNTER_CONNECTIONS_ACCEPTED, 1);
    deadline_arm(&w->deadlines, &c->deadline, DEADLINE_HEAD, w->clock.now_ms);
    drive(c, true);
}

/* ---- deadlines ---- */

/* Whether the window that just ended saw min_rate; if so, the next one starts. */
static bool earned_a_window(struct conn *c, uint64_t progress, uint64_t window_ms)
{
    struct worker *w = c->worker;
    uint64_t least = w->gen->config->min_rate * window_ms / 1000;

    if (progress <= c->window_mark || progress - c->window_mark < least)
        return false;
    c->window_mark = progress;
    deadline_arm(&w->deadlines, &c->deadline, c->deadline.kind, w->clock.now_ms);
    return true;
}

void conn_expire(struct conn *c)
{
    const struct config *config = c->worker->gen->config;

    switch ((enum deadline_kind)c->deadline.kind) {
    case DEADLINE_SEND:
        if (!earned_a_window(c, sent_progress(c), config->send_timeout_ms))
            abort_close(c, CLOSE_SEND_TIMEOUT);
        return;
    case DEADLINE_LINGER:
        conn_close(&c, c->close_reason);
        return;
    case DEADLINE_BODY:
        if (earned_a_window(c, c->bytes_received, config->client_body_timeout_ms))
            return;
        c->close_reason = CLOSE_BODY_TIMEOUT;
        break;
    case DEADLINE_HEAD:
        c->close_reason = CLOSE_HEAD_TIMEOUT;
        break;
    case DEADLINE_IDLE:
    case DEADLINE_NONE:
    case DEADLINE_TURN:
    case DEADLINE_KINDS:
        c->close_reason = CLOSE_IDLE_TIMEOUT;
        break;
    }
    if (c->protocol->time_out(c))
        conn_drive(c);
    else
        conn_close(&c, c->close_reason);
}

bool conn_is_between_requests(const struct conn *c)
{
    return c->x == NULL && c->kept == NULL && c->out == NULL && c->is_watched && !c->is_eof &&
           !c->is_lingering && !c->must_close;
}

bool conn_has_unsent(const struct conn *c)
{
    return sent_progress(c) < c->bytes_sent;
}

bool conn_has_unread(const struct conn *c)
{
    char byte;

    return recv(c->io.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

/* The one of this kind that waits longest and has nothing to say; not looked for in vain. */
static bool evict_one(struct worker *w, enum deadline_kind kind)
{
    int looked_at = 0;

    LIST_EACH (at, &w->deadlines.lists[kind]) {
        struct conn *c =
            CONTAINER_OF(CONTAINER_OF(at, struct deadline, link), struct conn, deadline);

        if (++looked_at > EVICT_LOOKS)
            return false;
        if (c == w->driven || (kind != DEADLINE_LINGER && (c->kept != NULL || conn_has_unread(c))))
            continue;
        conn_close(&c, CLOSE_EVICTED);
        return true;
    }
    return false;
}

bool conn_evict(struct worker *w)
{
    return evict_one(w, DEADLINE_IDLE) || evict_one(w, DEADLINE_LINGER) ||
           evict_one(w, DEADLINE_HEAD);
}
