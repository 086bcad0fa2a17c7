#include "worker/headers.h"

#include <stdlib.h>

#include "common/put.h"
#include "common/xmalloc.h"
#include "config/shapes.h"

static void add_line(struct buf *out, struct str name, struct str value)
{
    buf_add(out, name);
    buf_add(out, STR(": "));
    buf_add(out, value);
    buf_add(out, STR("\r\n"));
}

/* A field that a setting stands for, unless `headers` says otherwise. */
static void add_default(struct buf *out, const struct scope *scope, struct str name,
                        struct str value)
{
    if (pairs_find(&scope->headers_set, name) == NULL && !words_have(&scope->headers_remove, name))
        add_line(out, name, value);
}

/* A cache asks again for requests that differ in these (RFC 9111, 4.1). */
static void add_vary(struct buf *out, const struct words *varies)
{
    for (size_t i = 0; i < varies->count; i++) {
        buf_add(out, str_of(i == 0 ? "Vary: " : ", "));
        buf_add(out, str_of(varies->list[i]));
    }
    if (varies->count > 0)
        buf_add(out, STR("\r\n"));
}

static void add_lines(struct buf *out, const struct headers *h, const struct words *varies)
{
    const struct scope *scope = h->scope;

    if (scope->has_security_headers) {
        add_default(out, scope, STR("X-Content-Type-Options"), STR("nosniff"));
        add_default(out, scope, STR("X-Frame-Options"), STR("SAMEORIGIN"));
        add_default(out, scope, STR("Referrer-Policy"), STR("strict-origin-when-cross-origin"));
    }
    for (size_t i = 0; i < scope->headers_set.count; i++)
        add_line(out, str_of(scope->headers_set.list[i].name),
                 str_of(scope->headers_set.list[i].value));
    for (size_t i = 0; i < scope->headers_add.count; i++)
        add_line(out, str_of(scope->headers_add.list[i].name),
                 str_of(scope->headers_add.list[i].value));
    /* Answers for several origins differ, also where none is named (the Fetch standard, 3.2.5). */
    if (h->has_cors && !words_have(&scope->cors_origins, STR("*")))
        add_line(out, STR("Vary"), STR("Origin"));
    add_vary(out, varies);
}

/* Where the directive at `from` ends: at a comma outside of quotes (RFC 9111, 5.2). */
static size_t directive_end(struct str value, size_t from)
{
    bool is_quoted = false;

    for (; from < value.n && (is_quoted || value.p[from] != ','); from++) {
        if (is_quoted && value.p[from] == '\\' && from + 1 < value.n)
            from++;
        else if (value.p[from] == '"')
            is_quoted = !is_quoted;
    }
    return from;
}

/* Whether a Cache-Control has the directive, in any case and with or without an argument. */
static bool has_directive(struct str value, struct str name)
{
    for (size_t at = 0, end; at < value.n; at = end + 1) {
        struct str directive;

        end = directive_end(value, at);
        directive = str_range(value.p + at, value.p + end);
        if (str_eq_case(str_trim(str_cut(&directive, '=')), name))
            return true;
    }
    return false;
}

/* How long to keep something is said, or not to keep it. */
static bool has_age(struct str value)
{
    return has_directive(value, STR("max-age")) || has_directive(value, STR("no-store")) ||
           has_directive(value, STR("no-cache"));
}

/* What the route says of keeping beside the expires rule. */
struct own_caching {
    bool is_replaced; /* by a Cache-Control of `headers`, or by none at all */
    bool has_age;     /* the rule's max-age would contradict it */
    bool is_private;  /* caches that know Expires only would share it */
};

static void look_at(struct own_caching *own, const char *value)
{
    own->has_age = own->has_age || has_age(str_of(value));
    own->is_private = own->is_private || has_directive(str_of(value), STR("private"));
}

static struct own_caching own_caching(const struct scope *scope)
{
    const struct str name = STR("Cache-Control");
    struct own_caching own = { .is_replaced = pairs_find(&scope->headers_set, name) != NULL ||
                                              words_have(&scope->headers_remove, name) };

    if (scope->cache_control != NULL)
        look_at(&own, scope->cache_control);
    for (size_t i = 0; i < scope->headers_add.count; i++)
        if (str_eq_case(str_of(scope->headers_add.list[i].name), name))
            look_at(&own, scope->headers_add.list[i].value);
    return own;
}

/* What the rule says of keeping; n 0: nothing. In `text`, which grows: an offset. */
static struct str add_cache_control(struct buf *text, const char *value, bool has_max_age,
                                    uint64_t seconds)
{
    size_t from = text->n;

    if (value != NULL)
        buf_add(text, str_of(value));
    if (has_max_age)
        buf_printf(text, "%smax-age=%llu", value != NULL ? ", " : "", (unsigned long long)seconds);
    return (struct str){ (const char *)(uintptr_t)from, text->n - from };
}

static void add_freshness(struct headers *h, struct str name, const char *value)
{
    const struct scope *scope = h->scope;
    struct own_caching own = own_caching(scope);
    struct freshness f = { .type = STR_NONE };
    uint64_t ms;

    if (str_ends(name, STR("/*"))) {
        f.type = str_range(name.p, name.p + name.n - 1);
        f.is_prefix = true;
    } else if (!str_eq(name, STR("default"))) {
        f.type = name;
    }
    f.has_expires = value != NULL && value_parse_duration(str_of(value), &ms);
    f.seconds = f.has_expires ? ms / 1000 : 0;
    f.expires_at = -1;
    if (!own.is_replaced)
        f.cache_control = add_cache_control(&h->text, scope->cache_control,
                                            f.has_expires && !own.has_age, f.seconds);
    /* Expires says the same as the rule's max-age, to caches that know no other, or nothing. */
    f.has_expires = f.has_expires && !own.is_replaced && !own.has_age && !own.is_private;
    h->freshness = xrealloc(h->freshness, (h->freshness_count + 1) * sizeof(f));
    h->freshness[h->freshness_count++] = f;
}

/* Whole types before kinds of them before the rest. */
static void add_all_freshness(struct headers *h)
{
    const struct pairs *expires = &h->scope->expires;
    const char *rest = pairs_find(expires, STR("default"));

    for (int is_kind = 0; is_kind < 2; is_kind++) {
        for (size_t i = 0; i < expires->count; i++) {
            struct str name = str_of(expires->list[i].name);

            if (str_ends(name, STR("/*")) == (is_kind == 1) && !str_eq_case(name, STR("default")))
                add_freshness(h, name, expires->list[i].value);
        }
    }
    if (rest != NULL || h->scope->cache_control != NULL)
        add_freshness(h, STR("default"), rest);
}

struct headers *headers_new(const struct scope *scope, const struct words *varies)
{
    struct headers *h = xcalloc(1, sizeof(*h));

    h->scope = scope;
    h->has_server = scope->has_server_header;
    h->has_request_id = pairs_find(&scope->headers_set, STR("X-Request-ID")) == NULL &&
                        !words_have(&scope->headers_remove, STR("X-Request-ID"));
    h->has_cors = scope->cors_origins.count > 0;
    add_lines(&h->text, h, varies);
    h->lines.n = h->text.n;
    add_all_freshness(h);
    h->lines.p = h->text.n > 0 ? h->text.p : "";
    for (size_t i = 0; i < h->freshness_count; i++)
        h->freshness[i].cache_control.p = h->text.p + (uintptr_t)h->freshness[i].cache_control.p;
    return h;
}

void headers_free(struct headers **headers)
{
    if (*headers != NULL) {
        buf_fini(&(*headers)->text);
        free((*headers)->freshness);
    }
    free(*headers);
    *headers = NULL;
}

static bool fits(const struct freshness *f, struct str type)
{
    if (f->is_prefix)
        return type.n > f->type.n && str_eq_case((struct str){ type.p, f->type.n }, f->type);
    return f->type.n == 0 || str_eq_case(type, f->type);
}

struct freshness *headers_freshness(const struct headers *h, struct str content_type)
{
    struct str type = str_trim(str_cut(&content_type, ';'));

    for (size_t i = 0; i < h->freshness_count; i++)
        if (fits(&h->freshness[i], type))
            return &h->freshness[i];
    return NULL;
}

struct str freshness_expires(struct freshness *f, time_t now)
{
    time_t at = now + (time_t)f->seconds;

    if (f->expires_at != at) {
        http_date_write(f->expires, at);
        f->expires_at = at;
    }
    return (struct str){ f->expires, HTTP_DATE_N };
}

bool headers_replace(const struct headers *h, struct str name)
{
    return pairs_find(&h->scope->headers_set, name) != NULL;
}

/* ---- CORS ---- */

static struct str field_of(const struct request *req, struct str name)
{
    for (size_t i = 0; i < req->field_count; i++)
        if (str_eq_case(req->fields[i].name, name))
            return req->fields[i].value;
    return STR_NONE;
}

static struct str join(const struct words *words, struct pool *pool)
{
    size_t n = 0;
    char *text, *p;

    for (size_t i = 0; i < words->count; i++)
        n += strlen(words->list[i]) + 2;
    p = text = pool_alloc(pool, n + 1);
    for (size_t i = 0; i < words->count; i++) {
        if (i > 0)
            p = put_str(p, STR(", "));
        p = put_str(p, str_of(words->list[i]));
    }
    return str_range(text, p);
}

/* A browser sends one line; what of two would be meant, nobody can say. */
static struct str only_origin(const struct request *req)
{
    struct str origin = req->known[FIELD_ORIGIN];
    size_t at = 0;

    if (origin.p == NULL)
        return STR_NONE;
    request_next_field(req, FIELD_ORIGIN, &at);
    return request_next_field(req, FIELD_ORIGIN, &at).p == NULL ? origin : STR_NONE;
}

static bool is_allowed(const struct words *origins, struct str origin)
{
    for (size_t i = 0; i < origins->count; i++)
        if (strcmp(origins->list[i], "*") == 0 || str_eq(str_of(origins->list[i]), origin))
            return true;
    return false;
}

static void answer_preflight(const struct scope *scope, struct response *res, struct pool *pool)
{
    char *age = pool_alloc(pool, PUT_U64_MOST);

    response_add_field(res, STR("Access-Control-Allow-Methods"), join(&scope->cors_methods, pool));
    if (scope->cors_headers.count > 0)
        response_add_field(res, STR("Access-Control-Allow-Headers"),
                           join(&scope->cors_headers, pool));
    response_add_field(res, STR("Access-Control-Max-Age"),
                       str_range(age, put_u64(age, scope->cors_max_age_ms / 1000)));
    response_bytes(res, 204, STR_NONE, STR(""));
}

bool headers_answer_cors(const struct headers *h, const struct request *req, struct response *res,
                         struct pool *pool)
{
    const struct scope *scope = h->scope;
    struct str origin = only_origin(req);
    bool is_any = words_have(&scope->cors_origins, STR("*"));
    bool is_preflight;

    if (origin.p == NULL || !is_allowed(&scope->cors_origins, origin))
        return false;
    response_add_field(res, STR("Access-Control-Allow-Origin"),
                       is_any ? STR("*") : pool_str(pool, origin));
    if (scope->cors_credentials)
        response_add_field(res, STR("Access-Control-Allow-Credentials"), STR("true"));
    is_preflight = req->method == METHOD_OPTIONS &&
                   field_of(req, STR("Access-Control-Request-Method")).p != NULL;
    if (is_preflight)
        answer_preflight(scope, res, pool);
    else if (scope->cors_expose.count > 0)
        response_add_field(res, STR("Access-Control-Expose-Headers"),
                           join(&scope->cors_expose, pool));
    return is_preflight;
}
