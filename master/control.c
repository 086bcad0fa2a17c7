#include "master/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fd_pass.h"
#include "common/json.h"
#include "common/log.h"
#include "common/xmalloc.h"
#include "master/master.h"
#include "master/privileges.h"
#include "master/trace.h"
#include "master/verbs.h"

enum { CLIENTS_MAX = 64, CLIENT_LIMIT_S = 10, BACKLOG = 64, PAUSE_S = 1 };

static void client_close(struct client *client, struct ev_loop *loop)
{
    struct control *c = client->control;

    if (loop != NULL) {
        ev_io_stop(loop, &client->io);
        ev_timer_stop(loop, &client->limit);
        if (client->state == CLIENT_TRACING)
            trace_end(client);
    }
    close(client->io.fd);
    if (client->passed_fd >= 0)
        close(client->passed_fd);
    list_remove(&client->link);
    buf_fini(&client->answer);
    free(client);
    /* There may be room again for one who waits in the backlog. */
    if (c->client_count-- == CLIENTS_MAX && loop != NULL && c->accept.fd >= 0)
        ev_io_start(loop, &c->accept);
}

static ssize_t send_some(struct client *client)
{
    const char *from = client->answer.p + client->written;
    size_t n = client->answer.n - client->written;
    int flags = MSG_NOSIGNAL | MSG_DONTWAIT;

    if (client->passed_fd >= 0 && client->written == 0)
        return fd_pass_send_one(client->io.fd, from, n, client->passed_fd, flags);
    return send(client->io.fd, from, n, flags);
}

static void client_write(struct client *client)
{
    struct ev_loop *loop = client->control->master->loop;

    while (client->written < client->answer.n) {
        ssize_t n = send_some(client);

        if (n < 0 && errno == EAGAIN) {
            if (!ev_is_active(&client->io)) {
                ev_io_set(&client->io, client->io.fd, EV_WRITE);
                ev_io_start(loop, &client->io);
            }
            return;
        }
        if (n < 0)
            break; /* gone without hearing it: the verb was carried out all the same */
        client->written += (size_t)n;
    }
    client_close(client, loop);
}

static void end_line(struct client *client)
{
    if (client->answer.p[client->answer.n - 1] != '\n')
        buf_add_char(&client->answer, '\n');
}

static void begin_writing(struct client *client)
{
    struct ev_loop *loop = client->control->master->loop;

    client->state = CLIENT_WRITING;
    ev_io_stop(loop, &client->io);
    ev_timer_stop(loop, &client->limit);
    ev_timer_set(&client->limit, CLIENT_LIMIT_S, 0.);
    ev_timer_start(loop, &client->limit);
    end_line(client);
    client_write(client);
}

struct buf *control_open_json(struct client *client, bool is_ok)
{
    json_open(&client->answer, '{');
    json_add_bool(&client->answer, "ok", is_ok);
    return &client->answer;
}

static void close_json(struct client *client, const char *text)
{
    struct buf *out = &client->answer;
    struct str rest = str_of(text);

    if (text != NULL) {
        json_key(out, "lines");
        json_open(out, '[');
        while (rest.p != NULL && rest.n > 0)
            json_text(out, str_cut(&rest, '\n'));
        json_close(out, ']');
    }
    json_close(out, '}');
}

void control_reply_json(struct client *client, const char *text)
{
    close_json(client, text);
    begin_writing(client);
}

static void compose(struct client *client, bool is_ok, const char *text)
{
    if (client->wants_json) {
        control_open_json(client, is_ok);
        close_json(client, text);
        return;
    }
    buf_printf(&client->answer, "%s ", is_ok ? "ok" : "error");
    buf_add(&client->answer, str_of(text));
}

void control_reply(struct client *client, bool is_ok, const char *text)
{
    compose(client, is_ok, text);
    begin_writing(client);
}

void control_reply_with(struct client *client, const char *text, int fd)
{
    client->passed_fd = fd;
    control_reply(client, true, text);
}

bool control_reply_first(struct client *client, const char *text)
{
    struct ev_loop *loop = client->control->master->loop;
    struct buf *answer = &client->answer;

    compose(client, true, text);
    end_line(client);
    /* Nothing was sent before, so there is room. */
    if (send(client->io.fd, answer->p, answer->n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
        client_close(client, loop);
        return false;
    }
    ev_io_start(loop, &client->io);
    return true;
}

void control_wait(struct client *client, enum operation operation)
{
    struct master *m = client->control->master;

    if (m->phase > PHASE_RUNNING) {
        control_reply(client, false, master_end_words(m));
        return;
    }
    client->state = CLIENT_WAITING;
    client->operation = operation;
    transaction_want(m, operation); /* may answer at once: the client can be gone */
}

static const struct str json_before = STR_INIT("json ");

static void run_line(struct client *client, struct str line)
{
    struct ev_loop *loop = client->control->master->loop;
    const struct verb *verb;
    struct str argument;
    struct buf why = { 0 };

    /* From here on the server takes its time, not the client. */
    ev_io_stop(loop, &client->io);
    ev_timer_stop(loop, &client->limit);
    if (client->wants_json)
        line = str_range(line.p + json_before.n, line.p + line.n);
    verb = verb_parse(line, &argument, &why);
    if (verb != NULL)
        verb->run(client, argument);
    else
        control_reply(client, false, buf_cstr(&why));
    buf_fini(&why);
}

static void client_read(struct client *client)
{
    ssize_t n = recv(client->io.fd, client->line + client->line_n,
                     sizeof(client->line) - client->line_n, MSG_DONTWAIT);
    struct str line, rest;

    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        client_close(client, client->control->master->loop);
        return;
    }
    client->line_n += (size_t)n;
    rest = (struct str){ client->line, client->line_n };
    line = str_cut(&rest, '\n');
    client->wants_json = str_starts(line, json_before);
    if (rest.p != NULL)
        run_line(client, line);
    else if (client->line_n == sizeof(client->line))
        control_reply(client, false, "line too long");
}

/* It has nothing more to say, until it hangs up. */
static void client_listen(struct client *client)
{
    char unused[512];
    ssize_t n = recv(client->io.fd, unused, sizeof(unused), MSG_DONTWAIT);

    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        client_close(client, client->control->master->loop);
}

static void on_client(struct ev_loop *loop, ev_io *w, int revents)
{
    struct client *client = w->data;

    if (client->state == CLIENT_READING)
        client_read(client);
    else if (client->state == CLIENT_TRACING)
        client_listen(client);
    else
        client_write(client);
}

static void on_limit(struct ev_loop *loop, ev_timer *w, int revents)
{
    client_close(w->data, loop);
}

struct client *control_add(struct control *c, int fd)
{
    struct client *client = xcalloc(1, sizeof(*client));

    client->control = c;
    client->passed_fd = -1;
    ev_io_init(&client->io, on_client, fd, EV_READ);
    client->io.data = client;
    ev_timer_init(&client->limit, on_limit, CLIENT_LIMIT_S, 0.);
    client->limit.data = client;
    list_append(&c->clients, &client->link);
    ev_io_start(c->master->loop, &client->io);
    if (++c->client_count == CLIENTS_MAX)
        ev_io_stop(c->master->loop, &c->accept);
    return client;
}

static void on_accept(struct ev_loop *loop, ev_io *w, int revents)
{
    struct control *c = w->data;
    int fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd >= 0) {
        ev_timer_start(loop, &control_add(c, fd)->limit);
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        log_warn("control_socket %s: %s", c->path, strerror(errno));
        ev_io_stop(loop, w);
        ev_timer_set(&c->pause, PAUSE_S, 0.);
        ev_timer_start(loop, &c->pause);
    }
}

static void on_pause_end(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct control *c = w->data;

    if (c->accept.fd >= 0 && c->client_count < CLIENTS_MAX)
        ev_io_start(loop, &c->accept);
}

void control_init(struct control *c, struct master *m)
{
    c->master = m;
    c->path = NULL;
    c->client_count = 0;
    list_init(&c->clients);
    ev_io_init(&c->accept, on_accept, -1, EV_READ);
    c->accept.data = c;
    ev_timer_init(&c->pause, on_pause_end, 0., 0.);
    c->pause.data = c;
}

/* Nobody can connect yet, for it does not listen. */
static int give_to_group(const struct config *config)
{
    const char *path = config->control_socket;
    gid_t gid;

    if (config->control_socket_group == NULL)
        return 0;
    if (!privileges_find_group(config->control_socket_group, &gid)) {
        errno = EINVAL;
        return -1;
    }
    return lchown(path, (uid_t)-1, gid);
}

bool control_open(struct control *c, const struct config *config, struct buf *why)
{
    const char *path = config->control_socket;
    int fd = unix_socket_bind(path, config->control_socket_mode, &c->id), saved_errno;

    if (fd >= 0 && (give_to_group(config) < 0 || listen(fd, BACKLOG) < 0)) {
        saved_errno = errno;
        unix_socket_unlink(path, &c->id);
        close(fd);
        errno = saved_errno;
        fd = -1;
    }
    if (fd < 0) {
        buf_printf(why, "control_socket %s: %s", path, strerror(errno));
        if (errno == EADDRINUSE)
            buf_printf(why, " (another server answers there, or the file is no socket)");
        return false;
    }
    c->path = xstrdup(path);
    ev_io_set(&c->accept, fd, EV_READ);
    return true;
}

void control_start(struct control *c)
{
    if (c->accept.fd >= 0)
        ev_io_start(c->master->loop, &c->accept);
}

void control_hand_over(const struct control *c, struct handoff *h)
{
    if (c->path != NULL)
        handoff_add(h, "control", c->accept.fd, "%llu %llu %s", (unsigned long long)c->id.dev,
                    (unsigned long long)c->id.ino, c->path);
}

/* The line of a socket that nobody has taken yet; NULL: there is none. */
static struct handoff_line *find_former(struct handoff *h, struct unix_socket_id *id,
                                        struct str *path)
{
    size_t at = 0;
    struct handoff_line *line = handoff_next(h, "control", &at);
    uint64_t dev, ino;

    if (line == NULL || line->fd < 0)
        return NULL;
    *path = line->rest;
    if (!str_to_u64(str_cut(path, ' '), &dev) || !str_to_u64(str_cut(path, ' '), &ino))
        return NULL;
    *id = (struct unix_socket_id){ (dev_t)dev, (ino_t)ino };
    return path->p != NULL ? line : NULL;
}

bool control_take_over(struct control *c, struct handoff *h, const char *path)
{
    struct unix_socket_id id;
    struct str former;
    struct handoff_line *line = find_former(h, &id, &former);

    if (line == NULL || !str_eq(former, str_of(path)))
        return false;
    c->path = xstrdup(path);
    c->id = id;
    c->is_lent = true;
    ev_io_set(&c->accept, line->fd, EV_READ);
    line->fd = -1;
    return true;
}

void control_remove_former(struct handoff *h)
{
    struct unix_socket_id id;
    struct str former;
    char *path;

    if (find_former(h, &id, &former) == NULL)
        return;
    path = str_dup(former);
    unix_socket_unlink(path, &id);
    free(path);
}

void control_own(struct control *c)
{
    c->is_lent = false;
    control_start(c);
}

void control_leave(struct control *c)
{
    c->is_lent = true;
    ev_io_stop(c->master->loop, &c->accept);
    ev_timer_stop(c->master->loop, &c->pause);
    if (c->accept.fd >= 0)
        close(c->accept.fd);
    ev_io_init(&c->accept, on_accept, -1, EV_READ);
    c->accept.data = c;
}

void control_begin(struct control *c, enum operation operation)
{
    LIST_EACH (at, &c->clients) {
        struct client *client = CONTAINER_OF(at, struct client, link);

        if (client->state == CLIENT_WAITING && client->operation == operation)
            client->state = CLIENT_RUNNING;
    }
}

void control_answer(struct control *c, enum operation operation, bool is_ok, const char *text)
{
    LIST_EACH_SAFE (at, after, &c->clients) {
        struct client *client = CONTAINER_OF(at, struct client, link);

        if (client->state == CLIENT_RUNNING && client->operation == operation)
            control_reply(client, is_ok, text);
    }
}

void control_end(struct control *c)
{
    if (c->path == NULL)
        return;
    if (!c->is_lent)
        unix_socket_unlink(c->path, &c->id);
    LIST_EACH_SAFE (at, after, &c->clients) {
        struct client *client = CONTAINER_OF(at, struct client, link);

        if (client->state == CLIENT_ENDING)
            control_reply(client, true, "stopped");
    }
}

void control_fini(struct control *c, struct ev_loop *loop)
{
    LIST_EACH_SAFE (at, after, &c->clients)
        client_close(CONTAINER_OF(at, struct client, link), loop);
    if (loop != NULL) {
        ev_io_stop(loop, &c->accept);
        ev_timer_stop(loop, &c->pause);
    }
    if (c->accept.fd >= 0)
        close(c->accept.fd);
    ev_io_init(&c->accept, on_accept, -1, EV_READ);
    free(c->path);
    c->path = NULL;
}
