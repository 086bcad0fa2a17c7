#include "worker/access_log.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "common/address.h"
#include "common/log_writer.h"
#include "common/put.h"
#include "common/xmalloc.h"
#include "worker/scan.h"

enum {
    TEXTS = 64,         /* of addresses, kept; a power of two */
    LINE_RESERVE = 256, /* all of a line but what the peer sent */
    ESCAPED_MOST = 4,   /* bytes for one */
};

struct access_log {
    int fd;
    size_t buffer_bytes;
    uint64_t flush_ms, oldest_ms; /* oldest_ms: when the first line in the buffer came */
    struct buf lines;
};

static char *put_byte(char *p, unsigned value)
{
    if (value >= 100)
        *p++ = (char)('0' + value / 100);
    if (value >= 10)
        *p++ = (char)('0' + value / 10 % 10);
    *p++ = (char)('0' + value % 10);
    return p;
}

/* To write an IPv6 address takes a thousand instructions, and each client has many requests. */
static char *put_ipv6(char *p, const struct sockaddr_in6 *peer)
{
    static struct {
        struct in6_addr address;
        size_t n; /* 0: free */
        char text[ADDRESS_TEXT_MAX];
    } texts[TEXTS];
    uint64_t half[2], hash;
    size_t at;

    memcpy(half, &peer->sin6_addr, sizeof(half));
    hash = (half[0] ^ half[1]) * 0x9e3779b97f4a7c15u;
    at = hash >> 32 & (TEXTS - 1);
    if (texts[at].n == 0 || memcmp(&texts[at].address, &peer->sin6_addr, sizeof(half)) != 0) {
        texts[at].address = peer->sin6_addr;
        texts[at].n = address_format_host((const struct sockaddr *)peer, texts[at].text);
    }
    return put_str(p, (struct str){ texts[at].text, texts[at].n });
}

static char *put_peer(char *p, const struct sockaddr *peer)
{
    char host[ADDRESS_TEXT_MAX];

    if (peer->sa_family == AF_INET) {
        uint32_t ip = ntohl(((const struct sockaddr_in *)peer)->sin_addr.s_addr);

        for (int shift = 24; shift >= 0; shift -= 8) {
            p = put_byte(p, (ip >> shift) & 0xff);
            *p++ = '.';
        }
        return p - 1;
    }
    if (peer->sa_family == AF_INET6)
        return put_ipv6(p, (const struct sockaddr_in6 *)peer);
    return put_str(p, (struct str){ host, address_format_host(peer, host) });
}

/* Quotes, backslashes and what is not printable ASCII as \xHH: one line stays one line. */
static char *put_escaped(char *p, struct str s)
{
    static const char hex[] = "0123456789ABCDEF";
    const char *at, *end;

    if (s.p == NULL) {
        *p = '-';
        return p + 1;
    }
    at = s.p;
    end = s.p + s.n;
    for (;;) {
        const char *plain = at;
        unsigned char c;

        at = scan_log_text(at, end);
        p = put_str(p, str_range(plain, at));
        if (at == end)
            return p;
        c = (unsigned char)*at++;
        *p++ = '\\';
        *p++ = 'x';
        *p++ = hex[c >> 4];
        *p++ = hex[c & 15];
    }
}

/* A field that blanks end: those of the name are escaped too. */
static char *put_user(char *p, struct str user)
{
    struct str part;

    if (user.n == 0)
        return put_str(p, STR("-"));
    for (;;) {
        part = str_cut(&user, ' ');
        p = put_escaped(p, part);
        if (user.p == NULL)
            return p;
        p = put_str(p, STR("\\x20"));
    }
}

size_t access_log_rest_most(const struct access_log_entry *e)
{
    return LINE_RESERVE + ESCAPED_MOST * (e->line.n + e->referer.n + e->user_agent.n);
}

char *access_log_put_rest(char *p, const struct access_log_entry *e)
{
    p = put_str(p, STR("] \""));
    p = put_escaped(p, e->line);
    p = put_str(p, STR("\" "));
    p = put_u64(p, e->status);
    *p++ = ' ';
    p = put_u64(p, e->body_bytes);
    p = put_str(p, STR(" \""));
    p = put_escaped(p, e->referer);
    p = put_str(p, STR("\" \""));
    p = put_escaped(p, e->user_agent);
    return put_str(p, STR("\"\n"));
}

void access_log_format(struct buf *out, const struct access_log_entry *e)
{
    size_t rest = e->rest.p != NULL ? e->rest.n : access_log_rest_most(e);
    char *p = buf_reserve(out, LINE_RESERVE + e->time.n + ESCAPED_MOST * e->user.n + rest);

    p = put_peer(p, e->peer);
    p = put_str(p, STR(" - "));
    p = put_user(p, e->user);
    p = put_str(p, STR(" ["));
    p = put_str(p, e->time);
    p = e->rest.p != NULL ? put_str(p, e->rest) : access_log_put_rest(p, e);
    out->n = (size_t)(p - out->p);
}

struct access_log *access_log_new(int fd, size_t buffer_bytes, uint64_t flush_ms)
{
    struct access_log *log = xcalloc(1, sizeof(*log));

    log->fd = fd;
    log->buffer_bytes = buffer_bytes;
    log->flush_ms = flush_ms;
    return log;
}

void access_log_flush(struct access_log *log)
{
    log_writer_put(LOG_REQUESTS, log->fd, &log->lines);
}

void access_log_free(struct access_log **log)
{
    if (*log == NULL)
        return;
    access_log_flush(*log);
    log_writer_close(LOG_REQUESTS, (*log)->fd);
    buf_fini(&(*log)->lines);
    free(*log);
    *log = NULL;
}

void access_log_add(struct access_log *log, const struct access_log_entry *e, uint64_t now_ms)
{
    if (log->lines.n == 0)
        log->oldest_ms = now_ms;
    access_log_format(&log->lines, e);
    if (log->lines.n >= log->buffer_bytes)
        access_log_flush(log);
}

void access_log_flush_if_due(struct access_log *log, uint64_t now_ms)
{
    if (log->lines.n > 0 && now_ms - log->oldest_ms >= log->flush_ms)
        access_log_flush(log);
}

void access_log_reopen(struct access_log *log, int fd)
{
    access_log_flush(log);
    log_writer_close(LOG_REQUESTS, log->fd);
    log->fd = fd;
}
