/*
 * mime - media types by file name, from a table generated out of Debian's media-types package by
 * scripts/gen-mime.
 */
#ifndef WORKER_MIME_H
#define WORKER_MIME_H

#include <stdbool.h>

#include "common/str.h"

/* "image/png" for "a/b.PNG"; p NULL: the name tells none. Any case of the extension. */
struct str mime_type(struct str name);

/* "PNG" of "a/b.PNG"; p NULL: it has none. */
struct str mime_extension(struct str name);

/* Whether a charset parameter means something for this type: text/ and the likes of JavaScript, JSON excepted (RFC 8259, 11). */
bool mime_wants_charset(struct str type);

#endif
