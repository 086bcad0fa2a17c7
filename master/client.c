#include "master/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/json.h"
#include "common/xmalloc.h"
#include "config/values.h"
#include "master/follow.h"
#include "master/pid_file.h"
#include "master/source.h"
#include "master/unix_socket.h"
#include "worker/trace_filter.h"

static bool read_answer(int fd, struct buf *answer)
{
    while (follow_read(fd, answer))
        ;
    return answer->n > 0;
}

/* With its links resolved, as far as the file system knows it: files may be gone already. */
static char *resolve(const char *path)
{
    char *part = xstrdup(path), *real = NULL, *slash, *whole;

    while ((real = realpath(part, NULL)) == NULL && (slash = strrchr(part, '/')) > part)
        *slash = '\0';
    whole = xasprintf("%s%s", real != NULL && strcmp(real, "/") != 0 ? real : "",
                      real != NULL ? path + strlen(part) : path);
    free(real);
    free(part);
    return whole;
}

/*
 * A path as it was given and as it really is: the server knows a docroot by both. Here, for a dead
 * network file system may hold up us, but not the server.
 */
static void add_path(const char *word, struct buf *line)
{
    char *folder = getcwd(NULL, 0);
    char *path = value_absolute_path(folder != NULL ? folder : "/", str_of(word));
    char *real = resolve(path);

    if (strstr(path, "/..") == NULL && strcmp(path, real) != 0)
        buf_printf(line, "%s\t", path);
    buf_printf(line, "%s\t", real);
    free(folder);
    free(path);
    free(real);
}

/* What to send; a purge's paths become absolute. */
static void write_line(const struct args *args, struct buf *line)
{
    static const char purge[] = "purge ";
    struct buf verb = { 0 };

    if (args->wants_json)
        buf_printf(line, "json ");
    args_join_verb(args, &verb);
    if (strncmp(buf_cstr(&verb), purge, sizeof(purge) - 1) == 0) {
        buf_printf(line, "%s", purge);
        if (args->word_count == 0)
            add_path(args->verb + sizeof(purge) - 1, line);
        for (size_t i = 0; i < args->word_count; i++)
            add_path(args->words[i], line);
        line->n--;
    } else {
        buf_add(line, buf_str(&verb));
    }
    buf_add_char(line, '\n');
    buf_fini(&verb);
}

static bool ask(int fd, const struct args *args)
{
    struct buf line = { 0 };
    bool is_sent;

    write_line(args, &line);
    /* Even when the server has hung up already its answer may be there to read. */
    is_sent = send(fd, line.p, line.n, MSG_NOSIGNAL) == (ssize_t)line.n || errno == EPIPE;
    buf_fini(&line);
    return is_sent;
}

static int print_answer(const struct args *args, struct buf *answer)
{
    struct str text = buf_str(answer);
    struct buf verb = { 0 };

    if (args->wants_json && text.p[0] == '{') {
        fwrite(text.p, 1, text.n, stdout);
        return str_starts(text, STR("{\"ok\":true")) ? EXIT_OK : EXIT_FAILED;
    }
    if (str_starts(text, STR("ok "))) {
        fwrite(text.p + 3, 1, text.n - 3, stdout);
        return EXIT_OK;
    }
    if (str_starts(text, STR("error ")))
        text = str_range(text.p + 6, text.p + text.n);
    args_join_verb(args, &verb);
    fprintf(stderr, "remuda: %s failed: %.*s", buf_cstr(&verb), STR_ARG(text));
    buf_fini(&verb);
    return EXIT_FAILED;
}

/* No socket to speak to: the pid file's lock knows whether there is a server at all. */
static enum exit_code explain_silence(const struct args *args, const struct config *config,
                                      int error, struct buf *why)
{
    static const struct {
        const char *verb, *signal;
    } signals[] = { { "stop", "TERM" },
                    { "quit", "QUIT" },
                    { "reload", "HUP" },
                    { "reopen", "USR1" },
                    { "upgrade", "USR2" } };
    pid_t pid = config->pid_file != NULL ? pid_file_holder(config->pid_file) : 0;

    if (error == EACCES || error == EPERM) {
        buf_printf(why,
                   "remuda: %s: %s (root, the server's user, and whom control_socket_mode and "
                   "control_socket_group let in may use it)\n",
                   config->control_socket, strerror(error));
        return EXIT_FAILED;
    }
    if (pid == 0) {
        buf_printf(why, "remuda: not running with %s\n", args->config);
        return EXIT_NOT_RUNNING;
    }
    buf_printf(why, "remuda: process %d runs with %s, but ", (int)pid, args->config);
    if (config->control_socket == NULL)
        buf_printf(why, "it has no control socket");
    else
        buf_printf(why, "its control socket %s does not answer: %s", config->control_socket,
                   strerror(error));
    for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
        if (pid > 0 && args->verb != NULL && strcmp(signals[i].verb, args->verb) == 0)
            buf_printf(why, "; try: kill -%s %d", signals[i].signal, (int)pid);
    buf_add_char(why, '\n');
    return EXIT_FAILED;
}

static bool is_trace(const struct args *args)
{
    struct str rest = str_of(args->verb);

    return str_eq(str_cut(&rest, ' '), STR("trace"));
}

/* Of a trace; 0: no bound. */
static uint64_t lines_wanted(const struct args *args)
{
    struct trace_filter filter;
    struct buf verb = { 0 }, why = { 0 };
    struct str words;
    uint64_t lines;

    args_join_verb(args, &verb);
    words = buf_str(&verb);
    str_cut(&words, ' ');
    trace_filter_parse(words, &filter, &why);
    lines = filter.lines_max;
    trace_filter_fini(&filter);
    buf_fini(&verb);
    buf_fini(&why);
    return lines;
}

/* What went wrong before the server could say so, in the form in which it would have. */
static void complain(const struct args *args, struct str text)
{
    struct buf out = { 0 };

    if (!args->wants_json) {
        fwrite(text.p, 1, text.n, stderr);
        return;
    }
    json_open(&out, '{');
    json_add_bool(&out, "ok", false);
    json_key(&out, "lines");
    json_open(&out, '[');
    while (text.p != NULL && text.n > 0)
        json_text(&out, str_cut(&text, '\n'));
    json_close(&out, ']');
    json_close(&out, '}');
    puts(buf_cstr(&out));
    buf_fini(&out);
}

static int speak(const struct args *args, int fd)
{
    struct buf answer = { 0 };
    int result = EXIT_FAILED;

    if (ask(fd, args) && is_trace(args) && follow_begins(fd, &answer))
        result = follow(fd, &answer, lines_wanted(args));
    else if (read_answer(fd, &answer))
        result = print_answer(args, &answer);
    else
        complain(args, STR("remuda: the server ended without an answer\n"));
    close(fd);
    buf_fini(&answer);
    return result;
}

static int connect_to(const struct config *config)
{
    errno = ENOENT;
    if (config == NULL || config->control_socket == NULL)
        return -1;
    return unix_socket_connect(config->control_socket, 0);
}

/*
 * The server runs with the paths that it was started with, and the file may be broken or name
 * others by now. What the paths are by default is then the best guess.
 */
static struct config *default_paths(const struct source *source)
{
    struct source bare = { source->path, { 0 } };
    struct buf ignored = { 0 };
    struct config *config;

    buf_printf(&bare.text, "root: /\n");
    config = source_parse(&bare, &ignored);
    buf_fini(&bare.text);
    buf_fini(&ignored);
    return config;
}

int client_connect(const struct args *args, enum exit_code *result, struct buf *why)
{
    struct source source;
    struct buf errors = { 0 };
    struct config *config = NULL, *by_default = NULL;
    int fd, error;

    if (source_init(&source, args, &errors)) {
        config = source_parse(&source, &errors);
        by_default = default_paths(&source);
    }
    fd = connect_to(config);
    error = errno;
    if (fd < 0)
        fd = connect_to(by_default);
    *result = fd >= 0 ? EXIT_OK : EXIT_FAILED;
    if (fd < 0 && config != NULL)
        *result = explain_silence(args, config, error, why);
    else if (fd < 0)
        buf_add(why, buf_str(&errors));
    config_free(&config);
    config_free(&by_default);
    source_fini(&source);
    buf_fini(&errors);
    return fd;
}

int client_run(const struct args *args)
{
    struct buf why = { 0 };
    enum exit_code result;
    int fd = client_connect(args, &result, &why);

    if (fd < 0)
        complain(args, buf_str(&why));
    buf_fini(&why);
    return fd >= 0 ? speak(args, fd) : (int)result;
}
