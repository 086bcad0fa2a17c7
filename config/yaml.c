#include "config/yaml.h"

#include <assert.h>
#include <stdlib.h>
#include <yaml.h>

#include "common/xmalloc.h"
#include "common/utf8.h"

struct anchor {
    struct anchor *next;
    struct str name;
    struct yaml_node *node;
    bool is_open; /* its map or list has not ended yet */
};

struct reader {
    yaml_parser_t parser;
    struct config_errors *errors;
    struct yaml_tree *tree;
    struct anchor *anchors; /* newest first: YAML lets a name be used again */
    unsigned anchor_count;
    struct str text;
};

static struct yaml_mark mark_between(yaml_mark_t start, yaml_mark_t end)
{
    struct yaml_mark mark = { (unsigned)start.line + 1, (unsigned)start.column + 1, 1 };

    if (end.line == start.line && end.column > start.column)
        mark.width = (unsigned)(end.column - start.column);
    return mark;
}

#define FAIL_AT(r, mark, ...) \
    config_error_add((r)->errors, (mark).line, (mark).column, (mark).width, __VA_ARGS__)

/* libyaml's complaints in the words of somebody who wrote a config. */
static const struct {
    const char *problem;
    bool is_at_context; /* the mistake is where the thing began, not where libyaml noticed */
    const char *words;
} plain_words[] = {
    { "could not find expected ':'", true,
      "there is no \":\" behind this key; a setting is written \"name: value\"" },
    { "mapping values are not allowed in this context", false,
      "this \":\" cannot stand here; a key starts on its own line, below its neighbours, and a "
      "value with \": \" in it needs quotes" },
    { "block sequence entries are not allowed in this context", false,
      "a list item cannot start here; each \"- item\" has its own line" },
    { "did not find expected key", false,
      "this line is indented unlike its neighbours; the keys of one map start in one column" },
    { "did not find expected '-' indicator", false,
      "this line is indented unlike its neighbours; the items of one list start with \"- \" in "
      "one column" },
    { "did not find expected ',' or ']'", true,
      "the list that starts here is not closed by \"]\", or a \",\" is missing between items" },
    { "did not find expected ',' or '}'", true,
      "the map that starts here is not closed by \"}\", or a \",\" is missing between items" },
    { "did not find expected node content", false, "a value is missing here" },
    { "found unexpected end of stream", true, "the quote that starts here is never closed" },
    { "found unexpected document indicator", true, "the quote that starts here is never closed" },
    { "found unknown escape character", false,
      "there is no such \\ escape; in single quotes a \\ is just a \\, as in '\\d'" },
    { "found a tab character where an indentation space is expected", false,
      "YAML is indented with spaces; this is a tab" },
    { "found a tab character that violates indentation", false,
      "YAML is indented with spaces; this is a tab" },
    { "did not find expected <document start>", false,
      "the config has ended above this line; its keys start in one column, and nothing follows "
      "\"...\"" },
    { "did not find expected alphabetic or numeric character", true,
      "a value that starts with \"*\" or \"&\" needs quotes, as in '*.example.org'" },
};

/* The character at a mark of libyaml's; 0: there is none. */
static uint32_t char_at(struct reader *r, yaml_mark_t mark)
{
    struct str rest = r->text, line = STR_NONE;

    for (size_t i = 0; i <= mark.line && rest.p != NULL; i++)
        line = utf8_take_line(&rest);
    for (size_t i = 0; i < mark.column && line.n > 0; i++)
        utf8_next(&line);
    return line.n > 0 ? utf8_next(&line) : 0;
}

static void fail_bad_start(struct reader *r, struct yaml_mark mark)
{
    uint32_t c = char_at(r, r->parser.problem_mark);

    if (c == '\t')
        FAIL_AT(r, mark, "YAML is indented with spaces; this is a tab");
    else if (c > 0x20 && c < 0x7f)
        FAIL_AT(r, mark, "a value that starts with \"%c\" needs quotes", (int)c);
    else
        FAIL_AT(r, mark, "a value cannot start here");
}

static void fail_syntax(struct reader *r)
{
    const yaml_parser_t *p = &r->parser;
    const char *problem = p->problem != NULL ? p->problem : "out of memory";
    struct yaml_mark mark = mark_between(p->problem_mark, p->problem_mark);
    struct yaml_mark context = mark_between(p->context_mark, p->context_mark);

    if (strcmp(problem, "found character that cannot start any token") == 0) {
        fail_bad_start(r, mark);
        return;
    }
    if (char_at(r, p->problem_mark) == ':' && strncmp(problem, "did not find expected", 21) == 0) {
        FAIL_AT(r, mark,
                "a key is missing before the \":\"; a value that starts with \":\" or \"[\" "
                "needs quotes, as in '[::1]:8080'");
        return;
    }
    for (size_t i = 0; i < sizeof(plain_words) / sizeof(plain_words[0]); i++) {
        if (strcmp(problem, plain_words[i].problem) != 0)
            continue;
        if (plain_words[i].is_at_context && p->context != NULL)
            mark = context;
        FAIL_AT(r, mark, "%s", plain_words[i].words);
        return;
    }
    FAIL_AT(r, mark, "this is not YAML: %s%s%s", p->context != NULL ? p->context : "",
            p->context != NULL ? ", " : "", problem);
}

static bool next_event(struct reader *r, yaml_event_t *event)
{
    if (yaml_parser_parse(&r->parser, event))
        return true;
    fail_syntax(r);
    return false;
}

static struct yaml_node *new_node(struct reader *r, enum yaml_kind kind, struct yaml_mark mark)
{
    struct yaml_node *node = pool_alloc(&r->tree->pool, sizeof(*node));

    *node = (struct yaml_node){ .kind = kind, .mark = mark, .weight = 1 };
    return node;
}

/* NULL: too many, and that was said. */
static struct anchor *add_anchor(struct reader *r, const yaml_char_t *name, struct yaml_node *node)
{
    struct anchor *anchor;

    if (r->anchor_count++ == YAML_ANCHORS_MAX) {
        FAIL_AT(r, node->mark, "a config has at most %d anchors", (int)YAML_ANCHORS_MAX);
        return NULL;
    }
    anchor = pool_alloc(&r->tree->pool, sizeof(*anchor));
    *anchor = (struct anchor){ .next = r->anchors, .node = node, .is_open = true };
    anchor->name = pool_str(&r->tree->pool, str_of((const char *)name));
    r->anchors = anchor;
    return anchor;
}

static void refuse_tag(struct reader *r, struct yaml_mark mark, const yaml_char_t *tag)
{
    if (tag != NULL)
        FAIL_AT(r, mark, "a tag (\"!...\") has no meaning in a config; leave it away");
}

static struct yaml_node *read_alias(struct reader *r, const yaml_event_t *event)
{
    struct yaml_mark mark = mark_between(event->start_mark, event->end_mark);
    struct str name = str_of((const char *)event->data.alias.anchor);

    for (struct anchor *a = r->anchors; a != NULL; a = a->next) {
        if (!str_eq(a->name, name))
            continue;
        if (!a->is_open)
            return a->node;
        FAIL_AT(r, mark, "the alias \"*%.60s\" stands inside of what it names", name.p);
        return NULL;
    }
    FAIL_AT(
        r, mark,
        "there is no anchor \"&%.60s\" above this; a value that starts with \"*\" needs quotes, "
        "as in '*.example.org'",
        name.p);
    return new_node(r, YAML_BROKEN, mark);
}

static bool is_null_text(struct str text)
{
    return text.n == 0 || str_eq(text, STR("~")) || str_eq_case(text, STR("null"));
}

static bool has_only_text(struct str text)
{
    while (text.n > 0)
        if (!utf8_is_text(utf8_next(&text)))
            return false;
    return true;
}

static struct yaml_node *read_scalar(struct reader *r, const yaml_event_t *event)
{
    struct yaml_mark mark = mark_between(event->start_mark, event->end_mark);
    struct yaml_node *node = new_node(r, YAML_SCALAR, mark);
    struct str text = { (const char *)event->data.scalar.value, event->data.scalar.length };

    refuse_tag(r, mark, event->data.scalar.tag);
    if (event->data.scalar.anchor != NULL) {
        struct anchor *anchor = add_anchor(r, event->data.scalar.anchor, node);

        if (anchor == NULL)
            return NULL;
        anchor->is_open = false;
    }
    if (!has_only_text(text)) {
        FAIL_AT(r, mark,
                "a value is one line of text, without line breaks, tabs or control "
                "characters");
        node->kind = YAML_BROKEN;
        return node;
    }
    node->text = pool_str(&r->tree->pool, text);
    node->is_null = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && is_null_text(text);
    return node;
}

static const struct yaml_item *find_key(const struct yaml_node *map, struct str key)
{
    for (const struct yaml_item *at = map->items; at != NULL; at = at->next)
        if (str_eq(at->key->text, key))
            return at;
    return NULL;
}

static bool is_good_key(struct reader *r, const struct yaml_node *map, const struct yaml_node *key)
{
    const struct yaml_item *twin;

    if (key->kind == YAML_BROKEN)
        return false;
    if (key->kind != YAML_SCALAR) {
        FAIL_AT(r, key->mark, "a key is a name, not a %s", key->kind == YAML_MAP ? "map" : "list");
        return false;
    }
    if (key->is_null || key->text.n == 0) {
        FAIL_AT(r, key->mark, "a key is missing before the \":\"");
        return false;
    }
    if (str_eq(key->text, STR("<<"))) {
        FAIL_AT(r, key->mark,
                "merge keys (\"<<\") are not supported; sites and routes inherit "
                "what stands above them");
        return false;
    }
    twin = find_key(map, key->text);
    if (twin != NULL)
        FAIL_AT(r, key->mark, "\"%s\" stands twice; the first is in line %u",
                utf8_short(key->text).text, twin->key->mark.line);
    return twin == NULL;
}

/* False: it would become too large. */
static bool add_item(struct reader *r, struct yaml_node *parent, struct yaml_item ***tail,
                     struct yaml_node *key, struct yaml_node *value)
{
    struct yaml_item *item;
    size_t weight = parent->weight + value->weight + (key != NULL ? key->weight : 0);

    if (weight > YAML_NODES_MAX) {
        FAIL_AT(r, parent->mark, "with its aliases followed, the config has more than %d values",
                (int)YAML_NODES_MAX);
        return false;
    }
    parent->weight = weight;
    if (key != NULL && !is_good_key(r, parent, key))
        return true;
    if (key != NULL && parent->count == YAML_KEYS_MAX) {
        FAIL_AT(r, key->mark, "a map has at most %d keys", (int)YAML_KEYS_MAX);
        return false;
    }
    item = pool_alloc(&r->tree->pool, sizeof(*item));
    *item = (struct yaml_item){ .key = key, .value = value };
    **tail = item;
    *tail = &item->next;
    parent->count++;
    return true;
}

static struct yaml_node *read_node(struct reader *r, yaml_event_t *event, unsigned depth);

/* Items up to the end event. False: cannot go on. */
static bool read_items(struct reader *r, struct yaml_node *parent, unsigned depth)
{
    yaml_event_type_t end =
        parent->kind == YAML_MAP ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT;
    struct yaml_item **tail = &parent->items;
    struct yaml_node *key = NULL, *node;
    yaml_event_t event;

    for (;;) {
        if (!next_event(r, &event))
            return false;
        if (event.type == end) {
            yaml_event_delete(&event);
            return true;
        }
        node = read_node(r, &event, depth);
        if (node == NULL)
            return false;
        if (parent->kind == YAML_MAP && key == NULL) {
            key = node;
            continue;
        }
        if (!add_item(r, parent, &tail, key, node))
            return false;
        key = NULL;
    }
}

/* Takes the start event. NULL: cannot go on. */
static struct yaml_node *read_collection(struct reader *r, yaml_event_t *event, unsigned depth)
{
    bool is_map = event->type == YAML_MAPPING_START_EVENT;
    struct yaml_mark mark = mark_between(event->start_mark, event->start_mark);
    struct yaml_node *node = new_node(r, is_map ? YAML_MAP : YAML_LIST, mark);
    const yaml_char_t *name =
        is_map ? event->data.mapping_start.anchor : event->data.sequence_start.anchor;
    struct anchor *anchor = name != NULL ? add_anchor(r, name, node) : NULL;
    bool is_too_many = name != NULL && anchor == NULL;

    refuse_tag(r, mark, is_map ? event->data.mapping_start.tag : event->data.sequence_start.tag);
    yaml_event_delete(event);
    if (is_too_many)
        return NULL;
    if (depth >= YAML_DEPTH_MAX) {
        FAIL_AT(r, mark, "maps and lists stand in one another more than %d deep",
                (int)YAML_DEPTH_MAX);
        return NULL;
    }
    if (!read_items(r, node, depth + 1))
        return NULL;
    if (anchor != NULL)
        anchor->is_open = false;
    return node;
}

/* Takes the event. NULL: cannot go on, and why was said. */
static struct yaml_node *read_node(struct reader *r, yaml_event_t *event, unsigned depth)
{
    struct yaml_node *node;

    if (event->type == YAML_SEQUENCE_START_EVENT || event->type == YAML_MAPPING_START_EVENT)
        return read_collection(r, event, depth);
    assert(event->type == YAML_ALIAS_EVENT || event->type == YAML_SCALAR_EVENT);
    node = event->type == YAML_ALIAS_EVENT ? read_alias(r, event) : read_scalar(r, event);
    yaml_event_delete(event);
    return node;
}

/* The stream's only document, which must be a map or nothing. */
static struct yaml_node *read_root(struct reader *r)
{
    struct yaml_node *root = NULL;
    yaml_event_t event;

    for (;;) {
        if (!next_event(r, &event))
            return NULL;
        switch (event.type) {
        case YAML_STREAM_START_EVENT:
        case YAML_DOCUMENT_END_EVENT:
            break;
        case YAML_DOCUMENT_START_EVENT:
            if (root == NULL)
                break;
            FAIL_AT(r, mark_between(event.start_mark, event.end_mark),
                    "a second document starts here; a config is one document");
            yaml_event_delete(&event);
            return NULL;
        case YAML_STREAM_END_EVENT:
            yaml_event_delete(&event);
            return root != NULL ? root : new_node(r, YAML_MAP, (struct yaml_mark){ 1, 1, 1 });
        default:
            root = read_node(r, &event, 0);
            if (root == NULL)
                return NULL;
            continue; /* read_node took the event */
        }
        yaml_event_delete(&event);
    }
}

/* What libyaml would refuse without a line number. */
static bool check_characters(struct str text, struct config_errors *errors)
{
    for (unsigned number = 1; text.p != NULL; number++) {
        struct str line = utf8_take_line(&text);

        for (unsigned column = 1; line.n > 0; column++) {
            unsigned char byte = (unsigned char)line.p[0];
            uint32_t c = utf8_next(&line);

            if (utf8_is_text(c) || c == '\t' || c == 0xfeff)
                continue;
            if (c == UTF8_BAD)
                config_error_add(errors, number, column, 1,
                                 "the byte 0x%02x is not UTF-8; save the file as UTF-8", byte);
            else
                config_error_add(errors, number, column, 1,
                                 "the control character 0x%02x cannot stand in a config", c);
            return false;
        }
    }
    return true;
}

static bool check_root(struct yaml_node *root, struct config_errors *errors)
{
    if (root->kind == YAML_SCALAR && root->is_null)
        *root = (struct yaml_node){ .kind = YAML_MAP, .mark = root->mark };
    if (root->kind == YAML_MAP)
        return true;
    if (root->kind != YAML_BROKEN)
        config_error_add(errors, root->mark.line, root->mark.column, root->mark.width,
                         "a config is a map of settings, one \"name: value\" a line");
    return false;
}

struct yaml_tree *yaml_tree_parse(struct str text, struct config_errors *errors)
{
    struct reader r = { .errors = errors, .text = text };

    if (text.p == NULL)
        r.text = text = STR("");
    if (text.n > YAML_TEXT_MAX) {
        config_error_add(errors, 0, 0, 0, "a config has at most %d MiB", YAML_TEXT_MAX >> 20);
        return NULL;
    }
    if (!check_characters(text, errors))
        return NULL;
    if (!yaml_parser_initialize(&r.parser)) {
        config_error_add(errors, 0, 0, 0, "out of memory");
        return NULL;
    }
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text.p, text.n);
    r.tree = xmalloc(sizeof(*r.tree));
    pool_init(&r.tree->pool);
    r.tree->root = read_root(&r);
    yaml_parser_delete(&r.parser);
    if (r.tree->root == NULL || !check_root(r.tree->root, errors))
        yaml_tree_free(&r.tree);
    return r.tree;
}

void yaml_tree_free(struct yaml_tree **tree)
{
    if (*tree == NULL)
        return;
    pool_fini(&(*tree)->pool);
    free(*tree);
    *tree = NULL;
}

const struct yaml_item *yaml_map_find(const struct yaml_node *map, const char *key)
{
    return find_key(map, str_of(key));
}
