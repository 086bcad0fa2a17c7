/*
 * json - writes JSON (RFC 8259), valid whatever bytes a text has.
 *
 *     json_open(out, '{');
 *     json_key(out, "path");
 *     json_text(out, path);
 *     json_key(out, "sizes");
 *     json_open(out, '[');
 *     json_u64(out, 1);
 *     json_u64(out, 2);
 *     json_close(out, ']');
 *     json_close(out, '}');            // {"path":"/a","sizes":[1,2]}
 *
 * The buffer is all the state there is: whether a comma is due is told by its last byte, so commas
 * are nobody's worry. Texts are UTF-8; a byte that is not becomes U+FFFD. Control characters, which
 * a terminal would obey, are escaped, also those of C1.
 */
#ifndef COMMON_JSON_H
#define COMMON_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/str.h"

/* '{' or '[', and its end. */
void json_open(struct buf *out, char bracket);
void json_close(struct buf *out, char bracket);

/* The name of the value that follows. */
void json_key(struct buf *out, const char *name);

/* Of a view that is not there (p NULL): null. */
void json_text(struct buf *out, struct str text);
void json_u64(struct buf *out, uint64_t value);
/* With three decimals, whatever the locale; what is no number is null. */
void json_decimal(struct buf *out, double value);
void json_bool(struct buf *out, bool value);
void json_null(struct buf *out);
/* A value that is JSON already. */
void json_raw(struct buf *out, struct str value);

/* Key and value. */
void json_add_text(struct buf *out, const char *name, struct str text);
void json_add_u64(struct buf *out, const char *name, uint64_t value);
void json_add_decimal(struct buf *out, const char *name, double value);
void json_add_bool(struct buf *out, const char *name, bool value);

/*
 * What stands between the quotes, for composers that have the room: JSON_PUT_MOST bytes for each of
 * the text. Returns where it ends.
 */
enum { JSON_PUT_MOST = 6 };
char *json_put(char *p, struct str text);

#endif
