#include "tests/integration/client.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>
#include <unistd.h>

bool client_open_to(struct client *c, const struct sockaddr *sa, socklen_t n, int receive_buffer)
{
    int on = 1, saved_errno;

    *c = (struct client){ .fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0) };
    if (c->fd < 0)
        return false;
    if (receive_buffer > 0)
        setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
    if (connect(c->fd, sa, n) < 0) {
        saved_errno = errno;
        close(c->fd);
        c->fd = -1;
        errno = saved_errno;
        return false;
    }
    if (sa->sa_family != AF_UNIX)
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return true;
}

bool client_open_port(struct client *c, unsigned port)
{
    struct sockaddr_in sa = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)port),
                              .sin_addr = { htonl(INADDR_LOOPBACK) } };
    bool is_open = client_open_to(c, (struct sockaddr *)&sa, sizeof(sa), 0);

    c->port = port;
    return is_open;
}

bool client_open_unix(struct client *c, const char *path)
{
    struct sockaddr_un sa = { .sun_family = AF_UNIX };

    snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
    return client_open_to(c, (struct sockaddr *)&sa, sizeof(sa), 0);
}

void client_open(struct client *c, const struct server *s)
{
    cr_assert(client_open_port(c, s->port), "connect to port %u: %s", s->port, strerror(errno));
}

void client_close(struct client *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    buf_fini(&c->in);
}

void client_reset(struct client *c)
{
    struct linger now = { 1, 0 };

    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    client_close(c);
}

void client_half_close(struct client *c)
{
    shutdown(c->fd, SHUT_WR);
}

/*
 * Reads while it writes: a server may answer before it has all, and neither side must wait for
 * the other for ever.
 */
bool client_send(struct client *c, const char *bytes, size_t n)
{
    uint64_t end = now_ms() + DEADLINE_MS;

    for (size_t at = 0; at < n;) {
        struct pollfd p = { .fd = c->fd, .events = POLLOUT };
        ssize_t sent = send(c->fd, bytes + at, n - at, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (sent > 0) {
            at += (size_t)sent;
            continue;
        }
        if (errno != EAGAIN || now_ms() > end)
            return false;
        if (c->end == CLIENT_OPEN)
            p.events |= POLLIN;
        if (poll(&p, 1, 1000) > 0 && (p.revents & POLLIN))
            client_receive(c, 0);
    }
    return true;
}

bool client_send_text(struct client *c, const char *text)
{
    return client_send(c, text, strlen(text));
}

bool client_send_cut(struct client *c, const char *bytes, size_t n, size_t piece_max, unsigned seed,
                     unsigned gap_us)
{
    for (size_t at = 0; at < n;) {
        size_t piece = 1 + (piece_max > 1 ? (size_t)rand_r(&seed) % piece_max : 0);

        if (piece > n - at)
            piece = n - at;
        if (!client_send(c, bytes + at, piece))
            return false;
        at += piece;
        if (gap_us > 0)
            usleep(gap_us);
    }
    return true;
}

bool client_receive(struct client *c, unsigned ms)
{
    struct pollfd p = { .fd = c->fd, .events = POLLIN };
    ssize_t n;

    if (c->end == CLIENT_FIN || c->end == CLIENT_RST)
        return false;
    if (poll(&p, 1, (int)ms) <= 0) {
        c->end = ms > 0 ? CLIENT_TIMEOUT : c->end;
        return false;
    }
    n = recv(c->fd, buf_reserve(&c->in, 65536), 65536, MSG_DONTWAIT);
    if (n > 0) {
        c->in.n += (size_t)n;
        c->end = CLIENT_OPEN;
        return true;
    }
    c->end = n == 0 ? CLIENT_FIN : CLIENT_RST;
    return false;
}

enum client_end client_read_to_end(struct client *c, unsigned ms)
{
    uint64_t now, end = now_ms() + ms;

    while ((now = now_ms()) < end && client_receive(c, (unsigned)(end - now)))
        ;
    return c->end == CLIENT_OPEN ? CLIENT_TIMEOUT : c->end;
}

bool client_is_quiet(struct client *c)
{
    struct pollfd p = { .fd = c->fd, .events = POLLIN };

    return c->taken == c->in.n && poll(&p, 1, 0) == 0;
}

static const char *end_words(const struct client *c)
{
    return c->end == CLIENT_FIN ? "closed early" : c->end == CLIENT_RST ? "reset" : "timeout";
}

static bool is_token(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)p[i]) && (p[i] == 0 || !strchr("!#$%&'*+-.^_`|~", p[i])))
            return false;
    return n > 0;
}

/* RFC 9112, 4 and 5, as a sender must write it. NULL: well-formed. */
static const char *head_fault(const char *p, size_t n)
{
    const char *end = p + n, *line_end, *colon;

    if (memchr(p, 0, n) != NULL)
        return "NUL in the head";
    if (n < 15 || memcmp(p, "HTTP/1.1 ", 9) != 0 || !isdigit(p[9]) || !isdigit(p[10]) ||
        !isdigit(p[11]) || p[12] != ' ')
        return "bad status line";
    for (p = strstr(p, "\r\n") + 2; p < end - 2; p = line_end + 2) {
        line_end = strstr(p, "\r\n");
        colon = memchr(p, ':', (size_t)(line_end - p));
        if (colon == NULL || !is_token(p, (size_t)(colon - p)))
            return "bad field line";
        for (const char *at = colon; at < line_end; at++)
            if ((unsigned char)*at < ' ' && *at != '\t')
                return "control byte in a field line";
    }
    return NULL;
}

static bool read_head(struct client *c, struct response *r)
{
    char *start, *stop;

    for (;;) {
        buf_cstr(&c->in);
        start = c->in.n > 0 ? c->in.p + c->taken : NULL;
        stop = start ? memmem(start, c->in.n - c->taken, "\r\n\r\n", 4) : NULL;
        if (stop != NULL)
            break;
        if (!client_receive(c, DEADLINE_MS)) {
            r->failure = end_words(c);
            return false;
        }
    }
    buf_fini(&r->head);
    buf_add(&r->head, str_range(start, stop + 4));
    buf_cstr(&r->head);
    c->taken += r->head.n;
    r->failure = head_fault(r->head.p, r->head.n);
    if (r->failure == NULL)
        r->status = atoi(r->head.p + 9);
    return r->failure == NULL;
}

/* Moves `n` bytes of input to the body. */
static bool read_bytes(struct client *c, struct response *r, size_t n)
{
    while (c->in.n - c->taken < n)
        if (!client_receive(c, DEADLINE_MS)) {
            buf_add(&r->body, (struct str){ c->in.p + c->taken, c->in.n - c->taken });
            c->taken = c->in.n;
            r->failure = end_words(c);
            return false;
        }
    if (n > 0)
        buf_add(&r->body, (struct str){ c->in.p + c->taken, n });
    c->taken += n;
    return true;
}

static bool read_line(struct client *c, struct response *r, char *line, size_t size)
{
    size_t was = r->body.n;

    for (;;) {
        if (!read_bytes(c, r, 1))
            return false;
        if (r->body.n - was >= size) {
            r->failure = "long chunk line";
            return false;
        }
        if (r->body.n - was >= 2 && memcmp(r->body.p + r->body.n - 2, "\r\n", 2) == 0)
            break;
    }
    snprintf(line, size, "%.*s", (int)(r->body.n - was - 2), r->body.p + was);
    r->body.n = was;
    return true;
}

static bool read_chunked(struct client *c, struct response *r)
{
    char line[1024];
    size_t n;

    do {
        if (!read_line(c, r, line, sizeof(line)))
            return false;
        n = strtoul(line, NULL, 16);
        if (!isxdigit((unsigned char)line[0]) || !read_bytes(c, r, n) ||
            (n > 0 && (!read_line(c, r, line, sizeof(line)) || line[0] != '\0'))) {
            r->failure = r->failure ? r->failure : "bad chunk";
            return false;
        }
    } while (n > 0);
    do
        if (!read_line(c, r, line, sizeof(line)))
            return false;
    while (line[0] != '\0');
    return true;
}

static bool read_body(struct client *c, struct response *r, bool is_head)
{
    char value[64];

    if (response_field_count(r, "Content-Length") > 1) {
        r->failure = "two Content-Length lines";
        return false;
    }
    if (is_head || r->status < 200 || r->status == 204 || r->status == 304)
        return true;
    if (response_field(r, "Transfer-Encoding", value, sizeof(value)))
        return read_chunked(c, r);
    if (response_field(r, "Content-Length", value, sizeof(value))) {
        if (strspn(value, "0123456789") == strlen(value) && value[0] != '\0')
            return read_bytes(c, r, strtoul(value, NULL, 10));
        r->failure = "bad Content-Length";
        return false;
    }
    r->is_closed_by_eof = true;
    client_read_to_end(c, DEADLINE_MS);
    if (c->end != CLIENT_FIN)
        r->failure = end_words(c);
    return read_bytes(c, r, c->in.n - c->taken) && c->end == CLIENT_FIN;
}

bool client_read(struct client *c, struct response *r, bool is_head)
{
    bool is_whole;

    *r = (struct response){ 0 };
    is_whole = read_head(c, r) && read_body(c, r, is_head);
    buf_cstr(&r->head);
    buf_cstr(&r->body);
    if (c->taken == c->in.n)
        c->taken = c->in.n = 0;
    return is_whole;
}

bool client_ask(struct client *c, struct response *r, const char *method, const char *target,
                const char *fields)
{
    struct buf b = { 0 };

    buf_printf(&b, "%s %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", method, target,
               fields != NULL ? fields : "");
    client_send(c, b.p, b.n);
    buf_fini(&b);
    return client_read(c, r, strcmp(method, "HEAD") == 0);
}

void response_fini(struct response *r)
{
    buf_fini(&r->head);
    buf_fini(&r->body);
}

void clients_open(struct client *clients, size_t count, size_t asked, const struct server *s)
{
    for (size_t i = 0; i < count; i++) {
        struct response r;

        client_open(&clients[i], s);
        if (i >= asked)
            continue;
        cr_assert(client_ask(&clients[i], &r, "GET", "/", NULL), "client %zu: %s", i, r.failure);
        response_fini(&r);
    }
}

void clients_go_on(struct client *clients, size_t count)
{
    size_t failed = 0;

    for (size_t i = 0; i < count && failed < 10; i++) {
        struct response r;
        bool is_well = client_ask(&clients[i], &r, "GET", "/", NULL) && r.status == 200 &&
                       !response_field_is(&r, "Connection", "close");

        cr_expect(is_well, "client %zu of %zu: status %d, %s", i, count, r.status,
                  r.failure != NULL ? r.failure : buf_cstr(&r.head));
        failed += !is_well;
        response_fini(&r);
        client_close(&clients[i]);
    }
}

bool fetch(const struct server *s, struct response *r, const char *method, const char *target,
           const char *fields)
{
    struct client c;
    bool is_whole;

    client_open(&c, s);
    is_whole = client_ask(&c, r, method, target, fields);
    client_close(&c);
    return is_whole;
}

int fetch_status(const struct server *s, const char *target)
{
    struct response r;
    int status = fetch(s, &r, "GET", target, NULL) ? r.status : 0;

    response_fini(&r);
    return status;
}

unsigned long status_figure(const struct server *s, const char *name)
{
    struct response r;
    unsigned long value = 0;
    char line[64];
    const char *at;

    snprintf(line, sizeof(line), "\n%s ", name);
    if (fetch(s, &r, "GET", "/status", NULL) && (at = strstr(buf_cstr(&r.body), line)) != NULL)
        value = strtoul(at + strlen(line), NULL, 10);
    response_fini(&r);
    return value;
}

bool fetch_until(const struct server *s, const char *target, int status, const char *body,
                 unsigned ms)
{
    uint64_t end = now_ms() + ms;
    struct response r;
    bool is_so;

    for (;;) {
        is_so = fetch(s, &r, "GET", target, NULL) && r.status == status &&
                (body == NULL || response_body_is(&r, body));
        response_fini(&r);
        if (is_so || now_ms() > end)
            return is_so;
        pause_ms(5);
    }
}

/* The value of the `nth` line of that name, or NULL. */
static const char *field_find(const struct response *r, const char *name, int nth)
{
    size_t n = strlen(name);
    const char *line = r->head.n > 0 ? strstr(r->head.p, "\r\n") : NULL;

    for (; line != NULL; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, n) == 0 && line[n] == ':' && nth-- == 0)
            return line + n + 1;
    }
    return NULL;
}

bool response_field(const struct response *r, const char *name, char *value, size_t size)
{
    const char *found = field_find(r, name, 0);
    struct str trimmed;

    value[0] = '\0';
    if (found == NULL)
        return false;
    trimmed = str_trim(str_range(found, strstr(found, "\r\n")));
    snprintf(value, size, "%.*s", STR_ARG(trimmed));
    return true;
}

bool response_field_is(const struct response *r, const char *name, const char *expected)
{
    char value[1024];

    return response_field(r, name, value, sizeof(value)) && strcmp(value, expected) == 0;
}

int response_field_count(const struct response *r, const char *name)
{
    int count = 0;

    while (field_find(r, name, count) != NULL)
        count++;
    return count;
}

bool response_body_is(const struct response *r, const char *text)
{
    return r->body.n == strlen(text) && memcmp(r->body.p, text, r->body.n) == 0;
}

bool response_body_is_pattern(const struct response *r, size_t from, size_t n, unsigned seed)
{
    char *expected = malloc(from + n + 1);
    bool is_same;

    pattern_fill(expected, from + n, seed);
    is_same = r->body.n == n && (n == 0 || memcmp(r->body.p, expected + from, n) == 0);
    free(expected);
    return is_same;
}

/* The inode of the server's end: the row of /proc/net/tcp whose remote port is ours. */
static unsigned long peer_inode(const struct client *c, unsigned server_port)
{
    struct sockaddr_in own;
    socklen_t n = sizeof(own);
    struct buf b = file_read("/proc/net/tcp");
    unsigned long inode = 0;

    /* Cut into lines first: sscanf() looks for the end of all that it is given. */
    if (b.n > 0 && getsockname(c->fd, (struct sockaddr *)&own, &n) == 0)
        for (char *rest = (char *)(uintptr_t)buf_cstr(&b), *line; (line = strsep(&rest, "\n"));) {
            unsigned local, remote;
            unsigned long found;

            if (sscanf(line, "%*d: %*x:%x %*x:%x %*x %*s %*s %*s %*u %*u %lu", &local, &remote,
                       &found) == 3 &&
                local == server_port && remote == ntohs(own.sin_port))
                inode = found;
        }
    buf_fini(&b);
    return inode;
}

static bool process_has_socket(pid_t pid, unsigned long inode)
{
    char folder[64], expected[64], path[400], target[64];
    struct dirent *entry;
    bool has = false;
    DIR *fds;

    snprintf(folder, sizeof(folder), "/proc/%d/fd", (int)pid);
    snprintf(expected, sizeof(expected), "socket:[%lu]", inode);
    fds = opendir(folder);
    while (fds != NULL && !has && (entry = readdir(fds)) != NULL) {
        ssize_t n;

        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        n = readlink(path, target, sizeof(target) - 1);
        target[n > 0 ? n : 0] = '\0';
        has = strcmp(target, expected) == 0;
    }
    if (fds != NULL)
        closedir(fds);
    return has;
}

pid_t client_worker(const struct client *c, const struct server *s)
{
    pid_t pids[SERVER_WORKERS_MAX];
    unsigned long inode = peer_inode(c, s->port);
    size_t count = server_workers(s, pids);

    for (size_t i = 0; inode != 0 && i < count; i++)
        if (process_has_socket(pids[i], inode))
            return pids[i];
    return 0;
}
