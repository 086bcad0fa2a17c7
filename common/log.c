#include "common/log.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/json.h"
#include "common/log_writer.h"

enum {
    TEXT_MOST = 2048,
    ID_MOST = 160,
    FIELD_MOST = 512, /* of a request's texts in JSON, before they are escaped */
    JSON_FIXED_MOST = 512,
    LINE_MOST = JSON_PUT_MOST * (TEXT_MOST + 4 * FIELD_MOST) + JSON_FIXED_MOST,
    LAST_WORDS_MS = 1000,
};

const char *const log_level_names[] = {
    [LOG_CRIT] = "crit", [LOG_ERROR] = "error", [LOG_WARN] = "warn",    [LOG_NOTICE] = "notice",
    [LOG_INFO] = "info", [LOG_DEBUG] = "debug", [LOG_DEBUG + 1] = NULL,
};

static struct {
    enum log_level level;
    unsigned slot;
    int fd;
    bool is_deferred;
    enum log_layout layout;
    bool (*about)(struct log_about *about);
} state = { .level = LOG_NOTICE, .fd = STDERR_FILENO };

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

void log_set_layout(enum log_layout layout)
{
    state.layout = layout;
}

void log_set_about(bool (*fill)(struct log_about *about))
{
    state.about = fill;
}

void log_set_fd(int fd)
{
    state.fd = fd;
}

int log_fd(void)
{
    return state.fd;
}

void log_defer(bool is_deferred)
{
    state.is_deferred = is_deferred;
}

unsigned log_slot(void)
{
    return state.slot;
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

/* ", id: ..." behind the text; its length, 0 for none. The id is the worker's to have judged. */
static size_t format_id(char text[ID_MOST])
{
    struct log_about about = { .request_id = STR_NONE };

    if (state.about == NULL || !state.about(&about) || about.request_id.p == NULL)
        return 0;
    if (about.request_id.n > ID_MOST - sizeof(", id: "))
        about.request_id.n = ID_MOST - sizeof(", id: ");
    return (size_t)snprintf(text, ID_MOST, ", id: %.*s", STR_ARG(about.request_id));
}

static size_t format_text(char *line, enum log_level level, const char *format, va_list args)
{
    struct tm tm;
    time_t now = time(NULL);
    int saved_errno = errno;
    char id[ID_MOST];
    size_t id_n = format_id(id), n;
    int more;

    localtime_r(&now, &tm);
    n = strftime(line, TEXT_MOST, "%Y/%m/%d %H:%M:%S", &tm);
    n += (size_t)snprintf(line + n, TEXT_MOST - n, " [%s] %d#%u: ", log_level_names[level],
                          (int)getpid(), state.slot);
    errno = saved_errno; /* for %m */
    more = vsnprintf(line + n, TEXT_MOST - n - id_n - 1, format, args);
    if (more > 0) {
        size_t room = TEXT_MOST - n - id_n - 2;
        size_t text_n = (size_t)more < room ? (size_t)more : room;

        defuse(line + n, text_n);
        n += text_n;
    }
    memcpy(line + n, id, id_n);
    n += id_n;
    line[n++] = '\n';
    return n;
}

/* 2026-11-21T20:58:24.118+00:00 */
static void add_time(struct buf *out)
{
    struct timespec now;
    struct tm tm;
    char text[48], zone[8];
    size_t n;

    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &tm);
    n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
    strftime(zone, sizeof(zone), "%z", &tm); /* +hhmm */
    snprintf(text + n, sizeof(text) - n, ".%03ld%.3s:%.2s", now.tv_nsec / 1000000, zone, zone + 3);
    json_add_text(out, "time", str_of(text));
}

static void add_cut(struct buf *out, const char *name, struct str text)
{
    if (text.p == NULL)
        return;
    if (text.n > FIELD_MOST)
        text.n = FIELD_MOST;
    json_add_text(out, name, text);
}

/* Without a heap: it may be its end that is told. `line` has the room for all fields at their longest. */
static size_t format_json(char *line, enum log_level level, const char *format, va_list args)
{
    struct buf out = { line, 0, LINE_MOST };
    struct log_about about = { .client = STR_NONE };
    char message[TEXT_MOST];
    int n = vsnprintf(message, sizeof(message), format, args);

    json_open(&out, '{');
    add_time(&out);
    json_add_text(&out, "level", str_of(log_level_names[level]));
    json_add_u64(&out, "pid", (uint64_t)getpid());
    json_add_u64(&out, "worker", state.slot);
    json_add_text(&out, "message", n >= 0 ? str_of(message) : STR(""));
    if (state.about != NULL && state.about(&about)) {
        add_cut(&out, "client", about.client);
        add_cut(&out, "request", about.request);
        add_cut(&out, "host", about.host);
        add_cut(&out, "request_id", about.request_id);
    }
    json_close(&out, '}');
    buf_add_char(&out, '\n');
    return out.n;
}

/* The line, cut to fit, with its line feed; the length. */
static size_t format_line(char line[LINE_MOST], enum log_level level, const char *format,
                          va_list args)
{
    return state.layout == LOG_AS_JSON ? format_json(line, level, format, args)
                                       : format_text(line, level, format, args);
}

static void tell(uint64_t count, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void tell(uint64_t count, const char *format, ...)
{
    char line[LINE_MOST];
    va_list args;
    size_t n;

    va_start(args, format);
    n = format_line(line, LOG_WARN, format, args);
    va_end(args);
    log_writer_tell(state.fd, (struct str){ line, n }, count);
}

void log_tell_losses(void)
{
    uint64_t count = state.is_deferred ? log_writer_untold() : 0;

    if (count > 0)
        tell(count, "%llu line%s of this log could not be written", (unsigned long long)count,
             count == 1 ? "" : "s");
}

/* A log that cannot be written must not stop the server: the line is lost. */
static void write_now(enum log_level level, const char *line, size_t n)
{
    if (write(state.fd, line, n) < 0 && level == LOG_CRIT)
        (void)!write(STDERR_FILENO, line, n); /* unless it is the last thing we say */
}

void log_vline(enum log_level level, const char *format, va_list args)
{
    char line[LINE_MOST];
    int saved_errno = errno;
    size_t n;

    if (!log_is_on(level))
        return;
    n = format_line(line, level, format, args);
    if (state.is_deferred && level != LOG_CRIT) {
        log_tell_losses();
        log_writer_add(LOG_ERRORS, state.fd, (struct str){ line, n });
    } else if (!state.is_deferred || log_writer_settle(LOG_ERRORS, LAST_WORDS_MS)) {
        write_now(level, line, n);
    } else if (poll(&(struct pollfd){ .fd = STDERR_FILENO, .events = POLLOUT }, 1, 0) == 1) {
        (void)!write(STDERR_FILENO, line, n); /* the log is stalled; often both are one pipe */
    }
    errno = saved_errno;
}

void log_line(enum log_level level, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    log_vline(level, format, args);
    va_end(args);
}
