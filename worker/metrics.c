#include "worker/metrics.h"

#include <stdlib.h>

#include "common/xmalloc.h"

static uint64_t load(const _Atomic uint64_t *value)
{
    return atomic_load_explicit(value, memory_order_relaxed);
}

/* ---- workers ---- */

/* Slots of a bank that ever had a worker. */
static unsigned used_slots(const struct shared *shared, unsigned bank)
{
    const struct shared_slot *slots = &shared->slots[bank * SHARED_SLOTS_MAX];
    unsigned count = 0;

    while (count < SHARED_SLOTS_MAX && shared_was_used(&slots[count]))
        count++;
    return count;
}

/* Of two that are there, the one before an upgrade and its heir, the younger one. */
static void take_identity(struct metrics_worker *w, const struct shared_slot *slot)
{
    pid_t pid = atomic_load_explicit(&slot->pid, memory_order_relaxed);
    uint64_t started_at = load(&slot->started_at);

    if (pid == 0 || (w->pid != 0 && w->started_at > started_at))
        return;
    w->pid = pid;
    w->started_at = started_at;
    w->generation = load(&slot->generation);
    w->is_stuck = atomic_load_explicit(&slot->is_stuck, memory_order_relaxed) != 0;
}

static void take_slot(struct metrics *m, struct metrics_worker *w, const struct shared_slot *slot)
{
    uint64_t closed, accepted;

    take_identity(w, slot);
    m->processes += atomic_load_explicit(&slot->pid, memory_order_relaxed) != 0;
    for (int c = 0; c < (int)COUNTER_COUNT; c++)
        w->counters[c] += counter_read(slot, (enum counter)c);
    /* In this order: what is closed in between was accepted before. */
    closed = counter_read(slot, COUNTER_CONNECTIONS_CLOSED);
    accepted = counter_read(slot, COUNTER_CONNECTIONS_ACCEPTED);
    w->open += accepted > closed ? accepted - closed : 0;
}

static void take_workers(struct metrics *m, const struct shared *shared,
                         const unsigned used[SHARED_BANKS])
{
    for (unsigned bank = 0; bank < SHARED_BANKS; bank++)
        if (m->worker_count < used[bank])
            m->worker_count = used[bank];
    m->workers = xcalloc(m->worker_count + 1, sizeof(*m->workers));
    for (unsigned i = 0; i < m->worker_count; i++) {
        struct metrics_worker *w = &m->workers[i];

        w->number = i + 1;
        for (unsigned bank = 0; bank < SHARED_BANKS; bank++)
            if (i < used[bank])
                take_slot(m, w, &shared->slots[bank * SHARED_SLOTS_MAX + i]);
        for (int c = 0; c < (int)COUNTER_COUNT; c++)
            m->counters[c] += w->counters[c];
        m->open += w->open;
    }
    m->counters[COUNTER_LOG_LINES_DROPPED] += atomic_load(&shared->log_lines_dropped);
}

/* ---- routes ---- */

/* What all slots counted of it; false: none ever had the route. */
static bool take_series(struct metrics *m, const struct series *series, unsigned number,
                        const unsigned used[SHARED_BANKS], struct series_totals *to)
{
    bool has_any = false;

    for (unsigned bank = 0; bank < SHARED_BANKS; bank++) {
        for (unsigned i = 0; i < used[bank]; i++) {
            struct series_totals one = { 0 };

            if (!series_add(series, bank * SHARED_SLOTS_MAX + i, number, &one))
                continue;
            has_any = true;
            m->workers[i].requests += series_requests(&one);
            series_join(to, &one);
        }
    }
    return has_any;
}

static int by_site_and_route(const void *a, const void *b)
{
    const struct metrics_route *x = a, *y = b;
    int order = strcmp(x->site.p, y->site.p);

    return order != 0 ? order : strcmp(x->route.p, y->route.p);
}

static void take_routes(struct metrics *m, const struct series *series,
                        const unsigned used[SHARED_BANKS])
{
    size_t room = 0;

    for (unsigned number = 0; number < SERIES_MAX; number++) {
        const struct series_name *name = series_name(series, number);
        struct series_totals totals = { 0 };

        if (name == NULL || !take_series(m, series, number, used, &totals))
            continue;
        if (m->route_count == room) {
            room = room == 0 ? 16 : room * 2;
            m->routes = xrealloc(m->routes, room * sizeof(*m->routes));
        }
        m->routes[m->route_count++] =
            (struct metrics_route){ str_of(name->site), str_of(name->route), totals };
        series_join(&m->totals, &totals);
    }
    if (m->route_count > 0)
        qsort(m->routes, m->route_count, sizeof(*m->routes), by_site_and_route);
}

/* ---- all ---- */

void metrics_take(struct metrics *m, const struct shared *shared, uint64_t now_ms)
{
    unsigned used[SHARED_BANKS];

    for (unsigned bank = 0; bank < SHARED_BANKS; bank++)
        used[bank] = used_slots(shared, bank);
    *m = (struct metrics){
        .now_ms = now_ms,
        .started_at = shared->started_at,
        .generation = load(&shared->generation),
        .respawns = load(&shared->respawns),
        .reloads = load(&shared->reloads),
        .reloads_failed = load(&shared->reloads_failed),
        .reloaded_at = load(&shared->reloaded_at),
        .is_reload_failed =
            atomic_load_explicit(&shared->is_reload_failed, memory_order_relaxed) != 0,
    };
    take_workers(m, shared, used);
    take_routes(m, &shared->series, used);
}

void metrics_add_processes(struct metrics *m)
{
    for (size_t i = 0; i < m->worker_count; i++) {
        struct metrics_worker *w = &m->workers[i];

        w->has_process = w->pid != 0 && proc_stat_read(w->pid, &w->process);
    }
}

void metrics_fini(struct metrics *m)
{
    free(m->workers);
    free(m->routes);
    *m = (struct metrics){ .now_ms = 0 };
}

uint64_t metrics_uptime_s(const struct metrics *m)
{
    uint64_t now = m->now_ms / 1000;

    return now > m->started_at ? now - m->started_at : 0;
}

size_t metrics_next_site(const struct metrics *m, size_t at)
{
    struct str site = m->routes[at].site;

    while (at < m->route_count && str_eq(m->routes[at].site, site))
        at++;
    return at;
}
