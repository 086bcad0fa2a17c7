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

static int open_file(const char *path)
{
    /* O_NONBLOCK: a FIFO without a reader fails at once instead of hanging the master. */
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
}

static const char handoff_key[] = "log";

/* Several logs may go to one file: what is handed over stays there for the next. */
static int open_log(const char *path, struct handoff *former)
{
    struct handoff_line *line;
    size_t at = 0;

    while (former != NULL && (line = handoff_next(former, handoff_key, &at)) != NULL)
        if (line->fd >= 0 && str_eq(line->rest, str_of(path)))
            return fcntl(line->fd, F_DUPFD_CLOEXEC, 3);
    return open_file(path);
}

/* A copy of our own; of a daemon's nobody would see anything. */
static int open_stream(int fd, bool is_daemon)
{
    if (is_daemon)
        return open("/dev/null", O_WRONLY | O_CLOEXEC);
    return fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

static int open_error_log(const struct config *config, bool is_daemon, struct handoff *former)
{
    if (config->error_log != NULL)
        return open_log(config->error_log, former);
    return open_stream(STDERR_FILENO, is_daemon);
}

/* For syslog the workers need no more than a socket: each line says where it goes. */
static int open_access_log(const struct access_log_config *log, bool is_daemon,
                           struct handoff *former)
{
    switch (log->target) {
    case LOG_TO_FILE:
        return open_log(log->path, former);
    case LOG_TO_SYSLOG:
        return socket(log->syslog.sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    case LOG_TO_STDERR:
        return open_stream(STDERR_FILENO, is_daemon);
    case LOG_TO_STDOUT:
        return open_stream(STDOUT_FILENO, is_daemon);
    }
    return -1;
}

bool logs_open(struct logs *logs, const struct config *config, bool is_daemon,
               struct handoff *former, struct buf *errors)
{
    size_t errors_before = errors->n;

    logs->count = 1 + config->access_log_count;
    logs->fds = xmalloc(logs->count * sizeof(*logs->fds));
    logs->fds[0] = open_error_log(config, is_daemon, former);
    if (logs->fds[0] < 0)
        add_error(errors, "error_log", config->error_log != NULL ? config->error_log : "stderr");
    for (size_t i = 0; i < config->access_log_count; i++) {
        const struct access_log_config *log = &config->access_logs[i];

        if (is_daemon && (log->target == LOG_TO_STDERR || log->target == LOG_TO_STDOUT))
            log_warn("access_log %s: a daemon has none: its lines go nowhere", log->text);
        logs->fds[1 + i] = open_access_log(log, is_daemon, former);
        if (logs->fds[1 + i] < 0)
            add_error(errors, "access_log", log->path != NULL ? log->path : log->text);
    }
    if (errors->n == errors_before)
        return true;
    logs_fini(logs);
    return false;
}

/* The file of logs->fds[i]; NULL: it is none. */
static const char *file_of(const struct config *config, size_t i)
{
    return i == 0 ? config->error_log : config->access_logs[i - 1].path;
}

void logs_hand_over(const struct logs *logs, const struct config *config, struct handoff *h)
{
    for (size_t i = 0; i < logs->count; i++)
        if (file_of(config, i) != NULL)
            handoff_add(h, handoff_key, logs->fds[i], "%s", file_of(config, i));
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

bool logs_check(const struct config *config, struct buf *errors)
{
    size_t errors_before = errors->n;

    for (size_t i = 0; i < 1 + config->access_log_count; i++)
        if (file_of(config, i) != NULL)
            check_log(i == 0 ? "error_log" : "access_log", file_of(config, i), errors);
    return errors->n == errors_before;
}

void logs_fini(struct logs *logs)
{
    for (size_t i = 0; i < logs->count; i++)
        log_writer_close(i == 0 ? LOG_ERRORS : LOG_REQUESTS, logs->fds[i]);
    free(logs->fds);
    *logs = (struct logs){ NULL, 0 };
}

void logs_give(struct logs *logs)
{
    for (size_t i = 0; i < logs->count; i++)
        logs->fds[i] = -1;
}
