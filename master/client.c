#include "master/client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "master/pid_file.h"
#include "master/source.h"
#include "master/unix_socket.h"

static bool read_answer(int fd, struct buf *answer)
{
    ssize_t n;

    while ((n = recv(fd, buf_reserve(answer, 4096), 4096, 0)) != 0) {
        if (n < 0 && errno != EINTR)
            break;
        if (n > 0)
            answer->n += (size_t)n;
    }
    return answer->n > 0;
}

static bool ask(int fd, const char *verb, struct buf *answer)
{
    char line[64];
    int n = snprintf(line, sizeof(line), "%s\n", verb);

    /* Even when the server has hung up already its answer may be there to read. */
    if (send(fd, line, (size_t)n, MSG_NOSIGNAL) != n && errno != EPIPE)
        return false;
    return read_answer(fd, answer);
}

static int print_answer(const char *verb, struct buf *answer)
{
    struct str text = buf_str(answer);

    if (str_starts(text, STR("ok "))) {
        printf("%.*s", (int)(text.n - 3), text.p + 3);
        return EXIT_OK;
    }
    if (str_starts(text, STR("error ")))
        text = str_range(text.p + 6, text.p + text.n);
    fprintf(stderr, "remuda: %s failed: %.*s", verb, STR_ARG(text));
    return EXIT_FAILED;
}

/* No socket to speak to: the pid file's lock knows whether there is a server at all. */
static int explain_silence(const struct args *args, const struct config *config, int error)
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
        fprintf(stderr, "remuda: %s: %s (the server's user and root may use it)\n",
                config->control_socket, strerror(error));
        return EXIT_FAILED;
    }
    if (pid == 0) {
        fprintf(stderr, "remuda: not running with %s\n", args->config);
        return EXIT_NOT_RUNNING;
    }
    fprintf(stderr, "remuda: process %d runs with %s, but ", (int)pid, args->config);
    if (config->control_socket == NULL)
        fprintf(stderr, "it has no control socket");
    else
        fprintf(stderr, "its control socket %s does not answer: %s", config->control_socket,
                strerror(error));
    for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
        if (pid > 0 && strcmp(signals[i].verb, args->verb) == 0)
            fprintf(stderr, "; try: kill -%s %d", signals[i].signal, (int)pid);
    fputc('\n', stderr);
    return EXIT_FAILED;
}

static int speak(const struct args *args, int fd)
{
    struct buf answer = { 0 };
    int result = EXIT_FAILED;

    if (ask(fd, args->verb, &answer))
        result = print_answer(args->verb, &answer);
    else
        fprintf(stderr, "remuda: %s: the server ended without an answer\n", args->verb);
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

int client_run(const struct args *args)
{
    struct source source;
    struct buf errors = { 0 };
    struct config *config = NULL, *by_default = NULL;
    int result = EXIT_FAILED, fd = -1, error;

    if (source_init(&source, args, &errors)) {
        config = source_parse(&source, &errors);
        by_default = default_paths(&source);
    }
    fd = connect_to(config);
    error = errno;
    if (fd < 0)
        fd = connect_to(by_default);
    if (fd >= 0)
        result = speak(args, fd);
    else if (config != NULL)
        result = explain_silence(args, config, error);
    else
        fputs(buf_cstr(&errors), stderr);
    config_free(&config);
    config_free(&by_default);
    source_fini(&source);
    buf_fini(&errors);
    return result;
}
