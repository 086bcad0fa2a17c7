#include "master/trace.h"

#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "master/control.h"
#include "master/master.h"
#include "master/process.h"
#include "worker/tracers.h"

enum { FILTER_MAX = CHANNEL_TEXT_MAX - sizeof("json ") }; /* bytes */

static uint64_t last_number;

/*
 * Not process_send(): a mere trace is no reason to kill. Who is stuck would only gather messages, and
 * is greeted when it goes on.
 */
static void tell(struct process *p, const struct message *m)
{
    const struct slot *slot = &p->master->slots[p->slot];

    if (p->channel.fd < 0 || (slot->process == p && slot->watched.stuck_since_ms > 0))
        return;
    if (channel_send(p->channel.fd, m) < 0)
        log_warn("worker %u (pid %d) was not told of a trace: %m", p->slot + 1, (int)p->pid);
}

static void tell_all(struct master *m, const struct message *message)
{
    LIST_EACH (at, &m->processes)
        tell(CONTAINER_OF(at, struct process, link), message);
}

static const char *form_of(const struct client *client)
{
    return client->wants_json ? "json" : "text";
}

static struct message describe(const struct client *client)
{
    struct message m = {
        .type = MESSAGE_TRACE, .generation = client->trace, .fd_count = 1, .fds = { client->io.fd }
    };

    snprintf(m.text, sizeof(m.text), "%s %.*s", form_of(client), STR_ARG(client->filter));
    return m;
}

static unsigned count_traces(const struct control *c)
{
    unsigned count = 0;

    LIST_EACH (at, &c->clients)
        count += CONTAINER_OF(at, struct client, link)->state == CLIENT_TRACING;
    return count;
}

/* Whether it can be, else the client has its answer. */
static bool check(struct client *client, struct str filter)
{
    const struct master *m = client->control->master;
    struct trace_filter parsed;
    struct buf why = { 0 };

    if (m->phase > PHASE_RUNNING)
        buf_printf(&why, "%s", master_end_words(m));
    else if (count_traces(client->control) == TRACERS_MAX)
        buf_printf(&why, "%d traces run already, and there may be no more", TRACERS_MAX);
    else if (filter.n > FILTER_MAX)
        buf_printf(&why, "the filter is longer than %zu bytes", (size_t)FILTER_MAX);
    if (why.n == 0) {
        trace_filter_parse(filter, &parsed, &why);
        trace_filter_fini(&parsed);
    }
    if (why.n > 0)
        control_reply(client, false, buf_cstr(&why));
    else
        return true;
    buf_fini(&why);
    return false;
}

void run_trace(struct client *client, struct str filter)
{
    struct master *m = client->control->master;
    struct message message;

    if (!check(client, filter))
        return;
    client->filter = filter.p != NULL ? filter : STR("");
    if (!control_reply_first(client, "requests as they are answered, until Ctrl-C"))
        return;
    client->state = CLIENT_TRACING;
    client->trace = ++last_number;
    message = describe(client);
    tell_all(m, &message);
}

void trace_end(struct client *client)
{
    const struct message m = { .type = MESSAGE_UNTRACE, .generation = client->trace };

    tell_all(client->control->master, &m);
}

void trace_greet(struct process *p)
{
    const struct message none = { .type = MESSAGE_UNTRACE };

    tell(p, &none); /* what it missed the end of */
    LIST_EACH (at, &p->master->control.clients) {
        const struct client *client = CONTAINER_OF(at, struct client, link);
        struct message m;

        if (client->state != CLIENT_TRACING)
            continue;
        m = describe(client);
        tell(p, &m);
    }
}

void trace_hand_over(const struct control *c, struct handoff *h)
{
    LIST_EACH (at, &c->clients) {
        const struct client *client = CONTAINER_OF(at, struct client, link);

        if (client->state == CLIENT_TRACING)
            handoff_add(h, "trace", client->io.fd, "%s %.*s", form_of(client),
                        STR_ARG(client->filter));
    }
}

void trace_take_over(struct control *c, struct handoff *h)
{
    struct handoff_line *line;
    size_t at = 0;

    while ((line = handoff_next(h, "trace", &at)) != NULL && count_traces(c) < TRACERS_MAX) {
        struct str filter = line->rest, form = str_cut(&filter, ' ');
        struct client *client;

        if (line->fd < 0 || filter.p == NULL || filter.n > FILTER_MAX)
            continue;
        client = control_add(c, line->fd);
        line->fd = -1;
        client->wants_json = str_eq(form, STR("json"));
        memcpy(client->line, filter.p, filter.n);
        client->filter = (struct str){ client->line, filter.n };
        client->state = CLIENT_TRACING;
        client->trace = ++last_number;
    }
}
