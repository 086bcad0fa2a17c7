#include "config/shapes.h"

#include <stdlib.h>

#include "common/xmalloc.h"
#include "config/fields.h"
#include "config/template.h"
#include "common/utf8.h"

enum { WORDS_MAX = 256 };

#define FAIL(r, node, ...)                                                                    \
    config_error_add((r)->errors, (node)->mark.line, (node)->mark.column, (node)->mark.width, \
                     __VA_ARGS__)

void words_add(struct words *words, struct str word)
{
    words->list = xrealloc(words->list, (words->count + 1) * sizeof(char *));
    words->list[words->count++] = str_dup(word);
}

void words_fini(struct words *words)
{
    for (size_t i = 0; i < words->count; i++)
        free(words->list[i]);
    free(words->list);
    *words = (struct words){ NULL, 0 };
}

bool words_have(const struct words *words, struct str word)
{
    for (size_t i = 0; i < words->count; i++)
        if (str_eq_case(str_of(words->list[i]), word))
            return true;
    return false;
}

static struct pair *find(const struct pairs *pairs, struct str name)
{
    for (size_t i = 0; i < pairs->count; i++)
        if (str_eq_case(str_of(pairs->list[i].name), name))
            return &pairs->list[i];
    return NULL;
}

const char *pairs_find(const struct pairs *pairs, struct str name)
{
    const struct pair *pair = find(pairs, name);

    return pair != NULL ? pair->value : NULL;
}

void pairs_put(struct pairs *pairs, struct str name, struct str value)
{
    struct pair *pair = find(pairs, name);

    if (pair != NULL) {
        field_set_text(&pair->value, str_dup(value));
        return;
    }
    pairs_add(pairs, name, value);
}

void pairs_add(struct pairs *pairs, struct str name, struct str value)
{
    pairs->list = xrealloc(pairs->list, (pairs->count + 1) * sizeof(*pairs->list));
    pairs->list[pairs->count++] = (struct pair){ str_dup(name), str_dup(value) };
}

void pairs_remove(struct pairs *pairs, struct str name)
{
    for (size_t i = 0; i < pairs->count;) {
        if (!str_eq_case(str_of(pairs->list[i].name), name)) {
            i++;
            continue;
        }
        free(pairs->list[i].name);
        free(pairs->list[i].value);
        pairs->count--;
        memmove(&pairs->list[i], &pairs->list[i + 1], (pairs->count - i) * sizeof(*pairs->list));
    }
}

void words_remove(struct words *words, struct str word)
{
    for (size_t i = 0; i < words->count;) {
        if (!str_eq_case(str_of(words->list[i]), word)) {
            i++;
            continue;
        }
        free(words->list[i]);
        words->list[i] = words->list[--words->count];
    }
}

void pairs_fini(struct pairs *pairs)
{
    for (size_t i = 0; i < pairs->count; i++) {
        free(pairs->list[i].name);
        free(pairs->list[i].value);
    }
    free(pairs->list);
    *pairs = (struct pairs){ NULL, 0 };
}

static bool is_scalar(const struct yaml_node *node)
{
    return node->kind == YAML_SCALAR && !node->is_null && node->text.n > 0;
}

/* False: refused, and that was said. */
static bool is_good(struct value_reader *r, const struct setting *row, const struct yaml_node *node,
                    setting_check *check)
{
    const char *why = check != NULL ? check(node->text) : NULL;

    if (why != NULL)
        FAIL(r, node, "\"%s\" cannot have \"%s\": %s", row->name, utf8_short(node->text).text, why);
    return why == NULL;
}

void words_read(struct value_reader *r, const struct setting *row, const struct yaml_item *item,
                struct words *words)
{
    const struct yaml_item one = { .value = item->value };
    const struct yaml_item *at = item->value->kind == YAML_LIST ? item->value->items : &one;

    if (item->value->kind == YAML_MAP || at == NULL ||
        (item->value->kind == YAML_SCALAR && !is_scalar(item->value))) {
        value_refuse(r, row, item);
        return;
    }
    words_fini(words);
    if (item->value->kind == YAML_SCALAR && row->none != NULL &&
        str_eq_case(item->value->text, str_of(row->none)))
        return;
    for (; at != NULL; at = at->next) {
        struct yaml_item shown = { .key = at->value, .value = at->value };

        if (!is_scalar(at->value))
            value_refuse(r, row, &shown);
        else if (words->count == WORDS_MAX)
            FAIL(r, at->value, "\"%s\" takes at most %d items", row->name, WORDS_MAX);
        else if (row->check == check_try && at->value->text.p[0] == '=' && at->next != NULL)
            FAIL(r, at->value, "\"%s\" ends with a status: what is behind \"%s\" is never tried",
                 row->name, utf8_short(at->value->text).text);
        else if (is_good(r, row, at->value, row->check))
            words_add(words, at->value->text);
    }
}

/* Names count in any case here, so that only the last of such twins would be left. Equal ones do not
   come this far: see config/yaml.c. */
static bool is_twin(struct value_reader *r, const struct yaml_node *map,
                    const struct yaml_item *item)
{
    for (const struct yaml_item *at = map->items; at != item; at = at->next) {
        if (!str_eq_case(at->key->text, item->key->text))
            continue;
        FAIL(r, item->key, "\"%s\" stands twice, in any case of letters; the first is in line %u",
             utf8_short(item->key->text).text, at->key->mark.line);
        return true;
    }
    return false;
}

void pairs_read(struct value_reader *r, const struct setting *row, const struct yaml_item *item,
                struct pairs *pairs)
{
    if (item->value->kind != YAML_MAP) {
        value_refuse(r, row, item);
        return;
    }
    for (const struct yaml_item *at = item->value->items; at != NULL; at = at->next) {
        if (at->value->kind == YAML_BROKEN || is_twin(r, item->value, at))
            continue;
        if (!is_scalar(at->value))
            FAIL(r, at->key, "\"%s\" takes one text for \"%s\", as in %s", row->name,
                 utf8_short(at->key->text).text, row->example);
        else if (is_good(r, row, at->key, row->check_name) &&
                 is_good(r, row, at->value, row->check))
            pairs_put(pairs, at->key->text, at->value->text);
    }
}

static void read_field_values(struct value_reader *r, const struct setting *row,
                              const struct yaml_item *item, struct pairs *pairs)
{
    const struct yaml_item one = { .value = item->value };
    const struct yaml_item *at = item->value->kind == YAML_LIST ? item->value->items : &one;

    if (at == NULL)
        FAIL(r, item->value, "\"%s\" has an empty list for \"%s\"", row->name,
             utf8_short(item->key->text).text);
    for (; at != NULL; at = at->next) {
        if (at->value->kind == YAML_BROKEN)
            continue;
        if (!is_scalar(at->value))
            FAIL(r, at->value, "\"%s\" takes one text or a list of them for \"%s\", as in %s",
                 row->name, utf8_short(item->key->text).text, row->example);
        else if (is_good(r, row, at->value, row->check))
            pairs_add(pairs, item->key->text, at->value->text);
    }
}

void fields_read(struct value_reader *r, const struct setting *row, const struct yaml_item *item,
                 struct pairs *pairs)
{
    if (item->value->kind != YAML_MAP) {
        value_refuse(r, row, item);
        return;
    }
    for (const struct yaml_item *at = item->value->items; at != NULL; at = at->next)
        if (!is_twin(r, item->value, at) && is_good(r, row, at->key, row->check_name))
            read_field_values(r, row, at, pairs);
}

void words_write(const struct setting *row, const struct words *words, struct buf *out)
{
    if (words->count == 0 && row->none != NULL) {
        buf_printf(out, " %s", row->none);
        return;
    }
    buf_add(out, STR(" ["));
    for (size_t i = 0; i < words->count; i++) {
        buf_add(out, str_of(i > 0 ? ", " : ""));
        field_write_text(str_of(words->list[i]), out);
    }
    buf_add_char(out, ']');
}

void pairs_write(const struct pairs *pairs, unsigned indent, struct buf *out)
{
    for (size_t i = 0; i < pairs->count; i++) {
        buf_printf(out, "\n%*s  ", (int)indent, "");
        field_write_text(str_of(pairs->list[i].name), out);
        buf_add(out, STR(": "));
        field_write_text(str_of(pairs->list[i].value), out);
    }
}

/* Those of the name at `from`, which is its first. */
static void write_values(const struct pairs *pairs, size_t from, struct buf *out)
{
    struct str name = str_of(pairs->list[from].name);
    bool is_list = false;

    for (size_t i = from + 1; i < pairs->count; i++)
        is_list = is_list || str_eq_case(str_of(pairs->list[i].name), name);
    buf_add(out, str_of(is_list ? "[" : ""));
    for (size_t i = from; i < pairs->count; i++) {
        if (!str_eq_case(str_of(pairs->list[i].name), name))
            continue;
        buf_add(out, str_of(i > from ? ", " : ""));
        field_write_text(str_of(pairs->list[i].value), out);
    }
    buf_add(out, str_of(is_list ? "]" : ""));
}

void fields_write(const struct pairs *pairs, unsigned indent, struct buf *out)
{
    for (size_t i = 0; i < pairs->count; i++) {
        if (find(pairs, str_of(pairs->list[i].name)) != &pairs->list[i])
            continue;
        buf_printf(out, "\n%*s  ", (int)indent, "");
        field_write_text(str_of(pairs->list[i].name), out);
        buf_add(out, STR(": "));
        write_values(pairs, i, out);
    }
}

/* RFC 9110, 5.6.2. */
const char *check_token(struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = ascii_lower(text.p[i]);

        if (!ascii_is_digit(c) && !(c >= 'a' && c <= 'z') &&
            (c == '\0' || strchr("!#$%&'*+-.^_`|~", c) == NULL))
            return "it is a name of letters, digits and \"-\", as in X-Frame-Options";
    }
    return NULL;
}

/* RFC 9110, 5.5, and no blanks around it, which would not arrive. */
const char *check_field_value(struct str text)
{
    for (size_t i = 0; i < text.n; i++)
        if (((unsigned char)text.p[i] < ' ' && text.p[i] != '\t') || text.p[i] == 0x7f)
            return "it has no control characters";
    return str_trim(text).n == text.n ? NULL : "it has no blanks at its ends";
}

const char *check_method(struct str text)
{
    if (check_token(text) != NULL)
        return "it is a method, as in GET";
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] >= 'a' && text.p[i] <= 'z')
            return "methods are case-sensitive and mostly upper case, as in GET";
    return NULL;
}

const char *check_try(struct str text)
{
    uint64_t status;

    if (text.n > 0 && text.p[0] == '=')
        return str_to_u64(str_range(text.p + 1, text.p + text.n), &status) && status >= 400 &&
                       status <= 599
                   ? NULL
                   : "a status is from 400 to 599, as in =404";
    return template_check_path(text);
}

/* scheme "://" host [":" port], as a browser sends it (RFC 6454, 7), or '*'. */
const char *check_origin(struct str text)
{
    static const char why[] = "an origin has no path and no blank, as in https://app.example, and "
                              "'*' stands for all";
    const char *host = memmem(text.p, text.n, "://", 3);

    if (str_eq(text, STR("*")) || str_eq(text, STR("null")))
        return NULL;
    if (host == NULL || host == text.p || host + 3 == text.p + text.n ||
        memchr(host + 3, '/', text.n - (size_t)(host + 3 - text.p)) != NULL)
        return why;
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] <= ' ' || text.p[i] > '~' || text.p[i] == ',' || text.p[i] == '*')
            return why;
    return NULL;
}

const char *check_extension(struct str text)
{
    return memchr(text.p, '.', text.n) != NULL || memchr(text.p, '/', text.n) != NULL
               ? "it is what follows the last dot of a name, as in png"
               : NULL;
}

const char *check_type(struct str text)
{
    return value_is_media_type(text) ? NULL : "it is a media type, as in text/plain";
}

const char *check_expires_name(struct str text)
{
    if (str_starts(text, STR("*/")))
        return "take default for all types that are not named";
    if (str_eq(text, STR("default")) || value_is_media_type(text))
        return NULL;
    return "it is a media type, as in text/html or image/*, or default";
}

const char *check_expires(struct str text)
{
    uint64_t ms;

    if (str_eq_case(text, STR("off")))
        return NULL;
    return value_parse_duration(text, &ms) && ms <= (uint64_t)366 * 86400000
               ? NULL
               : "it is off or a time of at most 366d, as in 1h";
}

const char *check_header_name(struct str text)
{
    static const char *const own[] = {
        "connection",
        "keep-alive",
        "proxy-connection",
        "transfer-encoding",
        "te",
        "trailer",
        "upgrade",
        "content-length",
        "content-range",
        "content-type",
        "content-encoding",
        "date",
        "server",
        "etag",
        "last-modified",
        "accept-ranges",
        "location",
        "allow",
        "www-authenticate",
        "expires",
        "vary",
    };

    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        if (str_eq_case(text, str_of(own[i])))
            return "the server writes it itself; there are settings for what it may say, as "
                   "types, expires, etag and server_header";
    return check_token(text);
}

const char *check_added_name(struct str text)
{
    return str_eq_case(text, STR("Vary")) ? NULL : check_header_name(text);
}

void text_read(struct value_reader *r, const struct setting *row, const struct yaml_item *item,
               char **field)
{
    if (!is_scalar(item->value))
        value_refuse(r, row, item);
    else if (row->none != NULL && str_eq_case(item->value->text, str_of(row->none)))
        field_set_text(field, NULL);
    else if (is_good(r, row, item->value, row->check))
        field_set_text(field, str_dup(item->value->text));
}
