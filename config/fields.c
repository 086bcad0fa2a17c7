#include "config/fields.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/xmalloc.h"
#include "config/kinds.h"
#include "config/shapes.h"
#include "config/access.h"
#include "config/choices.h"

#define FIELD(base, row, type) ((type *)(void *)((char *)(base) + (row)->offset))
#define CONST_FIELD(base, row, type) \
    (*(const type *)(const void *)((const char *)(base) + (row)->offset))

void field_set_text(char **field, char *text)
{
    free(*field);
    *field = text;
}

static void free_index(struct scope *scope)
{
    for (size_t i = 0; i < scope->index_count; i++)
        free(scope->index[i]);
    free(scope->index);
    scope->index = NULL;
    scope->index_count = 0;
}

void field_add_index(struct scope *scope, struct str name)
{
    scope->index = xrealloc(scope->index, (scope->index_count + 1) * sizeof(char *));
    scope->index[scope->index_count++] = str_dup(name);
}

static void free_error_pages(struct scope *scope)
{
    for (size_t i = 0; i < scope->error_page_count; i++)
        free(scope->error_pages[i].path);
    free(scope->error_pages);
    scope->error_pages = NULL;
    scope->error_page_count = 0;
}

/* In the order of status; replaces what a parent set. */
void field_put_error_page(struct scope *scope, unsigned status, struct str path)
{
    struct error_page *pages = scope->error_pages;
    size_t at = 0;

    while (at < scope->error_page_count && pages[at].status < status)
        at++;
    if (at < scope->error_page_count && pages[at].status == status) {
        field_set_text(&pages[at].path, str_dup(path));
        return;
    }
    pages = xrealloc(pages, (scope->error_page_count + 1) * sizeof(*pages));
    memmove(&pages[at + 1], &pages[at], (scope->error_page_count - at) * sizeof(*pages));
    pages[at] = (struct error_page){ status, str_dup(path) };
    scope->error_pages = pages;
    scope->error_page_count++;
}

static void free_listens(struct config *config)
{
    free(config->listens);
    config->listens = NULL;
    config->listen_count = 0;
}

/* Bytes of a field that owns nothing; 0: it is a string or a list. */
static size_t plain_size(enum setting_type type)
{
    switch (type) {
    case SET_BOOL:
    case SET_SWITCH:
        return sizeof(bool);
    case SET_LOG_LEVEL:
        return sizeof(enum log_level);
    case SET_WORKERS:
    case SET_UNSIGNED:
    case SET_MODE:
    case SET_WORD:
    case SET_ENCODINGS:
        return sizeof(unsigned);
    case SET_COUNT:
    case SET_SIZE:
    case SET_DURATION:
        return sizeof(uint64_t);
    case SET_ACCESS_LOG:
        return sizeof(int);
    default:
        return 0;
    }
}

static bool is_string(enum setting_type type)
{
    return type == SET_ACCOUNT || type == SET_MEDIA_TYPE || type == SET_CHARSET ||
           type == SET_PATH || type == SET_TEXT || type == SET_SOCKET_PATH || type == SET_REALM;
}

static bool is_same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool is_same_words(const struct words *a, const struct words *b)
{
    for (size_t i = 0; i < a->count && i < b->count; i++)
        if (strcmp(a->list[i], b->list[i]) != 0)
            return false;
    return a->count == b->count;
}

bool field_is_surely_same(const struct setting *row, const void *a, const void *b)
{
    size_t size = plain_size(row->type);

    switch (row->type) {
    case SET_ACCESS_LOG: /* a number that means another file in each config */
        return false;
    case SET_WORDS:
        return is_same_words(&CONST_FIELD(a, row, struct words),
                             &CONST_FIELD(b, row, struct words));
    case SET_PAIRS:
    case SET_FIELDS:
    case SET_REWRITES:
        return CONST_FIELD(a, row, struct pairs).count == 0 &&
               CONST_FIELD(b, row, struct pairs).count == 0;
    case SET_GROUP:
    case SET_STRUCTURE:
        return true;
    default:
        if (is_string(row->type))
            return is_same_text(CONST_FIELD(a, row, char *), CONST_FIELD(b, row, char *));
        return size > 0 &&
               memcmp(&CONST_FIELD(a, row, char), &CONST_FIELD(b, row, char), size) == 0;
    }
}

void field_copy(const struct setting *row, const void *from, void *to)
{
    if (access_has_type(row->type))
        access_field_copy(row, from, to);
    if (plain_size(row->type) > 0)
        memcpy(FIELD(to, row, char), &CONST_FIELD(from, row, char), plain_size(row->type));
    if (is_string(row->type)) {
        const char *text = CONST_FIELD(from, row, char *);

        *FIELD(to, row, char *) = text != NULL ? xstrdup(text) : NULL;
    }
    if (row->type == SET_WORDS) {
        const struct words *words = &CONST_FIELD(from, row, struct words);

        for (size_t i = 0; i < words->count; i++)
            words_add(FIELD(to, row, struct words), str_of(words->list[i]));
    }
    if (row->type == SET_PAIRS) {
        const struct pairs *pairs = &CONST_FIELD(from, row, struct pairs);

        for (size_t i = 0; i < pairs->count; i++)
            pairs_put(FIELD(to, row, struct pairs), str_of(pairs->list[i].name),
                      str_of(pairs->list[i].value));
    }
    if (row->type == SET_REWRITES || row->type == SET_FIELDS) {
        const struct pairs *rules = &CONST_FIELD(from, row, struct pairs);

        for (size_t i = 0; i < rules->count; i++)
            pairs_add(FIELD(to, row, struct pairs), str_of(rules->list[i].name),
                      str_of(rules->list[i].value));
    }
    if (row->type == SET_REDIRECT) {
        struct redirect *redirect = FIELD(to, row, struct redirect);

        *redirect = CONST_FIELD(from, row, struct redirect);
        redirect->to = redirect->to != NULL ? xstrdup(redirect->to) : NULL;
    }
    if (row->type == SET_RESPOND) {
        struct respond *respond = FIELD(to, row, struct respond);

        *respond = CONST_FIELD(from, row, struct respond);
        respond->body = respond->body != NULL ? xstrdup(respond->body) : NULL;
        respond->type = respond->type != NULL ? xstrdup(respond->type) : NULL;
    }
    if (row->type == SET_INDEX) {
        const struct scope *scope = from;

        for (size_t i = 0; i < scope->index_count; i++)
            field_add_index(to, str_of(scope->index[i]));
    }
    if (row->type == SET_ERROR_PAGES) {
        const struct scope *scope = from;

        for (size_t i = 0; i < scope->error_page_count; i++)
            field_put_error_page(to, scope->error_pages[i].status,
                                 str_of(scope->error_pages[i].path));
    }
}

void field_fini(const struct setting *row, void *base)
{
    if (is_string(row->type))
        field_set_text(FIELD(base, row, char *), NULL);
    else if (row->type == SET_INDEX)
        free_index(base);
    else if (row->type == SET_ERROR_PAGES)
        free_error_pages(base);
    else if (row->type == SET_WORDS)
        words_fini(FIELD(base, row, struct words));
    else if (row->type == SET_PAIRS || row->type == SET_FIELDS || row->type == SET_REWRITES)
        pairs_fini(FIELD(base, row, struct pairs));
    else if (row->type == SET_REDIRECT)
        field_set_text(&FIELD(base, row, struct redirect)->to, NULL);
    else if (row->type == SET_RESPOND) {
        field_set_text(&FIELD(base, row, struct respond)->body, NULL);
        field_set_text(&FIELD(base, row, struct respond)->type, NULL);
    } else if (row->type == SET_LISTEN)
        free_listens(base);
    else if (access_has_type(row->type))
        access_field_fini(row, base);
}

void field_write_text(struct str text, struct buf *out)
{
    bool is_plain = text.n > 0;

    /* Words, numbers and paths stand as they are; all else is quoted, which is never wrong. */
    for (size_t i = 0; i < text.n; i++) {
        char c = ascii_lower(text.p[i]);

        is_plain = is_plain && ((c >= 'a' && c <= 'z') || ascii_is_digit(c) || c == '/' ||
                                (i > 0 && (c == '.' || c == '-' || c == '_')));
    }
    if (is_plain && !str_eq_case(text, STR("null"))) {
        buf_add(out, text);
        return;
    }
    buf_add_char(out, '\'');
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '\'')
            buf_add_char(out, '\'');
        buf_add_char(out, text.p[i]);
    }
    buf_add_char(out, '\'');
}

/* "8080" became two addresses that follow each other; it is written as one. */
static bool is_pair(const struct config *config, size_t i)
{
    return i + 1 < config->listen_count && config->listens[i + 1].is_wildcard_ipv6;
}

static void write_listens(const struct config *config, unsigned indent, struct buf *out)
{
    char text[ADDRESS_TEXT_MAX];

    for (size_t i = 0; i < config->listen_count; i++) {
        bool has_proxy = config->listens[i].has_proxy_protocol;

        if (is_pair(config, i)) {
            snprintf(text, sizeof(text), "*:%u", address_port(&config->listens[i].address));
            i++;
        } else {
            address_format(&config->listens[i].address, text);
        }
        buf_printf(out, "\n%*s  - %s", (int)indent, "", has_proxy ? "{address: " : "");
        field_write_text(str_of(text), out);
        buf_add(out, str_of(has_proxy ? ", proxy_protocol: on}" : ""));
    }
}

static void write_index(const struct setting *row, const struct scope *scope, struct buf *out)
{
    if (scope->index_count == 0) {
        buf_printf(out, " %s", row->none);
        return;
    }
    buf_add(out, STR(" ["));
    for (size_t i = 0; i < scope->index_count; i++) {
        buf_add(out, str_of(i > 0 ? ", " : ""));
        field_write_text(str_of(scope->index[i]), out);
    }
    buf_add_char(out, ']');
}

static void write_error_pages(const struct scope *scope, unsigned indent, struct buf *out)
{
    for (size_t i = 0; i < scope->error_page_count; i++) {
        buf_printf(out, "\n%*s  %u: ", (int)indent, "", scope->error_pages[i].status);
        field_write_text(str_of(scope->error_pages[i].path), out);
    }
}

/* The word for nothing, quoted text otherwise; a text that looks like the word is a path ./word. */
static void write_text_or_none(const struct setting *row, const char *text, struct buf *out)
{
    buf_add_char(out, ' ');
    if (text == NULL || text[0] == '\0')
        buf_add(out, str_of(row->none));
    else
        field_write_text(str_of(text), out);
}

static void write_number(const struct setting *row, uint64_t value, struct buf *out)
{
    buf_add_char(out, ' ');
    if (value == 0 && row->none != NULL)
        buf_add(out, str_of(row->none));
    else
        setting_format_number(row->type, value, out);
}

bool field_is_set(const struct setting *row, const void *base)
{
    const struct scope *scope = base;

    switch (row->type) {
    case SET_ACCOUNT:
        return CONST_FIELD(base, row, char *) != NULL;
    case SET_PATH:
    case SET_TEXT:
    case SET_SOCKET_PATH:
        return row->none != NULL || CONST_FIELD(base, row, char *) != NULL;
    case SET_ERROR_PAGES:
        return scope->error_page_count > 0;
    case SET_BOOL: /* of a route alone: off where it is not set */
        return row->scopes != SCOPE_ROUTE || CONST_FIELD(base, row, bool);
    case SET_WORDS:
        return row->none != NULL || CONST_FIELD(base, row, struct words).count > 0;
    case SET_PAIRS:
    case SET_FIELDS:
    case SET_REWRITES:
        return CONST_FIELD(base, row, struct pairs).count > 0;
    case SET_REDIRECT:
        return CONST_FIELD(base, row, struct redirect).to != NULL;
    case SET_RESPOND:
        return CONST_FIELD(base, row, struct respond).status != 0;
    case SET_STRUCTURE:
        return false;
    default:
        return true;
    }
}

void field_write(const struct setting *row, const struct config *config, const void *base,
                 unsigned indent, struct buf *out)
{
    switch (row->type) {
    case SET_BOOL:
        buf_add(out, CONST_FIELD(base, row, bool) ? STR(" on") : STR(" off"));
        break;
    case SET_SWITCH:
        buf_printf(out, " %s", row->words[CONST_FIELD(base, row, bool)]);
        break;
    case SET_WORD:
    case SET_ENCODINGS:
        choice_field_write(row, CONST_FIELD(base, row, unsigned), out);
        break;
    case SET_LOG_LEVEL:
        buf_printf(out, " %s", log_level_names[CONST_FIELD(base, row, enum log_level)]);
        break;
    case SET_WORKERS:
    case SET_UNSIGNED:
        write_number(row, CONST_FIELD(base, row, unsigned), out);
        break;
    case SET_MODE:
        buf_printf(out, " %04o", CONST_FIELD(base, row, unsigned));
        break;
    case SET_COUNT:
    case SET_SIZE:
    case SET_DURATION:
        write_number(row, CONST_FIELD(base, row, uint64_t), out);
        break;
    case SET_ACCOUNT:
    case SET_MEDIA_TYPE:
    case SET_CHARSET:
    case SET_REALM:
    case SET_PATH:
    case SET_TEXT:
    case SET_SOCKET_PATH:
        write_text_or_none(row, CONST_FIELD(base, row, char *), out);
        break;
    case SET_ACCESS_LOG:
        buf_printf(out, " %s",
                   CONST_FIELD(base, row, int) == ACCESS_LOG_OFF
                       ? row->none
                       : config->access_logs[CONST_FIELD(base, row, int)].text);
        break;
    case SET_INDEX:
        write_index(row, base, out);
        break;
    case SET_ERROR_PAGES:
        write_error_pages(base, indent, out);
        break;
    case SET_WORDS:
        words_write(row, &CONST_FIELD(base, row, struct words), out);
        break;
    case SET_PAIRS:
        pairs_write(&CONST_FIELD(base, row, struct pairs), indent, out);
        break;
    case SET_FIELDS:
        fields_write(&CONST_FIELD(base, row, struct pairs), indent, out);
        break;
    case SET_REWRITES:
        rewrites_write(&CONST_FIELD(base, row, struct pairs), indent, out);
        break;
    case SET_REDIRECT:
        redirect_write(&CONST_FIELD(base, row, struct redirect), out);
        break;
    case SET_RESPOND:
        respond_write(&CONST_FIELD(base, row, struct respond), out);
        break;
    case SET_LISTEN:
        write_listens(config, indent, out);
        break;
    case SET_ACCESS:
    case SET_METHODS:
    case SET_NETWORKS:
    case SET_REAL_IP:
    case SET_LIMIT_REQ:
        access_field_write(row, base, out);
        break;
    case SET_GROUP:
    case SET_STRUCTURE:
        break;
    }
}
