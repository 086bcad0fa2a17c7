#include "worker/questions.h"

#include <stdio.h>

#include "common/channel.h"
#include "common/log.h"
#include "worker/connection_list.h"
#include "worker/generation.h"
#include "worker/internal.h"

/* A slice is a fraction of a millisecond, so others have most of the time. */
#define SLICE_EACH_S 0.001

enum { QUESTION_MAX = 1 << 20 };

static void answer(struct worker *w, struct message *m)
{
    m->type = MESSAGE_ANSWER;
    if (w->channel_fd >= 0 && channel_send(w->channel_fd, m) < 0)
        log_error("answer to the master: %m");
}

static void answer_text(struct worker *w, uint64_t number, const char *text)
{
    struct message m = { .generation = number };

    snprintf(m.text, sizeof(m.text), "%s", text);
    answer(w, &m);
}

/* ---- connections ---- */

static void answer_list(struct worker *w, struct connection_list *list)
{
    struct message m = { .generation = list->number };

    snprintf(m.text, sizeof(m.text), "%zu %zu\n", list->total, list->matched);
    m.fds[0] = list->memfd;
    m.fd_count = list->memfd >= 0 ? 1 : 0;
    answer(w, &m);
}

static void on_slice(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct worker *w = CONTAINER_OF(timer, struct worker, questions.slice);
    struct connection_list *list =
        CONTAINER_OF(w->questions.jobs.next, struct connection_list, link);

    if (!connection_list_go_on(list, w))
        return;
    answer_list(w, list);
    list_remove(&list->link);
    connection_list_free(&list);
    if (list_is_empty(&w->questions.jobs))
        ev_timer_stop(loop, timer);
}

static void ask_connections(struct worker *w, uint64_t number, struct str argument)
{
    struct connection_list *list = connection_list_new(w, number, argument);

    if (list == NULL) {
        answer_text(w, number, "0 0\n");
        return;
    }
    list_append(&w->questions.jobs, &list->link);
    if (ev_is_active(&w->questions.slice))
        return;
    w->questions.slice.repeat = SLICE_EACH_S;
    ev_timer_again(w->loop, &w->questions.slice);
}

/* ---- log level ---- */

static void ask_log_level(struct worker *w, uint64_t number, struct str argument)
{
    enum log_level level;

    if (log_level_parse(argument, &level))
        log_set_level(level);
    answer_text(w, number, "");
}

/* ---- purge ---- */

static void ask_purge(struct worker *w, uint64_t number, struct str argument)
{
    size_t dropped = 0;
    char text[32];

    while (argument.p != NULL)
        dropped += file_cache_purge(w->gen->cache, str_cut(&argument, '\t'));
    snprintf(text, sizeof(text), "%zu", dropped);
    answer_text(w, number, text);
}

/* ---- all of them ---- */

static const struct {
    struct str name;
    void (*ask)(struct worker *w, uint64_t number, struct str argument);
} rows[] = {
    { STR_INIT("connections "), ask_connections },
    { STR_INIT("log level "), ask_log_level },
    { STR_INIT("purge "), ask_purge },
};

void questions_init(struct worker *w)
{
    list_init(&w->questions.jobs);
    ev_init(&w->questions.slice, on_slice);
}

void questions_ask(struct worker *w, struct message *m)
{
    uint64_t number = m->generation;
    struct buf text = { 0 };
    struct str line;

    if (channel_take_text(m, QUESTION_MAX, &text) < 0)
        log_error("question of the master: %m");
    line = buf_str(&text);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        if (str_starts(line, rows[i].name))
            rows[i].ask(w, number, str_range(line.p + rows[i].name.n, line.p + line.n));
    buf_fini(&text);
}

void questions_fini(struct worker *w)
{
    ev_timer_stop(w->loop, &w->questions.slice);
    LIST_EACH_SAFE (at, after, &w->questions.jobs) {
        struct connection_list *list = CONTAINER_OF(at, struct connection_list, link);

        list_remove(at);
        connection_list_free(&list);
    }
}
