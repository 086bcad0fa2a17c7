#include "worker/rewrite.h"

#include <assert.h>
#include <stdlib.h>

#include "common/buf.h"
#include "common/xmalloc.h"
#include "worker/path.h"

struct rewrites {
    size_t count;
    struct rule {
        struct regex *match;
        struct template *to;
    } rules[];
};

struct rewrites *rewrites_new(const struct pairs *rules)
{
    struct rewrites *rewrites;
    const char *unused;
    char *why;
    size_t at;

    if (rules->count == 0)
        return NULL;
    rewrites = xmalloc(sizeof(*rewrites) + rules->count * sizeof(rewrites->rules[0]));
    rewrites->count = rules->count;
    for (size_t i = 0; i < rules->count; i++) {
        rewrites->rules[i].match = regex_new(str_of(rules->list[i].name), &why, &at);
        rewrites->rules[i].to = template_new(str_of(rules->list[i].value), &unused);
        assert(rewrites->rules[i].match != NULL && rewrites->rules[i].to != NULL);
    }
    return rewrites;
}

void rewrites_free(struct rewrites **rewrites)
{
    for (size_t i = 0; *rewrites != NULL && i < (*rewrites)->count; i++) {
        regex_free(&(*rewrites)->rules[i].match);
        template_free(&(*rewrites)->rules[i].to);
    }
    free(*rewrites);
    *rewrites = NULL;
}

static struct str part_value(const struct template_part *part, const struct request *req,
                             struct str path, const struct str *groups)
{
    switch (part->variable) {
    case TEMPLATE_TEXT:
        return part->text;
    case TEMPLATE_GROUP:
        return groups != NULL ? groups[part->group] : STR_NONE;
    case TEMPLATE_PATH:
        return path;
    case TEMPLATE_HOST:
        return req->host;
    default:
        return STR_NONE;
    }
}

struct str rewrite_fill(const struct template *t, const struct request *req, struct str path,
                        const struct str *groups, struct pool *pool)
{
    struct buf plain = { 0 }, encoded = { 0 };
    struct str clean = STR_NONE;
    char *room;

    for (size_t i = 0; i < t->count; i++)
        buf_add(&plain, part_value(&t->parts[i], req, path, groups));
    /* Values that were clean apart can be a dot segment together: what path_clean() makes of the
       path as a client would have sent it is clean. */
    buf_add(&encoded, plain.n > 0 && plain.p[0] == '/' ? STR("") : STR("/"));
    path_encode(&encoded, buf_str(&plain));
    room = pool_alloc(pool, encoded.n);
    if (path_clean(buf_str(&encoded), room, &clean) != PATH_CLEAN)
        clean = STR_NONE;
    else if (clean.p == encoded.p) /* there was nothing to decode */
        clean = pool_str(pool, clean);
    buf_fini(&plain);
    buf_fini(&encoded);
    return clean;
}

enum regex_result rewrites_apply(const struct rewrites *rewrites, const struct request *req,
                                 struct pool *pool, struct str *path)
{
    struct str groups[REGEX_GROUPS], made;

    for (size_t i = 0; i < rewrites->count; i++) {
        const struct rule *rule = &rewrites->rules[i];
        enum regex_result result = regex_match(rule->match, *path, groups);

        if (result == REGEX_NO)
            continue;
        if (result == REGEX_TOO_MUCH)
            return result;
        made = rewrite_fill(rule->to, req, *path, groups, pool);
        if (made.p != NULL)
            *path = made;
        return REGEX_YES;
    }
    return REGEX_NO;
}

struct try_list *try_list_new(const struct words *words)
{
    struct try_list *list;
    const char *unused;

    if (words->count == 0)
        return NULL;
    list = xcalloc(1, sizeof(*list));
    list->items = xcalloc(words->count, sizeof(struct template *));
    for (size_t i = 0; i < words->count; i++) {
        struct str word = str_of(words->list[i]);
        uint64_t status = 0;

        if (word.p[0] == '=') { /* the last one */
            str_to_u64(str_range(word.p + 1, word.p + word.n), &status);
            list->status = (unsigned)status;
            break;
        }
        list->items[list->count++] = template_new(word, &unused);
    }
    return list;
}

void try_list_free(struct try_list **list)
{
    for (size_t i = 0; *list != NULL && i < (*list)->count; i++)
        template_free(&(*list)->items[i]);
    if (*list != NULL)
        free((*list)->items);
    free(*list);
    *list = NULL;
}
