#include "master/question.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/xmalloc.h"
#include "master/master.h"
#include "master/process.h"

static void question_free(struct question *q, struct ev_loop *loop)
{
    if (loop != NULL)
        ev_timer_stop(loop, &q->limit);
    list_remove(&q->link);
    for (size_t i = 0; i < q->part_count; i++)
        buf_fini(&q->parts[i].answer);
    free(q);
}

static void settle(struct question *q, struct question_part *part, enum part_state state)
{
    part->state = state;
    part->process = NULL;
    q->due_count--;
}

static void end_if_complete(struct question *q)
{
    if (q->due_count > 0)
        return;
    ev_timer_stop(q->master->loop, &q->limit);
    list_remove(&q->link); /* whatever `done` does: it is not found any more */
    list_init(&q->link);
    q->done(q);
    question_free(q, q->master->loop);
}

static void on_limit(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct question *q = w->data;

    for (size_t i = 0; i < q->part_count; i++)
        if (q->parts[i].state == PART_DUE)
            settle(q, &q->parts[i], PART_SILENT);
    end_if_complete(q);
}

static bool is_stuck(const struct master *m, const struct process *p)
{
    const struct slot *slot = &m->slots[p->slot];

    return slot->process == p && slot->watched.stuck_since_ms > 0;
}

/* Not process_send(): a mere question is no reason to kill. */
static bool tell(struct process *p, uint64_t number, struct str text)
{
    struct message m = { .type = MESSAGE_ASK, .generation = number };

    if (p->channel.fd < 0 || p->unanswered >= QUESTIONS_UNREAD ||
        channel_send_text(p->channel.fd, &m, text) < 0)
        return false;
    p->unanswered++;
    return true;
}

static void ask_one(struct question *q, struct process *p, struct str text)
{
    struct question_part *part = &q->parts[q->part_count++];

    *part = (struct question_part){ .process = p, .slot = p->slot, .pid = p->pid };
    q->due_count++;
    if (!tell(p, q->number, text))
        settle(q, part, p->channel.fd < 0 ? PART_ENDED : PART_UNTOLD);
    else if (is_stuck(q->master, p))
        settle(q, part, PART_SILENT);
}

void question_ask(struct master *m, struct str text, void (*done)(struct question *q),
                  void *context)
{
    struct question *q;
    size_t count = 0;

    LIST_EACH (at, &m->processes)
        count++;
    q = xcalloc(1, sizeof(*q) + count * sizeof(q->parts[0]));
    q->master = m;
    q->number = ++m->last_question;
    q->done = done;
    q->context = context;
    list_append(&m->questions, &q->link);
    ev_timer_init(&q->limit, on_limit, QUESTION_S, 0.);
    q->limit.data = q;
    LIST_EACH (at, &m->processes)
        ask_one(q, CONTAINER_OF(at, struct process, link), text);
    ev_now_update(m->loop);
    ev_timer_start(m->loop, &q->limit);
    end_if_complete(q);
}

static struct question_part *find_due(struct question *q, const struct process *p)
{
    for (size_t i = 0; i < q->part_count; i++)
        if (q->parts[i].process == p)
            return &q->parts[i];
    return NULL;
}

static struct question *find_question(struct master *m, uint64_t number)
{
    LIST_EACH (at, &m->questions) {
        struct question *q = CONTAINER_OF(at, struct question, link);

        if (q->number == number)
            return q;
    }
    return NULL;
}

void question_answer(struct process *p, struct message *message)
{
    struct question *q = find_question(p->master, message->generation);
    struct question_part *part = q != NULL ? find_due(q, p) : NULL;
    struct buf late = { 0 };

    if (p->unanswered > 0)
        p->unanswered--;
    if (part == NULL) {
        channel_take_text(message, 0, &late); /* for its descriptors */
        buf_fini(&late);
        return;
    }
    settle(q, part, PART_ANSWERED);
    if (channel_take_text(message, QUESTION_ANSWER_MAX, &part->answer) < 0) {
        log_error("answer of worker %u (pid %d): %s", p->slot + 1, (int)p->pid, strerror(errno));
        part->state = PART_SILENT;
    }
    end_if_complete(q);
}

void question_forget(struct process *p)
{
    LIST_EACH_SAFE (at, after, &p->master->questions) {
        struct question *q = CONTAINER_OF(at, struct question, link);
        struct question_part *part = find_due(q, p);

        if (part == NULL)
            continue;
        settle(q, part, PART_ENDED);
        end_if_complete(q);
    }
}

void question_add_missing(const struct question *q, struct buf *out)
{
    static const char *const words[] = {
        [PART_ENDED] = "ended before it answered",
        [PART_SILENT] = "has not answered",
        [PART_UNTOLD] = "does not read what it is asked",
    };

    for (size_t i = 0; i < q->part_count; i++) {
        const struct question_part *part = &q->parts[i];

        if (part->state != PART_ANSWERED)
            buf_printf(out, "worker %u (pid %d) %s\n", part->slot + 1, (int)part->pid,
                       words[part->state]);
    }
}

void question_drop_all(struct master *m, struct ev_loop *loop)
{
    LIST_EACH_SAFE (at, after, &m->questions)
        question_free(CONTAINER_OF(at, struct question, link), loop);
}
