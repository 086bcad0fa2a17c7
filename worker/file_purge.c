#include "worker/file_purge.h"

#include "worker/encoding.h"

/* `outer` itself or something in it; "/" has everything. */
static bool is_within(struct str outer, struct str inner)
{
    if (outer.n == 1)
        outer.n = 0;
    return str_starts(inner, outer) && (inner.n == outer.n || inner.p[outer.n] == '/');
}

struct str file_purge_below(struct str root, struct str path)
{
    if (is_within(path, root))
        return STR("");
    if (!is_within(root, path))
        return STR_NONE;
    return str_range(path.p + (root.n > 1 ? root.n : 0), path.p + path.n);
}

/* With the '/' at its end. */
static struct str folder_of(struct str path)
{
    const char *slash = memrchr(path.p, '/', path.n);

    return str_range(path.p, slash + 1);
}

bool file_purge_touches(struct str below, struct str entry)
{
    if (below.n == 0)
        return true;
    if (is_within(below, entry) || str_eq(folder_of(below), entry))
        return true;
    for (int i = ENCODING_IDENTITY + 1; i < ENCODING_COUNT; i++) {
        struct str suffix = encoding_suffix((enum encoding)i);

        if (str_ends(below, suffix) && str_eq((struct str){ below.p, below.n - suffix.n }, entry))
            return true;
    }
    return false;
}
