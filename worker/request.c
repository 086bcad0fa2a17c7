#include "worker/request.h"

static inline uint64_t load64(const char *p)
{
    uint64_t word;

    memcpy(&word, p, sizeof(word));
    return word;
}

static inline uint32_t load32(const char *p)
{
    uint32_t word;

    memcpy(&word, p, sizeof(word));
    return word;
}

static inline uint64_t differ64(const char *p, const char *lower)
{
    uint64_t want = load64(lower);

    /* The case bit is ignored in letters only (they have 0x40 set): a CR is no '-'. */
    return (load64(p) | (want & 0x4040404040404040u) >> 1) ^ want;
}

static inline uint32_t differ32(const char *p, const char *lower)
{
    uint32_t want = load32(lower);

    return (load32(p) | (want & 0x40404040u) >> 1) ^ want;
}

/*
 * Do n bytes at p spell `lower`, in any case? With a literal and its length, which is how all
 * calls are made, a few instructions: words, the last one overlapping the one before.
 */
static inline __attribute__((always_inline)) bool spells(const char *p, const char *lower, size_t n)
{
    uint64_t difference = 0;

    if (n < 4) {
        for (size_t i = 0; i < n; i++)
            difference |= (uint64_t)(ascii_lower(p[i]) ^ lower[i]);
    } else if (n < 8) {
        difference = differ32(p, lower) | differ32(p + (n - 4), lower + (n - 4));
    } else {
        for (size_t i = 0; i + 8 <= n; i += 8)
            difference |= differ64(p + i, lower + i);
        difference |= differ64(p + (n - 8), lower + (n - 8));
    }
    return difference == 0;
}

#define FIELD_TEXT(name, text) static const char text_##name[] = text;
FIELDS(FIELD_TEXT)
#undef FIELD_TEXT

#define FIELD_IF(name) \
    (spells(p, text_##name, sizeof(text_##name) - 1) ? FIELD_##name : FIELD_OTHER)

/* Length and one letter leave one candidate, which is then compared: a new row needs a case. */
enum field_id request_field_id(struct str name)
{
    const char *p = name.p;

    switch (name.n) {
    case 2:
        return FIELD_IF(TE);
    case 4:
        return FIELD_IF(HOST);
    case 5:
        return FIELD_IF(RANGE);
    case 6:
        switch (p[0] | 0x20) {
        case 'a':
            return FIELD_IF(ACCEPT);
        case 'c':
            return FIELD_IF(COOKIE);
        case 'e':
            return FIELD_IF(EXPECT);
        default:
            return FIELD_IF(ORIGIN);
        }
    case 7:
        switch (p[0] | 0x20) {
        case 'r':
            return FIELD_IF(REFERER);
        case 't':
            return FIELD_IF(TRAILER);
        default:
            return FIELD_IF(UPGRADE);
        }
    case 8:
        return (p[3] | 0x20) == 'm' ? FIELD_IF(IF_MATCH) : FIELD_IF(IF_RANGE);
    case 10:
        return (p[0] | 0x20) == 'c' ? FIELD_IF(CONNECTION) : FIELD_IF(USER_AGENT);
    case 12:
        return FIELD_IF(CONTENT_TYPE);
    case 13:
        switch (p[0] | 0x20) {
        case 'a':
            return FIELD_IF(AUTHORIZATION);
        case 'c':
            return FIELD_IF(CACHE_CONTROL);
        default:
            return FIELD_IF(IF_NONE_MATCH);
        }
    case 14:
        return FIELD_IF(CONTENT_LENGTH);
    case 15:
        return (p[7] | 0x20) == 'e' ? FIELD_IF(ACCEPT_ENCODING) : FIELD_IF(ACCEPT_LANGUAGE);
    case 17:
        return (p[0] | 0x20) == 't' ? FIELD_IF(TRANSFER_ENCODING) : FIELD_IF(IF_MODIFIED_SINCE);
    case 19:
        return FIELD_IF(IF_UNMODIFIED_SINCE);
    default:
        return FIELD_OTHER;
    }
}

#define METHOD_IF(name) \
    (memcmp(text.p, #name, sizeof(#name) - 1) == 0 ? METHOD_##name : METHOD_OTHER)

enum method request_method(struct str text)
{
    switch (text.n) {
    case 3:
        return text.p[0] == 'G' ? METHOD_IF(GET) : METHOD_IF(PUT);
    case 4:
        return text.p[0] == 'H' ? METHOD_IF(HEAD) : METHOD_IF(POST);
    case 5:
        return text.p[0] == 'P' ? METHOD_IF(PATCH) : METHOD_IF(TRACE);
    case 6:
        return METHOD_IF(DELETE);
    case 7:
        return text.p[0] == 'C' ? METHOD_IF(CONNECT) : METHOD_IF(OPTIONS);
    default:
        return METHOD_OTHER;
    }
}

struct str request_next_field(const struct request *req, enum field_id id, size_t *at)
{
    while (*at < req->field_count) {
        const struct field *field = &req->fields[(*at)++];

        if (field->id == (uint32_t)id)
            return field->value;
    }
    return STR_NONE;
}

void request_move(struct request *req, const char *from, size_t n, const char *to)
{
    struct str *views[] = { &req->method_text, &req->target, &req->line, &req->host,
                            &req->raw_path,    &req->query,  &req->path };

    for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++)
        str_move(views[i], from, n, to);
    for (size_t i = 0; i < FIELD_COUNT; i++)
        str_move(&req->known[i], from, n, to);
    for (size_t i = 0; i < req->field_count; i++) {
        str_move(&req->fields[i].name, from, n, to);
        str_move(&req->fields[i].value, from, n, to);
    }
}

void request_clear(struct request *req)
{
    req->method = METHOD_OTHER;
    req->form = TARGET_ORIGIN;
    req->framing = BODY_FRAMING_NONE;
    req->version = 0;
    req->keep_alive = false;
    req->expects_continue = false;
    req->port = 0;
    req->content_length = 0;
    req->method_text = req->target = req->line = STR_NONE;
    req->host = req->raw_path = req->query = req->path = STR_NONE;
    /* One by one: gcc makes plain stores of this, and a slow `rep stos` of a memset. */
    req->known[FIELD_OTHER] = STR_NONE;
#define CLEAR(name, text) req->known[FIELD_##name] = STR_NONE;
    FIELDS(CLEAR)
#undef CLEAR
    req->field_count = 0; /* which is why the array itself, 10 KB, needs no clearing */
}
