#include "master/question.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/xmalloc.h"
#include "master/master.h"
#include "master/process.h"

enum { WORKERS = 3 };

static struct master *m;
static struct process workers[WORKERS];
static int ends[WORKERS]; /* the workers' ends of the channels */
static unsigned done_count;
static struct buf told; /* what `done` saw */

static void setup(void)
{
    m = xcalloc(1, sizeof(*m));
    m->loop = ev_loop_new(EVFLAG_AUTO);
    list_init(&m->questions);
    list_init(&m->processes);
    for (unsigned i = 0; i < WORKERS; i++) {
        struct process *p = &workers[i];

        *p = (struct process){ .master = m, .slot = i, .pid = (pid_t)(100 + i) };
        cr_assert_eq(channel_open(&p->channel.fd, &ends[i]), 0);
        list_append(&m->processes, &p->link);
        m->slots[i].process = p;
    }
}

static void teardown(void)
{
    question_drop_all(m, m->loop);
    ev_loop_destroy(m->loop);
    for (unsigned i = 0; i < WORKERS; i++) {
        close(workers[i].channel.fd);
        close(ends[i]);
    }
    free(m);
    buf_fini(&told);
}

TestSuite(question, .init = setup, .fini = teardown, .timeout = 20);

static void on_done(struct question *q)
{
    done_count++;
    cr_expect_eq(q->context, &told);
    for (size_t i = 0; i < q->part_count; i++)
        buf_printf(&told, "%u=%.*s;", q->parts[i].slot + 1, STR_ARG(buf_str(&q->parts[i].answer)));
    question_add_missing(q, &told);
}

/* What the worker was asked; the question's number is in *number. */
static const char *read_question(unsigned i, uint64_t *number)
{
    static struct buf text;
    struct message got;

    text.n = 0;
    cr_assert_eq(channel_receive(ends[i], &got), 1);
    cr_assert_eq(got.type, MESSAGE_ASK);
    *number = got.generation;
    cr_assert_eq(channel_take_text(&got, 1 << 20, &text), 0);
    return buf_cstr(&text);
}

static void answer(unsigned i, uint64_t number, const char *text)
{
    struct message sent = { .type = MESSAGE_ANSWER, .generation = number }, got;

    cr_assert_eq(channel_send_text(ends[i], &sent, str_of(text)), 0);
    cr_assert_eq(channel_receive(workers[i].channel.fd, &got), 1);
    question_answer(&workers[i], &got);
}

static uint64_t ask_all(const char *text)
{
    uint64_t number = 0;

    question_ask(m, str_of(text), on_done, &told);
    for (unsigned i = 0; i < WORKERS; i++)
        cr_expect_str_eq(read_question(i, &number), text);
    return number;
}

Test(question, ends_with_the_last_answer)
{
    uint64_t number = ask_all("purge /a");

    answer(2, number, "c");
    answer(0, number, "a");
    cr_expect_eq(done_count, 0);
    answer(1, number, "b");
    cr_expect_eq(done_count, 1);
    cr_expect_str_eq(buf_cstr(&told), "1=a;2=b;3=c;");
    cr_expect(list_is_empty(&m->questions));
    for (unsigned i = 0; i < WORKERS; i++)
        cr_expect_eq(workers[i].unanswered, 0);
}

Test(question, carries_long_texts_both_ways)
{
    struct buf text = { 0 };
    uint64_t number;

    while (text.n < 10000)
        buf_printf(&text, "/folder");
    number = ask_all(buf_cstr(&text));
    for (unsigned i = 0; i < WORKERS; i++)
        answer(i, number, buf_cstr(&text));
    cr_expect_eq(done_count, 1);
    cr_expect_gt(told.n, 30000);
    buf_fini(&text);
}

Test(question, keeps_several_apart)
{
    uint64_t first = ask_all("one"), second = ask_all("two");

    cr_expect_neq(first, second);
    for (unsigned i = 0; i < WORKERS; i++)
        answer(i, second, "2");
    cr_expect_eq(done_count, 1);
    cr_expect_str_eq(buf_cstr(&told), "1=2;2=2;3=2;");
    for (unsigned i = 0; i < WORKERS; i++)
        answer(i, first, "1");
    cr_expect_eq(done_count, 2);
}

Test(question, does_not_wait_for_the_dead)
{
    uint64_t number = ask_all("x");

    answer(0, number, "a");
    answer(2, number, "c");
    question_forget(&workers[1]);
    cr_expect_eq(done_count, 1);
    cr_expect_str_eq(buf_cstr(&told), "1=a;2=;3=c;worker 2 (pid 101) ended before it answered\n");
}

Test(question, does_not_wait_for_who_is_stuck_but_tells_him)
{
    uint64_t number;

    m->slots[1].watched.stuck_since_ms = 1;
    number = ask_all("x");
    answer(0, number, "a");
    answer(2, number, "c");
    cr_expect_eq(done_count, 1);
    cr_expect_str_eq(buf_cstr(&told), "1=a;2=;3=c;worker 2 (pid 101) has not answered\n");
    answer(1, number, "late"); /* nobody hears it */
    cr_expect_eq(workers[1].unanswered, 0);
}

Test(question, ends_in_time_without_an_answer)
{
    uint64_t number = ask_all("x");
    ev_tstamp start = ev_time();

    answer(0, number, "a");
    while (done_count == 0)
        ev_run(m->loop, EVRUN_ONCE);
    cr_expect_geq(ev_time() - start, QUESTION_S - 0.1);
    cr_expect_str_eq(buf_cstr(&told), "1=a;2=;3=;worker 2 (pid 101) has not answered\n"
                                      "worker 3 (pid 102) has not answered\n");
    answer(1, number, "b");
    cr_expect_eq(done_count, 1);
}

Test(question, ends_at_once_without_workers)
{
    list_init(&m->processes);
    question_ask(m, STR("x"), on_done, &told);
    cr_expect_eq(done_count, 1);
}

/* Else a reload, whose messages must get through, would have to kill it. */
Test(question, leaves_room_in_the_channel_of_who_does_not_read)
{
    struct message bundle = { .type = MESSAGE_PREPARE };
    struct buf text = { 0 };

    while (text.n < CHANNEL_TEXT_MAX - 1)
        buf_add_char(&text, 'x');
    memset(bundle.text, 'x', sizeof(bundle.text) - 1);
    for (unsigned i = 0; i < QUESTIONS_UNREAD + 5; i++)
        question_ask(m, buf_str(&text), on_done, &told);
    cr_expect_eq(done_count, 5, "to these nobody could be asked");
    cr_expect_not_null(strstr(buf_cstr(&told), "does not read what it is asked"));
    cr_expect_eq(workers[0].unanswered, QUESTIONS_UNREAD);
    for (unsigned i = 0; i < 32; i++)
        cr_expect_eq(channel_send(workers[0].channel.fd, &bundle), 0, "message %u", i);
    buf_fini(&text);
}
