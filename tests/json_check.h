/*
 * json_check - a strict judge of JSON (RFC 8259, UTF-8 included), and a finger to point into it. For
 * tests, which should not depend on the writer that they test.
 */
#ifndef TESTS_JSON_CHECK_H
#define TESTS_JSON_CHECK_H

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "common/str.h"
#include "common/utf8.h"

/* Each returns what follows, NULL: it is wrong. `end` is the end of the document. */
static const char *json_skip_value(const char *p, const char *end, int depth);

static inline const char *json_skip_space(const char *p, const char *end)
{
    while (p < end && strchr(" \t\r\n", *p) != NULL && *p != '\0')
        p++;
    return p;
}

static inline const char *json_skip_string(const char *p, const char *end)
{
    if (p == end || *p++ != '"')
        return NULL;
    while (p < end && *p != '"') {
        struct str rest = str_range(p, end);

        if ((unsigned char)*p < 0x20 || utf8_next(&rest) == UTF8_BAD)
            return NULL;
        if (*p == '\\') {
            if (rest.n == 0 || strchr("\"\\/bfnrtu", *rest.p) == NULL || *rest.p == '\0')
                return NULL;
            for (int i = 1; *rest.p == 'u' && i <= 4; i++)
                if (rest.n < 5 || !isxdigit((unsigned char)rest.p[i]))
                    return NULL;
            rest = str_range(rest.p + (*rest.p == 'u' ? 5 : 1), end);
        }
        p = rest.p;
    }
    return p < end ? p + 1 : NULL;
}

static inline const char *json_skip_digits(const char *p, const char *end)
{
    const char *start = p;

    while (p < end && isdigit((unsigned char)*p))
        p++;
    return p > start ? p : NULL;
}

static inline const char *json_skip_number(const char *p, const char *end)
{
    const char *first;

    if (p < end && *p == '-')
        p++;
    first = p;
    p = json_skip_digits(p, end);
    if (p == NULL || (*first == '0' && p != first + 1))
        return NULL;
    if (p < end && *p == '.')
        p = json_skip_digits(p + 1, end);
    if (p != NULL && p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        p = json_skip_digits(p, end);
    }
    return p;
}

/* A key or an index and what belongs to it, then ',' or the end. */
static inline const char *json_skip_members(const char *p, const char *end, int depth)
{
    char close = *p == '{' ? '}' : ']';
    bool has_keys = *p == '{';

    p = json_skip_space(p + 1, end);
    if (p < end && *p == close)
        return p + 1;
    while (p != NULL) {
        p = json_skip_space(p, end);
        if (has_keys) {
            p = json_skip_string(p, end);
            p = p != NULL ? json_skip_space(p, end) : NULL;
            if (p == NULL || p == end || *p++ != ':')
                return NULL;
        }
        p = json_skip_value(p, end, depth + 1);
        p = p != NULL ? json_skip_space(p, end) : NULL;
        if (p == NULL || p == end || (*p != ',' && *p != close))
            return NULL;
        if (*p++ == close)
            return p;
    }
    return NULL;
}

static inline const char *json_skip_value(const char *p, const char *end, int depth)
{
    static const char *const words[] = { "true", "false", "null" };

    p = json_skip_space(p, end);
    if (p == end || depth > 64)
        return NULL;
    if (*p == '{' || *p == '[')
        return json_skip_members(p, end, depth);
    if (*p == '"')
        return json_skip_string(p, end);
    for (int i = 0; i < 3; i++)
        if (str_starts(str_range(p, end), str_of(words[i])))
            return p + strlen(words[i]);
    return json_skip_number(p, end);
}

/* One whole document and nothing behind it. */
static inline bool json_is_valid(struct str text)
{
    const char *end = text.p + text.n, *p = json_skip_value(text.p, end, 0);

    return p != NULL && json_skip_space(p, end) == end;
}

/*
 * The value at a path such as "workers.0.pid" in a valid document, as it is written there; p NULL:
 * there is none.
 */
static inline struct str json_at(struct str text, const char *path)
{
    struct str rest = str_of(path);
    const char *end = text.p + text.n, *p = json_skip_space(text.p, end);

    while (rest.p != NULL && rest.n > 0) {
        struct str name = str_cut(&rest, '.');
        char open = *p;
        uint64_t index = 0;
        bool is_found = false;

        if ((open != '{' && open != '[') || (open == '[' && !str_to_u64(name, &index)))
            return STR_NONE;
        p = json_skip_space(p + 1, end);
        while (!is_found && *p != '}' && *p != ']') {
            if (open == '{') {
                const char *key = p + 1;

                p = json_skip_string(p, end);
                is_found = str_eq(str_range(key, p - 1), name);
                p = json_skip_space(json_skip_space(p, end) + 1, end);
            } else {
                is_found = index-- == 0;
            }
            if (is_found)
                break;
            p = json_skip_space(json_skip_value(p, end, 0), end);
            if (*p == ',')
                p = json_skip_space(p + 1, end);
        }
        if (!is_found)
            return STR_NONE;
    }
    return str_range(p, json_skip_value(p, end, 0));
}

#endif
