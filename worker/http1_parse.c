#include "worker/http1_parse.h"

#include <assert.h>

#include "worker/host.h"
#include "worker/scan.h"

enum {
    EMPTY_LINES_MAX = 4, /* before the request line (RFC 9112, 2.2) */
    METHOD_MAX = 32,     /* bytes */
    VERSION_BYTES = 8,   /* "HTTP/1.1" */
};

/* What the Transfer-Encoding lines seen so far add up to. */
enum codings { CODINGS_NONE, CODINGS_OTHER, CODINGS_CHUNKED, CODINGS_OTHER_CHUNKED };

/* One head under way. The stages return DONE to let the next one go on. */
struct head {
    struct request *req;
    const char *p;   /* the next byte */
    const char *end; /* of what was received */
    const struct http1_limits *limits;
    struct http1_fault *fault;
    const char *line; /* start of the request line */
    enum codings codings;
    bool has_close, has_keep_alive; /* members of Connection */
    bool expects_continue;
    bool has_authority; /* in the target: a Host field is checked, but not used */
};

static enum parse_result bad(struct head *h, unsigned status, const char *text)
{
    h->fault->status = status;
    h->fault->text = text;
    return PARSE_BAD;
}

static inline bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

static enum parse_result skip_empty_lines(struct head *h)
{
    for (int i = 0; i < EMPTY_LINES_MAX && h->p < h->end && *h->p == '\r'; i++) {
        if (h->end - h->p < 2)
            return PARSE_MORE;
        if (h->p[1] != '\n')
            return bad(h, 400, "bare CR before the request line");
        h->p += 2;
    }
    h->line = h->p;
    return h->p < h->end ? PARSE_DONE : PARSE_MORE;
}

static enum parse_result read_method(struct head *h)
{
    struct request *req = h->req;
    const char *from = h->p, *stop = h->end, *at;

    if (stop - from >= 4 && memcmp(from, "GET ", 4) == 0) {
        at = from + 3;
        req->method = METHOD_GET;
    } else {
        if (stop - from > METHOD_MAX)
            stop = from + METHOD_MAX + 1;
        at = scan_token(from, stop);
        if (at - from > METHOD_MAX)
            return bad(h, 501, "method is too long");
        if (at == stop)
            return PARSE_MORE;
        if (*at == '\x16' && at == from)
            return bad(h, 400, "TLS on a plain port");
        if (*at != ' ' || at == from)
            return bad(h, 400, "malformed method");
        req->method = request_method(str_range(from, at));
    }
    req->method_text = str_range(from, at);
    h->p = at + 1;
    return PARSE_DONE;
}

static enum parse_result read_target(struct head *h)
{
    const char *from = h->p, *stop = h->end, *at;
    size_t max = h->limits->line_max_bytes, taken = (size_t)(from - h->line);

    if (taken >= max)
        return bad(h, 414, "request line is too long");
    if ((size_t)(stop - from) > max - taken)
        stop = from + (max - taken);
    at = scan_target(from, stop);
    h->req->target = str_range(from, at);
    if (at == stop)
        return (size_t)(stop - h->line) == max ? bad(h, 414, "request line is too long")
                                               : PARSE_MORE;
    if (at == from)
        return bad(h, 400, "empty request target");
    if (*at == '\r')
        return bad(h, 400, "no HTTP version");
    if (*at != ' ') {
        h->req->target = STR_NONE; /* half of one would be taken for another */
        return bad(h, 400, "bad byte in the request target");
    }
    if ((size_t)(at - h->line) + 1 + VERSION_BYTES > max)
        return bad(h, 414, "request line is too long");
    h->p = at + 1;
    return PARSE_DONE;
}

/* HTTP-version and the line's end (RFC 9112, 2.3). */
static enum parse_result read_version(struct head *h)
{
    static const char shape[] = "HTTP/0.0\r\n";
    const char *p = h->p;
    size_t n = (size_t)(h->end - p), i;

    if (n < sizeof(shape) - 1 || memcmp(p, "HTTP/1.1\r\n", sizeof(shape) - 1) != 0) {
        for (i = 0; i < sizeof(shape) - 1; i++) {
            if (i == n)
                return PARSE_MORE;
            if (shape[i] == '0' ? !ascii_is_digit(p[i]) : p[i] != shape[i])
                return bad(h, 400, "malformed HTTP version");
        }
        if (p[5] != '1')
            return bad(h, 505, "HTTP version is not 1.x");
    }
    /* A later minor version is treated as the highest that we know (RFC 9110, 2.5). */
    h->req->version = p[7] == '0' ? 10 : 11;
    h->req->line = str_range(h->line, p + VERSION_BYTES);
    h->p = p + sizeof(shape) - 1;
    return PARSE_DONE;
}

static void split_path(struct request *req, const char *p, const char *end)
{
    const char *mark = memchr(p, '?', (size_t)(end - p));

    req->raw_path = str_range(p, mark != NULL ? mark : end);
    if (mark != NULL)
        req->query = str_range(mark + 1, end);
}

static bool use_authority(struct head *h, struct str authority, bool needs_port)
{
    struct host host;

    if (!host_parse(authority, &host) || (needs_port && host.port == 0))
        return false;
    h->req->host = host.name;
    h->req->port = host.port;
    h->has_authority = true;
    return true;
}

/* "http://host:80/path?query" (RFC 9112, 3.2.2). */
static enum parse_result read_absolute(struct head *h)
{
    struct request *req = h->req;
    const char *end = req->target.p + req->target.n, *from, *at;

    if (req->target.n >= 7 && str_eq_case((struct str){ req->target.p, 7 }, STR("http://")))
        from = req->target.p + 7;
    else if (req->target.n >= 8 && str_eq_case((struct str){ req->target.p, 8 }, STR("https://")))
        from = req->target.p + 8;
    else
        return bad(h, 400, "unknown form of request target");
    for (at = from; at < end && *at != '/' && *at != '?'; at++)
        ;
    if (!use_authority(h, str_range(from, at), false))
        return bad(h, 400, "bad authority in the request target");
    req->form = TARGET_ABSOLUTE;
    if (at == end && req->method == METHOD_OPTIONS) {
        req->form = TARGET_ASTERISK; /* RFC 9112, 3.2.4 */
        return PARSE_DONE;
    }
    split_path(req, at, end);
    if (req->raw_path.n == 0)
        req->raw_path = STR("/");
    return PARSE_DONE;
}

/* Which of the four forms the target has (RFC 9112, 3.2). */
static enum parse_result read_form(struct head *h)
{
    struct request *req = h->req;
    const char *p = req->target.p;

    if (req->method == METHOD_CONNECT) {
        req->form = TARGET_AUTHORITY;
        return use_authority(h, req->target, true) ? PARSE_DONE
                                                   : bad(h, 400, "CONNECT needs host:port");
    }
    if (p[0] == '/') {
        split_path(req, p, p + req->target.n);
        return PARSE_DONE;
    }
    if (p[0] == '*' && req->target.n == 1) {
        req->form = TARGET_ASTERISK;
        return req->method == METHOD_OPTIONS ? PARSE_DONE : bad(h, 400, "'*' without OPTIONS");
    }
    return read_absolute(h);
}

/* As much of the request line as there is, for the log. */
static void note_broken_line(struct head *h)
{
    size_t max = h->limits->line_max_bytes;
    const char *end = h->end, *at = h->line;

    if (at == NULL)
        return;
    if ((size_t)(end - at) > max)
        end = at + max;
    while (at < end && *at != '\r' && *at != '\n')
        at++;
    h->req->line = str_range(h->line, at);
}

static enum parse_result read_line(struct head *h)
{
    enum parse_result result = skip_empty_lines(h);

    if (result == PARSE_DONE)
        result = read_method(h);
    if (result == PARSE_DONE)
        result = read_target(h);
    if (result == PARSE_DONE)
        result = read_version(h);
    if (result == PARSE_DONE)
        result = read_form(h);
    if (result == PARSE_BAD && h->req->line.p == NULL)
        note_broken_line(h);
    return result;
}

static enum parse_result note_host(struct head *h, struct str value)
{
    struct host host;

    if (h->req->known[FIELD_HOST].p != NULL)
        return bad(h, 400, "more than one Host");
    if (value.n == 0)
        return PARSE_DONE; /* the target has no authority (RFC 9110, 7.2) */
    if (!host_parse(value, &host))
        return bad(h, 400, "malformed Host");
    if (!h->has_authority) {
        h->req->host = host.name;
        h->req->port = host.port;
    }
    return PARSE_DONE;
}

/* Stricter than RFC 9110, 8.6, which lets equal values in a list pass. */
static enum parse_result note_length(struct head *h, struct str value)
{
    struct request *req = h->req;

    if (req->known[FIELD_CONTENT_LENGTH].p != NULL)
        return bad(h, 400, "more than one Content-Length");
    if (req->known[FIELD_TRANSFER_ENCODING].p != NULL)
        return bad(h, 400, "Content-Length and Transfer-Encoding");
    if (!str_to_u64(value, &req->content_length) || req->content_length > INT64_MAX)
        return bad(h, 400, "malformed Content-Length");
    req->framing = BODY_FRAMING_LENGTH;
    return PARSE_DONE;
}

static bool is_other_coding(struct str member)
{
    const char *end = member.p + member.n, *at = scan_token(member.p, end);
    struct str name = str_range(member.p, at);

    while (at < end && is_space(*at))
        at++;
    /* A quoted parameter could hide a comma: refused, for no coding that exists needs one. */
    return name.n > 0 && (at == end || *at == ';') && memchr(at, '"', (size_t)(end - at)) == NULL &&
           !str_eq_case(name, STR("chunked"));
}

/*
 * RFC 9112, 6.1. That "chunked" comes last can only be told once all lines are there; whatever
 * follows it is bad at once. An empty member is refused too: parsers differ about it.
 */
static enum parse_result note_codings(struct head *h, struct str value)
{
    struct str rest = value;

    if (h->req->version == 10)
        return bad(h, 400, "Transfer-Encoding in HTTP/1.0");
    if (h->req->known[FIELD_CONTENT_LENGTH].p != NULL)
        return bad(h, 400, "Content-Length and Transfer-Encoding");
    while (rest.p != NULL) {
        struct str member = str_trim(str_cut(&rest, ','));

        if (h->codings >= CODINGS_CHUNKED)
            return bad(h, 400, "chunked is not the last coding");
        if (str_eq_case(member, STR("chunked")))
            h->codings = h->codings == CODINGS_OTHER ? CODINGS_OTHER_CHUNKED : CODINGS_CHUNKED;
        else if (is_other_coding(member))
            h->codings = CODINGS_OTHER;
        else
            return bad(h, 400, "malformed Transfer-Encoding");
    }
    return PARSE_DONE;
}

static void note_connection(struct head *h, struct str value)
{
    struct str rest = value;

    if (str_eq(value, STR("keep-alive"))) {
        h->has_keep_alive = true;
        return;
    }
    while (rest.p != NULL) {
        struct str member = str_trim(str_cut(&rest, ','));

        if (str_eq_case(member, STR("close")))
            h->has_close = true;
        else if (str_eq_case(member, STR("keep-alive")))
            h->has_keep_alive = true;
    }
}

/* RFC 9110, 10.1.1: a server ignores it in HTTP/1.0. */
static enum parse_result note_expect(struct head *h, struct str value)
{
    struct str rest = value;

    while (h->req->version >= 11 && rest.p != NULL) {
        struct str member = str_trim(str_cut(&rest, ','));

        if (str_eq_case(member, STR("100-continue")))
            h->expects_continue = true;
        else if (member.n > 0)
            return bad(h, 417, "unknown expectation");
    }
    return PARSE_DONE;
}

static enum parse_result note_field(struct head *h, enum field_id id, struct str value)
{
    switch (id) {
    case FIELD_HOST:
        return note_host(h, value);
    case FIELD_CONTENT_LENGTH:
        return note_length(h, value);
    case FIELD_TRANSFER_ENCODING:
        return note_codings(h, value);
    case FIELD_CONNECTION:
        note_connection(h, value);
        return PARSE_DONE;
    case FIELD_EXPECT:
        return note_expect(h, value);
    default:
        return PARSE_DONE;
    }
}

static enum parse_result bad_name(struct head *h, const char *from, const char *at)
{
    if (at > from)
        return bad(h, 400, is_space(*at) ? "field name ends in white space" : "bad field name");
    if (is_space(*at))
        return bad(h, 400, "field line starts with white space"); /* RFC 9112, 2.2 and 5.2 */
    return bad(h, 400, *at == '\n' ? "bare LF" : "empty field name");
}

/* One field line, all of it before `stop`: PARSE_MORE if it is not (RFC 9112, 5). */
static enum parse_result read_field(struct head *h, const char *stop)
{
    struct request *req = h->req;
    struct field *field = &req->fields[req->field_count];
    const char *from = h->p, *colon = scan_token(from, stop), *value, *end;
    enum parse_result result;
    enum field_id id;

    if (colon == stop)
        return PARSE_MORE;
    if (*colon != ':' || colon == from)
        return bad_name(h, from, colon);
    for (value = colon + 1; value < stop && is_space(*value); value++)
        ;
    end = scan_field_value(value, stop);
    if (end == stop)
        return PARSE_MORE;
    if (*end != '\r')
        return bad(h, 400, *end == '\n' ? "bare LF" : "control character in a field");
    if (end + 1 == stop)
        return PARSE_MORE;
    if (end[1] != '\n')
        return bad(h, 400, "bare CR");
    h->p = end + 2;
    while (end > value && is_space(end[-1]))
        end--;
    field->name = str_range(from, colon);
    field->value = str_range(value, end);
    id = request_field_id(field->name);
    field->id = (uint32_t)id;
    req->field_count++;
    if (id == FIELD_OTHER)
        return PARSE_DONE;
    result = note_field(h, id, field->value);
    if (req->known[id].p == NULL)
        req->known[id] = field->value;
    return result;
}

/* All lines, and the empty one behind them. */
static enum parse_result read_fields(struct head *h)
{
    size_t max_bytes = h->limits->fields_max_bytes, max_count = h->limits->fields_max_count;
    const char *from = h->p, *stop = h->end;
    enum parse_result result = PARSE_DONE;

    if ((size_t)(stop - from) > max_bytes)
        stop = from + max_bytes;
    while (result == PARSE_DONE) {
        if (h->p < h->end && *h->p == '\r') {
            if (h->end - h->p < 2)
                return PARSE_MORE;
            if (h->p[1] != '\n')
                return bad(h, 400, "bare CR");
            h->p += 2;
            return PARSE_DONE;
        }
        if (h->p < h->end && h->req->field_count >= max_count)
            return bad(h, 431, "too many fields");
        if (h->p == stop)
            return h->p < h->end ? bad(h, 431, "fields are too long") : PARSE_MORE;
        result = read_field(h, stop);
    }
    if (result == PARSE_MORE && (size_t)(stop - from) == max_bytes)
        return bad(h, 431, "fields are too long");
    return result;
}

/* What only the whole head can tell. */
static enum parse_result judge(struct head *h)
{
    struct request *req = h->req;

    if (req->version >= 11 && req->known[FIELD_HOST].p == NULL)
        return bad(h, 400, "no Host");
    switch (h->codings) {
    case CODINGS_NONE:
        break;
    case CODINGS_CHUNKED:
        req->framing = BODY_FRAMING_CHUNKED;
        break;
    case CODINGS_OTHER:
        return bad(h, 400, "body length cannot be told: not chunked");
    case CODINGS_OTHER_CHUNKED:
        return bad(h, 501, "unknown transfer coding");
    }
    req->keep_alive = !h->has_close && (req->version >= 11 || h->has_keep_alive);
    req->expects_continue =
        h->expects_continue && (req->framing == BODY_FRAMING_CHUNKED || req->content_length > 0);
    return PARSE_DONE;
}

enum parse_result http1_parse_head(struct request *req, const char *p, size_t n,
                                   const struct http1_limits *limits, size_t *head_bytes,
                                   struct http1_fault *fault)
{
    struct head h = { .req = req, .p = p, .end = p + n, .limits = limits, .fault = fault };
    enum parse_result result;

    assert(limits->fields_max_count <= REQUEST_FIELDS_MAX);
    request_clear(req);
    result = read_line(&h);
    if (result == PARSE_DONE)
        result = read_fields(&h);
    if (result == PARSE_DONE)
        result = judge(&h);
    *head_bytes = (size_t)(h.p - p);
    return result;
}
