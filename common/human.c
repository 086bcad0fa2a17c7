#include "common/human.h"

#include <stdio.h>

const char *human_size(uint64_t bytes, char text[HUMAN_MAX])
{
    static const char units[] = "KMGTPE";
    double value = (double)bytes;
    int unit = -1;

    while (value >= 1023.5 && unit < (int)sizeof(units) - 2) {
        value /= 1024;
        unit++;
    }
    if (unit < 0)
        snprintf(text, HUMAN_MAX, "%llu", (unsigned long long)bytes);
    else
        snprintf(text, HUMAN_MAX, value < 9.95 ? "%.1f%c" : "%.0f%c", value, units[unit]);
    return text;
}

/* From the largest unit that is not 0 on, at most `count` of them. */
static void add_units(char *text, uint64_t s, unsigned count)
{
    static const struct {
        uint64_t s;
        char letter;
    } units[] = { { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };
    int n = 0;

    for (int i = 0; i < 4 && count > 0; i++) {
        if (n == 0 && s < units[i].s && i < 3)
            continue;
        n += snprintf(text + n, (size_t)(HUMAN_MAX - n), "%s%llu%c", n > 0 ? " " : "",
                      (unsigned long long)(s / units[i].s), units[i].letter);
        s %= units[i].s;
        count--;
    }
}

const char *human_duration(uint64_t s, char text[HUMAN_MAX])
{
    add_units(text, s, 4);
    return text;
}

const char *human_time(double s, char text[HUMAN_MAX])
{
    if (!(s > 0))
        s = 0;
    if (s < 59.95)
        snprintf(text, HUMAN_MAX, s < 9.995 ? "%.2fs" : "%.1fs", s);
    else
        add_units(text, s < 1e15 ? (uint64_t)(s + 0.5) : (uint64_t)1e15, 2);
    return text;
}
