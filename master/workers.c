#include "master/workers.h"

#include "common/human.h"
#include "common/json.h"
#include "common/proc_stat.h"
#include "master/master.h"
#include "master/process.h"

/* One worker, or a slot that waits for its next one. */
struct figures {
    unsigned slot;
    const char *state;
    pid_t pid; /* 0: none */
    uint64_t generation;
    double up_s;
    bool
        has_counters; /* they are the slot's, and it has one writer: a leaving worker's are its heir's */
    bool is_dealt;
    uint64_t open, requests, handed_over, taken_over;
    bool has_stat;
    struct proc_stat stat;
    unsigned respawns; /* of the slot */
};

static const char *state_of(const struct slot *slot, const struct process *p)
{
    static const char *const states[] = { "starting", "serving", "leaving" };

    if (slot->process == p && slot->watched.stuck_since_ms > 0)
        return "stuck";
    return states[p->state];
}

static struct figures figures_of(const struct master *m, const struct process *p)
{
    const struct slot *slot = &m->slots[p->slot];
    const struct shared_slot *shared = &m->bank[p->slot];
    uint64_t accepted = counter_read(shared, COUNTER_CONNECTIONS_ACCEPTED);
    uint64_t closed = counter_read(shared, COUNTER_CONNECTIONS_CLOSED);
    double up_s = ev_time() - p->started_at;
    struct figures f = {
        .slot = p->slot,
        .state = state_of(slot, p),
        .pid = p->pid,
        .generation = p->generation,
        .up_s = up_s > 0 ? up_s : 0,
        .has_counters = slot->process == p,
        .is_dealt = workers_are_dealt(m, shared),
        .open = accepted > closed ? accepted - closed : 0,
        .requests = workers_requests(m, p->slot),
        .handed_over = counter_read(shared, COUNTER_CONNECTIONS_HANDED_OVER),
        .taken_over = counter_read(shared, COUNTER_CONNECTIONS_TAKEN_OVER),
        .respawns = slot->respawns,
    };

    f.has_stat = proc_stat_read(p->pid, &f.stat);
    return f;
}

/* By slot; in one slot those who leave come first. */
static void each(const struct master *m, void (*add)(const struct figures *f, struct buf *out),
                 struct buf *out)
{
    for (unsigned i = 0; i < CONFIG_WORKERS_MAX; i++) {
        LIST_EACH (at, &m->processes) {
            const struct process *p = CONTAINER_OF(at, struct process, link);

            if (p->slot == i) {
                struct figures f = figures_of(m, p);

                add(&f, out);
            }
        }
        if (ev_is_active(&m->slots[i].respawn))
            add(&(struct figures){ .slot = i,
                                   .state = "waiting",
                                   .respawns = m->slots[i].respawns },
                out);
    }
}

static void add_line(const struct figures *f, struct buf *out)
{
    char up[HUMAN_MAX], cpu[HUMAN_MAX], memory[HUMAN_MAX], figure[2][24] = { "-", "-" };

    if (f->pid == 0) {
        buf_printf(out,
                   "%-6u  %-8s  ended young, the next one starts after a pause; respawned %u\n",
                   f->slot + 1, f->state, f->respawns);
        return;
    }
    if (f->has_counters) {
        snprintf(figure[0], sizeof(figure[0]), "%llu", (unsigned long long)f->open);
        snprintf(figure[1], sizeof(figure[1]), "%llu", (unsigned long long)f->requests);
    }
    buf_printf(out, "%-6u  %-8s  %7d  %10llu  %10s  %11s  %10s  %8s  %6s  %9u\n", f->slot + 1,
               f->state, (int)f->pid, (unsigned long long)f->generation, human_time(f->up_s, up),
               figure[0], figure[1],
               f->has_stat ? human_time(f->stat.user_s + f->stat.system_s, cpu) : "-",
               f->has_stat ? human_size(f->stat.memory_bytes, memory) : "-", f->respawns);
}

bool workers_are_dealt(const struct master *m, const struct shared_slot *slot)
{
    return (m->now.config->has_connection_balance && m->slot_count > 1) ||
           counter_read(slot, COUNTER_CONNECTIONS_HANDED_OVER) > 0 ||
           counter_read(slot, COUNTER_CONNECTIONS_TAKEN_OVER) > 0;
}

uint64_t workers_requests(const struct master *m, unsigned slot)
{
    struct series_totals totals = { 0 };

    for (unsigned bank = 0; bank < SHARED_BANKS; bank++)
        series_add_all(&m->shared->series, bank * SHARED_SLOTS_MAX + slot, &totals);
    return series_requests(&totals);
}

void workers_write(const struct master *m, struct buf *out)
{
    buf_printf(out, "%-6s  %-8s  %7s  %10s  %10s  %11s  %10s  %8s  %6s  %9s\n", "worker", "state",
               "pid", "generation", "up", "connections", "requests", "cpu", "memory", "respawned");
    each(m, add_line, out);
}

static void add_object(const struct figures *f, struct buf *out)
{
    json_open(out, '{');
    json_add_u64(out, "worker", f->slot + 1);
    json_add_text(out, "state", str_of(f->state));
    json_add_u64(out, "respawned", f->respawns);
    if (f->pid != 0) {
        json_add_u64(out, "pid", (uint64_t)f->pid);
        json_add_u64(out, "generation", f->generation);
        json_add_decimal(out, "up_seconds", f->up_s);
    }
    if (f->pid != 0 && f->has_counters) {
        json_add_u64(out, "connections", f->open);
        json_add_u64(out, "requests", f->requests);
    }
    if (f->pid != 0 && f->has_counters && f->is_dealt) {
        json_add_u64(out, "handed_over", f->handed_over);
        json_add_u64(out, "taken_over", f->taken_over);
    }
    if (f->has_stat) {
        json_add_decimal(out, "cpu_user_seconds", f->stat.user_s);
        json_add_decimal(out, "cpu_system_seconds", f->stat.system_s);
        json_add_u64(out, "memory_bytes", f->stat.memory_bytes);
        json_add_u64(out, "memory_private_bytes", f->stat.private_bytes);
    }
    json_close(out, '}');
}

void workers_write_json(const struct master *m, struct buf *out)
{
    json_open(out, '[');
    each(m, add_object, out);
    json_close(out, ']');
}
