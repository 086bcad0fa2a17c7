#include "worker/conditional.h"

#include <stdint.h>

#include "worker/http_date.h"

static bool is_weak(struct str tag)
{
    return str_starts(tag, STR("W/"));
}

static struct str opaque_part(struct str tag)
{
    return is_weak(tag) ? (struct str){ tag.p + 2, tag.n - 2 } : tag;
}

bool etag_eq_strong(struct str a, struct str b)
{
    return !is_weak(a) && !is_weak(b) && a.n > 0 && str_eq(a, b);
}

bool etag_eq_weak(struct str a, struct str b)
{
    return a.n > 0 && b.n > 0 && str_eq(opaque_part(a), opaque_part(b));
}

/*
 * Takes one entity-tag off the front of *s (RFC 9110, 8.8.3). A comma may stand inside the
 * quotes, so a list cannot simply be cut at commas.
 */
static bool take_tag(struct str *s, struct str *tag)
{
    size_t at = is_weak(*s) ? 2 : 0;

    if (at >= s->n || s->p[at] != '"')
        return false;
    for (at++; at < s->n; at++) {
        unsigned char c = (unsigned char)s->p[at];

        if (c == '"') {
            *tag = (struct str){ s->p, at + 1 };
            *s = (struct str){ s->p + at + 1, s->n - at - 1 };
            return true;
        }
        if (c <= ' ' || c == 0x7f)
            return false;
    }
    return false;
}

static void skip_spaces(struct str *s)
{
    while (s->n > 0 && (s->p[0] == ' ' || s->p[0] == '\t'))
        *s = (struct str){ s->p + 1, s->n - 1 };
}

/* Whether the one line of a tag list is well-formed; *is_match is set if `tag` is in it. */
static bool judge_tag_line(struct str line, struct str tag, bool is_strong, bool *is_match)
{
    struct str one;

    for (;;) {
        skip_spaces(&line);
        while (line.n > 0 && line.p[0] == ',') { /* empty elements: RFC 9110, 5.6.1.2 */
            line = (struct str){ line.p + 1, line.n - 1 };
            skip_spaces(&line);
        }
        if (line.n == 0)
            return true;
        if (!take_tag(&line, &one))
            return false;
        if (is_strong ? etag_eq_strong(one, tag) : etag_eq_weak(one, tag))
            *is_match = true;
        skip_spaces(&line);
        if (line.n > 0 && line.p[0] != ',')
            return false;
    }
}

/*
 * Whether an If-Match or If-None-Match field names `tag`. Several lines are one list (RFC 9110,
 * 5.3). A list with anything malformed in it matches nothing: that never skips a download that
 * the client needs, and never lets through an If-Match that we did not understand.
 */
static bool names_tag(const struct request *req, enum field_id id, struct str tag, bool is_strong)
{
    size_t at = 0;
    struct str line = request_next_field(req, id, &at);
    bool is_match = false;

    if (str_eq(line, STR("*")))
        return request_next_field(req, id, &at).p == NULL;
    for (; line.p != NULL; line = request_next_field(req, id, &at))
        if (!judge_tag_line(line, tag, is_strong, &is_match))
            return false;
    return is_match;
}

/* The value of a field that is no list; p NULL when it was sent more than once. */
static struct str only_line(const struct request *req, enum field_id id)
{
    size_t at = 0;
    struct str first = request_next_field(req, id, &at);

    return request_next_field(req, id, &at).p == NULL ? first : STR_NONE;
}

static bool date_of(const struct request *req, enum field_id id, time_t now, time_t *when)
{
    struct str text = only_line(req, id);

    return text.p != NULL && http_date_parse(text, now, when);
}

/* If-Match, else If-Unmodified-Since (RFC 9110, 13.1.1 and 13.1.4). */
static bool is_still_the_expected(const struct request *req, const struct representation *rep,
                                  time_t now)
{
    time_t when;

    if (req->known[FIELD_IF_MATCH].p != NULL)
        return names_tag(req, FIELD_IF_MATCH, rep->etag, true);
    if (req->known[FIELD_IF_UNMODIFIED_SINCE].p != NULL && rep->has_last_modified &&
        date_of(req, FIELD_IF_UNMODIFIED_SINCE, now, &when))
        return rep->last_modified <= when;
    return true;
}

/* If-None-Match, else If-Modified-Since (RFC 9110, 13.1.2 and 13.1.3). */
static bool is_known_to_client(const struct request *req, const struct representation *rep,
                               time_t now, bool is_read)
{
    time_t when;

    if (req->known[FIELD_IF_NONE_MATCH].p != NULL)
        return names_tag(req, FIELD_IF_NONE_MATCH, rep->etag, false);
    if (is_read && req->known[FIELD_IF_MODIFIED_SINCE].p != NULL && rep->has_last_modified &&
        date_of(req, FIELD_IF_MODIFIED_SINCE, now, &when))
        return rep->last_modified <= when;
    return false;
}

/* Whether the part that the client has belongs to this version (RFC 9110, 13.1.5). */
static bool is_range_of_this_version(const struct request *req, const struct representation *rep,
                                     time_t now)
{
    struct str sent, tag;
    time_t when;

    if (req->known[FIELD_IF_RANGE].p == NULL)
        return true;
    sent = only_line(req, FIELD_IF_RANGE);
    if (sent.p != NULL && take_tag(&sent, &tag))
        return sent.n == 0 && etag_eq_strong(tag, rep->etag);
    /* A date is a strong validator once its second is over (RFC 9110, 8.8.2.2): until then the
       file could change again and keep it. A weak tag says the same of our own times. */
    return date_of(req, FIELD_IF_RANGE, now, &when) && rep->has_last_modified &&
           when == rep->last_modified && when < now && !is_weak(rep->etag);
}

/* Takes the digits off the front of *s. */
static struct str take_digits(struct str *s)
{
    struct str digits = { s->p, 0 };

    while (digits.n < s->n && ascii_is_digit(s->p[digits.n]))
        digits.n++;
    *s = (struct str){ s->p + digits.n, s->n - digits.n };
    return digits;
}

static void skip_zeros(struct str *digits)
{
    while (digits->n > 1 && digits->p[0] == '0')
        *digits = (struct str){ digits->p + 1, digits->n - 1 };
}

/* Numbers have no upper bound in the grammar, so they are compared as text. */
static bool is_less(struct str a, struct str b)
{
    skip_zeros(&a);
    skip_zeros(&b);
    return a.n != b.n ? a.n < b.n : memcmp(a.p, b.p, a.n) < 0;
}

/* A number too large to hold is beyond the end of any file. */
static off_t saturate(struct str digits)
{
    uint64_t value;

    return str_to_u64(digits, &value) && value <= INT64_MAX ? (off_t)value : INT64_MAX;
}

/* One range-spec against a size (RFC 9110, 14.1.1 and 14.1.2). */
static enum verdict judge_range_spec(struct str spec, off_t size, struct byte_range *range)
{
    struct str first = take_digits(&spec), last;
    off_t from, to = size - 1;

    if (spec.n == 0 || spec.p[0] != '-')
        return VERDICT_WHOLE;
    spec = (struct str){ spec.p + 1, spec.n - 1 };
    last = take_digits(&spec);
    if (spec.n > 0 || (first.n == 0 && last.n == 0))
        return VERDICT_WHOLE;
    if (first.n == 0) {
        off_t suffix = saturate(last);

        from = suffix < size ? size - suffix : 0;
        if (suffix == 0)
            return VERDICT_UNSATISFIABLE;
        if (size == 0)
            return VERDICT_WHOLE; /* satisfiable, and no 206 could say so (RFC 9110, 14.1.2) */
    } else {
        from = saturate(first);
        if (last.n > 0 && is_less(last, first))
            return VERDICT_WHOLE; /* an invalid range-spec, and an invalid Range is ignored */
        if (from >= size)
            return VERDICT_UNSATISFIABLE;
        if (last.n > 0 && saturate(last) < to)
            to = saturate(last);
    }
    *range = (struct byte_range){ from, to - from + 1 };
    return VERDICT_RANGE;
}

/* ---- several ranges ---- */

enum { PART_HEAD_BYTES = 80 }; /* what a part costs beside its bytes, about: RFC 9110, 15.3.7.2 */

static off_t end_of(const struct byte_range *r)
{
    return r->first + r->count;
}

/* Whether there are at most `gap` bytes between them. */
static bool are_near(const struct byte_range *a, const struct byte_range *b, off_t gap)
{
    return a->first <= b->first ? b->first - end_of(a) <= gap : a->first - end_of(b) <= gap;
}

static struct byte_range join(const struct byte_range *a, const struct byte_range *b)
{
    off_t first = a->first < b->first ? a->first : b->first;
    off_t end = end_of(a) > end_of(b) ? end_of(a) : end_of(b);

    return (struct byte_range){ first, end - first };
}

/*
 * Takes out of `ranges` those that `r` is near to and makes them part of it; returns where it
 * belongs then: the place of the first of them, else the end.
 */
static unsigned absorb(struct byte_ranges *ranges, struct byte_range *r, off_t gap)
{
    unsigned place = ranges->count;

    for (unsigned i = 0; i < ranges->count;) {
        if (!are_near(&ranges->at[i], r, gap)) {
            i++;
            continue;
        }
        *r = join(&ranges->at[i], r);
        ranges->count--;
        memmove(&ranges->at[i], &ranges->at[i + 1], (ranges->count - i) * sizeof(*r));
        if (i < place)
            place = i;
        i = 0; /* it has grown: those that were too far away may be near now */
    }
    return place;
}

static void insert(struct byte_ranges *ranges, unsigned place, struct byte_range r)
{
    memmove(&ranges->at[place + 1], &ranges->at[place],
            (ranges->count - place) * sizeof(ranges->at[0]));
    ranges->at[place] = r;
    ranges->count++;
}

/* Joins what is near to each other. */
static void condense(struct byte_ranges *ranges, off_t gap)
{
    struct byte_ranges old = *ranges;

    ranges->count = 0;
    for (unsigned i = 0; i < old.count; i++) {
        unsigned place = absorb(ranges, &old.at[i], gap);

        insert(ranges, place, old.at[i]);
    }
}

/* False: more than `most` are left however they are joined. */
static bool add_range(struct byte_ranges *ranges, struct byte_range r, unsigned most, off_t *gap)
{
    unsigned place = absorb(ranges, &r, *gap);

    if (ranges->count == most && *gap == 0) {
        *gap = PART_HEAD_BYTES;
        condense(ranges, *gap);
        place = absorb(ranges, &r, *gap);
    }
    if (ranges->count == most)
        return false;
    insert(ranges, place, r);
    return true;
}

/*
 * The ranges of a Range field, between empty list elements and white space at the commas as RFC
 * 9110, 5.6.1 has it. What cannot be satisfied is left out as long as something can (14.1.2). If
 * anything is malformed all of it is ignored: a server may ignore any Range.
 */
static enum verdict judge_ranges(struct str value, off_t size, unsigned most,
                                 struct byte_ranges *ranges)
{
    static const struct str unit = STR_INIT("bytes=");
    enum verdict verdict = VERDICT_WHOLE;
    struct byte_range range;
    bool is_too_many = false;
    struct str rest;
    off_t gap = 0;

    ranges->count = 0;
    if (value.n < unit.n || !str_eq_case((struct str){ value.p, unit.n }, unit))
        return VERDICT_WHOLE;
    rest = (struct str){ value.p + unit.n, value.n - unit.n };
    if (rest.n > 0 && (rest.p[0] == ' ' || rest.p[0] == '\t'))
        return VERDICT_WHOLE;
    while (rest.p != NULL && !is_too_many) {
        struct str element = str_trim(str_cut(&rest, ','));
        enum verdict one;

        if (element.n == 0)
            continue;
        one = judge_range_spec(element, size, &range);
        if (one == VERDICT_WHOLE)
            return VERDICT_WHOLE;
        if (one == VERDICT_RANGE)
            is_too_many = !add_range(ranges, range, most, &gap);
        if (verdict != VERDICT_RANGE)
            verdict = one;
    }
    return is_too_many ? VERDICT_WHOLE : verdict;
}

enum verdict conditional_judge(const struct request *req, const struct representation *rep,
                               time_t now, unsigned max_ranges, struct byte_ranges *ranges)
{
    bool is_read = req->method == METHOD_GET || req->method == METHOD_HEAD;
    struct str wanted;

    /* These select no representation (RFC 9110, 13.2.1). */
    if (req->method == METHOD_CONNECT || req->method == METHOD_OPTIONS ||
        req->method == METHOD_TRACE)
        return VERDICT_WHOLE;
    if (!is_still_the_expected(req, rep, now))
        return VERDICT_PRECONDITION_FAILED;
    if (is_known_to_client(req, rep, now, is_read))
        return is_read ? VERDICT_NOT_MODIFIED : VERDICT_PRECONDITION_FAILED;
    if (req->method != METHOD_GET || req->known[FIELD_RANGE].p == NULL || max_ranges == 0)
        return VERDICT_WHOLE;
    wanted = only_line(req, FIELD_RANGE);
    if (wanted.p == NULL || !is_range_of_this_version(req, rep, now))
        return VERDICT_WHOLE;
    return judge_ranges(wanted, rep->size, max_ranges, ranges);
}
