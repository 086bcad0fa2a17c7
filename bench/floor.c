/*
 * floor - what the kernel alone costs: a server that reads, counts the ends of requests and writes
 * that many copies of one fixed response.
 *
 * It shows how far from the possible a real server still is, so it does what any server must (one
 * recv and one send a request, a share of epoll_wait) and nothing else: nothing is parsed, looked
 * up, checked or timed out. For measuring on 127.0.0.1 only.
 *
 *     floor [-c] [-s STATUS] PORT FILE
 *         -c         close each connection after its first read, as for `Connection: close`, with
 *                    the FIN on the response's segment
 *         -s STATUS  in place of "200 OK"; a 304 needs an empty FILE
 *
 * FILE is the body. Up to MEMORY_MAX it is sent from memory, above that by sendfile.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    BATCH = 64,             /* copies of a small response that lie ready, one after the other */
    MEMORY_MAX = 64 * 1024, /* above this sendfile is cheaper than send */
    INPUT_MAX = 64 * 1024,  /* bytes read at once */
    EVENTS_MAX = 256,       /* events taken by one epoll_wait */
    FD_MAX = 65536,         /* connections beyond this descriptor are refused */
};

/* The end of a request may be cut by a read: up to three bytes of it wait in `tail`. */
static const char head_end[] = "\r\n\r\n";
enum { HEAD_END = sizeof(head_end) - 1, TAIL_MAX = HEAD_END - 1 };

struct conn {
    uint64_t owed;       /* bytes of response still to send */
    size_t position;     /* of the next byte within a response */
    uint32_t events;     /* what epoll watches for; 0: not added yet */
    uint8_t tail_length; /* bytes of `tail` in use */
    char tail[TAIL_MAX];
};

struct response {
    char *bytes;   /* BATCH whole responses; the head alone when the body is sent from `fd` */
    size_t stored; /* bytes in `bytes` */
    size_t head;   /* bytes of head in one response */
    size_t total;  /* bytes of one response, head and body */
    int fd;        /* the body when it is sent by sendfile, else -1 */
};

static struct conn conns[FD_MAX]; /* by descriptor */
static struct response response;
static bool closes_after_response;
static const char *status = "200 OK";
static int epoll_fd;

static void fail(const char *what)
{
    fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* The head has the fields, and so about the length, of a real server's answer for a file. */
static void response_load(const char *path)
{
    char head[512];
    char length[64];
    struct stat st;
    int head_length;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &st) < 0)
        fail(path);
    /* A 304 tells no length, so that no client waits for a body. */
    snprintf(length, sizeof(length), "Content-Length: %lld\r\n", (long long)st.st_size);
    head_length = snprintf(head, sizeof(head),
                           "HTTP/1.1 %.40s\r\n"
                           "Server: floor\r\n"
                           "Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
                           "Content-Type: text/html; charset=utf-8\r\n"
                           "%s"
                           "Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
                           "ETag: \"6955b900-1f3c5a7b-97\"\r\n"
                           "Accept-Ranges: bytes\r\n%s\r\n",
                           status, strncmp(status, "304", 3) == 0 ? "" : length,
                           closes_after_response ? "Connection: close\r\n" : "");
    response.head = (size_t)head_length;
    response.total = response.head + (size_t)st.st_size;
    response.fd = st.st_size > MEMORY_MAX ? fd : -1;
    response.stored = response.fd >= 0 ? response.head : response.total * BATCH;
    response.bytes = malloc(response.stored);
    if (response.bytes == NULL)
        fail("malloc");
    memcpy(response.bytes, head, response.head);
    if (response.fd >= 0)
        return;

    if (read(fd, response.bytes + response.head, (size_t)st.st_size) != st.st_size)
        fail(path);
    close(fd);
    for (size_t i = 1; i < BATCH; i++)
        memcpy(response.bytes + i * response.total, response.bytes, response.total);
}

static int listener_open(const char *port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)atoi(port)),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    /* Accepted sockets inherit TCP_NODELAY; deferred ones arrive with their request. */
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &on, sizeof(on)) < 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 4096) < 0)
        fail(port);
    return fd;
}

/* How many requests end in these `length` bytes. */
static size_t count_requests(const char *bytes, size_t length, struct conn *c)
{
    const char *end = bytes + length;
    const char *after = bytes; /* the last request that was found */
    size_t count = 0;

    for (const char *p = bytes; (p = memchr(p, '\r', (size_t)(end - p))) != NULL; p++) {
        if (end - p < HEAD_END)
            break;
        if (memcmp(p, head_end, HEAD_END) == 0) {
            count++;
            after = p + HEAD_END;
            p = after - 1;
        }
    }
    length = (size_t)(end - after);
    c->tail_length = (uint8_t)(length < TAIL_MAX ? length : TAIL_MAX);
    memcpy(c->tail, end - c->tail_length, c->tail_length);
    return count;
}

/* Sends the next part of what is owed, as send(2) returns. */
static ssize_t send_some(int fd, const struct conn *c)
{
    /* More follows: the body, or the FIN of close(), which then share the segment. */
    int more = response.fd >= 0 || closes_after_response ? MSG_MORE : 0;

    if (response.fd >= 0 && c->position >= response.head) {
        off_t offset = (off_t)(c->position - response.head);
        return sendfile(fd, response.fd, &offset, response.total - c->position);
    }
    uint64_t stored = response.stored - c->position;
    return send(fd, response.bytes + c->position, stored < c->owed ? stored : c->owed,
                MSG_NOSIGNAL | more);
}

/* false: the connection is finished or broken. */
static bool flush(int fd, struct conn *c)
{
    while (c->owed > 0) {
        ssize_t sent = send_some(fd, c);
        if (sent <= 0)
            return sent < 0 && errno == EAGAIN;
        c->owed -= (uint64_t)sent;
        c->position = (c->position + (size_t)sent) % response.total;
    }
    return !closes_after_response;
}

/* One recv, one send. false: the connection is finished or broken. */
static bool serve(int fd, struct conn *c)
{
    static char input[TAIL_MAX + INPUT_MAX];
    ssize_t got;

    if (c->owed > 0)
        return flush(fd, c);

    got = recv(fd, input + TAIL_MAX, INPUT_MAX, 0);
    if (got <= 0)
        return got < 0 && errno == EAGAIN;
    if (c->tail_length > 0)
        memcpy(input + TAIL_MAX - c->tail_length, c->tail, c->tail_length);
    c->owed = response.total *
              count_requests(input + TAIL_MAX - c->tail_length, (size_t)got + c->tail_length, c);
    return c->owed == 0 || flush(fd, c);
}

/* Serves one connection and closes it or sees to it that epoll watches for what it needs next. */
static void drive(int fd)
{
    struct conn *c = &conns[fd];
    struct epoll_event event = { .data.fd = fd };

    if (!serve(fd, c)) {
        close(fd);
        return;
    }
    event.events = c->owed > 0 ? EPOLLOUT : EPOLLIN;
    if (event.events == c->events)
        return;
    if (epoll_ctl(epoll_fd, c->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event) < 0)
        fail("epoll_ctl");
    c->events = event.events;
}

static void accept_all(int listener)
{
    int fd;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        if (fd >= FD_MAX) {
            close(fd);
            continue;
        }
        conns[fd] = (struct conn){ 0 };
        drive(fd);
    }
}

static void read_options(int argc, char **argv)
{
    int option;

    while ((option = getopt(argc, argv, "cs:")) != -1) {
        if (option == 'c')
            closes_after_response = true;
        else if (option == 's')
            status = optarg;
        else
            break;
    }
    if (option != -1 || argc - optind != 2) {
        fprintf(stderr, "usage: floor [-c] [-s STATUS] PORT FILE\n");
        exit(2);
    }
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS_MAX];
    struct epoll_event event = { .events = EPOLLIN };
    int listener;

    read_options(argc, argv);
    signal(SIGPIPE, SIG_IGN); /* sendfile has no MSG_NOSIGNAL */
    response_load(argv[argc - 1]);
    listener = event.data.fd = listener_open(argv[argc - 2]);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event) < 0)
        fail("epoll");

    for (;;) {
        int ready = epoll_wait(epoll_fd, events, EVENTS_MAX, -1);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.fd == listener)
                accept_all(listener);
            else
                drive(events[i].data.fd);
        }
    }
}
