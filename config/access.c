#include "config/access.h"

#include <stdlib.h>

#include "common/xmalloc.h"
#include "config/fields.h"
#include "common/utf8.h"

enum { RULES_MAX = 65536, METHODS_MAX = 32, METHOD_MAX = 32 /* bytes */ };
enum { RATE_MAX = 1000000, BURST_MAX = 100000 };

#define FIELD(base, row, type) ((type *)(void *)((char *)(base) + (row)->offset))
#define CONST_FIELD(base, row, type) \
    ((const type *)(const void *)((const char *)(base) + (row)->offset))

#define FAIL(r, node, ...)                                                                    \
    config_error_add((r)->errors, (node)->mark.line, (node)->mark.column, (node)->mark.width, \
                     __VA_ARGS__)

const char *const real_ip_header_names[REAL_IP_COUNT] = { "off", "X-Forwarded-For", "Forwarded",
                                                          "X-Real-IP" };

bool access_has_type(enum setting_type type)
{
    return type == SET_ACCESS || type == SET_METHODS || type == SET_NETWORKS ||
           type == SET_REAL_IP || type == SET_LIMIT_REQ;
}

/* ---- reading ---- */

static bool is_word(const struct yaml_node *node, const char *word)
{
    return node->kind == YAML_SCALAR && !node->is_null && str_eq_case(node->text, str_of(word));
}

static bool is_off(const struct yaml_node *node)
{
    return is_word(node, "off") || is_word(node, "false") || is_word(node, "no");
}

static bool is_text(const struct yaml_node *node)
{
    return node->kind == YAML_SCALAR && !node->is_null && node->text.n > 0;
}

/* Complains about one item of a list. */
static void refuse_item(struct value_reader *r, const struct setting *row, struct yaml_node *node)
{
    value_refuse(r, row, &(struct yaml_item){ .key = node, .value = node });
}

/* The items of a list, or the scalar itself as a list of one; false: refused, and that was said. */
static bool read_list(struct value_reader *r, const struct setting *row,
                      const struct yaml_item *item, struct yaml_item *first)
{
    struct yaml_node *value = item->value;

    if (value->kind == YAML_LIST && value->count == 0) {
        FAIL(r, value, "\"%s\" is an empty list; write \"off\" for none", row->name);
        return false;
    }
    if (value->kind != YAML_LIST && !is_text(value)) {
        value_refuse(r, row, item);
        return false;
    }
    *first = value->kind == YAML_LIST ? *value->items : (struct yaml_item){ .value = value };
    return true;
}

static bool read_network(struct value_reader *r, const struct setting *row,
                         const struct yaml_node *node, struct cidr *net)
{
    const char *why;

    if (cidr_parse(node->text, net, &why))
        return true;
    FAIL(r, node, "\"%s\" cannot have \"%s\": %s", row->name, utf8_short(node->text).text, why);
    return false;
}

static void add_rule(struct access_list *rules, bool is_allowed, const struct cidr *from)
{
    rules->list = xrealloc(rules->list, (rules->count + 1) * sizeof(*rules->list));
    rules->list[rules->count++] = (struct access_rule){ *from, is_allowed };
}

static void read_rule(struct value_reader *r, const struct setting *row, struct yaml_node *node,
                      struct access_list *rules)
{
    const struct yaml_item *rule = node->items;
    struct cidr from;

    if (node->kind != YAML_MAP || node->count != 1 || !is_text(rule->value) ||
        (!is_word(rule->key, "allow") && !is_word(rule->key, "deny"))) {
        if (node->kind != YAML_BROKEN)
            FAIL(r, node, "a rule of \"access\" is {allow: NETWORK} or {deny: NETWORK}, as in %s",
                 row->example);
        return;
    }
    if (rules->count == RULES_MAX)
        FAIL(r, node, "\"access\" takes at most %d rules", RULES_MAX);
    else if (read_network(r, row, rule->value, &from))
        add_rule(rules, is_word(rule->key, "allow"), &from);
}

static void read_rules(struct value_reader *r, const struct setting *row,
                       const struct yaml_item *item, struct access_list *rules)
{
    struct yaml_item first;

    access_field_fini(row, (char *)rules - row->offset);
    if (is_off(item->value))
        return;
    if (item->value->kind != YAML_LIST) {
        value_refuse(r, row, item);
        return;
    }
    if (!read_list(r, row, item, &first))
        return;
    for (const struct yaml_item *at = &first; at != NULL; at = at->next)
        read_rule(r, row, at->value, rules);
}

static void add_network(struct network_list *nets, const struct cidr *net)
{
    nets->list = xrealloc(nets->list, (nets->count + 1) * sizeof(*nets->list));
    nets->list[nets->count++] = *net;
}

static void read_networks(struct value_reader *r, const struct setting *row,
                          const struct yaml_item *item, struct network_list *nets)
{
    struct yaml_item first;
    struct cidr net;

    access_field_fini(row, (char *)nets - row->offset);
    if (is_off(item->value) || !read_list(r, row, item, &first))
        return;
    for (const struct yaml_item *at = &first; at != NULL; at = at->next) {
        if (!is_text(at->value)) {
            refuse_item(r, row, at->value);
        } else if (nets->count == RULES_MAX) {
            FAIL(r, at->value, "\"%s\" takes at most %d networks", row->name, RULES_MAX);
            return;
        } else if (read_network(r, row, at->value, &net)) {
            add_network(nets, &net);
        }
    }
}

static void read_real_ip(struct value_reader *r, const struct setting *row,
                         const struct yaml_item *item, enum real_ip_header *header)
{
    for (unsigned i = 0; i < REAL_IP_COUNT; i++) {
        if (is_word(item->value, real_ip_header_names[i]) ||
            (i == REAL_IP_OFF && is_off(item->value))) {
            *header = (enum real_ip_header)i;
            return;
        }
    }
    value_refuse(r, row, item);
}

/* "10/s" or "600/m". */
static bool parse_rate(struct str text, struct limit_req *limit)
{
    struct str per = text, digits = str_cut(&per, '/');
    uint64_t rate;

    if (!str_to_u64(digits, &rate) || rate < 1 || rate > RATE_MAX || digits.p[0] == '0' ||
        per.p == NULL || (!str_eq(per, STR("s")) && !str_eq(per, STR("m"))))
        return false;
    limit->rate = (unsigned)rate;
    limit->is_per_minute = per.p[0] == 'm';
    return true;
}

static bool parse_between(struct str text, unsigned least, unsigned most, unsigned *value)
{
    uint64_t number;

    if (!str_to_u64(text, &number) || number < least || number > most)
        return false;
    *value = (unsigned)number;
    return true;
}

static void read_limit_part(struct value_reader *r, const struct yaml_item *at,
                            struct limit_req *limit)
{
    struct str text = is_text(at->value) ? at->value->text : STR("");

    if (at->value->kind == YAML_BROKEN)
        return;
    if (is_word(at->key, "rate")) {
        if (!parse_rate(text, limit))
            FAIL(r, at->value,
                 "\"rate\" takes a whole number from 1 to %d for a second or a "
                 "minute, as in 10/s or 600/m",
                 RATE_MAX);
    } else if (is_word(at->key, "burst")) {
        if (!parse_between(text, 0, BURST_MAX, &limit->burst))
            FAIL(r, at->value, "\"burst\" takes a whole number from 0 to %d", BURST_MAX);
    } else if (is_word(at->key, "status")) {
        if (!parse_between(text, 400, 599, &limit->status))
            FAIL(r, at->value, "\"status\" takes a status from 400 to 599, as in 429");
    } else {
        FAIL(r, at->key,
             "unknown setting \"%s\" of \"limit_req\"; it has \"rate\", \"burst\" and "
             "\"status\"",
             utf8_short(at->key->text).text);
    }
}

static void read_limit_req(struct value_reader *r, const struct setting *row,
                           const struct yaml_item *item, struct limit_req *limit)
{
    const struct yaml_node *value = item->value;

    *limit =
        (struct limit_req){ .status = 429, .line = value->mark.line, .column = value->mark.column };
    if (is_off(value))
        return;
    if (value->kind != YAML_MAP) {
        value_refuse(r, row, item);
        return;
    }
    for (const struct yaml_item *at = value->items; at != NULL; at = at->next)
        read_limit_part(r, at, limit);
    if (yaml_map_find(value, "rate") == NULL)
        FAIL(r, value, "\"limit_req\" needs \"rate\", as in %s", row->example);
}

/* Upper case, for methods are (RFC 9110, 9.1), and of the letters that methods have. */
static bool is_method(struct str text)
{
    for (size_t i = 0; i < text.n; i++)
        if (!(text.p[i] >= 'A' && text.p[i] <= 'Z') && text.p[i] != '-' && text.p[i] != '_')
            return false;
    return text.n > 0 && text.n <= METHOD_MAX;
}

static bool has_method(const struct method_list *methods, struct str name)
{
    for (size_t i = 0; i < methods->count; i++)
        if (str_eq(str_of(methods->list[i]), name))
            return true;
    return false;
}

static void add_method(struct method_list *methods, struct str name)
{
    if (has_method(methods, name))
        return;
    methods->list = xrealloc(methods->list, (methods->count + 1) * sizeof(*methods->list));
    methods->list[methods->count++] = str_dup(name);
}

static void read_methods(struct value_reader *r, const struct setting *row,
                         const struct yaml_item *item, struct method_list *methods)
{
    struct yaml_item first;

    access_field_fini(row, (char *)methods - row->offset);
    if (is_off(item->value) || !read_list(r, row, item, &first))
        return;
    for (const struct yaml_item *at = &first; at != NULL; at = at->next) {
        if (!is_text(at->value) || !is_method(at->value->text)) {
            refuse_item(r, row, at->value);
            continue;
        }
        if (methods->count >= METHODS_MAX) {
            FAIL(r, at->value, "\"%s\" takes at most %d methods", row->name, METHODS_MAX);
            return;
        }
        add_method(methods, at->value->text);
        if (str_eq(at->value->text, STR("GET")))
            add_method(methods, STR("HEAD"));
    }
}

void access_value_read(struct value_reader *r, const struct setting *row,
                       const struct yaml_item *item, void *base)
{
    if (row->type == SET_ACCESS)
        read_rules(r, row, item, FIELD(base, row, struct access_list));
    else if (row->type == SET_METHODS)
        read_methods(r, row, item, FIELD(base, row, struct method_list));
    else if (row->type == SET_NETWORKS)
        read_networks(r, row, item, FIELD(base, row, struct network_list));
    else if (row->type == SET_LIMIT_REQ)
        read_limit_req(r, row, item, FIELD(base, row, struct limit_req));
    else if (row->type == SET_REAL_IP)
        read_real_ip(r, row, item, FIELD(base, row, enum real_ip_header));
}

void access_value_describe(const struct setting *row, struct buf *out)
{
    if (row->type == SET_ACCESS)
        buf_printf(out, "a list of rules, as in %s", row->example);
    else if (row->type == SET_METHODS)
        buf_printf(out, "a list of methods, as in %s", row->example);
    else if (row->type == SET_NETWORKS)
        buf_printf(out, "a network or a list of them, as in %s", row->example);
    else if (row->type == SET_LIMIT_REQ)
        buf_printf(out, "a map of rate, burst and status, as in %s", row->example);
    else if (row->type == SET_REAL_IP)
        for (unsigned i = 0; i < REAL_IP_COUNT; i++)
            buf_printf(out, "%s%s",
                       i == 0                  ? ""
                       : i + 1 < REAL_IP_COUNT ? ", "
                                               : " or ",
                       real_ip_header_names[i]);
}

/* ---- fields ---- */

static void copy_methods(const struct method_list *from, struct method_list *to)
{
    for (size_t i = 0; i < from->count; i++)
        add_method(to, str_of(from->list[i]));
}

static void free_methods(struct method_list *methods)
{
    for (size_t i = 0; i < methods->count; i++)
        free(methods->list[i]);
    free(methods->list);
    *methods = (struct method_list){ NULL, 0 };
}

static void copy_rules(const struct access_list *from, struct access_list *to)
{
    for (size_t i = 0; i < from->count; i++)
        add_rule(to, from->list[i].is_allowed, &from->list[i].from);
}

void access_field_copy(const struct setting *row, const void *from, void *to)
{
    if (row->type == SET_ACCESS)
        copy_rules(CONST_FIELD(from, row, struct access_list), FIELD(to, row, struct access_list));
    else if (row->type == SET_METHODS)
        copy_methods(CONST_FIELD(from, row, struct method_list),
                     FIELD(to, row, struct method_list));
    else if (row->type == SET_LIMIT_REQ)
        *FIELD(to, row, struct limit_req) = *CONST_FIELD(from, row, struct limit_req);
    /* The other types stand at the top level only, which nobody inherits whole. */
}

void access_field_fini(const struct setting *row, void *base)
{
    if (row->type == SET_ACCESS) {
        struct access_list *rules = FIELD(base, row, struct access_list);

        free(rules->list);
        *rules = (struct access_list){ NULL, 0 };
    } else if (row->type == SET_METHODS) {
        free_methods(FIELD(base, row, struct method_list));
    } else if (row->type == SET_NETWORKS) {
        struct network_list *nets = FIELD(base, row, struct network_list);

        free(nets->list);
        *nets = (struct network_list){ NULL, 0 };
    }
}

static void write_rules(const struct access_list *rules, struct buf *out)
{
    char text[CIDR_TEXT_MAX];

    for (size_t i = 0; i < rules->count; i++) {
        cidr_format(&rules->list[i].from, text);
        buf_printf(out, "%s{%s: ", i > 0 ? ", " : "", rules->list[i].is_allowed ? "allow" : "deny");
        field_write_text(str_of(text), out);
        buf_add_char(out, '}');
    }
}

static void write_networks(const struct network_list *nets, struct buf *out)
{
    char text[CIDR_TEXT_MAX];

    for (size_t i = 0; i < nets->count; i++) {
        cidr_format(&nets->list[i], text);
        buf_add(out, str_of(i > 0 ? ", " : ""));
        field_write_text(str_of(text), out);
    }
}

static void write_methods(const struct method_list *methods, struct buf *out)
{
    for (size_t i = 0; i < methods->count; i++) {
        buf_add(out, str_of(i > 0 ? ", " : ""));
        field_write_text(str_of(methods->list[i]), out);
    }
}

static void write_limit_req(const struct setting *row, const struct limit_req *limit,
                            struct buf *out)
{
    if (limit->rate == 0)
        buf_printf(out, " %s", row->none);
    else
        buf_printf(out, " {rate: %u/%c, burst: %u, status: %u}", limit->rate,
                   limit->is_per_minute ? 'm' : 's', limit->burst, limit->status);
}

void access_field_write(const struct setting *row, const void *base, struct buf *out)
{
    size_t start;

    if (row->type == SET_REAL_IP) {
        buf_printf(out, " %s", real_ip_header_names[*CONST_FIELD(base, row, enum real_ip_header)]);
        return;
    }
    if (row->type == SET_LIMIT_REQ) {
        write_limit_req(row, CONST_FIELD(base, row, struct limit_req), out);
        return;
    }
    buf_add(out, STR(" ["));
    start = out->n;
    if (row->type == SET_ACCESS)
        write_rules(CONST_FIELD(base, row, struct access_list), out);
    else if (row->type == SET_METHODS)
        write_methods(CONST_FIELD(base, row, struct method_list), out);
    else if (row->type == SET_NETWORKS)
        write_networks(CONST_FIELD(base, row, struct network_list), out);
    if (out->n > start) {
        buf_add_char(out, ']');
        return;
    }
    out->n = start - 1; /* an empty list is written as the word for none */
    buf_add(out, str_of(row->none));
}
