#include "config/template.h"

#include <stdlib.h>

#include "common/xmalloc.h"

static const struct {
    struct str name;
    enum template_variable variable;
} variables[] = {
    { STR_INIT("path"), TEMPLATE_PATH },   { STR_INIT("uri"), TEMPLATE_URI },
    { STR_INIT("query"), TEMPLATE_QUERY }, { STR_INIT("args"), TEMPLATE_QUERY },
    { STR_INIT("host"), TEMPLATE_HOST },   { STR_INIT("scheme"), TEMPLATE_SCHEME },
};

static void add(struct template *t, struct template_part part)
{
    t->parts = xrealloc(t->parts, (t->count + 1) * sizeof(*t->parts));
    t->parts[t->count++] = part;
}

/* The variable's name or digit at p; n 0: none. */
static struct str name_at(const char *p, const char *end)
{
    const char *to = p;

    if (to < end && *to >= '1' && *to <= '9')
        return str_range(p, p + 1);
    while (to < end && *to >= 'a' && *to <= 'z')
        to++;
    return str_range(p, to);
}

/* What stands behind a '$'. The byte after it; NULL: no variable. */
static const char *add_variable(struct template *t, const char *p, const char *end)
{
    bool has_brace = p < end && *p == '{';
    struct str name = name_at(p + has_brace, end);
    const char *to = name.p + name.n;

    if (has_brace && (to == end || *to++ != '}'))
        return NULL;
    if (name.n == 1 && ascii_is_digit(name.p[0])) {
        add(t, (struct template_part){ .variable = TEMPLATE_GROUP,
                                       .group = (unsigned)(name.p[0] - '0') });
        return to;
    }
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        if (!str_eq(variables[i].name, name))
            continue;
        add(t, (struct template_part){ .variable = variables[i].variable });
        return to;
    }
    return NULL;
}

struct template *template_new(struct str text, const char **why)
{
    struct template *t = xcalloc(1, sizeof(*t));
    const char *p = text.p, *end = text.p + text.n;

    while (p < end) {
        const char *dollar = memchr(p, '$', (size_t)(end - p));

        if (dollar == NULL)
            dollar = end;
        if (dollar > p)
            add(t, (struct template_part){ .text = str_range(p, dollar) });
        if (dollar == end)
            break;
        p = dollar + 1;
        if (p < end && *p == '$') {
            add(t, (struct template_part){ .text = str_range(p, p + 1) });
            p++;
            continue;
        }
        p = add_variable(t, p, end);
        if (p != NULL)
            continue;
        *why = "behind \"$\" stands 1 to 9, path, uri, query, host or scheme; \"$$\" is a \"$\"";
        template_free(&t);
        return NULL;
    }
    return t;
}

void template_free(struct template **t)
{
    if (*t != NULL)
        free((*t)->parts);
    free(*t);
    *t = NULL;
}

bool template_has(const struct template *t, enum template_variable variable)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->parts[i].variable == variable)
            return true;
    return false;
}

unsigned template_group_max(struct str text)
{
    const char *why;
    struct template *t = template_new(text, &why);
    unsigned max = 0;

    for (size_t i = 0; t != NULL && i < t->count; i++)
        if (t->parts[i].variable == TEMPLATE_GROUP && t->parts[i].group > max)
            max = t->parts[i].group;
    template_free(&t);
    return max;
}

static bool is_alpha(char c)
{
    c = ascii_lower(c);
    return c >= 'a' && c <= 'z';
}

/* scheme ":" (RFC 3986, 3.1) */
static bool has_scheme(struct str text)
{
    size_t i = 0;

    if (str_starts(text, STR("$scheme://")) || str_starts(text, STR("${scheme}://")))
        return true;
    while (i < text.n && (is_alpha(text.p[i]) || (i > 0 && (ascii_is_digit(text.p[i]) ||
                                                            strchr("+-.", text.p[i]) != NULL))))
        i++;
    return i > 0 && i < text.n && text.p[i] == ':';
}

/* A value of the request's where only the host can stand: it would choose where clients go. */
static bool has_loose_host(const struct template *t)
{
    for (size_t i = 1; i < t->count; i++) {
        struct str before = t->parts[i - 1].text, behind = STR_NONE;

        if (i + 1 < t->count)
            behind = t->parts[i + 1].text;
        switch (t->parts[i].variable) {
        case TEMPLATE_TEXT:
        case TEMPLATE_HOST:
        case TEMPLATE_SCHEME:
            continue;
        default:
            break;
        }
        if (str_ends(before, STR(":")) || str_ends(before, STR(":/")) ||
            (str_ends(before, STR("//")) && !str_starts(behind, STR("."))))
            return true;
    }
    return false;
}

const char *template_check_target(struct str text)
{
    const char *why = NULL;
    struct template *t;

    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] <= ' ' || text.p[i] > '~' || strchr("\\\"<>^`|", text.p[i]) != NULL)
            return "blanks, backslashes, quotes, \"<>^`|\" and bytes beyond ASCII are written "
                   "percent-encoded";
    if (text.n == 0 || (text.p[0] != '/' && text.p[0] != '$' && !has_scheme(text)))
        return "it starts with \"/\", with a variable, or with a scheme, as in https://";
    t = template_new(text, &why);
    if (t != NULL && has_loose_host(t))
        why = "the host is written out, or $host, or $1 as a part of it, as in "
              "https://$1.example.org";
    template_free(&t);
    return why;
}

const char *template_check_path(struct str text)
{
    const char *why = NULL;
    struct template *t;

    if (text.n == 0 || (text.p[0] != '/' && text.p[0] != '$'))
        return "it starts with \"/\" or a variable, as in /new/$1";
    if (memchr(text.p, '?', text.n) != NULL || memchr(text.p, '#', text.n) != NULL)
        return "it is a path alone, without \"?\" and \"#\": the query stays as it is";
    t = template_new(text, &why);
    if (t != NULL && (template_has(t, TEMPLATE_QUERY) || template_has(t, TEMPLATE_URI) ||
                      template_has(t, TEMPLATE_SCHEME)))
        why = "a path is made of $1 to $9, $path and $host";
    template_free(&t);
    return why;
}
