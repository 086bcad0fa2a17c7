#include "worker/encoding.h"

enum {
    WEIGHT_MAX = 1000,
    WEIGHT_UNSAID = 0xffff,
    /* Identity is acceptable though nobody named it, but the least of all (12.5.3, rule 2). */
    WEIGHT_BY_DEFAULT = 1,
    SCALE = 2, /* so that it is less than q=0.001 */
};

struct str encoding_name(enum encoding encoding)
{
    static const struct str names[] = { STR_INIT(""),
#define NAME(name, word, suffix) STR_INIT(word),
                                        ENCODINGS(NAME)
#undef NAME
    };

    return names[encoding];
}

struct str encoding_suffix(enum encoding encoding)
{
    static const struct str suffixes[] = { STR_INIT(""),
#define SUFFIX(name, word, suffix) STR_INIT(suffix),
                                           ENCODINGS(SUFFIX)
#undef SUFFIX
    };

    return suffixes[encoding];
}

int encoding_find(struct str name)
{
    for (int i = ENCODING_IDENTITY + 1; i < ENCODING_COUNT; i++)
        if (str_eq_case(name, encoding_name((enum encoding)i)))
            return i;
    if (str_eq_case(name, STR("x-gzip"))) /* RFC 9110, 8.4.1.3 */
        return ENCODING_GZIP;
    return str_eq_case(name, STR("identity")) ? ENCODING_IDENTITY : -1;
}

/* RFC 9110, 5.6.2. */
static bool is_token_char(char c)
{
    return ascii_is_digit(c) || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_token(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_token_char(s.p[i]))
            return false;
    return s.n > 0;
}

/* qvalue: "0" or "1" with up to three decimals, and 1 is the most (12.4.2). */
static bool read_qvalue(struct str s, unsigned *weight)
{
    unsigned unit = WEIGHT_MAX;

    if (s.n == 0 || s.n > 5 || (s.p[0] != '0' && s.p[0] != '1') || (s.n > 1 && s.p[1] != '.'))
        return false;
    *weight = s.p[0] == '1' ? WEIGHT_MAX : 0;
    for (size_t i = 2; i < s.n; i++) {
        if (!ascii_is_digit(s.p[i]))
            return false;
        unit /= 10;
        *weight += (unsigned)(s.p[i] - '0') * unit;
    }
    return *weight <= WEIGHT_MAX;
}

/* weight = OWS ";" OWS "q=" qvalue; `s` is what follows the ';'. */
static bool read_weight(struct str s, unsigned *weight)
{
    s = str_trim(s);
    if (s.n < 2 || ascii_lower(s.p[0]) != 'q' || s.p[1] != '=')
        return false;
    return read_qvalue((struct str){ s.p + 2, s.n - 2 }, weight);
}

/* A coding named twice gets the smaller weight: an exclusion is meant wherever it stands. */
static void put_weight(uint16_t *at, unsigned weight)
{
    if (*at == WEIGHT_UNSAID || weight < *at)
        *at = (uint16_t)weight;
}

/* One line's list. Empty elements are allowed (5.6.1.2). False: it breaks the grammar. */
static bool read_list(struct accept_encoding *accept, uint16_t *others, struct str list)
{
    while (list.p != NULL) {
        struct str item = str_trim(str_cut(&list, ','));
        struct str name = str_trim(str_cut(&item, ';'));
        unsigned weight = WEIGHT_MAX;
        int encoding;

        if (name.n == 0 && item.p == NULL)
            continue;
        if (!is_token(name) || (item.p != NULL && !read_weight(item, &weight)))
            return false;
        encoding = encoding_find(name);
        if (encoding >= 0)
            put_weight(&accept->weight[encoding], SCALE * weight);
        else if (str_eq(name, STR("*")))
            put_weight(others, SCALE * weight);
    }
    return true;
}

static void set_all(struct accept_encoding *accept, uint16_t weight)
{
    for (int i = 0; i < ENCODING_COUNT; i++)
        accept->weight[i] = weight;
}

#define IS(list, literal) \
    ((list).n == sizeof(literal) - 1 && memcmp((list).p, literal, sizeof(literal) - 1) == 0)

/* What browsers send, letter for letter. */
static inline bool read_usual(struct accept_encoding *accept, struct str list)
{
    enum { LIKED = SCALE * WEIGHT_MAX };
    static const struct accept_encoding all = { { WEIGHT_BY_DEFAULT, LIKED, LIKED, LIKED } };
    static const struct accept_encoding no_zstd = {
        { [ENCODING_IDENTITY] = WEIGHT_BY_DEFAULT, [ENCODING_BR] = LIKED, [ENCODING_GZIP] = LIKED }
    };

    if (IS(list, "gzip, deflate, br, zstd"))
        *accept = all;
    else if (IS(list, "gzip, deflate, br"))
        *accept = no_zstd;
    else
        return false;
    return true;
}

static void read_lines(struct accept_encoding *accept, const struct request *req)
{
    uint16_t others = WEIGHT_UNSAID;
    struct str line;
    size_t at = 0;

    set_all(accept, WEIGHT_UNSAID);
    while ((line = request_next_field(req, FIELD_ACCEPT_ENCODING, &at)).p != NULL) {
        if (!read_list(accept, &others, line)) {
            set_all(accept, 0);
            accept->weight[ENCODING_IDENTITY] = SCALE * WEIGHT_MAX;
            return;
        }
    }
    /* "*" stands for what no other element names, identity too (12.5.3). */
    for (int i = 0; i < ENCODING_COUNT; i++)
        if (accept->weight[i] == WEIGHT_UNSAID)
            accept->weight[i] = others != WEIGHT_UNSAID  ? others
                                : i == ENCODING_IDENTITY ? WEIGHT_BY_DEFAULT
                                                         : 0;
}

void accept_encoding_read(struct accept_encoding *accept, const struct request *req)
{
    size_t lines = 0;

    for (size_t i = 0; i < req->field_count; i++)
        lines += req->fields[i].id == FIELD_ACCEPT_ENCODING;
    if (lines != 1 || !read_usual(accept, req->known[FIELD_ACCEPT_ENCODING]))
        read_lines(accept, req);
}

enum encoding encoding_choose(const struct accept_encoding *accept, unsigned available)
{
    enum encoding best = ENCODING_IDENTITY;
    unsigned weight = accept->weight[ENCODING_IDENTITY];

    for (int i = ENCODING_IDENTITY + 1; i < ENCODING_COUNT; i++) {
        unsigned w = accept->weight[i];

        if ((available & ENCODING_BIT(i)) == 0 || w == 0)
            continue;
        /* As heavy as identity is good enough: it is smaller. */
        if (w > weight || (w == weight && best == ENCODING_IDENTITY)) {
            best = (enum encoding)i;
            weight = w;
        }
    }
    return best;
}
