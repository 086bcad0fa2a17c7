#include "config/choices.h"

#include "config/encodings.h"

static const char *const encoding_words[] = {
#define WORD(name, word, suffix) word,
    ENCODINGS(WORD)
#undef WORD
};

bool choice_has_type(enum setting_type type)
{
    return type == SET_WORD || type == SET_ENCODINGS;
}

static bool is_any(struct str text, const char *a, const char *b, const char *c)
{
    return str_eq_case(text, str_of(a)) || str_eq_case(text, str_of(b)) ||
           str_eq_case(text, str_of(c));
}

static bool is_on(struct str text)
{
    return is_any(text, "on", "true", "yes");
}

static bool is_off(struct str text)
{
    return is_any(text, "off", "false", "no");
}

static bool is_scalar(const struct yaml_node *node)
{
    return node->kind == YAML_SCALAR && !node->is_null && node->text.n > 0;
}

static void read_word(struct value_reader *r, const struct setting *row,
                      const struct yaml_item *item, unsigned *field)
{
    struct str text = item->value->text;

    for (unsigned i = 0; is_scalar(item->value) && i < SETTING_WORDS && row->words[i] != NULL;
         i++) {
        struct str word = str_of(row->words[i]);

        if (str_eq_case(text, word) || (str_eq(word, STR("off")) && is_off(text)) ||
            (str_eq(word, STR("on")) && is_on(text))) {
            *field = i;
            return;
        }
    }
    value_refuse(r, row, item);
}

/* "br" and the like; 0: none of them. */
static unsigned encoding_bit(struct str text)
{
    for (unsigned i = 1; i < ENCODING_COUNT; i++)
        if (str_eq_case(text, str_of(encoding_words[i - 1])))
            return ENCODING_BIT(i);
    return str_eq_case(text, STR("brotli")) ? ENCODING_BIT(ENCODING_BR) : 0;
}

static void read_encodings(struct value_reader *r, const struct setting *row,
                           const struct yaml_item *item, unsigned *field)
{
    const struct yaml_item one = { .value = item->value };
    const struct yaml_item *at = item->value->kind == YAML_LIST ? item->value->items : &one;
    unsigned set = 0;

    if (item->value->kind == YAML_MAP || at == NULL ||
        (item->value->kind != YAML_LIST && !is_scalar(item->value))) {
        value_refuse(r, row, item);
        return;
    }
    if (at == &one && (is_on(one.value->text) || is_off(one.value->text))) {
        *field = is_on(one.value->text) ? ENCODINGS_ALL : 0;
        return;
    }
    for (; at != NULL; at = at->next) {
        struct yaml_item shown = { .key = at->value, .value = at->value };
        unsigned bit = is_scalar(at->value) ? encoding_bit(at->value->text) : 0;

        if (bit == 0)
            value_refuse(r, row, &shown);
        set |= bit;
    }
    *field = set;
}

void choice_value_read(struct value_reader *r, const struct setting *row,
                       const struct yaml_item *item, unsigned *field)
{
    if (row->type == SET_WORD)
        read_word(r, row, item, field);
    else
        read_encodings(r, row, item, field);
}

void choice_value_describe(const struct setting *row, struct buf *out)
{
    if (row->type == SET_ENCODINGS)
        buf_add(out, STR("on, off or a list of br, zstd and gzip"));
    for (unsigned i = 0; row->type == SET_WORD && i < SETTING_WORDS && row->words[i] != NULL; i++)
        buf_printf(out, "%s%s",
                   i == 0                                                ? ""
                   : i + 1 == SETTING_WORDS || row->words[i + 1] == NULL ? " or "
                                                                         : ", ",
                   row->words[i]);
}

static void write_encodings(unsigned set, struct buf *out)
{
    const char *before = " [";

    if (set == 0 || set == ENCODINGS_ALL) {
        buf_add(out, set == 0 ? STR(" off") : STR(" on"));
        return;
    }
    for (unsigned i = 1; i < ENCODING_COUNT; i++) {
        if ((set & ENCODING_BIT(i)) == 0)
            continue;
        buf_printf(out, "%s%s", before, encoding_words[i - 1]);
        before = ", ";
    }
    buf_add_char(out, ']');
}

void choice_field_write(const struct setting *row, unsigned value, struct buf *out)
{
    if (row->type == SET_WORD)
        buf_printf(out, " %s", row->words[value]);
    else
        write_encodings(value, out);
}

const char *check_type_pattern(struct str text)
{
    static const char takes[] = "it is a media type, as in application/json, or text/* or *+xml";
    size_t stars = 0, slashes = 0;

    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] <= ' ' || text.p[i] > '~' || text.p[i] == ';')
            return takes;
        stars += text.p[i] == '*';
        slashes += text.p[i] == '/';
    }
    return stars <= 1 && slashes <= 1 && stars + slashes > 0 ? NULL : takes;
}
