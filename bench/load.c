/*
 * load - a load client that costs little, for measuring servers on 127.0.0.1.
 *
 * One thread, one epoll. Request bytes lie ready; an answer whose head is the very one seen last is
 * known by one comparison, any other head is read for its status, Content-Length and Connection.
 * Every answer's status is checked and every body is awaited to its last byte. `load -h` lists
 * the options; what was seen is printed as one JSON object.
 *
 * Closed loop (the default): each connection sends the next batch once all answers of the last one
 * are there. Open loop (--rate): request number k is due at k / R seconds, on connection k modulo
 * N, and its latency counts from then, so that a server which stalls does not stop the clock by
 * not being asked (coordinated omission).
 *
 * When the time is over nothing more is sent, and what is under way is waited for: all requests
 * that the server spent time on are counted, and one that is never answered is an error.
 */
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench/load_head.h"
#include "bench/load_histogram.h"
#include "bench/load_options.h"

enum {
    INPUT_MAX = 128 * 1024, /* bytes read at once */
    EVENTS_MAX = 256,       /* events taken by one epoll_wait */
    ERRORS_MAX = 10000,     /* after so many no more is asked: something is badly wrong */
    DRAIN_SECONDS = 3,      /* what is not answered so long after the end is an error */
    OPEN_MS = 10000,        /* all connections must stand by then */
};
#define SECOND UINT64_C(1000000000)

static struct options options;
static struct requests requests;
static struct histogram latencies;

enum error {
    ERROR_CONNECT,
    ERROR_READ,
    ERROR_WRITE,
    ERROR_CLOSED, /* before the answer was whole */
    ERROR_HEAD,   /* no head of HTTP/1.x with a length, or bytes that nobody asked for */
    ERROR_STATUS,
    ERROR_LENGTH,
    ERROR_UNANSWERED,
    ERROR_COUNT,
};
static const char *const error_names[ERROR_COUNT] = {
    "connect", "read", "write", "closed", "head", "status", "length", "unanswered",
};

struct conn {
    int fd;             /* -1: waits in `run.broken` */
    unsigned in_flight; /* requests sent and not yet answered */
    uint64_t sent_at;   /* ns; with -K when connecting began, with --rate when it was due */
    uint64_t body_left; /* bytes of the answer under way, BODY_TO_EOF too */
    uint64_t turn;      /* requests of this connection so far, for --rate */
    bool in_body;       /* of an answer that counts once body_left is 0 */
    bool must_close;    /* the server said so in the answer under way */
    bool is_wrong;      /* the answer under way has been counted as an error */
    bool is_whole;      /* -K: the answer is there, the end of the connection is awaited */
    char *kept;         /* HEAD_MAX bytes, owned, for a head that a read has cut; may be NULL */
    size_t kept_length; /* bytes */
    char *unsent;       /* what the socket did not take yet, owned; NULL: nothing */
    size_t unsent_at;   /* the next byte of it */
    size_t unsent_length;
};

static struct run {
    struct conn *conns;
    struct conn **broken; /* to be opened anew */
    unsigned broken_count;
    int epoll_fd;
    bool is_sending;       /* false: only waits for answers */
    uint64_t now;          /* ns, of the event under way */
    uint64_t began, ended; /* ns; ended: when the last answer was there */
    uint64_t due;          /* number of the next request of --rate */
    uint64_t started;      /* requests */
    uint64_t in_flight;    /* requests, on all connections */
    uint64_t answers;
    uint64_t bytes;
    uint64_t opened; /* connections */
    uint64_t errors[ERROR_COUNT];
    uint64_t error_count;
    char first_error[128];
} run;

static struct head head; /* the one seen last */

static void die(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void *allocate(size_t count, size_t size)
{
    void *p = calloc(count, size);

    if (p == NULL)
        die("memory");
    return p;
}

static uint64_t clock_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

/* --- connections ---------------------------------------------------------------------------- */

static void count_error(enum error kind, uint64_t count, const char *detail)
{
    if (run.error_count == 0)
        snprintf(run.first_error, sizeof(run.first_error), "%s: %s", error_names[kind], detail);
    run.errors[kind] += count;
    run.error_count += count;
}

static void conn_close(struct conn *c)
{
    if (c->fd >= 0)
        close(c->fd);
    run.in_flight -= c->in_flight;
    free(c->unsent);
    c->fd = -1;
    c->unsent = NULL;
    c->in_flight = 0;
    c->kept_length = 0;
    c->in_body = c->must_close = c->is_wrong = c->is_whole = false;
}

/* An error ends the connection, and whatever was asked on it. It is opened anew in the next turn
 * of the loop, not at once: what fails might fail for ever. */
static void conn_fail(struct conn *c, enum error kind, const char *detail)
{
    count_error(kind, c->in_flight > 0 ? c->in_flight : 1, detail);
    conn_close(c);
    run.broken[run.broken_count++] = c;
}

/* Begins to connect; -1 with errno. */
static int conn_connect(struct conn *c)
{
    c->fd = socket(options.address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        return -1;
    run.opened++;
    if (connect(c->fd, (struct sockaddr *)&options.address, options.address_length) < 0 &&
        errno != EINPROGRESS)
        return -1;
    return 0;
}

static void conn_watch(struct conn *c, int how, uint32_t events)
{
    struct epoll_event event = { .events = events | EPOLLIN | EPOLLRDHUP, .data.ptr = c };

    if (epoll_ctl(run.epoll_fd, how, c->fd, &event) < 0)
        die("epoll_ctl");
}

/* When the next request of a connection is due. */
static uint64_t due_at(uint64_t number)
{
    return run.began + (uint64_t)((double)number * 1e9 / options.rate);
}

static uint64_t conn_due_at(const struct conn *c)
{
    return due_at((uint64_t)(c - run.conns) + c->turn * options.connections);
}

static bool wants_more(void)
{
    return run.is_sending && (options.requests == 0 || run.started < options.requests);
}

/* Sends the next batch, where one is wanted. false: the connection broke. */
static bool conn_ask(struct conn *c)
{
    unsigned count = options.pipeline;
    ssize_t sent;
    size_t length;

    if (!wants_more())
        return true;
    if (options.requests > 0 && options.requests - run.started < count)
        count = (unsigned)(options.requests - run.started);
    if (options.rate > 0) {
        uint64_t due = conn_due_at(c);
        if (due > run.now)
            return true;
        c->sent_at = due;
    } else if (!options.closes) {
        c->sent_at = run.now;
    }
    if (requests.digits > 0)
        requests_shuffle(&requests, count);
    c->turn += count;
    c->in_flight = count;
    run.in_flight += count;
    run.started += count;
    length = requests.length * count;
    sent = send(c->fd, requests.bytes, length, MSG_NOSIGNAL);
    if (sent == (ssize_t)length)
        return true;
    if (sent < 0 && errno != EAGAIN) {
        /* A new connection (-K) is refused here, where connect() could not say so yet. */
        conn_fail(c, errno == ECONNREFUSED ? ERROR_CONNECT : ERROR_WRITE, strerror(errno));
        return false;
    }
    c->unsent_at = 0;
    c->unsent_length = length - (size_t)(sent > 0 ? sent : 0);
    c->unsent = allocate(1, c->unsent_length);
    memcpy(c->unsent, requests.bytes + length - c->unsent_length, c->unsent_length);
    return true;
}

/* The same on a connection that is watched already. */
static void conn_next(struct conn *c)
{
    if (conn_ask(c) && c->unsent != NULL)
        conn_watch(c, EPOLL_CTL_MOD, EPOLLOUT);
}

/* A connection for one that has ended. What is to be sent goes with the handshake's last packet:
 * on loopback the handshake is over when connect() returns. */
static void conn_renew(struct conn *c)
{
    run.now = clock_ns();
    c->sent_at = run.now;
    if (conn_connect(c) < 0)
        conn_fail(c, ERROR_CONNECT, strerror(errno));
    else if (conn_ask(c))
        conn_watch(c, EPOLL_CTL_ADD, c->unsent != NULL ? EPOLLOUT : 0);
}

static void conn_replace(struct conn *c)
{
    conn_close(c);
    if (wants_more())
        conn_renew(c);
}

/* false: the connection broke. */
static bool conn_flush(struct conn *c)
{
    ssize_t sent =
        send(c->fd, c->unsent + c->unsent_at, c->unsent_length - c->unsent_at, MSG_NOSIGNAL);

    if (sent < 0) {
        if (errno == EAGAIN)
            return true;
        conn_fail(c, ERROR_WRITE, strerror(errno));
        return false;
    }
    c->unsent_at += (size_t)sent;
    if (c->unsent_at == c->unsent_length) {
        free(c->unsent);
        c->unsent = NULL;
        conn_watch(c, EPOLL_CTL_MOD, 0);
    }
    return true;
}

/* --- answers -------------------------------------------------------------------------------- */

static void judge_head(struct conn *c)
{
    char text[64];

    c->in_body = true;
    c->body_left = head.body;
    c->must_close = head.closes;
    c->is_wrong = false;
    if (head.status != options.status) {
        snprintf(text, sizeof(text), "%u", head.status);
        count_error(ERROR_STATUS, 1, text);
        c->is_wrong = true;
    } else if (options.length != LENGTH_ANY && head.body != options.length &&
               head.body != BODY_TO_EOF) {
        snprintf(text, sizeof(text), "%" PRIu64 " bytes", head.body);
        count_error(ERROR_LENGTH, 1, text);
        c->is_wrong = true;
    }
}

/* Takes a head from the front. Its length, 0 when it is not all there, -1 when `c` has failed. */
static ssize_t take_head(struct conn *c, const char *bytes, size_t length)
{
    const char *end;
    const char *fault;
    size_t taken = head.length;

    if (taken == 0 || length < taken || memcmp(bytes, head.bytes, taken) != 0) {
        end = memmem(bytes, length, "\r\n\r\n", 4);
        if (end == NULL && length < HEAD_MAX)
            return 0;
        taken = end == NULL ? length : (size_t)(end - bytes) + 4;
        fault = c->in_flight == 0 ? "bytes that nobody asked for"
                : end == NULL     ? "longer than 16 KB"
                                  : head_read(&head, bytes, taken);
        if (fault != NULL) {
            head.length = 0;
            conn_fail(c, ERROR_HEAD, fault);
            return -1;
        }
    } else if (c->in_flight == 0) {
        conn_fail(c, ERROR_HEAD, "an answer that nobody asked for");
        return -1;
    }
    judge_head(c);
    return (ssize_t)taken;
}

/* `count` answers of this connection are whole, all to the same batch. */
static void count_answers(struct conn *c, unsigned count, unsigned right)
{
    c->in_flight -= count;
    run.in_flight -= count;
    run.answers += right;
    run.ended = run.now;
    if (right > 0)
        histogram_add(&latencies, run.now - c->sent_at, right);
}

/* Goes through what came, and keeps a head that is cut. false: the connection has failed. */
static bool conn_take(struct conn *c, const char *bytes, size_t length)
{
    unsigned whole = 0, right = 0;

    while (length > 0 || (c->in_body && c->body_left == 0)) {
        if (!c->in_body) {
            ssize_t taken = c->is_whole ? 0 : take_head(c, bytes, length);
            if (taken < 0)
                return false;
            if (taken == 0)
                break;
            bytes += taken;
            length -= (size_t)taken;
        }
        size_t part = c->body_left < length ? (size_t)c->body_left : length;
        bytes += part;
        length -= part;
        if (c->body_left != BODY_TO_EOF)
            c->body_left -= part;
        if (c->body_left > 0)
            continue;
        c->in_body = false;
        c->is_whole = options.closes;
        whole++;
        right += !c->is_wrong;
        if (whole == c->in_flight || c->must_close)
            break;
    }
    if (!options.closes && whole > 0)
        count_answers(c, whole, right);
    if (c->in_flight == 0 || c->is_whole) {
        if (length > 0) {
            conn_fail(c, ERROR_HEAD, "bytes that nobody asked for");
            return false;
        }
        return true;
    }
    if (length > 0 && !c->in_body) {
        if (c->kept == NULL)
            c->kept = allocate(1, HEAD_MAX);
        memcpy(c->kept, bytes, length);
        c->kept_length = length;
    }
    return true;
}

/* The server has closed the connection. */
static void on_end(struct conn *c)
{
    bool ends_body = c->in_body && c->body_left == BODY_TO_EOF;

    if (c->in_flight > 0 && !c->is_whole && !ends_body) {
        conn_fail(c, ERROR_CLOSED, "the server closed before its answer was whole");
        return;
    }
    if (c->in_flight > 0)
        count_answers(c, 1, !c->is_wrong);
    if (c->in_flight > 0)
        conn_fail(c, ERROR_CLOSED, "the server closed with requests unanswered");
    else
        conn_replace(c);
}

static void on_readable(struct conn *c, uint32_t events)
{
    static char input[HEAD_MAX + INPUT_MAX];
    size_t kept = c->kept_length;
    ssize_t got;

    got = recv(c->fd, input + kept, INPUT_MAX, 0);
    if (got < 0) {
        if (errno != EAGAIN)
            conn_fail(c, ERROR_READ, strerror(errno));
        return;
    }
    run.now = clock_ns();
    if (got > 0) {
        run.bytes += (uint64_t)got;
        if (kept > 0)
            memcpy(input, c->kept, kept);
        c->kept_length = 0;
        if (!conn_take(c, input, kept + (size_t)got))
            return;
    }
    /* The end had come before this read, and the read took all that stood before it. */
    if (got == 0 || ((events & EPOLLRDHUP) != 0 && got < INPUT_MAX)) {
        on_end(c);
    } else if (c->must_close && !c->in_body && !options.closes) {
        if (c->in_flight > 0)
            conn_fail(c, ERROR_CLOSED, "the server closes with requests unanswered");
        else
            conn_replace(c);
    } else if (c->in_flight == 0) {
        conn_next(c);
    }
}

static void on_ready(struct conn *c, uint32_t events)
{
    if ((events & EPOLLOUT) != 0 && c->unsent != NULL && !conn_flush(c))
        return;
    if ((events & ~(uint32_t)EPOLLOUT) != 0)
        on_readable(c, events);
}

/* --- the run -------------------------------------------------------------------------------- */

/* All connections stand before the clock starts. */
static void open_all(void)
{
    unsigned count = options.connections;
    struct pollfd *waits = allocate(count, sizeof(*waits));
    int on = 1;

    run.conns = allocate(count, sizeof(*run.conns));
    run.broken = allocate(count, sizeof(struct conn *));
    run.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    for (unsigned i = 0; i < count; i++)
        run.conns[i].fd = -1;
    for (unsigned i = 0; i < count && !options.closes; i++) {
        if (conn_connect(&run.conns[i]) < 0)
            die("connect");
        setsockopt(run.conns[i].fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        waits[i] = (struct pollfd){ .fd = run.conns[i].fd, .events = POLLOUT };
    }
    for (unsigned i = 0; i < count && !options.closes; i++) {
        int error = ETIMEDOUT;
        socklen_t length = sizeof(error);

        if (poll(&waits[i], 1, OPEN_MS) == 1)
            getsockopt(waits[i].fd, SOL_SOCKET, SO_ERROR, &error, &length);
        if ((errno = error) != 0)
            die("connect");
        conn_watch(&run.conns[i], EPOLL_CTL_ADD, 0);
    }
    free(waits);
}

static void ask_first(void)
{
    for (unsigned i = 0; i < options.connections; i++) {
        struct conn *c = &run.conns[i];

        run.now = clock_ns();
        if (options.closes)
            conn_replace(c);
        else
            conn_next(c);
    }
}

/* Open loop: asks what is due, on connections that are free; the others see for themselves, when
 * their answer is there, that they are late. */
static void ask_due(void)
{
    run.now = clock_ns();
    for (; run.is_sending && due_at(run.due) <= run.now; run.due++) {
        struct conn *c = &run.conns[run.due % options.connections];

        if (c->fd >= 0 && c->in_flight == 0)
            conn_next(c);
    }
}

static void renew_broken(void)
{
    unsigned count = run.broken_count;

    run.broken_count = 0;
    for (unsigned i = 0; i < count; i++)
        conn_renew(run.broken[i]);
}

/* How long to wait for events; `end` is when the state of the run changes. */
static struct timespec next_wait(uint64_t end)
{
    uint64_t until = end, wait;

    if (run.is_sending && options.rate > 0 && due_at(run.due) < until)
        until = due_at(run.due);
    if (run.is_sending && run.broken_count > 0)
        until = 0;
    wait = until > run.now ? until - run.now : 0;
    return (struct timespec){ (time_t)(wait / SECOND), (long)(wait % SECOND) };
}

static bool is_over(uint64_t end)
{
    return run.now >= end || run.error_count >= ERRORS_MAX ||
           (options.requests > 0 && run.started >= options.requests);
}

static void measure(void)
{
    struct epoll_event events[EVENTS_MAX];
    uint64_t end;

    run.is_sending = true;
    run.began = run.now = clock_ns();
    end = run.began + (uint64_t)(options.seconds * 1e9);
    if (options.rate == 0)
        ask_first();
    for (;;) {
        if (run.is_sending && is_over(end)) {
            run.is_sending = false;
            end = run.now + SECOND * DRAIN_SECONDS;
        }
        if (!run.is_sending && (run.in_flight == 0 || run.now >= end))
            break;
        if (run.is_sending) {
            renew_broken();
            if (options.rate > 0)
                ask_due();
        }

        struct timespec wait = next_wait(end);
        int ready = epoll_pwait2(run.epoll_fd, events, EVENTS_MAX, &wait, NULL);
        if (ready < 0 && errno != EINTR)
            die("epoll_pwait2");
        for (int i = 0; i < ready; i++)
            on_ready(events[i].data.ptr, events[i].events);
        run.now = clock_ns();
    }
    if (run.in_flight > 0)
        count_error(ERROR_UNANSWERED, run.in_flight, "no answer came");
}

static void report(void)
{
    double seconds = run.ended > run.began ? (double)(run.ended - run.began) / 1e9 : 0;

    printf("{\"answers\": %" PRIu64 ", \"errors\": {", run.answers);
    for (int i = 0; i < ERROR_COUNT; i++)
        printf("%s\"%s\": %" PRIu64, i > 0 ? ", " : "", error_names[i], run.errors[i]);
    printf("}, \"first_error\": ");
    printf(run.error_count > 0 ? "\"%s\"" : "null%s", run.first_error);
    printf(", \"connections\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"seconds\": %.6f"
           ", \"requests_per_s\": %.1f, \"latency_us\": ",
           run.opened, run.bytes, seconds, seconds > 0 ? (double)run.answers / seconds : 0);
    if (latencies.count == 0)
        puts("{\"mean\": null, \"p50\": null, \"p90\": null, \"p99\": null, \"p999\": null, "
             "\"max\": null}}");
    else
        printf("{\"mean\": %.2f, \"p50\": %.2f, \"p90\": %.2f, \"p99\": %.2f, \"p999\": %.2f, "
               "\"max\": %.2f}}\n",
               latencies.sum / (double)latencies.count / 1e3, histogram_at(&latencies, 0.5),
               histogram_at(&latencies, 0.9), histogram_at(&latencies, 0.99),
               histogram_at(&latencies, 0.999), (double)latencies.max / 1e3);
}

static void raise_open_files(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
    options_parse(&options, argc, argv);
    requests_make(&requests, &options);
    raise_open_files();
    prctl(PR_SET_TIMERSLACK, 1UL); /* ns: --rate sleeps often and shortly */
    open_all();
    measure();
    report();
    return 0;
}
