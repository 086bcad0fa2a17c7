#include "master/top_source.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/fd_pass.h"
#include "master/client.h"

enum { ASK_GAP_MS = 500, UNSEEN_GAP_MS = 2000, ANSWER_LIMIT_S = 2 };

static enum top_look fail(struct top_source *s, enum exit_code result, const char *text)
{
    s->result = result;
    buf_printf(&s->why, "remuda: top: %s", text);
    return TOP_LOST;
}

static enum top_look map(struct top_source *s, int fd)
{
    struct stat st;
    const struct shared *shared;
    char text[160];

    if (fstat(fd, &st) < 0)
        return fail(s, EXIT_FAILED, strerror(errno));
    if (s->shared != NULL && s->dev == st.st_dev && s->ino == st.st_ino)
        return TOP_SAME;
    shared = shared_open_readonly(fd);
    if (shared == NULL && errno == EPROTO) {
        snprintf(text, sizeof(text),
                 "the server is remuda %s and counts in another way than this %s: "
                 "use the binary that it was started from",
                 s->version, REMUDA_VERSION);
        return fail(s, EXIT_FAILED, text);
    }
    if (shared == NULL)
        return fail(s, EXIT_FAILED, strerror(errno));
    shared_close_readonly(&s->shared);
    s->shared = shared;
    s->dev = st.st_dev;
    s->ino = st.st_ino;
    return TOP_NEW;
}

static enum top_look read_answer(struct top_source *s, int socket)
{
    char text[512];
    int fd;
    bool is_cut;
    ssize_t n = fd_pass_receive_one(socket, text, sizeof(text) - 1, &fd, 0, &is_cut);
    struct str rest = { text, n > 0 ? (size_t)n : 0 }, line;
    enum top_look look;

    text[rest.n] = '\0';
    line = str_cut(&rest, '\n');
    if (n < 0 && errno == EAGAIN)
        return fail(s, EXIT_FAILED, "the server does not answer");
    if (line.n == 0)
        return fail(s, EXIT_FAILED, "the server ended without an answer");
    text[line.n] = '\0';
    if (!str_starts(line, STR("ok ")) || fd < 0) {
        if (fd >= 0)
            close(fd);
        /* "error unknown verb", above all: it is too old to be looked at. */
        return fail(s, EXIT_FAILED,
                    fd < 0 && str_starts(line, STR("ok ")) ? "no descriptor came" : text);
    }
    snprintf(s->version, sizeof(s->version), "%.*s", (int)sizeof(s->version) - 1, text + 3);
    look = map(s, fd);
    close(fd);
    return look;
}

static enum top_look ask(struct top_source *s)
{
    static const char line[] = "shared\n";
    struct timeval limit = { ANSWER_LIMIT_S, 0 };
    enum top_look look;
    int socket;

    s->why.n = 0;
    socket = client_connect(s->args, &s->result, &s->why);
    if (socket < 0)
        return TOP_LOST;
    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    if (send(socket, line, sizeof(line) - 1, MSG_NOSIGNAL) < 0)
        look = fail(s, EXIT_FAILED, "the server ended without an answer");
    else
        look = read_answer(s, socket);
    close(socket);
    return look;
}

static bool is_alive(pid_t pid)
{
    return pid > 0 && (kill(pid, 0) == 0 || errno == EPERM);
}

enum top_look top_source_look(struct top_source *s, uint64_t now_ms, bool is_forced)
{
    uint64_t gap_ms = s->is_unseen ? UNSEEN_GAP_MS : ASK_GAP_MS;
    int32_t pid = s->shared != NULL ? atomic_load(&s->shared->master_pid) : 0;
    enum top_look look;

    if (s->why.n == 0 && pid == s->master_pid && is_alive(pid))
        return TOP_SAME;
    if (!is_forced && s->asked_ms != 0 && now_ms < s->asked_ms + gap_ms)
        return s->why.n > 0 ? TOP_LOST : TOP_SAME;
    s->asked_ms = now_ms;
    look = ask(s);
    if (look == TOP_LOST)
        return look;
    s->master_pid = atomic_load(&s->shared->master_pid);
    s->is_unseen = !is_alive(s->master_pid);
    return look;
}

void top_source_fini(struct top_source *s)
{
    shared_close_readonly(&s->shared);
    buf_fini(&s->why);
}
