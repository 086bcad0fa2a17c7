/*
 * status_counters - the handler that tells what all workers have counted, for people (text) and
 * for programs (JSON). Counters go on over reloads and over a worker's death.
 */
#include "worker/handler.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/shared.h"
#include "worker/clock.h"
#include "worker/generation.h"

static const struct str allowed = STR_INIT("GET, HEAD, OPTIONS");

struct figures {
    uint64_t sums[COUNTER_COUNT];
    struct series_totals answers;
    uint64_t workers; /* that are there */
};

/* All slots: those of workers that a reload took away keep what they had counted. */
static void add_bank(const struct shared *shared, unsigned bank, struct figures *f)
{
    for (unsigned slot = 0; slot < SHARED_SLOTS_MAX; slot++) {
        unsigned number = bank * SHARED_SLOTS_MAX + slot;
        const struct shared_slot *s = &shared->slots[number];

        if (!shared_was_used(s))
            break;
        series_add_all(&shared->series, number, &f->answers);
        f->workers += atomic_load_explicit(&s->pid, memory_order_relaxed) != 0;
        for (int c = 0; c < (int)COUNTER_COUNT; c++)
            f->sums[c] += counter_read(s, (enum counter)c);
    }
}

static void add_up(const struct shared *shared, struct figures *f)
{
    *f = (struct figures){ .workers = 0 };
    for (unsigned bank = 0; bank < SHARED_BANKS; bank++)
        add_bank(shared, bank, f);
}

static void write_figure(struct buf *out, bool is_json, const char *name, uint64_t value)
{
    if (is_json)
        buf_printf(out, ",\n  \"%s\": %" PRIu64, name, value);
    else
        buf_printf(out, "%s %" PRIu64 "\n", name, value);
}

static void write_figures(struct buf *out, bool is_json, const struct exchange *x)
{
    const struct shared *shared = x->shared;
    uint64_t now = (uint64_t)x->clock->now, open;
    struct figures f;
    char name[32];

    add_up(shared, &f);
    open = f.sums[COUNTER_CONNECTIONS_ACCEPTED] - f.sums[COUNTER_CONNECTIONS_CLOSED];
    buf_add(out, is_json ? STR("{\n  \"server\": \"remuda\"") : STR("server remuda\n"));
    write_figure(out, is_json, "uptime_seconds",
                 now > shared->started_at ? now - shared->started_at : 0);
    write_figure(out, is_json, "generation",
                 atomic_load_explicit(&shared->generation, memory_order_relaxed));
    write_figure(out, is_json, "workers", f.workers);
    write_figure(out, is_json, "workers_respawned",
                 atomic_load_explicit(&shared->respawns, memory_order_relaxed));
    write_figure(out, is_json, "connections_open", open);
    write_figure(out, is_json, "requests", series_requests(&f.answers));
    for (int i = 2; i < 6; i++) {
        snprintf(name, sizeof(name), "responses_%dxx", i);
        write_figure(out, is_json, name, f.answers.responses[i]);
    }
    for (int c = 0; c < (int)COUNTER_COUNT; c++)
        write_figure(out, is_json, counter_names[c], f.sums[c]);
    if (is_json)
        buf_add(out, STR("\n}\n"));
}

/* Programs name JSON in Accept; a browser does not. */
static bool wants_json(const struct request *req)
{
    static const struct str json = STR_INIT("application/json");
    struct str value;

    for (size_t at = 0; (value = request_next_field(req, FIELD_ACCEPT, &at)).p != NULL;) {
        while (value.p != NULL) {
            struct str range = str_cut(&value, ',');

            range = str_trim(str_cut(&range, ';'));
            if (str_eq_case(range, json))
                return true;
        }
    }
    return false;
}

static void handle(struct exchange *x)
{
    struct buf text = { 0 };
    bool is_json;

    if ((x->req.method != METHOD_GET && x->req.method != METHOD_HEAD)) {
        exchange_refuse_method(x, allowed);
        return;
    }
    is_json = wants_json(&x->req);
    write_figures(&text, is_json, x);
    response_bytes(&x->res, 200,
                   is_json ? STR("application/json") : STR("text/plain; charset=utf-8"),
                   pool_str(&x->pool, buf_str(&text)));
    response_add_field(&x->res, STR("Cache-Control"), STR("no-store"));
    response_add_field(&x->res, STR("Vary"), STR("Accept"));
    buf_fini(&text);
}

const struct handler status_counters = { "status_page", handle };
