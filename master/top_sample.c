#include "master/top_sample.h"

#include <stdlib.h>
#include <string.h>

/* ---- one sample ---- */

static enum top_state state_of(const struct shared *shared, const struct top_sample *sample,
                               unsigned bank, unsigned slot)
{
    const struct shared_slot *s = &shared->slots[bank * SHARED_SLOTS_MAX + slot];

    if (atomic_load(&s->pid) == 0)
        return TOP_NONE;
    if (bank != sample->bank || slot >= sample->worker_count)
        return TOP_LEAVING;
    if (atomic_load(&s->is_stuck))
        return TOP_STUCK;
    return atomic_load(&s->generation) < sample->generation ? TOP_STARTING : TOP_SERVING;
}

static void take_slot(struct top_sample *sample, const struct shared *shared, unsigned bank,
                      unsigned slot)
{
    unsigned number = bank * SHARED_SLOTS_MAX + slot;
    const struct shared_slot *s = &shared->slots[number];
    struct top_slot *out = &sample->slots[bank][slot];

    *out = (struct top_slot){
        .pid = atomic_load(&s->pid),
        .state = state_of(shared, sample, bank, slot),
        .open = atomic_load(&s->open),
        .accepted = counter_read(s, COUNTER_CONNECTIONS_ACCEPTED),
        .received_bytes = counter_read(s, COUNTER_BYTES_RECEIVED),
        .sent_bytes = counter_read(s, COUNTER_BYTES_SENT),
    };
    for (unsigned i = 0; i < SERIES_MAX; i++)
        if (series_add(&shared->series, number, i, &sample->routes[i])) {
            series_add(&shared->series, number, i, &out->totals);
            sample->names[i] = series_name(&shared->series, i);
        }
}

void top_sample_take(struct top_sample *sample, const struct shared *shared, uint64_t at_ns,
                     uint64_t at_s)
{
    sample->at_ns = at_ns;
    sample->at_s = at_s;
    sample->started_at = shared->started_at;
    sample->generation = atomic_load(&shared->generation);
    sample->respawns = atomic_load(&shared->respawns);
    sample->master_pid = atomic_load(&shared->master_pid);
    sample->worker_count = atomic_load(&shared->worker_count);
    sample->bank = atomic_load(&shared->bank) % SHARED_BANKS;
    memset(sample->names, 0, sizeof(sample->names));
    memset(sample->routes, 0, sizeof(sample->routes));
    for (unsigned bank = 0; bank < SHARED_BANKS; bank++) {
        unsigned slot = 0;

        /* The first unused one ends it: to look at a page of the block makes it a real one. */
        while (slot < SHARED_SLOTS_MAX &&
               shared_was_used(&shared->slots[bank * SHARED_SLOTS_MAX + slot]))
            take_slot(sample, shared, bank, slot++);
        sample->slot_count[bank] = slot;
    }
}

void top_sample_read_processes(struct top_sample *sample)
{
    for (unsigned bank = 0; bank < SHARED_BANKS; bank++)
        for (unsigned i = 0; i < sample->slot_count[bank]; i++) {
            struct top_slot *slot = &sample->slots[bank][i];

            slot->has_stat = slot->pid != 0 && proc_stat_read(slot->pid, &slot->stat);
        }
}

/* ---- between two ---- */

static struct top_figures figures_of(const struct series_totals *t, double s)
{
    double requests = (double)series_requests(t);
    double failures = (double)t->responses[5], errors = failures + (double)t->responses[4];
    struct top_figures f = { .requests = requests / s,
                             .body_bytes = (double)t->body_bytes / s,
                             .p50_ns = series_quantile_ns(t, 0.5),
                             .p99_ns = series_quantile_ns(t, 0.99) };

    if (requests > 0) {
        f.error_share = errors / requests;
        f.failure_share = failures / requests;
    }
    return f;
}

static double cpu_share(const struct top_slot *from, const struct top_slot *to, double s)
{
    double used_s = to->stat.user_s + to->stat.system_s;

    if (!to->has_stat || !from->has_stat || from->pid != to->pid)
        return -1;
    used_s -= from->stat.user_s + from->stat.system_s;
    return used_s > 0 ? used_s / s : 0;
}

/* A row for each worker, and for each that is missing. */
static void add_slot(struct top_rates *out, unsigned number, const struct top_slot *from,
                     const struct top_slot *to, bool is_wanted)
{
    struct series_totals totals = to->totals;

    series_subtract(&totals, &from->totals);
    series_join(&out->all, &totals);
    out->accepted += (double)(to->accepted - from->accepted) / out->s;
    out->received_bytes += (double)(to->received_bytes - from->received_bytes) / out->s;
    out->sent_bytes += (double)(to->sent_bytes - from->sent_bytes) / out->s;
    if (to->pid == 0 && !is_wanted)
        return;
    out->open += to->open;
    out->serving_count += to->state == TOP_SERVING;
    out->workers[out->row_count++] = (struct top_worker){
        .slot = number,
        .pid = to->pid,
        .state = to->state,
        .open = to->open,
        .figures = figures_of(&totals, out->s),
        .cpu_share = cpu_share(from, to, out->s),
        .has_memory = to->has_stat,
        .memory_bytes = to->has_stat ? to->stat.memory_bytes : 0,
    };
}

/* By slot; of two workers in a slot, the one that leaves comes first. */
static void add_slots(const struct top_sample *from, const struct top_sample *to,
                      struct top_rates *out)
{
    unsigned former = (to->bank + 1) % SHARED_BANKS;

    for (unsigned i = 0; i < SHARED_SLOTS_MAX; i++) {
        if (i < to->slot_count[former])
            add_slot(out, i, &from->slots[former][i], &to->slots[former][i], false);
        if (i < to->slot_count[to->bank] || i < to->worker_count)
            add_slot(out, i, &from->slots[to->bank][i], &to->slots[to->bank][i],
                     i < to->worker_count);
    }
}

static struct top_route *site_of(struct top_rates *out, const char *site)
{
    for (unsigned i = 0; i < out->site_count; i++)
        if (strcmp(out->sites[i].site, site) == 0)
            return &out->sites[i];
    out->sites[out->site_count] = (struct top_route){ .site = site };
    return &out->sites[out->site_count++];
}

static void add_routes(const struct top_sample *from, const struct top_sample *to,
                       struct top_rates *out)
{
    for (unsigned i = 0; i < SERIES_MAX; i++) {
        struct top_route *route = &out->routes[out->route_count], *site;
        uint64_t ever = to->names[i] != NULL ? series_requests(&to->routes[i]) : 0;

        if (ever == 0)
            continue;
        *route = (struct top_route){ .site = to->names[i]->site,
                                     .route = to->names[i]->route,
                                     .requests_ever = ever,
                                     .totals = to->routes[i] };
        series_subtract(&route->totals, &from->routes[i]);
        route->figures = figures_of(&route->totals, out->s);
        out->route_count++;
        site = site_of(out, route->site);
        site->requests_ever += ever;
        series_join(&site->totals, &route->totals);
    }
    for (unsigned i = 0; i < out->site_count; i++)
        out->sites[i].figures = figures_of(&out->sites[i].totals, out->s);
}

static double sort_key(const struct top_figures *f, enum top_sort sort)
{
    switch (sort) {
    case TOP_BY_ERRORS:
        return f->error_share * f->requests;
    case TOP_BY_P99:
        return (double)f->p99_ns;
    case TOP_BY_BYTES:
        return f->body_bytes;
    case TOP_BY_REQUESTS:
    case TOP_SORT_COUNT:
        break;
    }
    return f->requests;
}

/* Those that are equal have an order of their own, so that lines without news stay where they are. */
static int compare(const void *a, const void *b, void *sort)
{
    const struct top_route *x = a, *y = b;
    double by = sort_key(&y->figures, *(enum top_sort *)sort) -
                sort_key(&x->figures, *(enum top_sort *)sort);
    int result;

    if (by == 0)
        by = y->figures.requests - x->figures.requests;
    if (by == 0 && x->requests_ever != y->requests_ever)
        by = y->requests_ever > x->requests_ever ? 1 : -1;
    if (by != 0)
        return by > 0 ? 1 : -1;
    result = strcmp(x->site, y->site);
    return result != 0 || x->route == NULL ? result : strcmp(x->route, y->route);
}

void top_rates_sort(struct top_rates *rates, enum top_sort sort)
{
    qsort_r(rates->routes, rates->route_count, sizeof(*rates->routes), compare, &sort);
    qsort_r(rates->sites, rates->site_count, sizeof(*rates->sites), compare, &sort);
}

void top_rates_between(const struct top_sample *from, const struct top_sample *to,
                       enum top_sort sort, struct top_rates *out)
{
    double s = (double)(to->at_ns - from->at_ns) / 1e9;

    out->s = s > 0 ? s : 1e-9;
    out->at_s = to->at_s;
    out->up_s = to->at_s > to->started_at ? to->at_s - to->started_at : 0;
    out->generation = to->generation;
    out->respawns = to->respawns;
    out->master_pid = to->master_pid;
    out->worker_count = to->worker_count;
    memset(&out->all, 0, sizeof(out->all));
    out->accepted = out->received_bytes = out->sent_bytes = 0;
    out->open = 0;
    out->serving_count = out->row_count = out->route_count = out->site_count = 0;
    add_slots(from, to, out);
    add_routes(from, to, out);
    top_rates_sort(out, sort);
}
