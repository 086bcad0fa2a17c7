#include "master/top.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "common/now.h"
#include "common/xmalloc.h"
#include "master/terminal.h"
#include "master/top_source.h"
#include "master/top_view.h"

/* The first frame needs not wait for the whole interval, when there is somebody who waits. */
enum { FIRST_FRAME_MS = 250 };

struct top {
    const struct args *args;
    struct top_source source;
    struct top_sample *from, *to; /* owned */
    struct top_rates *rates;      /* owned */
    bool has_rates;               /* of the block that is mapped now */
    struct top_view view;
    unsigned frames;        /* drawn */
    uint64_t due_ms;        /* when the next sample is to be taken */
    int signal_fd, keys_fd; /* -1: none */
    bool is_end;
    int result;
};

/* ---- samples ---- */

static void take(struct top *t, struct top_sample *sample)
{
    top_sample_take(sample, t->source.shared, monotonic_ns(), (uint64_t)time(NULL));
    top_sample_read_processes(sample);
}

static void renew(struct top_sample **sample)
{
    free(*sample);
    *sample = xcalloc(1, sizeof(**sample));
}

/* What comes next counts from here on, of a block that may be another one. */
static void begin(struct top *t)
{
    renew(&t->from);
    renew(&t->to);
    take(t, t->from);
    t->due_ms = monotonic_ms() + (t->view.is_terminal && t->view.interval_ms > FIRST_FRAME_MS
                                      ? FIRST_FRAME_MS
                                      : t->view.interval_ms);
}

static void compare(struct top *t)
{
    struct top_sample *before = t->from;

    take(t, t->to);
    top_rates_between(t->from, t->to, t->view.sort, t->rates);
    t->has_rates = true;
    t->from = t->to;
    t->to = before;
    top_view_remember(&t->view, (double)series_requests(&t->rates->all) / t->rates->s);
}

/* ---- frames ---- */

static void draw(struct top *t)
{
    struct buf frame = { 0 };

    if (t->view.is_terminal)
        terminal_size(&t->view.width, &t->view.height);
    else if (t->frames > 0)
        buf_add_char(&frame, '\n');
    top_view_draw(&t->view, t->has_rates ? t->rates : NULL, &frame);
    if (!terminal_write(frame.p, frame.n))
        t->is_end = true;
    buf_fini(&frame);
}

static void next_frame(struct top *t)
{
    static char notice[256];
    enum top_look look = top_source_look(&t->source, monotonic_ms(), false);

    t->due_ms += t->view.interval_ms;
    if (t->due_ms < monotonic_ms()) /* we were stopped, or the machine slept */
        t->due_ms = monotonic_ms() + t->view.interval_ms;
    t->view.notice = NULL;
    t->result = EXIT_OK;
    if (look == TOP_NEW) {
        t->has_rates = false;
        begin(t);
        return;
    }
    if (look == TOP_LOST) {
        struct str why = buf_str(&t->source.why), line = str_cut(&why, '\n');

        snprintf(notice, sizeof(notice), "%.*s; trying again", STR_ARG(line));
        t->view.notice = notice;
        t->result = t->source.result;
    } else {
        compare(t);
    }
    draw(t);
    t->frames++;
    if (t->args->count > 0 && t->frames == t->args->count)
        t->is_end = true;
}

/* ---- keys and signals ---- */

static void change_interval(struct top *t, bool is_longer)
{
    static const unsigned steps_ms[] = { 100, 200, 500, 1000, 2000, 5000, 10000, 30000, 60000 };
    enum { COUNT = sizeof(steps_ms) / sizeof(*steps_ms) };
    uint64_t now = t->view.interval_ms, next = now;

    for (int i = 0; i < COUNT; i++) {
        unsigned step = steps_ms[is_longer ? i : COUNT - 1 - i];

        if (is_longer ? step > now : step < now) {
            next = step;
            break;
        }
    }
    t->view.interval_ms = next;
    t->due_ms = monotonic_ms() + next;
}

static void change_sort(struct top *t, int by)
{
    t->view.sort = (enum top_sort)(((int)t->view.sort + TOP_SORT_COUNT + by) % TOP_SORT_COUNT);
    if (t->has_rates)
        top_rates_sort(t->rates, t->view.sort);
}

static void change_pause(struct top *t)
{
    t->view.is_paused = !t->view.is_paused;
    if (!t->view.is_paused && t->source.shared != NULL)
        begin(t);
}

static void press(struct top *t, int key)
{
    switch (key) {
    case 'q':
    case 'Q':
    case 3: /* where Ctrl-C makes no signal */
        t->is_end = true;
        break;
    case 's':
    case KEY_RIGHT:
        change_sort(t, 1);
        break;
    case KEY_LEFT:
        change_sort(t, -1);
        break;
    case '+':
    case '=':
    case '-':
        change_interval(t, key != '-');
        break;
    case 'p':
    case ' ':
        change_pause(t);
        break;
    case 'h':
    case '?':
        t->view.wants_help = !t->view.wants_help;
        break;
    default:
        break;
    }
}

static void read_keys(struct top *t)
{
    char bytes[64];
    const char *at = bytes;
    ssize_t n = read(t->keys_fd, bytes, sizeof(bytes));
    size_t left = n > 0 ? (size_t)n : 0;

    if (n <= 0)
        t->keys_fd = -1;
    while (left > 0 && !t->is_end)
        press(t, terminal_take_key(&at, &left));
    if (n > 0 && !t->is_end)
        draw(t);
}

/* As every program does that fills the terminal; what comes next begins anew. */
static void stop_until_continued(struct top *t)
{
    terminal_leave();
    kill(getpid(), SIGSTOP);
    terminal_enter();
    draw(t);
}

static void read_signal(struct top *t)
{
    struct signalfd_siginfo info;

    if (read(t->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return;
    if (info.ssi_signo == SIGWINCH)
        draw(t);
    else if (info.ssi_signo == SIGTSTP)
        stop_until_continued(t);
    else
        t->is_end = true;
}

static int watch_signals(bool is_terminal)
{
    sigset_t set;

    /* In a pipe they do what they always do. */
    if (!is_terminal)
        return -1;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGQUIT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGWINCH);
    sigaddset(&set, SIGTSTP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* ---- all of it ---- */

static void wait_and_act(struct top *t)
{
    struct pollfd fds[] = { { .fd = t->signal_fd, .events = POLLIN },
                            { .fd = t->keys_fd, .events = POLLIN } };
    uint64_t now = monotonic_ms();
    int timeout_ms = t->due_ms > now ? (int)(t->due_ms - now) : 0;

    if (poll(fds, 2, t->view.is_paused ? -1 : timeout_ms) < 0)
        return;
    if (fds[0].revents != 0)
        read_signal(t);
    if (fds[1].revents != 0 && !t->is_end)
        read_keys(t);
    if (!t->is_end && !t->view.is_paused && monotonic_ms() >= t->due_ms)
        next_frame(t);
}

static void run(struct top *t)
{
    bool is_terminal = t->args->count == 0 && terminal_is_there();

    t->view = (struct top_view){ .is_terminal = is_terminal,
                                 .has_colours = is_terminal && terminal_has_colours(),
                                 .has_utf8 = !is_terminal || terminal_has_utf8(),
                                 .interval_ms = t->args->interval_ms,
                                 .version = t->source.version };
    t->signal_fd = watch_signals(is_terminal);
    t->keys_fd = is_terminal && isatty(STDIN_FILENO) ? STDIN_FILENO : -1;
    if (is_terminal)
        terminal_enter();
    begin(t);
    while (!t->is_end)
        wait_and_act(t);
    if (is_terminal)
        terminal_leave();
    if (t->signal_fd >= 0)
        close(t->signal_fd);
}

int top_run(const struct args *args)
{
    struct top t = { .args = args, .source = { .args = args }, .result = EXIT_OK };

    if (top_source_look(&t.source, monotonic_ms(), true) == TOP_LOST) {
        fprintf(stderr, "%s%s", buf_cstr(&t.source.why),
                t.source.why.p[t.source.why.n - 1] == '\n' ? "" : "\n");
        t.result = t.source.result;
    } else {
        t.rates = xcalloc(1, sizeof(*t.rates));
        run(&t);
    }
    top_source_fini(&t.source);
    free(t.from);
    free(t.to);
    free(t.rates);
    return t.result;
}
