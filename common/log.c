#include "common/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

const char *const log_level_names[] = {
    [LOG_CRIT] = "crit", [LOG_ERROR] = "error", [LOG_WARN] = "warn",    [LOG_NOTICE] = "notice",
    [LOG_INFO] = "info", [LOG_DEBUG] = "debug", [LOG_DEBUG + 1] = NULL,
};

static struct {
    enum log_level level;
    unsigned slot;
    int fd;
} state = { LOG_NOTICE, 0, STDERR_FILENO };

bool log_level_parse(struct str name, enum log_level *level)
{
    for (int i = 0; log_level_names[i] != NULL; i++)
        if (str_eq(name, str_of(log_level_names[i]))) {
            *level = (enum log_level)i;
            return true;
        }
    return false;
}

void log_init(enum log_level level, unsigned slot)
{
    state.level = level;
    state.slot = slot;
}

void log_set_level(enum log_level level)
{
    state.level = level;
}

void log_set_fd(int fd)
{
    state.fd = fd;
}

int log_fd(void)
{
    return state.fd;
}

bool log_is_on(enum log_level level)
{
    return level <= state.level;
}

/* Control characters of a peer must neither forge a line nor reach an operator's terminal. */
static void defuse(char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            text[i] = '?';
}

void log_vline(enum log_level level, const char *format, va_list args)
{
    char line[2048];
    struct tm tm;
    time_t now = time(NULL);
    int saved_errno = errno;
    size_t n;
    int more;

    if (!log_is_on(level))
        return;
    localtime_r(&now, &tm);
    n = strftime(line, sizeof(line), "%Y/%m/%d %H:%M:%S", &tm);
    n += (size_t)snprintf(line + n, sizeof(line) - n, " [%s] %d#%u: ", log_level_names[level],
                          (int)getpid(), state.slot);
    errno = saved_errno; /* for %m */
    more = vsnprintf(line + n, sizeof(line) - n - 1, format, args);
    if (more > 0) {
        size_t room = sizeof(line) - n - 2;
        size_t text_n = (size_t)more < room ? (size_t)more : room;

        defuse(line + n, text_n);
        n += text_n;
    }
    line[n++] = '\n';
    /* A log that cannot be written must not stop the server: the line is lost. */
    if (write(state.fd, line, n) < 0 && level == LOG_CRIT)
        (void)!write(STDERR_FILENO, line, n); /* unless it is the last thing we say */
    errno = saved_errno;
}

void log_line(enum log_level level, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    log_vline(level, format, args);
    va_end(args);
}
