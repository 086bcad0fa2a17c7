#include "master/terminal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* One terminal for a process, and a signal may come at any time. */
static struct termios before;
static volatile sig_atomic_t has_before, is_ours;

static const char enter_escapes[] = "\033[?1049h\033[?25l\033[2J";
static const char leave_escapes[] = "\033[m\033[?25h\033[?1049l";

bool terminal_is_there(void)
{
    const char *term = getenv("TERM");

    return isatty(STDOUT_FILENO) && term != NULL && term[0] != '\0' && strcmp(term, "dumb") != 0;
}

bool terminal_has_colours(void)
{
    const char *no_color = getenv("NO_COLOR"); /* https://no-color.org: set, and not empty */

    return no_color == NULL || no_color[0] == '\0';
}

bool terminal_has_utf8(void)
{
    static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };

    for (int i = 0; i < 3; i++) {
        const char *value = getenv(names[i]);

        if (value != NULL && value[0] != '\0')
            return strcasestr(value, "utf-8") != NULL || strcasestr(value, "utf8") != NULL;
    }
    return false;
}

void terminal_size(unsigned *width, unsigned *height)
{
    struct winsize size;
    bool is_known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;

    *width = is_known && size.ws_col > 0 ? size.ws_col : 80;
    *height = is_known && size.ws_row > 0 ? size.ws_row : 24;
}

/* Nothing but what signal-safety(7) allows: also called when we crash. */
void terminal_leave(void)
{
    int saved_errno = errno;

    if (is_ours && write(STDOUT_FILENO, leave_escapes, sizeof(leave_escapes) - 1) < 0)
        errno = saved_errno; /* it is gone: nothing to give back to */
    if (is_ours && has_before)
        tcsetattr(STDIN_FILENO, TCSANOW, &before);
    is_ours = false;
    errno = saved_errno;
}

static void on_crash(int number)
{
    terminal_leave();
    raise(number); /* its handler is gone: SA_RESETHAND */
}

static void enter_once(void)
{
    static const int crashes[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };
    static bool is_done;
    struct sigaction action = { .sa_handler = on_crash, .sa_flags = (int)SA_RESETHAND };

    if (is_done)
        return;
    is_done = true;
    atexit(terminal_leave);
    for (size_t i = 0; i < sizeof(crashes) / sizeof(*crashes); i++)
        sigaction(crashes[i], &action, NULL);
}

void terminal_enter(void)
{
    struct termios keys;

    enter_once();
    has_before = tcgetattr(STDIN_FILENO, &before) == 0;
    is_ours = true;
    if (has_before) {
        keys = before;
        keys.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        keys.c_cc[VMIN] = 1;
        keys.c_cc[VTIME] = 0;
        tcsetattr(STDIN_FILENO, TCSANOW, &keys);
    }
    terminal_write(enter_escapes, sizeof(enter_escapes) - 1);
}

bool terminal_write(const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t written = write(STDOUT_FILENO, bytes, n);

        if (written < 0 && errno != EINTR)
            return false;
        if (written > 0) {
            bytes += written;
            n -= (size_t)written;
        }
    }
    return true;
}

/* The sequence's last byte; 0: it is not complete. */
static char end_of_sequence(const char *bytes, size_t n, size_t *length)
{
    for (size_t i = 2; i < n; i++)
        if (bytes[i] >= '@' && bytes[i] <= '~') {
            *length = i + 1;
            return bytes[i];
        }
    *length = n;
    return 0;
}

int terminal_take_key(const char **bytes, size_t *n)
{
    static const char letters[] = "ABCD";
    static const int keys[] = { KEY_UP, KEY_DOWN, KEY_RIGHT, KEY_LEFT };
    const char *at = *bytes;
    size_t length = 1;
    int key = (unsigned char)at[0];

    if (key == '\033' && *n > 1 && (at[1] == '[' || at[1] == 'O')) {
        char end = end_of_sequence(at, *n, &length);
        const char *letter = end != 0 ? strchr(letters, end) : NULL;

        key = letter != NULL ? keys[letter - letters] : KEY_OTHER;
    }
    *bytes += length;
    *n -= length;
    return key;
}
