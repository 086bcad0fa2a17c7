#include "config/yaml.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "common/xmalloc.h"

static struct yaml_tree *parse(const char *text, struct config_errors *errors)
{
    size_t n = strlen(text);
    char *copy = xmalloc(n);
    struct yaml_tree *tree;

    memcpy(copy, text, n);
    tree = yaml_tree_parse((struct str){ copy, n }, errors);
    free(copy);
    return tree;
}

Test(yaml, knows_where_keys_and_values_stand)
{
    struct config_errors errors = { 0 };
    struct yaml_tree *tree =
        parse("a: 1\n\xc3\xa4\xc3\xb6: 'x y'\nlist:\n  - [p, q]\n  - {r: s}\n", &errors);
    const struct yaml_item *item;

    cr_assert_not_null(tree);
    item = yaml_map_find(tree->root, "\xc3\xa4\xc3\xb6");
    cr_assert_not_null(item);
    cr_expect(item->key->mark.line == 2 && item->key->mark.column == 1 &&
              item->key->mark.width == 2);
    cr_expect(item->value->mark.line == 2 && item->value->mark.column == 5 &&
              item->value->mark.width == 5);
    cr_expect(str_eq(item->value->text, STR("x y")));
    item = yaml_map_find(tree->root, "list");
    cr_assert_eq(item->value->count, 2);
    cr_expect_eq(item->value->kind, YAML_LIST);
    item = item->value->items;
    cr_expect(item->value->kind == YAML_LIST && item->value->mark.line == 4);
    cr_expect(item->value->items->next->value->mark.column == 9);
    cr_expect(item->next->value->kind == YAML_MAP && item->next->value->mark.column == 5);
    cr_expect_null(yaml_map_find(tree->root, "b"));
    yaml_tree_free(&tree);
    cr_expect_null(tree);
    config_errors_fini(&errors);
}

Test(yaml, tells_nothing_from_empty_text)
{
    static const struct {
        const char *text;
        bool is_null;
    } rows[] = {
        { "a:\n", true },           { "a: ~\n", true },    { "a: null\n", true },
        { "a: NULL\n", true },      { "a: ''\n", false },  { "a: '~'\n", false },
        { "a: \"null\"\n", false }, { "a: nul\n", false },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct config_errors errors = { 0 };
        struct yaml_tree *tree = parse(rows[i].text, &errors);

        cr_expect_eq(tree->root->items->value->is_null, rows[i].is_null, "%s", rows[i].text);
        yaml_tree_free(&tree);
        config_errors_fini(&errors);
    }
}

Test(yaml, takes_an_empty_text_as_an_empty_map)
{
    static const char *const rows[] = { "",           "\n",  "# only this\n", "---\n",
                                        "---\n...\n", "~\n", "{}\n" };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct config_errors errors = { 0 };
        struct yaml_tree *tree = parse(rows[i], &errors);

        cr_assert_not_null(tree, "%s", rows[i]);
        cr_expect(tree->root->kind == YAML_MAP && tree->root->count == 0, "%s", rows[i]);
        yaml_tree_free(&tree);
        config_errors_fini(&errors);
    }
}

Test(yaml, shares_what_an_alias_names)
{
    struct config_errors errors = { 0 };
    struct yaml_tree *tree = parse("a: &x [1, 2]\nb: *x\nc: &x 3\nd: *x\n", &errors);

    cr_assert_not_null(tree);
    cr_expect_eq(yaml_map_find(tree->root, "a")->value, yaml_map_find(tree->root, "b")->value);
    cr_expect_eq(yaml_map_find(tree->root, "c")->value, yaml_map_find(tree->root, "d")->value,
                 "a name that is used again means the newer one");
    yaml_tree_free(&tree);
    config_errors_fini(&errors);
}

Test(yaml, goes_on_after_a_key_that_stands_twice)
{
    struct config_errors errors = { 0 };
    struct yaml_tree *tree = parse("a: 1\na: 2\nb: 3\nb: 4\n", &errors);

    cr_assert_not_null(tree);
    cr_expect_eq(errors.count, 2);
    cr_expect(str_eq(yaml_map_find(tree->root, "a")->value->text, STR("1")), "the first one stays");
    cr_expect_eq(tree->root->count, 2);
    yaml_tree_free(&tree);
    config_errors_fini(&errors);
}

static void expect_refusal(struct buf *text, const char *phrase)
{
    struct config_errors errors = { 0 };
    struct yaml_tree *tree = parse(buf_cstr(text), &errors);

    cr_expect_null(tree, "%s", phrase);
    cr_assert_eq(errors.count, 1, "%s", phrase);
    cr_expect_not_null(strstr(errors.list[0].text, phrase), "%s: %s", phrase, errors.list[0].text);
    config_errors_fini(&errors);
    buf_fini(text);
}

Test(yaml, bounds_keys_anchors_and_depth)
{
    struct buf text = { 0 };

    for (unsigned i = 0; i <= YAML_KEYS_MAX; i++)
        buf_printf(&text, "k%u: 1\n", i);
    expect_refusal(&text, "at most 1024 keys");
    buf_add(&text, STR("a:\n"));
    for (unsigned i = 0; i <= YAML_ANCHORS_MAX; i++)
        buf_printf(&text, "- &a%u 1\n", i);
    expect_refusal(&text, "at most 1000 anchors");
    buf_add(&text, STR("a: "));
    for (unsigned i = 0; i < 100000; i++)
        buf_add_char(&text, i % 2 == 0 ? '[' : ' ');
    expect_refusal(&text, "16 deep");
}
