/*
 * Any bytes as the fields that conditional.c reads: line 1 is If-Match, line 2 If-None-Match and
 * so on, an empty line is a field that was not sent. Ranges must lie inside the file and
 * apart.
 */
#include <assert.h>
#include <string.h>

#include "worker/conditional.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const enum field_id ids[] = { FIELD_IF_MATCH,      FIELD_IF_UNMODIFIED_SINCE,
                                         FIELD_IF_NONE_MATCH, FIELD_IF_MODIFIED_SINCE,
                                         FIELD_IF_RANGE,      FIELD_RANGE };
    static struct request req;
    struct representation rep = { STR_INIT("\"v1\""), 784111777, true, 1000 };
    static struct byte_ranges ranges;
    struct str rest = { (const char *)data, n };

    memset(&req, 0, sizeof(req));
    req.method = METHOD_GET;
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]) && rest.p != NULL; i++) {
        struct str value = str_trim(str_cut(&rest, '\n'));

        if (value.n == 0)
            continue;
        req.fields[req.field_count++] = (struct field){ STR_NONE, value, ids[i] };
        req.known[ids[i]] = value;
    }
    if (conditional_judge(&req, &rep, 1795294800, 4, &ranges) != VERDICT_RANGE)
        return 0;
    assert(ranges.count >= 1 && ranges.count <= 4);
    for (unsigned i = 0; i < ranges.count; i++) {
        const struct byte_range *r = &ranges.at[i];

        assert(r->first >= 0 && r->count > 0 && r->first <= rep.size - r->count);
        for (unsigned j = 0; j < i; j++)
            assert(r->first >= ranges.at[j].first + ranges.at[j].count ||
                   ranges.at[j].first >= r->first + r->count);
    }
    return 0;
}
