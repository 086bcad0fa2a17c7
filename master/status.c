#include "master/status.h"

#include <netinet/in.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/human.h"
#include "common/json.h"
#include "master/master.h"
#include "master/process.h"
#include "master/workers.h"

static void add_duration(struct buf *out, uint64_t s)
{
    char text[HUMAN_MAX];

    buf_add(out, str_of(human_duration(s, text)));
}

static void add_process(const struct master *m, const struct process *p, struct buf *out)
{
    static const char *const states[] = { "starting", "serving", "leaving" };
    const struct shared_slot *shared = &m->bank[p->slot];
    uint64_t accepted = counter_read(shared, COUNTER_CONNECTIONS_ACCEPTED);
    uint64_t closed = counter_read(shared, COUNTER_CONNECTIONS_CLOSED);
    double up = ev_time() - p->started_at;

    buf_printf(out, "worker %u: %s, pid %d, generation %llu, up ", p->slot + 1, states[p->state],
               (int)p->pid, (unsigned long long)p->generation);
    add_duration(out, up > 0 ? (uint64_t)up : 0);
    /* The counters are the slot's, and it has one writer: a leaving worker's are its heir's. */
    if (m->slots[p->slot].process == p)
        buf_printf(out, ", %llu connections, %llu requests",
                   (unsigned long long)(accepted > closed ? accepted - closed : 0),
                   (unsigned long long)workers_requests(m, p->slot));
    if (m->slots[p->slot].process == p && workers_are_dealt(m, shared))
        buf_printf(out, ", %llu handed over, %llu taken over",
                   (unsigned long long)counter_read(shared, COUNTER_CONNECTIONS_HANDED_OVER),
                   (unsigned long long)counter_read(shared, COUNTER_CONNECTIONS_TAKEN_OVER));
    buf_add_char(out, '\n');
}

static void add_last_reload(const struct transaction *t, struct buf *out)
{
    char at[32] = "";
    struct tm tm;
    struct str rest = buf_str(&t->result), line;

    if (t->result.n == 0) {
        buf_printf(out, "last reload: none\n");
        return;
    }
    localtime_r(&t->result_at, &tm);
    strftime(at, sizeof(at), "%Y-%m-%d %H:%M:%S", &tm);
    line = str_cut(&rest, '\n');
    buf_printf(out, "last reload: %s, %.*s\n", at, STR_ARG(line));
    while (rest.p != NULL && rest.n > 0) {
        line = str_cut(&rest, '\n');
        buf_printf(out, "    %.*s\n", STR_ARG(line));
    }
}

static void add_addresses(const struct master *m, struct buf *out)
{
    buf_printf(out, "listening:");
    for (size_t i = 0; i < m->listeners.count; i++) {
        char text[ADDRESS_TEXT_MAX];

        address_format(&m->listeners.rows[i].actual, text);
        buf_printf(out, "%s %s", i > 0 ? "," : "", text);
    }
    buf_add_char(out, '\n');
}

static const char *const phases[] = { "starting", "running", "quitting", "stopping" };

void status_write(const struct master *m, struct buf *out)
{
    uint64_t now = (uint64_t)time(NULL), started_at = m->shared->started_at;

    buf_printf(out, "remuda " REMUDA_VERSION " is %s%s, pid %d, up ", phases[m->phase],
               m->is_drained ? " (drained)" : "", (int)getpid());
    add_duration(out, now > started_at ? now - started_at : 0);
    buf_printf(out, ", generation %llu\nconfig: %s\n", (unsigned long long)m->now.number,
               source_name(&m->now.source));
    add_addresses(m, out);
    buf_printf(out, "workers: %u, %llu respawned\n", m->slot_count,
               (unsigned long long)atomic_load(&m->shared->respawns));
    LIST_EACH (at, &m->processes)
        add_process(m, CONTAINER_OF(at, struct process, link), out);
    for (unsigned i = 0; i < m->slot_count; i++)
        if (ev_is_active(&m->slots[i].respawn))
            buf_printf(out, "worker %u: ended young, the next one starts after a pause\n", i + 1);
    add_last_reload(&m->transaction, out);
}

static void add_last_reload_json(const struct transaction *t, struct buf *out)
{
    struct str rest = buf_str(&t->result);

    json_key(out, "last_reload");
    if (t->result.n == 0) {
        json_null(out);
        return;
    }
    json_open(out, '{');
    json_add_u64(out, "at", (uint64_t)t->result_at);
    json_add_bool(out, "ok", t->is_result_ok);
    json_key(out, "lines");
    json_open(out, '[');
    while (rest.p != NULL && rest.n > 0)
        json_text(out, str_cut(&rest, '\n'));
    json_close(out, ']');
    json_close(out, '}');
}

void status_write_json(const struct master *m, struct buf *out)
{
    uint64_t now = (uint64_t)time(NULL), started_at = m->shared->started_at;

    json_add_text(out, "version", STR(REMUDA_VERSION));
    json_add_text(out, "state", str_of(phases[m->phase]));
    json_add_bool(out, "is_drained", m->is_drained);
    json_add_u64(out, "pid", (uint64_t)getpid());
    json_add_u64(out, "up_seconds", now > started_at ? now - started_at : 0);
    json_add_u64(out, "generation", m->now.number);
    json_add_text(out, "config", str_of(m->now.source.path));
    json_add_text(out, "log_level", str_of(log_level_names[master_log_level(m)]));
    json_key(out, "listening");
    json_open(out, '[');
    for (size_t i = 0; i < m->listeners.count; i++) {
        char text[ADDRESS_TEXT_MAX];

        address_format(&m->listeners.rows[i].actual, text);
        json_text(out, str_of(text));
    }
    json_close(out, ']');
    json_add_u64(out, "worker_count", m->slot_count);
    json_add_u64(out, "respawned", atomic_load(&m->shared->respawns));
    json_key(out, "workers");
    workers_write_json(m, out);
    add_last_reload_json(&m->transaction, out);
}

static bool is_wildcard(const struct address *a)
{
    const struct sockaddr_in *in = (const struct sockaddr_in *)&a->sa;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&a->sa;

    if (a->sa.ss_family == AF_INET)
        return in->sin_addr.s_addr == htonl(INADDR_ANY);
    return a->sa.ss_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr);
}

/* The IPv6 twin of a wildcard address has the same URL. */
static bool is_twin(const struct listen_table *l, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (is_wildcard(&l->rows[i].actual) &&
            address_port(&l->rows[i].actual) == address_port(&l->rows[at].actual))
            return is_wildcard(&l->rows[at].actual);
    return false;
}

void status_write_urls(const struct master *m, const char *indent, struct buf *out)
{
    for (size_t i = 0; i < m->listeners.count; i++) {
        const struct address *a = &m->listeners.rows[i].actual;
        char text[ADDRESS_TEXT_MAX];

        address_format(a, text);
        if (is_twin(&m->listeners, i))
            continue;
        if (a->sa.ss_family == AF_UNIX)
            buf_printf(out, "%s%s\n", indent, text);
        else if (is_wildcard(a))
            buf_printf(out, "%shttp://localhost:%u/\n", indent, address_port(a));
        else
            buf_printf(out, "%shttp://%s/\n", indent, text);
    }
}
