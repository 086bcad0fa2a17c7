/*
 * path - from the path as sent to the path as looked up (RFC 3986, 3.3, 5.2.4 and 6.2.2).
 *
 * Percent-encodings are decoded once, empty segments are merged, dot segments removed ("%2e%2e"
 * is ".." too, and ".." above the root stays at the root). An encoded slash is data, not a
 * separator, and no file name can hold it; so is an encoded NUL.
 */
#ifndef WORKER_PATH_H
#define WORKER_PATH_H

#include "common/buf.h"
#include "common/str.h"

enum path_result {
    PATH_CLEAN, /* *clean is the answer */
    PATH_BAD, /* not a path (400): a bad or cut percent-encoding, an encoded NUL, no leading '/' */
    PATH_NOT_FOUND, /* well-formed, but no file can have this name (404): an encoded slash */
};

/*
 * `out` has room for raw.n bytes; *clean points into it, or into `raw` where there was nothing to
 * change, which is the fast case. *clean keeps a '/' at the end (also for "/a/." and "/a/.."),
 * and always starts with one '/'. A raw path may hold any byte but NUL, CR, LF.
 */
enum path_result path_clean(struct str raw, char *out, struct str *clean);

/*
 * Appends a clean path as it stands in a Location field: everything but unreserved characters,
 * sub-delims, ':', '@' and '/' is percent-encoded (a backslash too: browsers take it for a slash).
 */
void path_encode(struct buf *out, struct str clean);

#endif
