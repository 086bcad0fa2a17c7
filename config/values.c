#include "config/values.h"

#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/un.h>

#include "common/xmalloc.h"
#include "config/access.h"
#include "config/access_logs.h"
#include "config/choices.h"
#include "config/fields.h"
#include "config/kinds.h"
#include "config/shapes.h"
#include "common/utf8.h"

enum { INDEX_MAX = 16, STATUS_MIN = 400, STATUS_MAX = 599 };

#define FIELD(base, row, type) ((type *)(void *)((char *)(base) + (row)->offset))

static void fail(struct value_reader *r, const struct yaml_node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void fail(struct value_reader *r, const struct yaml_node *node, const char *format, ...)
{
    struct buf text = { 0 };
    va_list args;

    va_start(args, format);
    buf_vprintf(&text, format, args);
    va_end(args);
    config_error_add(r->errors, node->mark.line, node->mark.column, node->mark.width, "%s",
                     buf_cstr(&text));
    buf_fini(&text);
}

void value_refuse(struct value_reader *r, const struct setting *row, const struct yaml_item *item)
{
    const struct yaml_node *value = item->value;
    struct buf takes = { 0 };

    if (value->kind == YAML_BROKEN)
        return;
    setting_describe(row, &takes);
    if (value->kind != YAML_SCALAR)
        fail(r, value, "\"%s\" takes %s, not a %s", row->name, buf_cstr(&takes),
             value->kind == YAML_LIST ? "list" : "map");
    else if (value->is_null)
        fail(r, item->key, "\"%s\" has no value; it takes %s", row->name, buf_cstr(&takes));
    else if (value->text.n == 0)
        fail(r, value, "\"%s\" is empty; it takes %s", row->name, buf_cstr(&takes));
    else
        fail(r, value, "\"%s\" takes %s, not \"%s\"", row->name, buf_cstr(&takes),
             utf8_short(value->text).text);
    buf_fini(&takes);
}

static bool is_word(struct str text, const char *word)
{
    return word != NULL && str_eq_case(text, str_of(word));
}

static bool is_any_word(struct str text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (is_word(text, words[i]))
            return true;
    return false;
}

static const char *const on_words[] = { "on", "true", "yes" };
static const char *const off_words[] = { "off", "false", "no" };

static bool is_on(struct str text)
{
    return is_any_word(text, on_words, 3);
}

bool value_is_none(const struct setting *row, struct str text)
{
    return row->none != NULL && (is_word(text, row->none) || (strcmp(row->none, "off") == 0 &&
                                                              is_any_word(text, off_words, 3)));
}

/* Digits and a unit. False: not that, *is_huge: because it does not fit into 64 bits. */
static bool parse_number(enum setting_type type, struct str text, uint64_t *value, bool *is_huge)
{
    static const struct {
        enum setting_type type;
        const char *unit;
        uint64_t factor;
    } units[] = {
        { SET_SIZE, "b", 1 },           { SET_SIZE, "k", 1 << 10 },
        { SET_SIZE, "kb", 1 << 10 },    { SET_SIZE, "kib", 1 << 10 },
        { SET_SIZE, "m", 1 << 20 },     { SET_SIZE, "mb", 1 << 20 },
        { SET_SIZE, "mib", 1 << 20 },   { SET_SIZE, "g", 1 << 30 },
        { SET_SIZE, "gb", 1 << 30 },    { SET_SIZE, "gib", 1 << 30 },
        { SET_DURATION, "ms", 1 },      { SET_DURATION, "", 1000 },
        { SET_DURATION, "s", 1000 },    { SET_DURATION, "m", 60000 },
        { SET_DURATION, "h", 3600000 }, { SET_DURATION, "d", 86400000 },
    };
    struct str digits = text, unit;
    uint64_t factor = type == SET_SIZE || type == SET_DURATION ? 0 : 1;

    *is_huge = false;
    for (digits.n = 0; digits.n < text.n && ascii_is_digit(text.p[digits.n]);)
        digits.n++;
    unit = str_range(text.p + digits.n, text.p + text.n);
    /* YAML 1.1 reads 010 as eight: better to ask than to guess. */
    if (digits.n == 0 || (digits.n > 1 && digits.p[0] == '0'))
        return false;
    if (type == SET_SIZE && unit.n == 0)
        factor = 1;
    for (size_t i = 0; factor == 0 && i < sizeof(units) / sizeof(units[0]); i++)
        if (units[i].type == type && str_eq_case(unit, str_of(units[i].unit)))
            factor = units[i].factor;
    if (factor == 0 || (factor == 1 && type != SET_SIZE && type != SET_DURATION && unit.n > 0))
        return false;
    *is_huge = !str_to_u64(digits, value) || __builtin_mul_overflow(*value, factor, value);
    return !*is_huge;
}

bool value_parse_duration(struct str text, uint64_t *ms)
{
    bool is_huge;

    return parse_number(SET_DURATION, text, ms, &is_huge);
}

static bool read_number(struct value_reader *r, const struct setting *row,
                        const struct yaml_item *item, uint64_t *value)
{
    struct str text = item->value->text;
    struct buf takes = { 0 };
    bool is_huge;

    if (value_is_none(row, text)) {
        *value = 0;
        return true;
    }
    if (!parse_number(row->type, text, value, &is_huge) && !is_huge) {
        value_refuse(r, row, item);
        return false;
    }
    if (!is_huge && *value >= row->min && *value <= row->max)
        return true;
    setting_describe(row, &takes);
    fail(r, item->value, "\"%s\": %s is too %s; it takes %s", row->name, utf8_short(text).text,
         is_huge || *value > row->max ? "large" : "small", buf_cstr(&takes));
    buf_fini(&takes);
    return false;
}

static void read_bool(struct value_reader *r, const struct setting *row,
                      const struct yaml_item *item, bool *field)
{
    struct str text = item->value->text;
    bool is_switch = row->type == SET_SWITCH;

    if (is_switch ? is_word(text, row->words[1]) : is_on(text))
        *field = true;
    else if (is_switch ? is_word(text, row->words[0]) : is_any_word(text, off_words, 3))
        *field = false;
    else
        value_refuse(r, row, item);
}

static void read_log_level(struct value_reader *r, const struct setting *row,
                           const struct yaml_item *item, enum log_level *field)
{
    for (unsigned i = 0; log_level_names[i] != NULL; i++) {
        if (is_word(item->value->text, log_level_names[i])) {
            *field = (enum log_level)i;
            return;
        }
    }
    value_refuse(r, row, item);
}

/* "0660" or "660": always octal. */
static void read_mode(struct value_reader *r, const struct setting *row,
                      const struct yaml_item *item, unsigned *field)
{
    struct str text = item->value->text;
    unsigned mode = 0;

    if (text.n == 4 && text.p[0] == '0')
        text = str_range(text.p + 1, text.p + text.n);
    if (text.n != 3) {
        value_refuse(r, row, item);
        return;
    }
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '7') {
            value_refuse(r, row, item);
            return;
        }
        mode = mode * 8 + (unsigned)(text.p[i] - '0');
    }
    *field = mode;
}

static unsigned usable_cpus(void)
{
    cpu_set_t set;
    int count;

    if (sched_getaffinity(0, sizeof(set), &set) < 0)
        return 1;
    count = CPU_COUNT(&set);
    return count < 1 ? 1 : count > CONFIG_WORKERS_MAX ? CONFIG_WORKERS_MAX : (unsigned)count;
}

static void read_unsigned(struct value_reader *r, const struct setting *row,
                          const struct yaml_item *item, unsigned *field)
{
    uint64_t value;

    if (row->type == SET_WORKERS && is_word(item->value->text, "auto"))
        *field = usable_cpus();
    else if (read_number(r, row, item, &value))
        *field = (unsigned)value;
}

/* RFC 9110, 5.6.2. */
static bool is_token(struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = ascii_lower(text.p[i]);

        if (!ascii_is_digit(c) && !(c >= 'a' && c <= 'z') &&
            (c == '\0' || strchr("!#$%&'*+-.^_`|~", c) == NULL))
            return false;
    }
    return text.n > 0;
}

bool value_is_media_type(struct str text)
{
    struct str type = str_cut(&text, '/'), subtype;

    if (text.p == NULL)
        return false;
    subtype = str_trim(str_cut(&text, ';'));
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] < ' ' || text.p[i] > '~')
            return false;
    return is_token(type) && is_token(subtype);
}

/* A name or an id; `user: off` is somebody who looks for a way to set none. */
static bool is_account(struct str text)
{
    if (is_on(text) || is_any_word(text, off_words, 3))
        return false;
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] <= ' ' || text.p[i] == ':' || text.p[i] == '/')
            return false;
    return true;
}

static void read_text(struct value_reader *r, const struct setting *row,
                      const struct yaml_item *item, char **field)
{
    struct str text = item->value->text;

    if (value_is_none(row, text))
        text.n = 0;
    else if (row->type == SET_MEDIA_TYPE ? !value_is_media_type(text)
             : row->type == SET_CHARSET  ? !is_token(text)
             : row->type == SET_REALM    ? text.n > 128
                                         : !is_account(text)) {
        value_refuse(r, row, item);
        return;
    }
    field_set_text(field, str_dup(text));
}

char *value_absolute_path(const char *folder, struct str path)
{
    struct buf whole = { 0 }, clean = { 0 };
    struct str rest, segment;

    if (path.n == 0 || path.p[0] != '/')
        buf_printf(&whole, "%s/", folder);
    buf_add(&whole, path);
    for (rest = buf_str(&whole); rest.p != NULL;) {
        segment = str_cut(&rest, '/');
        if (segment.n == 0 || str_eq(segment, STR(".")))
            continue; /* ".." stays: behind a symbolic link it is not the folder before */
        buf_add_char(&clean, '/');
        buf_add(&clean, segment);
    }
    if (clean.n == 0)
        buf_add_char(&clean, '/');
    buf_fini(&whole);
    return buf_take(&clean);
}

char *value_read_path(struct value_reader *r, const struct setting *row,
                      const struct yaml_item *item)
{
    size_t max =
        row->type == SET_SOCKET_PATH ? sizeof(((struct sockaddr_un *)0)->sun_path) : PATH_MAX;
    struct str text = item->value->text;
    char *path;

    /* A file of such a name is a slip of the pen; ./off names it if it is meant. */
    if (is_on(text) || is_any_word(text, off_words, 3)) {
        value_refuse(r, row, item);
        return NULL;
    }
    path = value_absolute_path(r->folder, text);
    if (strlen(path) < max)
        return path;
    fail(r, item->value, "\"%s\": the path has %zu bytes; at most %zu are possible", row->name,
         strlen(path), max - 1);
    free(path);
    return NULL;
}

static void read_path_field(struct value_reader *r, const struct setting *row,
                            const struct yaml_item *item, char **field)
{
    char *path = NULL;

    if (!value_is_none(row, item->value->text)) {
        path = value_read_path(r, row, item);
        if (path == NULL)
            return;
    }
    field_set_text(field, path);
}

/* The items of a list, or the scalar itself as a list of one. */
static struct yaml_item first_item(const struct yaml_item *item)
{
    if (item->value->kind == YAML_LIST)
        return *item->value->items;
    return (struct yaml_item){ .value = item->value };
}

/* Each item of a list must be a scalar with something in it. */
static bool is_good_item(struct value_reader *r, const struct setting *row,
                         const struct yaml_node *value)
{
    struct yaml_item item = { .key = (struct yaml_node *)value,
                              .value = (struct yaml_node *)value };

    if (value->kind == YAML_SCALAR && !value->is_null && value->text.n > 0)
        return true;
    value_refuse(r, row, &item);
    return false;
}

static void read_index(struct value_reader *r, const struct setting *row,
                       const struct yaml_item *item, struct scope *scope)
{
    struct yaml_item first = first_item(item);

    field_fini(row, scope);
    if (item->value->kind == YAML_SCALAR && value_is_none(row, item->value->text))
        return;
    for (const struct yaml_item *at = &first; at != NULL; at = at->next) {
        if (!is_good_item(r, row, at->value))
            continue;
        if (memchr(at->value->text.p, '/', at->value->text.n) != NULL)
            fail(r, at->value,
                 "\"index\" takes the names of files in the folder itself, without "
                 "\"/\", as in index.html");
        else if (scope->index_count == INDEX_MAX)
            fail(r, at->value, "\"index\" takes at most %d names", INDEX_MAX);
        else
            field_add_index(scope, at->value->text);
    }
}

const char *value_check_url_path(struct str path)
{
    static const char dots[] = "it has no empty, \".\" or \"..\" segments, as in /images/large";
    struct str rest;

    if (path.n == 0 || path.p[0] != '/')
        return "it starts with \"/\", as in /images";
    if (memchr(path.p, '?', path.n) != NULL || memchr(path.p, '#', path.n) != NULL)
        return "it is a path alone, without \"?\" and \"#\", as in /images";
    rest = str_range(path.p + 1, path.p + path.n);
    while (rest.p != NULL) {
        struct str segment = str_cut(&rest, '/');

        if (segment.n == 0 && rest.p != NULL)
            return dots;
        if (str_eq(segment, STR(".")) || str_eq(segment, STR("..")))
            return dots;
    }
    return NULL;
}

static void read_error_pages(struct value_reader *r, const struct setting *row,
                             const struct yaml_item *item, struct scope *scope)
{
    for (const struct yaml_item *at = item->value->items; at != NULL; at = at->next) {
        uint64_t status;
        const char *why;

        if (at->key->text.n != 3 || !str_to_u64(at->key->text, &status) || status < STATUS_MIN ||
            status > STATUS_MAX) {
            fail(r, at->key, "\"error_pages\" is by status, from %d to %d, as in 404: /404.html",
                 STATUS_MIN, STATUS_MAX);
            continue;
        }
        if (at->value->kind == YAML_BROKEN)
            continue;
        if (at->value->kind != YAML_SCALAR || at->value->is_null) {
            fail(r, at->value->is_null ? at->key : at->value,
                 "the error page of %u takes one path, as in /%u.html", (unsigned)status,
                 (unsigned)status);
            continue;
        }
        why = value_check_url_path(at->value->text);
        if (why != NULL)
            fail(r, at->value, "the error page of %u cannot be \"%s\": %s", (unsigned)status,
                 utf8_short(at->value->text).text, why);
        else
            field_put_error_page(scope, (unsigned)status, at->value->text);
    }
}

/* False: refused, and that was said. */
static bool add_listen(struct value_reader *r, const struct yaml_node *node,
                       const struct address *address, bool is_wildcard_ipv6,
                       bool has_proxy_protocol)
{
    struct config *config = r->config;
    char text[ADDRESS_TEXT_MAX];

    for (size_t i = 0; i < config->listen_count; i++) {
        if (!address_eq(&config->listens[i].address, address))
            continue;
        address_format(address, text);
        fail(r, node, "\"listen\" has the address %s twice; the first is in line %u", text,
             config->listens[i].line);
        return false;
    }
    if (config->listen_count == LISTENS_MAX) {
        fail(r, node, "\"listen\" takes at most %d addresses", LISTENS_MAX);
        return false;
    }
    config->listens =
        xrealloc(config->listens, (config->listen_count + 1) * sizeof(*config->listens));
    config->listens[config->listen_count++] = (struct listen){
        .address = *address,
        .is_wildcard_ipv6 = is_wildcard_ipv6,
        .has_proxy_protocol = has_proxy_protocol,
        .line = r->is_default ? 0 : node->mark.line,
    };
    return true;
}

/* {address: 8080, proxy_protocol: on}; NULL: refused, and that was said. */
static const struct yaml_node *read_listener(struct value_reader *r, const struct yaml_node *map,
                                             bool *has_proxy_protocol)
{
    const struct yaml_item *address = yaml_map_find(map, "address");

    for (const struct yaml_item *at = map->items; at != NULL; at = at->next) {
        bool is_switch = str_eq(at->key->text, STR("proxy_protocol"));

        if (at == address || at->value->kind == YAML_BROKEN)
            continue;
        if (!is_switch)
            fail(r, at->key,
                 "unknown setting \"%s\" of a listener; it has \"address\" and "
                 "\"proxy_protocol\"",
                 utf8_short(at->key->text).text);
        else if (at->value->kind == YAML_SCALAR && !at->value->is_null && is_on(at->value->text))
            *has_proxy_protocol = true;
        else if (at->value->kind != YAML_SCALAR || !is_any_word(at->value->text, off_words, 3))
            fail(r, at->value, "\"proxy_protocol\" takes on or off");
    }
    if (address == NULL)
        fail(r, map, "a listener needs \"address\", as in {address: 8080, proxy_protocol: on}");
    return address != NULL ? address->value : NULL;
}

static void read_listen(struct value_reader *r, const struct setting *row,
                        const struct yaml_item *item)
{
    struct yaml_item first = first_item(item);

    field_fini(row, r->config);
    for (const struct yaml_item *at = &first; at != NULL; at = at->next) {
        const struct yaml_node *value = at->value;
        bool has_proxy_protocol = false;
        struct address addresses[2];
        struct str text;
        const char *why;
        int count;

        if (value->kind == YAML_MAP)
            value = read_listener(r, value, &has_proxy_protocol);
        if (value == NULL || !is_good_item(r, row, value))
            continue;
        text = value->text;
        count = address_parse(text, addresses, &why);
        if (count == 0)
            fail(r, value, "\"listen\" cannot be \"%s\": %s", utf8_short(text).text, why);
        for (int i = 0; i < count; i++)
            if (!add_listen(r, value, &addresses[i], i == 1 && !str_starts(text, STR("localhost")),
                            has_proxy_protocol))
                break;
    }
}

/* Lists only where they are taken, and with something in them; scalars with something in them. */
static bool has_right_shape(struct value_reader *r, const struct setting *row,
                            const struct yaml_item *item)
{
    const struct yaml_node *value = item->value;
    bool takes_list = row->type == SET_LISTEN || row->type == SET_INDEX;

    if (row->type == SET_LISTEN && value->kind == YAML_MAP)
        return true;
    if (row->type == SET_ERROR_PAGES ? value->kind == YAML_MAP
        : value->kind == YAML_LIST
            ? takes_list && value->count > 0
            : value->kind == YAML_SCALAR && !value->is_null && value->text.n > 0)
        return true;
    if (value->kind == YAML_LIST && takes_list)
        fail(r, value, "\"%s\" is an empty list%s", row->name,
             row->none != NULL ? "; write \"off\" for none" : "; it needs at least one item");
    else
        value_refuse(r, row, item);
    return false;
}

/* Types whose readers judge the shape of the value themselves. */
static bool reads_own_shape(enum setting_type type)
{
    return type == SET_WORDS || type == SET_TEXT || type == SET_REWRITES || type == SET_PAIRS ||
           type == SET_FIELDS || type == SET_REDIRECT || type == SET_RESPOND ||
           type == SET_ACCESS_LOG || choice_has_type(type);
}

void value_read(struct value_reader *r, const struct setting *row, const struct yaml_item *item,
                void *base)
{
    uint64_t number;

    if (access_has_type(row->type)) {
        access_value_read(r, row, item, base);
        return;
    }
    if (!reads_own_shape(row->type) && !has_right_shape(r, row, item))
        return;
    switch (row->type) {
    case SET_BOOL:
    case SET_SWITCH:
        read_bool(r, row, item, FIELD(base, row, bool));
        break;
    case SET_WORD:
    case SET_ENCODINGS:
        choice_value_read(r, row, item, FIELD(base, row, unsigned));
        break;
    case SET_LOG_LEVEL:
        read_log_level(r, row, item, FIELD(base, row, enum log_level));
        break;
    case SET_WORKERS:
    case SET_UNSIGNED:
        read_unsigned(r, row, item, FIELD(base, row, unsigned));
        break;
    case SET_MODE:
        read_mode(r, row, item, FIELD(base, row, unsigned));
        break;
    case SET_COUNT:
    case SET_SIZE:
    case SET_DURATION:
        if (read_number(r, row, item, &number))
            *FIELD(base, row, uint64_t) = number;
        break;
    case SET_ACCOUNT:
    case SET_MEDIA_TYPE:
    case SET_CHARSET:
    case SET_REALM:
        read_text(r, row, item, FIELD(base, row, char *));
        break;
    case SET_PATH:
    case SET_SOCKET_PATH:
        read_path_field(r, row, item, FIELD(base, row, char *));
        break;
    case SET_ACCESS_LOG:
        access_log_read(r, row, item, FIELD(base, row, int));
        break;
    case SET_INDEX:
        read_index(r, row, item, base);
        break;
    case SET_ERROR_PAGES:
        read_error_pages(r, row, item, base);
        break;
    case SET_WORDS:
        words_read(r, row, item, FIELD(base, row, struct words));
        break;
    case SET_PAIRS:
        pairs_read(r, row, item, FIELD(base, row, struct pairs));
        break;
    case SET_FIELDS:
        fields_read(r, row, item, FIELD(base, row, struct pairs));
        break;
    case SET_TEXT:
        text_read(r, row, item, FIELD(base, row, char *));
        break;
    case SET_REWRITES:
        rewrites_read(r, row, item, FIELD(base, row, struct pairs));
        break;
    case SET_REDIRECT:
        redirect_read(r, row, item, FIELD(base, row, struct redirect));
        break;
    case SET_RESPOND:
        respond_read(r, row, item, FIELD(base, row, struct respond));
        break;
    case SET_LISTEN:
        read_listen(r, row, item);
        break;
    case SET_ACCESS:
    case SET_METHODS:
    case SET_NETWORKS:
    case SET_REAL_IP:
    case SET_LIMIT_REQ:
    case SET_GROUP:
    case SET_STRUCTURE:
        break;
    }
}
