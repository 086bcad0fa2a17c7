#include "master/verbs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/json.h"
#include "master/control.h"
#include "master/inquiries.h"
#include "master/master.h"
#include "master/status.h"
#include "master/trace.h"
#include "master/workers.h"
#include "worker/metrics.h"
#include "worker/metrics_json.h"
#include "worker/metrics_prometheus.h"

static void run_diff(struct client *client, struct str argument)
{
    control_wait(client, OPERATION_DIFF);
}

static void run_reload(struct client *client, struct str argument)
{
    control_wait(client, OPERATION_RELOAD);
}

static void run_reopen(struct client *client, struct str argument)
{
    control_wait(client, OPERATION_REOPEN);
}

static void run_upgrade(struct client *client, struct str argument)
{
    control_wait(client, OPERATION_UPGRADE);
}

static void run_set_workers(struct client *client, struct str number)
{
    struct master *m = client->control->master;
    uint64_t count;

    if (!str_to_u64(number, &count) || count < 1 || count > CONFIG_WORKERS_MAX) {
        control_reply(client, false, "set workers takes a number from 1 to 1024");
    } else if (m->is_single) {
        control_reply(client, false, "--single is one process");
    } else {
        m->transaction.workers_wanted = (unsigned)count;
        control_wait(client, OPERATION_SET_WORKERS);
    }
}

static void run_stop(struct client *client, struct str argument)
{
    client->state = CLIENT_ENDING;
    master_stop(client->control->master, true);
}

static void run_quit(struct client *client, struct str argument)
{
    client->state = CLIENT_ENDING;
    master_stop(client->control->master, false);
}

static void run_status(struct client *client, struct str argument)
{
    struct buf text = { 0 };

    if (client->wants_json) {
        status_write_json(client->control->master, control_open_json(client, true));
        control_reply_json(client, NULL);
        return;
    }
    status_write(client->control->master, &text);
    control_reply(client, true, buf_cstr(&text));
    buf_fini(&text);
}

static void run_workers(struct client *client, struct str argument)
{
    struct buf text = { 0 }, *out;

    if (client->wants_json) {
        out = control_open_json(client, true);
        json_key(out, "workers");
        workers_write_json(client->control->master, out);
        control_reply_json(client, NULL);
        return;
    }
    workers_write(client->control->master, &text);
    control_reply(client, true, buf_cstr(&text));
    buf_fini(&text);
}

/* The block also has the heads of the last requests, with what is secret in them. */
static bool may_see_secrets(const struct client *client)
{
    struct ucred who = { .uid = (uid_t)-1 };
    socklen_t n = sizeof(who);

    return getsockopt(client->io.fd, SOL_SOCKET, SO_PEERCRED, &who, &n) == 0 &&
           (who.uid == 0 || who.uid == geteuid());
}

/* Whoever has the block counts for himself, and costs us nothing more. */
static void run_shared(struct client *client, struct str argument)
{
    char text[128];
    int fd;

    if (!may_see_secrets(client)) {
        control_reply(client, false,
                      "only root and the server's own user may look into its memory; status, "
                      "workers and metrics tell the figures to others");
        return;
    }
    fd = shared_open_descriptor(client->control->master->shared_fd);
    if (fd >= 0) {
        control_reply_with(client, REMUDA_VERSION, fd);
        return;
    }
    snprintf(text, sizeof(text), "the shared block cannot be opened: %s", strerror(errno));
    control_reply(client, false, text);
}

/* As the status page has it, also where no route is one. */
static void run_metrics(struct client *client, struct str argument)
{
    struct buf text = { 0 }, *out;
    struct metrics m;

    metrics_take(&m, client->control->master->shared, (uint64_t)(ev_time() * 1000));
    metrics_add_processes(&m);
    if (client->wants_json) {
        out = control_open_json(client, true);
        json_key(out, "metrics");
        metrics_json_write(&m, out);
        control_reply_json(client, NULL);
    } else {
        metrics_prometheus_write(&m, false, &text);
        control_reply(client, true, buf_cstr(&text));
        buf_fini(&text);
    }
    metrics_fini(&m);
}

static const struct verb verbs[] = {
    { "stop", NULL, run_stop },
    { "quit", NULL, run_quit },
    { "diff", NULL, run_diff },
    { "reload", NULL, run_reload },
    { "reopen", NULL, run_reopen },
    { "upgrade", NULL, run_upgrade },
    { "status", NULL, run_status },
    { "workers", NULL, run_workers },
    { "metrics", NULL, run_metrics },
    { "set workers", "N", run_set_workers },
    { "connections", "[MAX STATE NETWORK]", run_connections },
    { "log level", "[LEVEL]", run_log_level },
    { "purge", "PATH...", run_purge },
    { "trace", "[FILTER...]", run_trace },
};

/* For our own tools: no help names them. */
static const struct verb inner_verbs[] = {
    { "shared", NULL, run_shared },
};

enum {
    VERB_COUNT = sizeof(verbs) / sizeof(*verbs),
    INNER_VERB_COUNT = sizeof(inner_verbs) / sizeof(*inner_verbs),
};

static void say_unknown(struct str line, struct buf *why)
{
    buf_printf(why, "unknown verb \"%.*s\"; there are ", STR_ARG(line));
    for (size_t i = 0; i < VERB_COUNT; i++) {
        buf_printf(why, "%s%s", i == 0 ? "" : i + 1 < VERB_COUNT ? ", " : " and ", verbs[i].name);
        if (verbs[i].argument != NULL)
            buf_printf(why, " %s", verbs[i].argument);
    }
}

static bool takes(const struct verb *verb, struct str argument, struct buf *why)
{
    if (argument.p == NULL && verb->argument != NULL && verb->argument[0] != '[')
        buf_printf(why, "%s needs an argument: %s %s", verb->name, verb->name, verb->argument);
    else if (argument.p != NULL && verb->argument == NULL)
        buf_printf(why, "%s takes no argument", verb->name);
    else
        return true;
    return false;
}

static const struct verb *find(const struct verb *rows, size_t count, struct str line,
                               struct str *argument)
{
    for (size_t i = 0; i < count; i++) {
        struct str name = str_of(rows[i].name);

        if (!str_starts(line, name) || (line.n > name.n && line.p[name.n] != ' '))
            continue;
        *argument = STR_NONE;
        if (line.n > name.n + 1)
            *argument = str_range(line.p + name.n + 1, line.p + line.n);
        return &rows[i];
    }
    return NULL;
}

const struct verb *verb_parse(struct str line, struct str *argument, struct buf *why)
{
    const struct verb *verb = find(verbs, VERB_COUNT, line, argument);

    if (verb == NULL)
        verb = find(inner_verbs, INNER_VERB_COUNT, line, argument);
    if (verb == NULL)
        say_unknown(line, why);
    return verb != NULL && takes(verb, *argument, why) ? verb : NULL;
}
