#include "master/logs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "common/log_writer.h"
#include "common/xmalloc.h"
#include "master/patient_open.h"

/* For all logs together: of a server that runs, the loop waits meanwhile. */
enum { START_PATIENCE_MS = 10000, AGAIN_PATIENCE_MS = 1000 };

static struct str folder_of(struct str path)
{
    size_t n = path.n;

    while (n > 1 && path.p[n - 1] != '/')
        n--;
    return (struct str){ path.p, n > 1 ? n - 1 : n };
}

static bool is_folder_missing(struct str path, struct str *folder)
{
    struct stat st;
    bool is_missing;
    char *name;

    *folder = folder_of(path);
    name = str_dup(*folder);
    is_missing = stat(name, &st) < 0 && errno == ENOENT;
    free(name);
    return is_missing;
}

static void add_error(struct buf *errors, const char *setting, const char *path)
{
    int error = errno;
    struct str folder;

    buf_printf(errors, "%s %s: %s", setting, path, strerror(error));
    if (error == ENOENT && is_folder_missing(str_of(path), &folder))
        buf_printf(errors, " (create the folder %.*s first)", STR_ARG(folder));
    buf_add_char(errors, '\n');
}

/* Where files may come from that are open already, and how long others are waited for. */
struct opening {
    struct handoff *former;    /* NULL: there is none */
    const struct logs *before; /* NULL: the start */
    unsigned ms;               /* left */
    struct buf *kept;
};

static int find_open(const struct logs *before, const char *path)
{
    for (size_t i = 0; before != NULL && i < before->count; i++)
        if (before->paths[i] != NULL && strcmp(before->paths[i], path) == 0)
            return before->fds[i];
    return -1;
}

static int open_file(const char *path, struct opening *o)
{
    /* O_NONBLOCK: a FIFO without a reader fails at once instead of hanging the master. */
    int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    int fd = patient_open(path, flags, 0640, &o->ms), open_already;

    if (fd >= 0 || errno != ETIMEDOUT)
        return fd;
    open_already = find_open(o->before, path);
    if (open_already < 0) {
        errno = ETIMEDOUT;
        return -1;
    }
    buf_printf(o->kept, "%s: the disk does not answer: lines go on to the file that was open\n",
               path);
    return fcntl(open_already, F_DUPFD_CLOEXEC, 3);
}

static const char handoff_key[] = "log";

/* Several logs may go to one file: what is handed over stays there for the next. */
static int open_log(const char *path, struct opening *o)
{
    struct handoff_line *line;
    size_t at = 0;

    while (o->former != NULL && (line = handoff_next(o->former, handoff_key, &at)) != NULL)
        if (line->fd >= 0 && str_eq(line->rest, str_of(path)))
            return fcntl(line->fd, F_DUPFD_CLOEXEC, 3);
    return open_file(path, o);
}

/* A copy of our own; of a daemon's nobody would see anything. */
static int open_stream(int fd, bool is_daemon)
{
    if (is_daemon)
        return open("/dev/null", O_WRONLY | O_CLOEXEC);
    return fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

static int open_error_log(const struct config *config, bool is_daemon, struct opening *o)
{
    if (config->error_log != NULL)
        return open_log(config->error_log, o);
    return open_stream(STDERR_FILENO, is_daemon);
}

/* For syslog the workers need no more than a socket: each line says where it goes. */
static int open_access_log(const struct access_log_config *log, bool is_daemon, struct opening *o)
{
    switch (log->target) {
    case LOG_TO_FILE:
        return open_log(log->path, o);
    case LOG_TO_SYSLOG:
        return socket(log->syslog.sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    case LOG_TO_STDERR:
        return open_stream(STDERR_FILENO, is_daemon);
    case LOG_TO_STDOUT:
        return open_stream(STDOUT_FILENO, is_daemon);
    }
    return -1;
}

/* The file of logs->fds[i]; NULL: it is none. */
static const char *file_of(const struct config *config, size_t i)
{
    return i == 0 ? config->error_log : config->access_logs[i - 1].path;
}

static bool open_all(struct logs *logs, const struct config *config, bool is_daemon,
                     struct opening *o, struct buf *errors)
{
    size_t errors_before = errors->n;

    logs->count = 1 + config->access_log_count;
    logs->fds = xmalloc(logs->count * sizeof(*logs->fds));
    logs->paths = xmalloc(logs->count * sizeof(*logs->paths));
    for (size_t i = 0; i < logs->count; i++)
        logs->paths[i] = file_of(config, i) != NULL ? xstrdup(file_of(config, i)) : NULL;
    logs->fds[0] = open_error_log(config, is_daemon, o);
    if (logs->fds[0] < 0)
        add_error(errors, "error_log", config->error_log != NULL ? config->error_log : "stderr");
    for (size_t i = 0; i < config->access_log_count; i++) {
        const struct access_log_config *log = &config->access_logs[i];

        if (is_daemon && (log->target == LOG_TO_STDERR || log->target == LOG_TO_STDOUT))
            log_warn("access_log %s: a daemon has none: its lines go nowhere", log->text);
        logs->fds[1 + i] = open_access_log(log, is_daemon, o);
        if (logs->fds[1 + i] < 0)
            add_error(errors, "access_log", log->path != NULL ? log->path : log->text);
    }
    if (errors->n == errors_before)
        return true;
    logs_fini(logs);
    return false;
}

bool logs_open(struct logs *logs, const struct config *config, bool is_daemon,
               struct handoff *former, struct buf *errors)
{
    struct opening o = { .former = former, .ms = START_PATIENCE_MS };

    return open_all(logs, config, is_daemon, &o, errors);
}

bool logs_open_again(struct logs *logs, const struct config *config, bool is_daemon,
                     const struct logs *before, struct buf *errors, struct buf *kept)
{
    struct opening o = { .before = before, .ms = AGAIN_PATIENCE_MS, .kept = kept };

    return open_all(logs, config, is_daemon, &o, errors);
}

void logs_hand_over(const struct logs *logs, struct handoff *h)
{
    for (size_t i = 0; i < logs->count; i++)
        if (logs->paths[i] != NULL)
            handoff_add(h, handoff_key, logs->fds[i], "%s", logs->paths[i]);
}

static void check_log(const char *setting, const char *path, struct buf *errors)
{
    int result = faccessat(AT_FDCWD, path, W_OK, AT_EACCESS);

    if (result < 0 && errno == ENOENT) {
        char *folder = str_dup(folder_of(str_of(path)));

        result = faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS);
        free(folder);
    }
    if (result < 0)
        add_error(errors, setting, path);
}

bool logs_check(const struct config *config, const struct logs *before, struct buf *errors)
{
    size_t errors_before = errors->n;

    for (size_t i = 0; i < 1 + config->access_log_count; i++)
        if (file_of(config, i) != NULL && find_open(before, file_of(config, i)) < 0)
            check_log(i == 0 ? "error_log" : "access_log", file_of(config, i), errors);
    return errors->n == errors_before;
}

void logs_fini(struct logs *logs)
{
    for (size_t i = 0; i < logs->count; i++)
        log_writer_close(i == 0 ? LOG_ERRORS : LOG_REQUESTS, logs->fds[i]);
    for (size_t i = 0; i < logs->count; i++)
        free(logs->paths[i]);
    free(logs->paths);
    free(logs->fds);
    *logs = (struct logs){ NULL, NULL, 0 };
}

void logs_give(struct logs *logs)
{
    for (size_t i = 0; i < logs->count; i++)
        logs->fds[i] = -1;
}
