#include "worker/multipart.h"

#include <stdlib.h>
#include <sys/random.h>

#include "common/put.h"

static const struct str media_type = STR_INIT("multipart/byteranges; boundary=");

void multipart_boundary(char boundary[MULTIPART_BOUNDARY_N])
{
    static const char digits[32] = "0123456789abcdefghijklmnopqrstuv";
    unsigned char bytes[MULTIPART_BOUNDARY_N];

    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
        for (size_t i = 0; i < sizeof(bytes); i++)
            bytes[i] = (unsigned char)random();
    for (size_t i = 0; i < sizeof(bytes); i++)
        boundary[i] = digits[bytes[i] % sizeof(digits)];
}

struct str content_range_write(char out[CONTENT_RANGE_MOST], const struct byte_range *range,
                               off_t size)
{
    char *p = put_str(out, STR("bytes "));

    if (range == NULL) {
        *p++ = '*';
    } else {
        p = put_u64(p, (uint64_t)range->first);
        *p++ = '-';
        p = put_u64(p, (uint64_t)(range->first + range->count - 1));
    }
    *p++ = '/';
    p = put_u64(p, (uint64_t)size);
    return str_range(out, p);
}

/* What stands before a part's bytes. The first delimiter needs no line break: the head ended one. */
static struct str part_head(struct pool *pool, const struct file *f, const struct byte_range *range,
                            struct str boundary, bool is_first)
{
    static const struct str type = STR_INIT("Content-Type: "), place = STR_INIT("Content-Range: ");
    char range_text[CONTENT_RANGE_MOST];
    struct str content_range = content_range_write(range_text, range, f->size);
    char *head = pool_alloc(pool, 4 + boundary.n + 2 + type.n + f->content_type.n + 2 + place.n +
                                      content_range.n + 4);
    char *p = put_str(head, is_first ? STR("--") : STR("\r\n--"));

    p = put_str(p, boundary);
    p = put_str(p, STR("\r\n"));
    if (f->content_type.n > 0) {
        p = put_str(p, type);
        p = put_str(p, f->content_type);
        p = put_str(p, STR("\r\n"));
    }
    p = put_str(p, place);
    p = put_str(p, content_range);
    p = put_str(p, STR("\r\n\r\n"));
    return str_range(head, p);
}

/* "before boundary behind", in the pool. */
static struct str around(struct pool *pool, struct str before, struct str boundary,
                         struct str behind)
{
    char *text = pool_alloc(pool, before.n + boundary.n + behind.n);

    return str_range(text, put_str(put_str(put_str(text, before), boundary), behind));
}

void multipart_answer(struct response *res, struct pool *pool, const struct byte_ranges *ranges,
                      const char boundary[MULTIPART_BOUNDARY_N])
{
    struct str name = { boundary, MULTIPART_BOUNDARY_N };

    res->content_type = around(pool, media_type, name, STR(""));
    res->bytes = around(pool, STR("\r\n--"), name, STR("--\r\n"));
    res->parts = pool_alloc(pool, ranges->count * sizeof(*res->parts));
    res->part_count = ranges->count;
    res->first = 0;
    res->length = (off_t)res->bytes.n;
    for (unsigned i = 0; i < ranges->count; i++) {
        const struct byte_range *range = &ranges->at[i];
        struct str before = part_head(pool, res->file, range, name, i == 0);

        res->parts[i] = (struct response_part){ before, range->first, range->count };
        res->length += (off_t)before.n + range->count;
    }
}
