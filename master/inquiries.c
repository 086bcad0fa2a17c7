#include "master/inquiries.h"

#include <stdlib.h>

#include "common/json.h"
#include "common/xmalloc.h"
#include "config/values.h"
#include "master/control.h"
#include "master/master.h"
#include "master/question.h"
#include "worker/connection_list.h"

enum { CONNECTIONS_SHOWN = 1000, CONNECTIONS_SHOWN_MAX = 100000 };

static void ask(struct client *client, const struct buf *text, void (*done)(struct question *q))
{
    client->state = CLIENT_ASKING;
    question_ask(client->control->master, buf_str(text), done, client);
}

/* Who did not answer, as lines or as a member of the object that is open. */
static void add_missing(const struct client *client, const struct question *q, struct buf *out)
{
    struct buf lines = { 0 };
    struct str rest;

    question_add_missing(q, &lines);
    if (!client->wants_json) {
        buf_add(out, buf_str(&lines));
    } else {
        json_key(out, "missing");
        json_open(out, '[');
        for (rest = buf_str(&lines); rest.p != NULL && rest.n > 0;)
            json_text(out, str_cut(&rest, '\n'));
        json_close(out, ']');
    }
    buf_fini(&lines);
}

static bool is_complete(const struct question *q)
{
    for (size_t i = 0; i < q->part_count; i++)
        if (q->parts[i].state != PART_ANSWERED && q->parts[i].state != PART_ENDED)
            return false;
    return true;
}

/* ---- connections ---- */

struct list_question {
    uint64_t max;
    struct str state; /* of connection_states; p NULL: any */
    struct cidr network;
    bool has_max, has_network;
};

static bool take_state(struct list_question *l, struct str word)
{
    for (int i = 0; l->state.p == NULL && connection_states[i] != NULL; i++)
        if (str_eq(word, str_of(connection_states[i]))) {
            l->state = str_of(connection_states[i]);
            return true;
        }
    return false;
}

static bool take_word(struct list_question *l, struct str word)
{
    const char *unused;

    if (!l->has_max && str_to_u64(word, &l->max)) {
        l->has_max = true;
        return l->max <= CONNECTIONS_SHOWN_MAX;
    }
    if (take_state(l, word))
        return true;
    if (l->has_network || !cidr_parse(word, &l->network, &unused))
        return false;
    return l->has_network = true;
}

static bool list_parse(struct str argument, struct list_question *l)
{
    *l = (struct list_question){ .max = CONNECTIONS_SHOWN };
    while (argument.p != NULL)
        if (!take_word(l, str_cut(&argument, ' ')))
            return false;
    return true;
}

/* A worker's lines: the smallest order first. */
struct source_lines {
    struct str rest, line; /* line.p NULL: at the end */
    uint64_t order;
};

static void next_line(struct source_lines *s)
{
    struct str order;

    s->line = STR_NONE;
    if (s->rest.p == NULL || s->rest.n == 0)
        return;
    s->line = str_cut(&s->rest, '\n');
    order = str_cut(&s->line, '\t');
    if (!str_to_u64(order, &s->order))
        s->line = STR_NONE;
}

struct totals {
    uint64_t open, matched, shown, max;
};

static struct source_lines *open_sources(const struct question *q, struct totals *totals)
{
    struct source_lines *sources = xcalloc(q->part_count + 1, sizeof(*sources));

    for (size_t i = 0; i < q->part_count; i++) {
        struct str rest = buf_str(&q->parts[i].answer), line = str_cut(&rest, '\n');
        struct str open = str_cut(&line, ' ');
        uint64_t counts[2];

        sources[i].rest = rest;
        if (str_to_u64(open, &counts[0]) && str_to_u64(line, &counts[1])) {
            totals->open += counts[0];
            totals->matched += counts[1];
        }
        next_line(&sources[i]);
    }
    return sources;
}

static void merge(const struct question *q, struct totals *totals, bool is_json, struct buf *out)
{
    struct source_lines *sources = open_sources(q, totals);

    while (totals->shown < totals->max) {
        struct source_lines *first = NULL;

        for (size_t i = 0; i < q->part_count; i++)
            if (sources[i].line.p != NULL && (first == NULL || sources[i].order < first->order))
                first = &sources[i];
        if (first == NULL)
            break;
        totals->shown++;
        if (is_json) {
            json_raw(out, first->line);
        } else {
            buf_add(out, first->line);
            buf_add_char(out, '\n');
        }
        next_line(first);
    }
    free(sources);
}

static void connections_json(struct client *client, const struct question *q, struct totals *totals)
{
    struct buf *out = control_open_json(client, true);

    json_key(out, "connections");
    json_open(out, '[');
    merge(q, totals, true, out);
    json_close(out, ']');
    json_add_u64(out, "open", totals->open);
    json_add_u64(out, "matched", totals->matched);
    json_add_u64(out, "shown", totals->shown);
    add_missing(client, q, out);
    control_reply_json(client, NULL);
}

static void on_connections(struct question *q)
{
    struct client *client = q->context;
    struct totals totals = { .max = client->shown_max };
    struct buf text = { 0 };

    if (client->wants_json) {
        connections_json(client, q, &totals);
        return;
    }
    buf_add(&text, str_of(connection_list_header));
    merge(q, &totals, false, &text);
    if (totals.shown == 0)
        text.n = 0;
    if (totals.matched != totals.open)
        buf_printf(&text, "%llu of %llu that match, of ", (unsigned long long)totals.shown,
                   (unsigned long long)totals.matched);
    else if (totals.shown != totals.open)
        buf_printf(&text, "%llu of ", (unsigned long long)totals.shown);
    buf_printf(&text, "%llu open connection%s\n", (unsigned long long)totals.open,
               totals.open == 1 ? "" : "s");
    add_missing(client, q, &text);
    control_reply(client, true, buf_cstr(&text));
    buf_fini(&text);
}

void run_connections(struct client *client, struct str argument)
{
    struct list_question l;
    struct buf text = { 0 };
    char network[CIDR_TEXT_MAX] = "-";

    if (!list_parse(argument, &l)) {
        control_reply(client, false,
                      "connections takes how many to show (at most 100000), a state (reading, "
                      "waiting, sending, lingering or idle) and a network of peers, as in: "
                      "connections 20 idle 10.0.0.0/8");
        return;
    }
    if (l.has_network)
        cidr_format(&l.network, network);
    client->shown_max = l.max;
    buf_printf(&text, "connections %s %llu %s %s", client->wants_json ? "json" : "text",
               (unsigned long long)l.max, l.state.p != NULL ? l.state.p : "-", network);
    ask(client, &text, on_connections);
    buf_fini(&text);
}

/* ---- log level ---- */

static void reply_level(struct client *client, const struct question *q, bool is_ok)
{
    const struct master *m = client->control->master;
    const char *level = log_level_names[master_log_level(m)];
    const char *from = m->log_level >= 0 ? " until the next reload" : ", as the config says";
    struct buf text = { 0 }, *out;

    buf_printf(&text, "log level %s%s\n", level, from);
    if (q != NULL)
        question_add_missing(q, &text);
    if (client->wants_json) {
        out = control_open_json(client, is_ok);
        json_add_text(out, "level", str_of(level));
        json_add_bool(out, "is_config", m->log_level < 0);
        control_reply_json(client, buf_cstr(&text));
    } else {
        control_reply(client, is_ok, buf_cstr(&text));
    }
    buf_fini(&text);
}

static void on_log_level(struct question *q)
{
    reply_level(q->context, q, is_complete(q));
}

void run_log_level(struct client *client, struct str argument)
{
    struct master *m = client->control->master;
    struct buf text = { 0 };
    enum log_level level;

    if (argument.p == NULL) {
        reply_level(client, NULL, true);
        return;
    }
    if (!log_level_parse(argument, &level)) {
        control_reply(client, false, "log level takes crit, error, warn, notice, info or debug");
        return;
    }
    m->log_level = (int)level;
    log_set_level(level);
    log_notice("log level %s until the next reload", log_level_names[level]);
    buf_printf(&text, "log level %s", log_level_names[level]);
    ask(client, &text, on_log_level);
    buf_fini(&text);
}

/* ---- purge ---- */

enum { PURGE_PATHS_MAX = 16 };

static void on_purge(struct question *q)
{
    struct client *client = q->context;
    struct buf text = { 0 }, *out;
    uint64_t sum = 0, dropped;
    unsigned workers = 0;

    for (size_t i = 0; i < q->part_count; i++) {
        if (q->parts[i].state != PART_ANSWERED ||
            !str_to_u64(buf_str(&q->parts[i].answer), &dropped))
            continue;
        sum += dropped;
        workers++;
    }
    buf_printf(&text, "%llu dropped in %u worker%s\n", (unsigned long long)sum, workers,
               workers == 1 ? "" : "s");
    question_add_missing(q, &text);
    if (client->wants_json) {
        out = control_open_json(client, is_complete(q));
        json_add_u64(out, "dropped", sum);
        json_add_u64(out, "workers", workers);
        control_reply_json(client, buf_cstr(&text));
    } else {
        control_reply(client, is_complete(q), buf_cstr(&text));
    }
    buf_fini(&text);
}

static bool is_good_path(struct str path)
{
    if (path.n == 0 || path.p[0] != '/' || memchr(path.p, '\0', path.n) != NULL)
        return false;
    while (path.p != NULL)
        if (str_eq(str_cut(&path, '/'), STR("..")))
            return false;
    return true;
}

void run_purge(struct client *client, struct str argument)
{
    const char *why = NULL;
    struct buf text = { 0 };
    unsigned count = 0;

    buf_printf(&text, "purge ");
    while (argument.p != NULL) {
        struct str path = str_cut(&argument, '\t');
        char *clean;

        if (!is_good_path(path))
            why = "purge takes the absolute path of a file or folder, without \"..\"";
        else if (++count > PURGE_PATHS_MAX)
            why = "purge takes at most 16 paths at a time, for which all workers stop and look; "
                  "a folder takes all below it with it";
        if (why != NULL) {
            buf_fini(&text);
            control_reply(client, false, why);
            return;
        }
        clean = value_absolute_path("/", path);
        buf_printf(&text, "%s%s", clean, argument.p != NULL ? "\t" : "");
        free(clean);
    }
    ask(client, &text, on_purge);
    buf_fini(&text);
}
