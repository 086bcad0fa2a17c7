#include "worker/mime.h"

#include <stddef.h>

enum { EXTENSION_MAX = 32 };

/* Sorted by extension, byte by byte. */
static const struct {
    struct str extension, type;
} types[] = {
#define MIME(extension, type) { STR_INIT(extension), STR_INIT(type) },
#include "worker/mime_table.inc"
#undef MIME
};

static int compare(struct str a, struct str b)
{
    int order = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);

    return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

/* What follows the last dot of the last segment; a name that only starts with a dot has none. */
struct str mime_extension(struct str name)
{
    for (size_t i = name.n; i > 0 && name.p[i - 1] != '/'; i--)
        if (name.p[i - 1] == '.' && i > 1 && name.p[i - 2] != '/')
            return str_range(name.p + i, name.p + name.n);
    return STR_NONE;
}

struct str mime_type(struct str name)
{
    struct str sent = mime_extension(name);
    char lower[EXTENSION_MAX];
    struct str extension = { lower, sent.n };
    size_t from = 0, to = sizeof(types) / sizeof(types[0]);

    if (sent.n == 0 || sent.n > EXTENSION_MAX)
        return STR_NONE;
    for (size_t i = 0; i < sent.n; i++)
        lower[i] = ascii_lower(sent.p[i]);
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        int order = compare(extension, types[middle].extension);

        if (order == 0)
            return types[middle].type;
        if (order < 0)
            to = middle;
        else
            from = middle + 1;
    }
    return STR_NONE;
}

bool mime_wants_charset(struct str type)
{
    static const struct str text = STR_INIT("text/");

    /* XML says in its first line what it is in; a charset here would overrule it (RFC 7303, 3). */
    if (str_ends(type, STR("/xml")) || str_ends(type, STR("+xml")))
        return false;
    /* Whoever configured a type with parameters wrote all that he wants. */
    if (memchr(type.p, ';', type.n) != NULL)
        return false;
    return (type.n > text.n && str_eq_case((struct str){ type.p, text.n }, text)) ||
           str_eq_case(type, STR("application/javascript"));
}
