#include "worker/accept.h"

enum { WEIGHT_MAX = 1000 };

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
static unsigned weight_of(struct str text)
{
    unsigned value = 0, unit = WEIGHT_MAX;

    if (text.n == 0 || text.n > 5 || (text.p[0] != '0' && text.p[0] != '1') ||
        (text.n > 1 && text.p[1] != '.'))
        return WEIGHT_MAX;
    for (size_t i = 0; i < text.n; i++) {
        if (i == 1)
            continue;
        if (!ascii_is_digit(text.p[i]))
            return WEIGHT_MAX;
        value += (unsigned)(text.p[i] - '0') * unit;
        unit /= 10;
    }
    return value <= WEIGHT_MAX ? value : WEIGHT_MAX;
}

static struct str unquote(struct str text)
{
    if (text.n >= 2 && text.p[0] == '"' && text.p[text.n - 1] == '"')
        return (struct str){ text.p + 1, text.n - 2 };
    return text;
}

/* How exactly a range with this version (p NULL: none) names the type; 0: not at all. */
static unsigned closeness(struct str range, struct str version, const struct media_type *type)
{
    if (str_eq_case(range, type->type))
        return version.p == NULL ? 3 : str_eq(version, type->version) ? 4 : 0;
    if (str_eq_case(range, type->group))
        return 2;
    return str_eq(range, STR("*/*")) ? 1 : 0;
}

unsigned accept_weight(const struct request *req, const struct media_type *type)
{
    unsigned best = 0, result = req->known[FIELD_ACCEPT].p == NULL ? WEIGHT_MAX : 0;
    size_t at = 0;

    for (struct str line = request_next_field(req, FIELD_ACCEPT, &at); line.p != NULL;
         line = request_next_field(req, FIELD_ACCEPT, &at)) {
        while (line.p != NULL) {
            struct str rest = take_element(&line), version = STR_NONE;
            struct str range = str_trim(str_cut(&rest, ';'));
            unsigned close, weight = WEIGHT_MAX;

            while (rest.p != NULL) {
                struct str value = str_cut(&rest, ';');
                struct str name = str_trim(str_cut(&value, '='));

                if (str_eq_case(name, STR("q")))
                    weight = weight_of(str_trim(value));
                else if (str_eq_case(name, STR("version")))
                    version = unquote(str_trim(value));
            }
            close = closeness(range, version, type);
            if (close > best) {
                best = close;
                result = weight;
            }
        }
    }
    return result;
}
