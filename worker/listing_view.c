#include "worker/listing_view.h"

enum { QUALITY_MAX = 1000 };

struct str listing_sort_word(enum listing_sort sort)
{
    static const struct str words[LISTING_SORTS] = {
        [LISTING_BY_NAME] = STR_INIT("name"),
        [LISTING_BY_SIZE] = STR_INIT("size"),
        [LISTING_BY_DATE] = STR_INIT("date"),
    };

    return words[sort];
}

/* ---- Accept ---- */

/* Takes the next element of a list; a comma inside of quotes does not end it. */
static struct str take_element(struct str *list)
{
    bool is_quoted = false;
    size_t n = 0;
    struct str element;

    for (; n < list->n && (is_quoted || list->p[n] != ','); n++) {
        if (list->p[n] == '"')
            is_quoted = !is_quoted;
        else if (is_quoted && list->p[n] == '\\' && n + 1 < list->n)
            n++;
    }
    element = (struct str){ list->p, n };
    *list = n < list->n ? (struct str){ list->p + n + 1, list->n - n - 1 } : STR_NONE;
    return element;
}

/* qvalue (RFC 9110, 12.4.2) in thousandths; what is none counts as 1. */
static unsigned quality_of(struct str text)
{
    unsigned value = 0, unit = QUALITY_MAX;

    if (text.n == 0 || text.n > 5 || (text.p[0] != '0' && text.p[0] != '1') ||
        (text.n > 1 && text.p[1] != '.'))
        return QUALITY_MAX;
    for (size_t i = 0; i < text.n; i++) {
        if (i == 1)
            continue;
        if (!ascii_is_digit(text.p[i]))
            return QUALITY_MAX;
        value += (unsigned)(text.p[i] - '0') * unit;
        unit /= 10;
    }
    return value <= QUALITY_MAX ? value : QUALITY_MAX;
}

/* How exactly a media range names the type: 0: not at all. */
static unsigned closeness(struct str range, struct str type, struct str whole_group)
{
    if (str_eq_case(range, type))
        return 3;
    if (str_eq_case(range, whole_group))
        return 2;
    return str_eq(range, STR("*/*")) ? 1 : 0;
}

/* The closest range decides (RFC 9110, 12.5.1). */
static unsigned quality(const struct request *req, struct str type, struct str whole_group)
{
    unsigned best = 0, result = 0;
    size_t at = 0;

    for (struct str line = request_next_field(req, FIELD_ACCEPT, &at); line.p != NULL;
         line = request_next_field(req, FIELD_ACCEPT, &at)) {
        while (line.p != NULL) {
            struct str rest = take_element(&line);
            struct str range = str_trim(str_cut(&rest, ';'));
            unsigned close = closeness(range, type, whole_group), q = QUALITY_MAX;

            while (rest.p != NULL) {
                struct str value = str_cut(&rest, ';');

                if (str_eq_case(str_trim(str_cut(&value, '=')), STR("q")))
                    q = quality_of(str_trim(value));
            }
            if (close > best) {
                best = close;
                result = q;
            }
        }
    }
    return result;
}

static bool likes_json_better(const struct request *req)
{
    return req->known[FIELD_ACCEPT].p != NULL &&
           quality(req, STR("application/json"), STR("application/*")) >
               quality(req, STR("text/html"), STR("text/*"));
}

struct listing_view listing_view_of(const struct request *req)
{
    struct listing_view view = { LISTING_BY_NAME, false, false };
    struct str query = req->query, order = STR_NONE, format = STR_NONE;

    while (query.p != NULL) {
        struct str value = str_cut(&query, '&');
        struct str name = str_cut(&value, '=');

        if (str_eq(name, STR("order")))
            order = value;
        else if (str_eq(name, STR("format")))
            format = value;
        else if (str_eq(name, STR("sort")))
            for (int i = 0; i < LISTING_SORTS; i++)
                if (str_eq(value, listing_sort_word((enum listing_sort)i)))
                    view.sort = (enum listing_sort)i;
    }
    view.is_descending = listing_starts_descending(view.sort);
    if (str_eq(order, STR("asc")) || str_eq(order, STR("desc")))
        view.is_descending = str_eq(order, STR("desc"));
    if (str_eq(format, STR("html")) || str_eq(format, STR("json")))
        view.is_json = str_eq(format, STR("json"));
    else
        view.is_json = likes_json_better(req);
    return view;
}
