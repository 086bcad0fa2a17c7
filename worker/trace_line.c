#include "worker/trace_line.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "common/address.h"
#include "common/json.h"

static struct str cut(struct str text)
{
    if (text.n > TRACE_TEXT_MAX)
        text.n = TRACE_TEXT_MAX;
    return text;
}

/* A word: what would end it, or be obeyed, as \xHH; "-" if it is not there. */
static void add_word(struct buf *out, struct str text)
{
    struct str shown = cut(text);

    buf_add_char(out, ' ');
    if (text.n == 0)
        buf_add_char(out, '-');
    for (size_t i = 0; i < shown.n; i++) {
        unsigned char c = (unsigned char)shown.p[i];

        if (c <= 0x20 || c >= 0x7f || c == '\\')
            buf_printf(out, "\\x%02X", c);
        else
            buf_add_char(out, shown.p[i]);
    }
    if (shown.n < text.n)
        buf_add(out, STR("..."));
}

static double ms(uint64_t ns)
{
    return (double)ns / 1e6;
}

void trace_line_text(const struct trace_request *r, uint64_t dropped, struct buf *out)
{
    time_t seconds = (time_t)(r->time_ms / 1000);
    char time[32] = "", client[ADDRESS_TEXT_MAX];
    struct tm tm;

    if (dropped > 0)
        buf_printf(out, "(%" PRIu64 " more that were not read fast enough)\n", dropped);
    strftime(time, sizeof(time), "%H:%M:%S", localtime_r(&seconds, &tm));
    address_format_host(r->client, client);
    buf_printf(out, "%s.%03u worker %u %s", time, (unsigned)(r->time_ms % 1000), r->worker, client);
    add_word(out, r->method);
    add_word(out, r->host);
    add_word(out, r->target);
    buf_printf(out, " %u %" PRIu64 " %.3fms", r->status, r->body_bytes, ms(r->took_ns));
    if (r->route.p != NULL)
        buf_printf(out, " (%.*s %.*s)", STR_ARG(r->site), STR_ARG(r->route));
    buf_add_char(out, '\n');
}

static void add_text(struct buf *out, const char *name, struct str text)
{
    json_add_text(out, name, cut(text));
}

void trace_line_json(const struct trace_request *r, uint64_t dropped, struct buf *out)
{
    time_t seconds = (time_t)(r->time_ms / 1000);
    char time[32] = "", client[ADDRESS_TEXT_MAX], whole[48];
    struct tm tm;

    strftime(time, sizeof(time), "%Y-%m-%dT%H:%M:%S", gmtime_r(&seconds, &tm));
    snprintf(whole, sizeof(whole), "%s.%03uZ", time, (unsigned)(r->time_ms % 1000));
    address_format_host(r->client, client);
    json_open(out, '{');
    json_add_text(out, "time", str_of(whole));
    json_add_u64(out, "worker", r->worker);
    json_add_text(out, "client", str_of(client));
    add_text(out, "method", r->method);
    add_text(out, "host", r->host);
    add_text(out, "target", r->target);
    json_add_u64(out, "status", r->status);
    json_add_u64(out, "bytes", r->body_bytes);
    json_add_decimal(out, "duration_ms", ms(r->took_ns));
    json_add_text(out, "site", r->site);
    json_add_text(out, "route", r->route);
    if (dropped > 0)
        json_add_u64(out, "dropped_before", dropped);
    json_close(out, '}');
    buf_add_char(out, '\n');
}
