/* load_head - see the header. */
#include "bench/load_head.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The value of a field with this name (colon too), else NULL. */
static const char *field_value(const char *line, const char *name)
{
    size_t length = strlen(name);

    if ((line[0] | 0x20) != name[0] || strncasecmp(line, name, length) != 0)
        return NULL;
    return line + length + strspn(line + length, " \t");
}

const char *head_read(struct head *h, const char *bytes, size_t length)
{
    const char *value;
    uint64_t body = BODY_TO_EOF;
    bool closes = false;

    if (length > HEAD_MAX || length < 16 || memcmp(bytes, "HTTP/1.", 7) != 0)
        return "not an answer of HTTP/1.x";
    h->status = (unsigned)strtoul(bytes + 9, NULL, 10);
    for (const char *line = bytes, *end = bytes + length - 2; line < end; line++) {
        if ((value = field_value(line, "content-length:")) != NULL)
            body = strtoull(value, NULL, 10);
        else if (field_value(line, "transfer-encoding:") != NULL)
            return "transfer codings are not understood here";
        else if ((value = field_value(line, "connection:")) != NULL)
            closes = strncasecmp(value, "close", 5) == 0;
        line = memchr(line, '\n', (size_t)(end - line));
        if (line == NULL)
            break;
    }
    if (h->status / 100 == 1 || h->status == 204 || h->status == 304)
        body = 0;
    if (body == BODY_TO_EOF && !closes)
        return "no Content-Length";
    h->body = body;
    h->closes = closes;
    h->length = length;
    memcpy(h->bytes, bytes, length);
    return NULL;
}
