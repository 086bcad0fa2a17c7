#include "worker/log_line.h"

#include <arpa/inet.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/address.h"
#include "common/json.h"
#include "common/log.h"
#include "common/put.h"
#include "common/xmalloc.h"
#include "config/log_format.h"
#include "worker/scan.h"

_Static_assert(JSON_PUT_MOST >= 4, "room for both ways to escape");

enum {
    TEXTS_BITS = 6, /* as many texts of addresses, of each family, are kept */
    TEXTS = 1 << TEXTS_BITS,
    CHANGING_MOST = 128, /* bytes of a value that changes */
};

_Static_assert((int)CHANGING_MOST >= (int)ADDRESS_TEXT_MAX, "an address is a value that changes");

struct piece {
    enum log_variable variable;
    enum field_id field; /* LOG_HTTP; FIELD_OTHER: it is looked for by its name */
    struct str text;     /* LOG_TEXT: itself; LOG_HTTP: the name; the line's, or a literal */
    size_t run;          /* pieces from here on that repeat; 0: this one changes */
};

struct log_line {
    bool is_json, needs_duration;
    char *source; /* the format; owned */
    char hostname[HOST_NAME_MAX + 1], pid[12], worker[12];
    size_t changing_most; /* bytes of all that changes */
    size_t count;
    struct piece pieces[];
};

/* ---- compiled ---- */

/* RFC 5424, 6: all that stands before the message. */
static void add_header(struct buf *out, const struct access_log_config *config)
{
    buf_printf(out, "<%u>1 $time_iso8601 $hostname ", config->facility * 8 + config->severity);
    for (const char *c = config->tag; *c != '\0'; c++) {
        if (*c == '$')
            buf_add_char(out, '$');
        buf_add_char(out, *c);
    }
    buf_add(out, STR(" $pid access - "));
}

/* "-" is syslog's word for none. */
static void find_hostname(char name[HOST_NAME_MAX + 1])
{
    if (gethostname(name, HOST_NAME_MAX + 1) < 0)
        name[0] = '\0';
    name[HOST_NAME_MAX] = '\0';
    for (char *c = name; *c != '\0'; c++)
        if (*c <= ' ' || *c > '~' || *c == '"' || *c == '\\')
            *c = '-';
    if (name[0] == '\0')
        memcpy(name, "-", sizeof("-"));
}

static struct str fixed_text(const struct log_line *line, enum log_variable variable)
{
    switch (variable) {
    case LOG_PID:
        return str_of(line->pid);
    case LOG_WORKER:
        return str_of(line->worker);
    case LOG_HOSTNAME:
        return str_of(line->hostname);
    default:
        return STR("http"); /* LOG_SCHEME */
    }
}

/* $http_user_agent is User-Agent. */
static bool is_named(struct str name, struct str wanted)
{
    if (name.n != wanted.n)
        return false;
    for (size_t i = 0; i < name.n; i++)
        if (ascii_lower(name.p[i]) != ascii_lower(wanted.p[i]) &&
            !(name.p[i] == '-' && wanted.p[i] == '_'))
            return false;
    return true;
}

/* Not by request_field_id(), which the compiler puts into the parser as long as nobody else calls it. */
static enum field_id field_of(struct str name)
{
    static const struct str names[FIELD_COUNT] = {
#define NAME(id, text) [FIELD_##id] = STR_INIT(text),
        FIELDS(NAME)
#undef NAME
    };

    for (unsigned i = FIELD_OTHER + 1; i < FIELD_COUNT; i++)
        if (is_named(names[i], name))
            return (enum field_id)i;
    return FIELD_OTHER;
}

static struct piece piece_of(const struct log_line *line, const struct log_part *part)
{
    struct piece piece = { .variable = part->variable, .text = part->text };

    if (part->variable == LOG_HTTP)
        piece.field = field_of(part->text);
    else if (part->variable != LOG_TEXT && log_variable_life(part->variable) == LOG_FIXED) {
        piece.text = fixed_text(line, part->variable);
        piece.variable = LOG_TEXT;
    }
    return piece;
}

/* From the end on, for each run counts what is behind it. */
static void find_runs(struct log_line *line)
{
    size_t run = 0;

    for (size_t i = line->count; i-- > 0;) {
        struct piece *piece = &line->pieces[i];

        run = log_variable_life(piece->variable) == LOG_CHANGES ? 0 : run + 1;
        piece->run = run;
        line->changing_most += run == 0 ? CHANGING_MOST : 0;
        if (piece->variable == LOG_REQUEST_TIME)
            line->needs_duration = true;
    }
}

struct log_line *log_line_new(const struct access_log_config *config)
{
    struct str text = log_format_text(str_of(config->format));
    struct log_format_error error;
    struct buf source = { NULL, 0, 0 };
    struct log_format *format;
    struct log_line *line;

    if (config->target == LOG_TO_SYSLOG)
        add_header(&source, config);
    buf_add(&source, text);
    buf_add_char(&source, '\n');
    format = log_format_new(buf_str(&source), &error); /* the config was good */
    line = xcalloc(1, sizeof(*line) + format->count * sizeof(struct piece));
    line->source = source.p;
    line->is_json = text.p[0] == '{';
    find_hostname(line->hostname);
    snprintf(line->pid, sizeof(line->pid), "%d", (int)getpid());
    snprintf(line->worker, sizeof(line->worker), "%u", log_slot());
    line->count = format->count;
    for (size_t i = 0; i < format->count; i++)
        line->pieces[i] = piece_of(line, &format->parts[i]);
    find_runs(line);
    log_format_free(&format);
    return line;
}

void log_line_free(struct log_line **line)
{
    if (*line != NULL)
        free((*line)->source);
    free(*line);
    *line = NULL;
}

bool log_line_needs_duration(const struct log_line *line)
{
    return line->needs_duration;
}

/* ---- what changes ---- */

static char *put_byte(char *p, unsigned value)
{
    if (value >= 100)
        *p++ = (char)('0' + value / 100);
    if (value >= 10)
        *p++ = (char)('0' + value / 10 % 10);
    *p++ = (char)('0' + value % 10);
    return p;
}

/* A busy client is told by one move. */
static char *put_ipv4(char *p, const struct sockaddr_in *peer)
{
    static struct {
        uint32_t address;
        unsigned n; /* 0: free */
        char text[INET_ADDRSTRLEN];
    } texts[TEXTS];
    uint32_t address = peer->sin_addr.s_addr;
    size_t at = address * 0x9e3779b1u >> (32 - TEXTS_BITS);

    if (texts[at].n == 0 || texts[at].address != address) {
        char *end = texts[at].text;

        for (int shift = 24; shift >= 0; shift -= 8) {
            end = put_byte(end, (ntohl(address) >> shift) & 0xff);
            *end++ = '.';
        }
        texts[at].address = address;
        texts[at].n = (unsigned)(end - 1 - texts[at].text);
    }
    memcpy(p, texts[at].text, sizeof(texts[at].text)); /* more than count: there is room */
    return p + texts[at].n;
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

static char *put_host(char *p, const struct sockaddr *peer)
{
    char host[ADDRESS_TEXT_MAX];

    if (peer->sa_family == AF_INET)
        return put_ipv4(p, (const struct sockaddr_in *)peer);
    if (peer->sa_family == AF_INET6)
        return put_ipv6(p, (const struct sockaddr_in6 *)peer);
    return put_str(p, (struct str){ host, address_format_host(peer, host) });
}

/* 0 where there is none: of a Unix socket, or of a client that a proxy names. */
static char *put_port(char *p, const struct sockaddr *sa)
{
    unsigned port = 0;

    if (sa->sa_family == AF_INET)
        port = ntohs(((const struct sockaddr_in *)sa)->sin_port);
    else if (sa->sa_family == AF_INET6)
        port = ntohs(((const struct sockaddr_in6 *)sa)->sin6_port);
    return put_u64(p, port);
}

/* Only the socket knows which of our addresses its client came to. */
static char *put_own(char *p, const struct access_log_entry *e, enum log_variable variable)
{
    struct sockaddr_storage own = { .ss_family = AF_UNSPEC };
    socklen_t n = sizeof(own);

    if (getsockname(e->fd, (struct sockaddr *)&own, &n) < 0)
        own.ss_family = AF_UNSPEC;
    if (variable == LOG_SERVER_PORT)
        return put_port(p, (const struct sockaddr *)&own);
    return put_host(p, (const struct sockaddr *)&own);
}

static char *put_seconds(char *p, uint64_t ms)
{
    unsigned rest = (unsigned)(ms % 1000);

    p = put_u64(p, ms / 1000);
    *p++ = '.';
    *p++ = (char)('0' + rest / 100);
    *p++ = (char)('0' + rest / 10 % 10);
    *p++ = (char)('0' + rest % 10);
    return p;
}

/* At most CHANGING_MOST bytes, none of which needs to be escaped. */
static char *put_changing(char *p, enum log_variable variable, const struct access_log_entry *e)
{
    switch (variable) {
    case LOG_REMOTE_ADDR:
        return put_host(p, e->peer);
    case LOG_TIME_LOCAL:
        return put_str(p, (struct str){ e->clock->log_time, CLOCK_LOG_N });
    case LOG_TIME_ISO8601:
        return put_str(p, (struct str){ e->clock->iso_time, CLOCK_ISO_N });
    case LOG_MSEC:
        return put_seconds(p, e->clock->epoch_ms);
    case LOG_REQUEST_TIME:
        return put_seconds(p, e->duration_ns / 1000000);
    case LOG_CONNECTION_REQUESTS:
        return put_u64(p, e->connection_requests);
    case LOG_REMOTE_PORT:
        return put_port(p, e->peer);
    default:
        return put_own(p, e, variable);
    }
}

/* ---- what repeats ---- */

/* Quotes, backslashes and what is not printable ASCII as \xHH: one line stays one line. */
static char *put_escaped(char *p, struct str s)
{
    static const char hex[] = "0123456789ABCDEF";
    const char *at = s.p, *end = s.p + s.n;

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

static void add_escaped(struct buf *out, bool is_json, struct str s)
{
    char *p = buf_reserve(out, JSON_PUT_MOST * s.n + 1);

    p = is_json ? json_put(p, s) : put_escaped(p, s);
    out->n = (size_t)(p - out->p);
}

/* p NULL: "-"; in JSON an empty text, which no value that is there can be taken for. */
static void add_value(struct buf *out, const struct log_line *line, struct str value)
{
    if (value.p != NULL)
        add_escaped(out, line->is_json, value);
    else if (!line->is_json)
        buf_add_char(out, '-');
}

/* A field that blanks end: those of the name are escaped too. */
static void add_user(struct buf *out, const struct log_line *line, struct str user)
{
    if (user.n == 0 || line->is_json) {
        add_value(out, line, user.n > 0 ? user : STR_NONE);
        return;
    }
    for (;;) {
        add_escaped(out, false, str_cut(&user, ' '));
        if (user.p == NULL)
            return;
        buf_add(out, STR("\\x20"));
    }
}

static void add_number(struct buf *out, uint64_t value)
{
    char *p = buf_reserve(out, PUT_U64_MOST);

    out->n = (size_t)(put_u64(p, value) - out->p);
}

/* The first line of the field. */
static struct str field_value(const struct request *req, const struct piece *piece)
{
    if (piece->field != FIELD_OTHER)
        return req->known[piece->field];
    for (size_t i = 0; i < req->field_count; i++)
        if (is_named(req->fields[i].name, piece->text))
            return req->fields[i].value;
    return STR_NONE;
}

/* As sent: the last word of the line. */
static struct str protocol_of(const struct request *req)
{
    struct str word = STR_NONE, rest = req->line;

    while (rest.p != NULL)
        word = str_cut(&rest, ' ');
    return str_starts(word, STR("HTTP/")) ? word : STR_NONE;
}

static struct str present(struct str value)
{
    return value.n > 0 ? value : STR_NONE;
}

/* "*", or the site's first name. */
static struct str site_name(const struct site *site)
{
    return site != NULL && site->host_count > 0 ? str_of(site->hosts[0]) : STR_NONE;
}

static struct str value_of(const struct piece *piece, const struct access_log_entry *e)
{
    const struct request *req = e->req;

    switch (piece->variable) {
    case LOG_HTTP:
        return field_value(req, piece);
    case LOG_REQUEST:
        return req->line;
    case LOG_REQUEST_ID:
        return e->request_id;
    case LOG_REQUEST_METHOD:
        return present(req->method_text);
    case LOG_REQUEST_URI:
        return present(req->target);
    case LOG_URI:
        return req->path;
    case LOG_ARGS:
    case LOG_QUERY_STRING:
        return req->query;
    case LOG_SERVER_PROTOCOL:
        return protocol_of(req);
    case LOG_HOST:
        return present(req->host);
    case LOG_SITE:
    case LOG_SERVER_NAME:
        return site_name(e->site);
    case LOG_ROUTE:
        return e->route != NULL ? str_of(e->route->path) : STR_NONE;
    default:
        return STR_NONE;
    }
}

static void add_repeating(struct buf *out, const struct log_line *line, const struct piece *piece,
                          const struct access_log_entry *e)
{
    switch (piece->variable) {
    case LOG_TEXT:
        buf_add(out, piece->text);
        break;
    case LOG_STATUS:
        add_number(out, e->status);
        break;
    case LOG_BODY_BYTES_SENT:
        add_number(out, e->body_bytes);
        break;
    case LOG_REQUEST_LENGTH:
        add_number(out, e->request_bytes);
        break;
    case LOG_REMOTE_USER:
        add_user(out, line, e->user);
        break;
    default:
        add_value(out, line, value_of(piece, e));
        break;
    }
}

/* ---- the line ---- */

/* For each run: the number of its bytes, and these. */
void log_line_keep(const struct log_line *line, struct buf *out, const struct access_log_entry *e)
{
    uint32_t n;

    for (size_t i = 0; i < line->count; i++) {
        size_t from = out->n, end = i + line->pieces[i].run;

        if (line->pieces[i].run == 0)
            continue;
        buf_reserve(out, sizeof(n));
        out->n += sizeof(n);
        for (; i < end; i++)
            add_repeating(out, line, &line->pieces[i], e);
        n = (uint32_t)(out->n - from - sizeof(n));
        memcpy(out->p + from, &n, sizeof(n));
    }
}

static void add_kept(const struct log_line *line, struct buf *out, const struct access_log_entry *e)
{
    const char *kept = e->kept.p;
    char *p = buf_reserve(out, line->changing_most + e->kept.n);

    for (size_t i = 0; i < line->count;) {
        const struct piece *piece = &line->pieces[i];
        uint32_t n;

        if (piece->run == 0) {
            p = put_changing(p, piece->variable, e);
            i++;
            continue;
        }
        memcpy(&n, kept, sizeof(n));
        p = put_str(p, (struct str){ kept + sizeof(n), n });
        kept += sizeof(n) + n;
        i += piece->run;
    }
    out->n = (size_t)(p - out->p);
}

void log_line_add(const struct log_line *line, struct buf *out, const struct access_log_entry *e)
{
    if (e->kept.p != NULL) {
        add_kept(line, out, e);
        return;
    }
    for (size_t i = 0; i < line->count; i++) {
        const struct piece *piece = &line->pieces[i];

        if (piece->run > 0) {
            add_repeating(out, line, piece, e);
            continue;
        }
        char *p = buf_reserve(out, CHANGING_MOST);
        out->n = (size_t)(put_changing(p, piece->variable, e) - out->p);
    }
}
