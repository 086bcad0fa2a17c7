#include "worker/trace_filter.h"

#include <stddef.h>
#include <stdlib.h>

#include "common/cidr.h"
#include "config/values.h"

enum { LINES_MAX = 1000000000, TYPO_MOST = 2 };

/* '*': any text, '?': any byte. Time is bounded by the product of both lengths. */
static bool is_like(struct str pattern, struct str text, bool any_case)
{
    size_t p = 0, t = 0, star = SIZE_MAX, resume = 0;

    while (t < text.n) {
        char c = p < pattern.n ? pattern.p[p] : '\0';

        if (p < pattern.n && c == '*') {
            star = p++;
            resume = t;
        } else if (p < pattern.n && (c == '?' || c == text.p[t] ||
                                     (any_case && ascii_lower(c) == ascii_lower(text.p[t])))) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++resume;
        } else {
            return false;
        }
    }
    while (p < pattern.n && pattern.p[p] == '*')
        p++;
    return p == pattern.n;
}

static bool has_wildcard(struct str text)
{
    return memchr(text.p, '*', text.n) != NULL || memchr(text.p, '?', text.n) != NULL;
}

/* ---- each filter: whether an item can be meant, and whether a request meets it ---- */

static bool is_any(struct str item)
{
    return item.n > 0;
}

static bool meets_host(struct str item, const struct trace_request *r)
{
    return is_like(item, r->host, true);
}

static bool meets_method(struct str item, const struct trace_request *r)
{
    return str_eq_case(item, r->method);
}

static bool is_path(struct str item)
{
    return item.n > 0 && (item.p[0] == '/' || item.p[0] == '*');
}

static bool is_below(struct str item, struct str path)
{
    return has_wildcard(item) ? is_like(item, path, false) : str_starts(path, item);
}

/* As it was understood, or as it was sent: a site's rewrites may have changed it. */
static bool meets_path(struct str item, const struct trace_request *r)
{
    struct str target = r->target;

    return is_below(item, r->path) || is_below(item, str_cut(&target, '?'));
}

/* "404" or "4xx" */
static bool is_status(struct str item)
{
    if (item.n != 3 || item.p[0] < '1' || item.p[0] > '5')
        return false;
    return str_eq_case(str_range(item.p + 1, item.p + 3), STR("xx")) ||
           (ascii_is_digit(item.p[1]) && ascii_is_digit(item.p[2]));
}

static bool meets_status(struct str item, const struct trace_request *r)
{
    uint64_t status;

    if (str_to_u64(item, &status))
        return r->status == status;
    return r->status / 100 == (unsigned)(item.p[0] - '0');
}

static bool is_network(struct str item)
{
    struct cidr network;
    const char *why;

    return cidr_parse(item, &network, &why);
}

static bool meets_client(struct str item, const struct trace_request *r)
{
    struct cidr network, client = cidr_of(r->client);
    const char *why;

    return cidr_parse(item, &network, &why) && cidr_has(&network, &client);
}

static bool is_duration(struct str item)
{
    uint64_t ms;

    return value_parse_duration(item, &ms);
}

static bool is_slower(struct str item, const struct trace_request *r)
{
    uint64_t ms;

    return value_parse_duration(item, &ms) && r->took_ns > ms * 1000000;
}

static bool is_count(struct str item)
{
    uint64_t count;

    return str_to_u64(item, &count) && count > 0 && count <= LINES_MAX;
}

static bool is_met(struct str item, const struct trace_request *r)
{
    return true;
}

static const struct {
    const char *name, *right; /* what may stand there */
    size_t field;
    bool is_list;
    bool (*is_right)(struct str item);
    bool (*meets)(struct str item, const struct trace_request *r);
} rows[] = {
#define FIELD(name) offsetof(struct trace_filter, name)
    { "host", "a name such as www.example.org or *.example.org", FIELD(host), true, is_any,
      meets_host },
    { "method", "methods such as GET or GET,HEAD", FIELD(method), true, is_any, meets_method },
    { "path", "the beginning of a path, such as /downloads, or all of it with * and ?", FIELD(path),
      false, is_path, meets_path },
    { "status", "codes such as 404, 4xx or 404,5xx", FIELD(status), true, is_status, meets_status },
    { "client", "an address or a network, such as 10.0.0.0/8 or ::1", FIELD(client), true,
      is_network, meets_client },
    { "slower", "a time such as 200ms or 2s", FIELD(slower), false, is_duration, is_slower },
    { "limit", "a number of lines, from 1 on", FIELD(limit), false, is_count, is_met },
#undef FIELD
};

enum { ROWS = sizeof(rows) / sizeof(*rows) };

static struct str *field(struct trace_filter *filter, size_t row)
{
    return (struct str *)(void *)((char *)filter + rows[row].field);
}

static struct str next_item(size_t row, struct str *rest)
{
    struct str all = *rest;

    if (rows[row].is_list)
        return str_cut(rest, ',');
    *rest = STR_NONE;
    return all;
}

/* ---- parsing ---- */

static void say_unknown(struct str name, struct buf *why)
{
    unsigned least = TYPO_MOST + 1;
    const char *near = NULL;

    for (size_t row = 0; row < ROWS; row++) {
        unsigned distance = str_distance(name, str_of(rows[row].name));

        if (distance >= least)
            continue;
        least = distance;
        near = rows[row].name;
    }
    buf_printf(why, "unknown filter \"%.*s\"; ", STR_ARG(name));
    if (near != NULL) {
        buf_printf(why, "did you mean %s?", near);
        return;
    }
    buf_printf(why, "there are ");
    for (size_t row = 0; row < ROWS; row++)
        buf_printf(why, "%s%s=", row == 0 ? "" : row + 1 < ROWS ? ", " : " and ", rows[row].name);
}

static bool take(struct trace_filter *filter, struct str word, struct buf *why)
{
    struct str name, value = word, rest, item;
    size_t row = 0;

    name = str_cut(&value, '=');
    while (row < ROWS && !str_eq(name, str_of(rows[row].name)))
        row++;
    if (row == ROWS) {
        say_unknown(name, why);
        return false;
    }
    if (value.p == NULL) {
        buf_printf(why, "%s needs a value: %s=, and behind it %s", rows[row].name, rows[row].name,
                   rows[row].right);
        return false;
    }
    if (field(filter, row)->p != NULL) {
        buf_printf(why, "%s= is there twice%s", rows[row].name,
                   rows[row].is_list ? "; put a comma between two values" : "");
        return false;
    }
    for (rest = value; rest.p != NULL;) {
        item = next_item(row, &rest);
        if (rows[row].is_right(item))
            continue;
        buf_printf(why, "%s=%.*s: it takes %s", rows[row].name, STR_ARG(value), rows[row].right);
        return false;
    }
    *field(filter, row) = value;
    return true;
}

bool trace_filter_parse(struct str text, struct trace_filter *filter, struct buf *why)
{
    struct str rest;

    *filter = (struct trace_filter){ .text = str_dup(text) };
    rest = (struct str){ filter->text, text.n };
    while (rest.p != NULL) {
        struct str word = str_cut(&rest, ' ');

        if (word.n > 0 && !take(filter, word, why))
            return false;
    }
    if (filter->limit.p != NULL)
        str_to_u64(filter->limit, &filter->lines_max);
    return true;
}

void trace_filter_fini(struct trace_filter *filter)
{
    free(filter->text);
    *filter = (struct trace_filter){ 0 };
}

/* ---- use ---- */

static bool meets(const struct trace_filter *filter, size_t row, const struct trace_request *r)
{
    struct str rest = *(const struct str *)(const void *)((const char *)filter + rows[row].field);

    if (rest.p == NULL)
        return true;
    while (rest.p != NULL)
        if (rows[row].meets(next_item(row, &rest), r))
            return true;
    return false;
}

bool trace_filter_has(const struct trace_filter *filter, const struct trace_request *r)
{
    for (size_t row = 0; row < ROWS; row++)
        if (!meets(filter, row, r))
            return false;
    return true;
}
