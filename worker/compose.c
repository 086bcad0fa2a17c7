#include "worker/compose.h"

#include <stdlib.h>
#include <string.h>

#include "common/put.h"
#include "common/xmalloc.h"
#include "worker/encoding.h"
#include "worker/request_id.h"

enum {
    FIXED_MOST =
        512 + REQUEST_ID_MOST, /* status line and the fields that the composer writes itself */
    FIELD_EXTRA = 4,           /* ": " and CRLF */
};

#define STATUS_OK "HTTP/1.1 200 OK\r\nDate: "
enum { READY_DATE_AT = sizeof(STATUS_OK) - 1 };

static char *put_field(char *p, struct str name, struct str value)
{
    p = put_str(p, name);
    p = put_str(p, STR(": "));
    p = put_str(p, value);
    return put_str(p, STR("\r\n"));
}

static char *put_number(char *p, struct str name, uint64_t value)
{
    p = put_str(p, name);
    p = put_str(p, STR(": "));
    p = put_u64(p, value);
    return put_str(p, STR("\r\n"));
}

static char *put_status(char *p, unsigned status)
{
    p = put_str(p, STR("HTTP/1.1 "));
    p = put_u64(p, status);
    *p++ = ' ';
    p = put_str(p, status_reason(status));
    return put_str(p, STR("\r\n"));
}

static char *put_validators(char *p, const struct file *f)
{
    if (f->last_modified[0] != '\0')
        p = put_field(p, STR("Last-Modified"), str_of(f->last_modified));
    if (f->etag_n > 0)
        p = put_field(p, STR("ETag"), (struct str){ f->etag, f->etag_n });
    if (f->varies)
        p = put_str(p, STR("Vary: Accept-Encoding\r\n"));
    return p;
}

size_t compose_http1_most(const struct response *res, const struct headers *headers)
{
    size_t most = FIXED_MOST + res->content_type.n + headers->text.n;

    if (res->file != NULL)
        most += res->file->content_type.n + res->file->head_n;
    for (unsigned i = 0; i < res->field_count; i++)
        most += res->fields[i].name.n + res->fields[i].value.n + FIELD_EXTRA;
    return most;
}

static char *put_freshness(char *p, const char *start, const struct response *res,
                           const struct compose_options *options, struct composed *c)
{
    struct freshness *f = headers_freshness(options->headers, res->file->content_type);

    if (f == NULL)
        return p;
    if (f->cache_control.n > 0)
        p = put_field(p, STR("Cache-Control"), f->cache_control);
    if (!f->has_expires)
        return p;
    c->freshness = f;
    c->expires_at = (size_t)(p - start) + sizeof("Expires: ") - 1;
    return put_field(p, STR("Expires"), freshness_expires(f, options->now));
}

/* All but the Connection field and the empty line. */
static char *put_head(char *p, const struct response *res, const struct compose_options *options,
                      struct composed *c)
{
    struct str type = res->content_type;
    const char *start = p;

    if (type.n == 0 && res->file != NULL)
        type = res->file->content_type;
    p = put_status(p, res->status);
    c->date_at = (size_t)(p - start) + sizeof("Date: ") - 1;
    p = put_field(p, STR("Date"), (struct str){ options->date, HTTP_DATE_N });
    if (options->headers->has_server)
        p = put_str(p, STR("Server: remuda\r\n"));
    if (status_has_body(res->status)) {
        if (type.n > 0)
            p = put_field(p, STR("Content-Type"), type);
        if (res->file != NULL && res->file->encoding != ENCODING_IDENTITY)
            p = put_field(p, STR("Content-Encoding"), encoding_name(res->file->encoding));
        if (options->is_chunked)
            p = put_str(p, STR("Transfer-Encoding: chunked\r\n"));
        else if (!options->has_no_length)
            p = put_number(p, STR("Content-Length"), (uint64_t)res->length);
    }
    if (res->is_representation && res->file != NULL) {
        p = put_validators(p, res->file);
        if (res->status == 200 && !res->has_no_ranges)
            p = put_str(p, STR("Accept-Ranges: bytes\r\n"));
        if (res->status < 400)
            p = put_freshness(p, start, res, options, c);
    }
    for (unsigned i = 0; i < res->field_count; i++)
        if (!headers_replace(options->headers, res->fields[i].name))
            p = put_field(p, res->fields[i].name, res->fields[i].value);
    return put_str(p, options->headers->lines);
}

/* Leaves the head with the file; the next 200 for it is a memcpy. */
static void make_ready(struct file *f, const char *head, const struct composed *c)
{
    f->freshness = c->freshness;
    f->head_expires_at = c->expires_at;
    f->head = xmalloc(c->n);
    memcpy(f->head, head, c->n);
    f->head_n = c->n;
}

void compose_date(char *head, const struct composed *c, const char *date, time_t now)
{
    memcpy(head + c->date_at, date, HTTP_DATE_N);
    if (c->expires_at > 0)
        memcpy(head + c->expires_at, freshness_expires(c->freshness, now).p, HTTP_DATE_N);
}

struct composed compose_http1(char *out, struct response *res,
                              const struct compose_options *options)
{
    struct composed c = { .n = 0 };
    struct file *f = res->file;
    bool is_plain = res->is_whole && res->field_count == 0;
    char *p;

    if (is_plain && f->head != NULL) {
        c = (struct composed){ f->head_n, READY_DATE_AT, f->head_expires_at, f->freshness };
        memcpy(out, f->head, f->head_n);
        compose_date(out, &c, options->date, options->now);
    } else {
        c.n = (size_t)(put_head(out, res, options, &c) - out);
        if (is_plain)
            make_ready(f, out, &c);
    }
    p = out + c.n;
    if (options->request_id.n > 0 && options->headers->has_request_id)
        p = put_field(p, STR("X-Request-ID"), options->request_id);
    if (options->connection.n > 0)
        p = put_field(p, STR("Connection"), options->connection);
    p = put_str(p, STR("\r\n"));
    c.n = (size_t)(p - out);
    return c;
}
