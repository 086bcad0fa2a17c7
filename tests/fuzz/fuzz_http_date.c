/* Any bytes as a date: a date that is accepted survives being written and read again. */
#include <assert.h>
#include <stdlib.h>

#include "worker/http_date.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const time_t now = 1795294800;
    char text[HTTP_DATE_N];
    time_t when, again;

    if (!http_date_parse((struct str){ (const char *)data, n }, now, &when))
        return 0;
    if (when > 253402300799) /* a leap second at the end of the year 9999 */
        return 0;
    http_date_write(text, when);
    assert(http_date_parse((struct str){ text, sizeof(text) }, now, &again));
    assert(again == when);
    return 0;
}
