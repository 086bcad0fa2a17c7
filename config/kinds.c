#include "config/kinds.h"

#include <stdlib.h>

#include "common/regex.h"
#include "config/fields.h"
#include "config/shapes.h"
#include "config/template.h"
#include "common/utf8.h"

#define FAIL(r, node, ...)                                                                    \
    config_error_add((r)->errors, (node)->mark.line, (node)->mark.column, (node)->mark.width, \
                     __VA_ARGS__)

enum { RESPOND_BODY_MAX = 65536 };

static bool is_text(const struct yaml_node *node)
{
    return node->kind == YAML_SCALAR && !node->is_null;
}

/* Keys that the map has beside these; false: there are none. */
static bool refuse_others(struct value_reader *r, const struct setting *row,
                          const struct yaml_node *map, const char *const *names)
{
    bool is_refused = false;

    for (const struct yaml_item *at = map->items; at != NULL; at = at->next) {
        bool is_known = false;

        for (size_t i = 0; names[i] != NULL; i++)
            is_known |= str_eq(at->key->text, str_of(names[i]));
        if (is_known && is_text(at->value))
            continue;
        is_refused = true;
        if (is_known)
            FAIL(r, at->key, "\"%s\" takes one text or number here",
                 utf8_short(at->key->text).text);
        else
            FAIL(r, at->key, "\"%s\" has no setting \"%s\"; it is written as in %s", row->name,
                 utf8_short(at->key->text).text, row->example);
    }
    return is_refused;
}

void redirect_read(struct value_reader *r, const struct setting *row, const struct yaml_item *item,
                   struct redirect *redirect)
{
    static const char *const names[] = { "to", "status", NULL };
    const struct yaml_node *to = item->value;
    uint64_t status = 302;
    const char *why;

    if (item->value->kind == YAML_MAP) {
        const struct yaml_item *key = yaml_map_find(item->value, "status");

        if (refuse_others(r, row, item->value, names))
            return;
        if (key != NULL && (!str_to_u64(key->value->text, &status) ||
                            !(status >= 301 && status <= 308 && status != 304 && status != 305 &&
                              status != 306))) {
            FAIL(r, key->value, "a redirect's status is 301, 302, 303, 307 or 308, not \"%s\"",
                 utf8_short(key->value->text).text);
            return;
        }
        key = yaml_map_find(item->value, "to");
        if (key == NULL) {
            FAIL(r, item->value, "\"redirect\" needs \"to\", as in %s", row->example);
            return;
        }
        to = key->value;
    }
    if (!is_text(to) || to->text.n == 0) {
        value_refuse(r, row, item);
        return;
    }
    why = template_check_target(to->text);
    if (why != NULL) {
        FAIL(r, to, "\"redirect\" cannot lead to \"%s\": %s", utf8_short(to->text).text, why);
        return;
    }
    field_set_text(&redirect->to, str_dup(to->text));
    redirect->status = (unsigned)status;
}

void redirect_write(const struct redirect *redirect, struct buf *out)
{
    buf_add(out, STR(" {to: "));
    field_write_text(str_of(redirect->to), out);
    buf_printf(out, ", status: %u}", redirect->status);
}

/* NULL: a fixed response can have it. */
static const char *check_status(uint64_t status)
{
    if (status < 200 || status > 599)
        return "it is from 200 to 599";
    if (status >= 300 && status < 400)
        return "\"redirect\" makes these, with the target that they need";
    switch (status) {
    case 206:
    case 416:
        return "it answers a request for a part of something";
    case 401:
    case 405:
    case 407:
    case 426:
        return "it needs a field of its own, which a fixed response does not have (RFC 9110, 15.5)";
    default:
        return NULL;
    }
}

static bool read_status(struct value_reader *r, const struct yaml_node *node, unsigned *status)
{
    const char *why = "it is a status, as in 204";
    uint64_t number;

    if (is_text(node) && str_to_u64(node->text, &number))
        why = check_status(number);
    if (why != NULL) {
        FAIL(r, node, "\"respond\" cannot have the status \"%s\": %s",
             node->kind == YAML_SCALAR ? utf8_short(node->text).text : "", why);
        return false;
    }
    *status = (unsigned)number;
    return true;
}

void respond_read(struct value_reader *r, const struct setting *row, const struct yaml_item *item,
                  struct respond *respond)
{
    static const char *const names[] = { "status", "body", "type", NULL };
    const struct yaml_item *body = NULL, *type = NULL, *key;
    unsigned status = 200;

    if (item->value->kind == YAML_MAP) {
        if (refuse_others(r, row, item->value, names))
            return;
        key = yaml_map_find(item->value, "status");
        body = yaml_map_find(item->value, "body");
        type = yaml_map_find(item->value, "type");
        if (key != NULL && !read_status(r, key->value, &status))
            return;
    } else if (item->value->kind != YAML_SCALAR || item->value->is_null) {
        value_refuse(r, row, item);
        return;
    } else if (!read_status(r, item->value, &status)) {
        return;
    }
    if (body != NULL && (status == 204 || status == 205)) {
        FAIL(r, body->key, "a response with the status %u has no body (RFC 9110, 15.3)", status);
        return;
    }
    if (body != NULL && body->value->text.n > RESPOND_BODY_MAX) {
        FAIL(r, body->value, "a body in the config has at most %d bytes; a file may have more",
             RESPOND_BODY_MAX);
        return;
    }
    if (type != NULL && !value_is_media_type(type->value->text)) {
        FAIL(r, type->value, "\"type\" takes a media type, as in text/plain");
        return;
    }
    respond->status = status;
    field_set_text(&respond->body, body != NULL ? str_dup(body->value->text) : NULL);
    field_set_text(&respond->type,
                   str_dup(type != NULL ? type->value->text : STR("text/plain; charset=utf-8")));
}

void respond_write(const struct respond *respond, struct buf *out)
{
    buf_printf(out, " {status: %u", respond->status);
    if (respond->body != NULL) {
        buf_add(out, STR(", body: "));
        field_write_text(str_of(respond->body), out);
    }
    buf_add(out, STR(", type: "));
    field_write_text(str_of(respond->type), out);
    buf_add_char(out, '}');
}

int regex_check(struct value_reader *r, const struct yaml_node *node)
{
    char *why;
    size_t at;
    int groups;
    struct regex *regex = regex_new(node->text, &why, &at);

    if (regex == NULL) {
        FAIL(r, node, "the expression \"%s\" cannot be: %s, at its byte %zu",
             utf8_short(node->text).text, why, at + 1);
        free(why);
        return -1;
    }
    groups = (int)regex_group_count(regex);
    regex_free(&regex);
    return groups;
}

static void read_rule(struct value_reader *r, const struct setting *row,
                      const struct yaml_node *node, struct pairs *rewrites)
{
    static const char *const names[] = { "match", "to", NULL };
    const struct yaml_item *match, *to;
    const char *why;
    int groups;
    unsigned wanted;

    if (node->kind == YAML_BROKEN)
        return;
    if (node->kind != YAML_MAP || yaml_map_find(node, "match") == NULL ||
        yaml_map_find(node, "to") == NULL) {
        FAIL(r, node, "a rule has \"match\" and \"to\", as in %s", row->example);
        return;
    }
    if (refuse_others(r, row, node, names))
        return;
    match = yaml_map_find(node, "match");
    to = yaml_map_find(node, "to");
    why = template_check_path(to->value->text);
    if (why != NULL) {
        FAIL(r, to->value, "\"rewrite\" cannot lead to \"%s\": %s",
             utf8_short(to->value->text).text, why);
        return;
    }
    groups = regex_check(r, match->value);
    if (groups < 0)
        return;
    wanted = template_group_max(to->value->text);
    if (wanted > (unsigned)groups)
        FAIL(r, to->value,
             "\"rewrite\" cannot lead to \"%s\": there is no $%u, \"match\" has %d %s",
             utf8_short(to->value->text).text, wanted, groups, groups == 1 ? "group" : "groups");
    else
        pairs_add(rewrites, match->value->text, to->value->text);
}

void rewrites_read(struct value_reader *r, const struct setting *row, const struct yaml_item *item,
                   struct pairs *rewrites)
{
    if (item->value->kind != YAML_LIST) {
        value_refuse(r, row, item);
        return;
    }
    pairs_fini(rewrites);
    for (const struct yaml_item *at = item->value->items; at != NULL; at = at->next)
        read_rule(r, row, at->value, rewrites);
}

void rewrites_write(const struct pairs *rewrites, unsigned indent, struct buf *out)
{
    for (size_t i = 0; i < rewrites->count; i++) {
        buf_printf(out, "\n%*s  - {match: ", (int)indent, "");
        field_write_text(str_of(rewrites->list[i].name), out);
        buf_add(out, STR(", to: "));
        field_write_text(str_of(rewrites->list[i].value), out);
        buf_add_char(out, '}');
    }
}
