#include "worker/location.h"

#include "worker/path.h"

/* What is being written. */
enum place { PLACE_START, PLACE_SCHEME, PLACE_HOST, PLACE_PATH, PLACE_QUERY };

struct writer {
    struct buf *out;
    size_t begin; /* where the target begins in `out` */
    enum place place;
    size_t fragment; /* where a '#' stands; 0: nowhere */
    bool is_bad;     /* a value would have become the host */
};

/* query without '%' and '#', which are looked at apart (RFC 3986, 3.4). */
static bool stands_in_query(char c)
{
    return c > ' ' && c <= '~' && strchr("\"#<>\\^`{|}", c) == NULL;
}

static void add_encoded(struct buf *out, char c)
{
    buf_printf(out, "%%%02X", (unsigned)(unsigned char)c);
}

static void add_query(struct buf *out, struct str query)
{
    for (size_t i = 0; i < query.n; i++) {
        if (stands_in_query(query.p[i]))
            buf_add_char(out, query.p[i]);
        else
            add_encoded(out, query.p[i]);
    }
}

/* One value among others: what would end it or mean something else is encoded. */
static void add_query_value(struct buf *out, struct str value)
{
    for (size_t i = 0; i < value.n; i++) {
        if (stands_in_query(value.p[i]) && strchr("&=+%;?", value.p[i]) == NULL)
            buf_add_char(out, value.p[i]);
        else
            add_encoded(out, value.p[i]);
    }
}

/* Where the next byte goes, after the literal text that now ends the target. */
static void look_at_text(struct writer *w, struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        size_t at = w->out->n - text.n + i;

        switch (w->place) {
        case PLACE_START:
            w->place = c == '/' ? PLACE_PATH : PLACE_SCHEME;
            break;
        case PLACE_SCHEME: /* up to the second slash, or a ':' without slashes (mailto:) */
            if (c == '/' && at > w->begin && w->out->p[at - 1] == '/')
                w->place = PLACE_HOST;
            break;
        case PLACE_HOST:
            if (c == '/')
                w->place = PLACE_PATH;
            /* fall through */
        case PLACE_PATH: /* "//host", which the config's author wrote out, is a host too */
            if (c == '/' && w->place == PLACE_PATH && at == w->begin + 1)
                w->place = PLACE_HOST;
            if (c == '?')
                w->place = PLACE_QUERY;
            break;
        case PLACE_QUERY:
            break;
        }
        if (c == '#' && w->fragment == 0)
            w->fragment = at;
    }
}

static bool is_label(struct str value)
{
    for (size_t i = 0; i < value.n; i++) {
        char c = ascii_lower(value.p[i]);

        if (!ascii_is_digit(c) && !(c >= 'a' && c <= 'z') && c != '-')
            return false;
    }
    return value.n > 0;
}

/* A value of the request's: a path or a group of one. `next`: the text behind it, if it is one. */
static void add_value(struct writer *w, struct str value, struct str next)
{
    struct buf *out = w->out;
    char before = out->n > w->begin ? out->p[out->n - 1] : '\0';

    if (w->place == PLACE_QUERY) {
        add_query_value(out, value);
        return;
    }
    if (w->place == PLACE_HOST && is_label(value) && (before == '/' || before == '.') &&
        next.n > 0 && next.p[0] == '.') {
        buf_add(out, value); /* https://$1.example.org */
        return;
    }
    w->is_bad |= w->place == PLACE_SCHEME || (w->place == PLACE_HOST && before == '/');
    if (w->place != PLACE_PATH && value.n > 0) {
        if (value.p[0] != '/')
            buf_add_char(out, '/');
        w->place = PLACE_PATH;
    } else if (value.n > 0 && value.p[0] == '/' && before == '/') {
        value = str_range(value.p + 1, value.p + value.n); /* no empty segment, no second host */
    }
    path_encode(out, value);
}

static void add_part(struct writer *w, const struct template_part *part, struct str next,
                     const struct request *req, const struct str *groups)
{
    switch (part->variable) {
    case TEMPLATE_TEXT:
        buf_add(w->out, part->text);
        look_at_text(w, part->text);
        break;
    case TEMPLATE_GROUP:
        add_value(w, groups != NULL ? groups[part->group] : STR_NONE, next);
        break;
    case TEMPLATE_PATH:
        add_value(w, req->path, next);
        break;
    case TEMPLATE_URI:
        add_value(w, req->path, next);
        if (req->query.p != NULL && w->place == PLACE_PATH) {
            buf_add_char(w->out, '?');
            add_query(w->out, req->query);
            w->place = PLACE_QUERY;
        }
        break;
    case TEMPLATE_QUERY:
        if (w->place == PLACE_QUERY)
            add_query(w->out, req->query);
        else
            add_value(w, req->query, next);
        break;
    case TEMPLATE_HOST:
        if (w->place == PLACE_HOST)
            buf_add(w->out, req->host);
        else
            add_value(w, req->host, next);
        break;
    case TEMPLATE_SCHEME:
        buf_add(w->out, STR("http"));
        look_at_text(w, STR("http"));
        break;
    }
}

/* Two slashes in front would be a host, and browsers take a backslash for a slash. */
static void keep_one_slash(struct writer *w, const struct template *t)
{
    struct buf *out = w->out;
    bool is_meant = t->count > 0 && t->parts[0].variable == TEMPLATE_TEXT &&
                    str_starts(t->parts[0].text, STR("//"));
    size_t extra = 0;

    if (is_meant || out->n == w->begin || out->p[w->begin] != '/')
        return;
    while (w->begin + 1 + extra < out->n &&
           (out->p[w->begin + 1 + extra] == '/' || out->p[w->begin + 1 + extra] == '\\'))
        extra++;
    if (extra == 0)
        return;
    memmove(out->p + w->begin + 1, out->p + w->begin + 1 + extra, out->n - w->begin - 1 - extra);
    out->n -= extra;
    if (w->fragment > 0)
        w->fragment -= extra;
}

/* Behind the path and before a fragment. */
static void add_own_query(struct writer *w, struct str query)
{
    struct buf tail = { 0 };

    if (w->fragment > 0) {
        buf_add(&tail, str_range(w->out->p + w->fragment, w->out->p + w->out->n));
        w->out->n = w->fragment;
    }
    buf_add_char(w->out, '?');
    add_query(w->out, query);
    buf_add(w->out, buf_str(&tail));
    buf_fini(&tail);
}

bool location_write(struct buf *out, const struct template *t, const struct request *req,
                    const struct str *groups)
{
    struct writer w = { .out = out, .begin = out->n };
    bool has_query;

    if (req->host.n == 0 && template_has(t, TEMPLATE_HOST))
        return false;
    for (size_t i = 0; i < t->count; i++) {
        struct str next = i + 1 < t->count ? t->parts[i + 1].text : STR_NONE;

        add_part(&w, &t->parts[i], next, req, groups);
    }
    if (w.is_bad)
        return false;
    if (out->n == w.begin) /* nothing took part: still a path */
        buf_add_char(out, '/');
    keep_one_slash(&w, t);
    has_query =
        w.place == PLACE_QUERY || template_has(t, TEMPLATE_QUERY) || template_has(t, TEMPLATE_URI);
    if (!has_query && req->query.p != NULL && w.place != PLACE_SCHEME)
        add_own_query(&w, req->query);
    else if (out->p[out->n - 1] == '?')
        out->n--;
    return true;
}
