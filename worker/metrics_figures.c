#include "worker/metrics_figures.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/put.h"

enum { NS_DIGITS = 9 };

void figures_add_seconds(struct buf *out, uint64_t ns)
{
    char digits[PUT_U64_MOST + 1 + NS_DIGITS], *p = put_u64(digits, ns / 1000000000);
    uint64_t rest = ns % 1000000000;

    if (rest > 0) {
        *p++ = '.';
        for (uint64_t unit = 100000000; rest > 0; rest %= unit, unit /= 10)
            *p++ = (char)('0' + rest / unit);
    }
    buf_add(out, str_range(digits, p));
}

const char *figures_duration(uint64_t ns, char text[FIGURES_MAX])
{
    static const char *const units[] = { "ns", "us", "ms", "s" };
    double value = (double)ns;
    int unit = 0;

    while (value >= 999.5 && unit < 3) {
        value /= 1000;
        unit++;
    }
    if (ns == 0)
        snprintf(text, FIGURES_MAX, "-");
    else
        snprintf(text, FIGURES_MAX, "%.*f %s",
                 unit == 0 || value >= 99.95 ? 0
                 : value >= 9.995            ? 1
                                             : 2,
                 value, units[unit]);
    return text;
}

const char *figures_grouped(uint64_t value, char text[FIGURES_MAX])
{
    char digits[PUT_U64_MOST + 1];
    int n = snprintf(digits, sizeof(digits), "%" PRIu64, value);
    char *p = text;

    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0)
            *p++ = ',';
        *p++ = digits[i];
    }
    *p = '\0';
    return text;
}
