#include "common/crash.h"

#include <execinfo.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/log_writer.h"
#include "common/str.h"

enum {
    FRAMES_MAX = 64,
    STACK_BYTES = 64 * 1024,
    DESCRIPTION_MAX = 400,
    LAST_WORDS_S = 1, /* for all that follows */
    SETTLE_MS = 200,  /* for lines that wait to be written: the helper thread lives on meanwhile */
};

static struct {
    unsigned slot;
    size_t (*describe)(char *text, size_t room);
} state;

static size_t put_text(char *at, struct str text)
{
    memcpy(at, text.p, text.n);
    return text.n;
}

static size_t put_number(char *at, unsigned long number)
{
    char digits[24];
    size_t n = 0;

    do
        digits[n++] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    for (size_t i = 0; i < n; i++)
        at[i] = digits[n - 1 - i];
    return n;
}

static void say(const char *text, size_t n)
{
    (void)!write(log_fd(), text, n);
}

/* A peer's bytes must not forge a line. */
static void defuse(char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)text[i] < 0x20 || (unsigned char)text[i] >= 0x7f)
            text[i] = '?';
}

static volatile sig_atomic_t crashed_by;

static void on_overdue(int number)
{
    raise(crashed_by);
}

/* A log that does not take them must not keep a dead worker, with its socket and clients, here. */
static void bound_last_words(int number)
{
    struct sigaction action = { .sa_handler = on_overdue };
    sigset_t set;

    crashed_by = number;
    sigaction(SIGALRM, &action, NULL);
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    alarm(LAST_WORDS_S);
}

static void on_crash(int number)
{
    char line[DESCRIPTION_MAX + 128];
    void *frames[FRAMES_MAX];
    size_t n = put_text(line, STR("remuda: worker "));

    bound_last_words(number);
    log_writer_settle(LOG_ERRORS, SETTLE_MS);
    log_writer_settle(LOG_REQUESTS, SETTLE_MS);
    n += put_number(line + n, state.slot + 1);
    n += put_text(line + n, STR(", pid "));
    n += put_number(line + n, (unsigned long)getpid());
    n += put_text(line + n, STR(": signal "));
    n += put_number(line + n, (unsigned long)number);
    n += put_text(line + n, STR(", its stack:\n"));
    say(line, n);
    backtrace_symbols_fd(frames, backtrace(frames, FRAMES_MAX), log_fd());
    /* Last, for what it reads may be what is broken. */
    if (state.describe != NULL) {
        size_t described;

        n = put_text(line, STR("remuda: it was at: "));
        described = state.describe(line + n, DESCRIPTION_MAX);
        defuse(line + n, described);
        line[n + described] = '\n';
        if (described > 0)
            say(line, n + described + 1);
    }
    raise(number); /* the handler is gone: now it ends, with a core if cores are on */
}

/* A stack that ran over is no place for a handler. The sanitizer has one of its own. */
static bool use_own_stack(void)
{
#if defined(__SANITIZE_ADDRESS__)
    return false;
#else
    static char bytes[STACK_BYTES];
    stack_t stack = { .ss_sp = bytes, .ss_size = sizeof(bytes) };

    return sigaltstack(&stack, NULL) == 0;
#endif
}

void crash_install(unsigned slot, size_t (*describe)(char *text, size_t room))
{
#if defined(__SANITIZE_ADDRESS__)
    static const int numbers[] = { SIGABRT }; /* the sanitizer tells more of the others */
#else
    static const int numbers[] = { SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE };
#endif
    struct sigaction action = { .sa_handler = on_crash, .sa_flags = SA_RESETHAND | SA_NODEFER };
    void *frame;

    state.slot = slot;
    state.describe = describe;
    /* Loads what it needs now: in the handler it could not. */
    backtrace(&frame, 1);
    if (use_own_stack())
        action.sa_flags |= SA_ONSTACK;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
        sigaction(numbers[i], &action, NULL);
}
