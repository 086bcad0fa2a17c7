#include "worker/account.h"

void account_settle(struct worker *w)
{
    uint64_t now_ns = ticks_now(&w->ticks);

    for (unsigned i = 0; i < w->unsettled_count; i++) {
        const struct unsettled *u = &w->unsettled[i];
        uint64_t began_ns = u->seen->began_ns, took_ns = now_ns > began_ns ? now_ns - began_ns : 0;

        series_count_latency(u->series, took_ns);
        u->seen->took_ns = took_ns;
    }
    w->unsettled_count = 0;
}
