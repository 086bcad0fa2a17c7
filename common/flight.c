#include "common/flight.h"

#include <ctype.h>
#include <inttypes.h>

#include "common/address.h"

enum { METHOD_MOST = 24 };

void flight_clear(struct flight *f)
{
    memset(f, 0, sizeof(*f));
}

/* A peer's bytes must neither forge a line nor reach an operator's terminal. */
static void add_harmless(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];

        buf_add_char(out, c < 0x20 || c >= 0x7f ? '?' : text.p[i]);
    }
}

static struct str next_line(struct str *rest)
{
    struct str line = str_cut(rest, '\n');

    if (line.n > 0 && line.p[line.n - 1] == '\r')
        line.n--;
    return line;
}

/*
 * METHOD, blank, something. What begins otherwise is told by its length alone: it may be a field, or
 * the rest of a body that a client announced wrongly.
 */
static bool is_request_line(struct str line)
{
    size_t n = 0;

    while (n < line.n &&
           (isalnum((unsigned char)line.p[n]) || line.p[n] == '-' || line.p[n] == '_'))
        n++;
    return n > 0 && n < METHOD_MOST && n + 1 < line.n && line.p[n] == ' ';
}

/* The value of Host, as far as the entry has it. p NULL: it has none. */
static struct str find_host(struct str fields, bool *is_cut)
{
    while (fields.p != NULL) {
        struct str line = next_line(&fields), name;

        *is_cut = fields.p == NULL;
        if (line.n == 0)
            break; /* a body follows, or the next request */
        name = str_cut(&line, ':');
        if (line.p != NULL && str_eq_case(name, STR("host")))
            return str_trim(line);
    }
    return STR_NONE;
}

/* "GET / HTTP/1.1, host example.org, from 127.0.0.1" */
static void add_request(const struct flight_entry *e, struct buf *out)
{
    struct str rest = { e->head, e->head_n < FLIGHT_HEAD ? e->head_n : FLIGHT_HEAD }, host;
    char peer[ADDRESS_TEXT_MAX];
    bool is_cut = false;
    struct str line;

    do /* empty ones in front are none of the request's */
        line = next_line(&rest);
    while (line.n == 0 && rest.p != NULL);
    if (is_request_line(line)) {
        add_harmless(out, line);
        buf_add(out, rest.p == NULL ? STR("...") : STR(""));
        host = find_host(rest, &is_cut);
        if (host.p != NULL) {
            buf_add(out, STR(", host "));
            add_harmless(out, host);
            buf_add(out, is_cut ? STR("...") : STR(""));
        }
    } else {
        buf_add(out, STR("something without a request line"));
    }
    address_format_host((const struct sockaddr *)&e->peer, peer);
    buf_printf(out, ", from %s", peer);
}

static double ms(uint64_t ns)
{
    return (double)ns / 1e6;
}

static void add_entry(const struct flight_entry *e, uint64_t now_ns, bool is_current,
                      struct buf *out)
{
    uint64_t age_ns = now_ns > e->began_ns ? now_ns - e->began_ns : 0;

    if (is_current)
        buf_printf(out, "it was at: ");
    else if (e->status == 0)
        buf_printf(out, "under way: ");
    else
        buf_printf(out, "answered:  ");
    add_request(e, out);
    if (e->status != 0)
        buf_printf(out, ": %u, %" PRIu64 " bytes", e->status, e->body_bytes);
    if (e->status != 0 && e->took_ns != 0)
        buf_printf(out, ", in %.3f ms", ms(e->took_ns));
    buf_printf(out, ", began %.0f ms before\n", ms(age_ns));
}

uint64_t flight_resume(struct flight *f, uint64_t number, const void *peer, struct str head,
                       uint64_t began_ns)
{
    char readable[FLIGHT_HEAD] = { 0 };

    f->current = number;
    if (flight_find(f, number) != NULL)
        return number;
    if (head.n > 0)
        memcpy(readable, head.p, head.n < sizeof(readable) ? head.n : sizeof(readable));
    flight_begin(f, peer, readable, head.n, began_ns);
    flight_take(f);
    return f->current;
}

void flight_describe(const struct flight *f, uint64_t now_ns, unsigned most, struct buf *out)
{
    uint64_t newest = f->current > f->count ? f->current : f->count;
    const struct flight_entry *e;

    e = &f->entries[f->current % FLIGHT_ENTRIES];
    if (f->current != 0 && e->number == f->current)
        add_entry(e, now_ns, true, out);
    for (uint64_t number = newest; number > 0; number--) {
        e = &f->entries[number % FLIGHT_ENTRIES];
        if (e->number != number)
            return;
        if (number == f->current || (e->status != 0 && most == 0))
            continue;
        if (e->status != 0)
            most--;
        add_entry(e, now_ns, false, out);
    }
}
