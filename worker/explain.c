#include "worker/explain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ev.h>

#include "common/channel.h"
#include "common/log.h"
#include "common/xmalloc.h"
#include "config/fields.h"
#include "config/settings.h"
#include "worker/acceptor.h"
#include "worker/conn.h"
#include "worker/encoding.h"
#include "worker/generation.h"
#include "worker/internal.h"
#include "worker/transport.h"
#include "worker/path.h"
#include "worker/rewrite.h"

#define PATIENCE_S 10.0 /* for an answer that is made off the loop */

enum { HEAD_MAX = 1 << 20, NAME_COLUMN = 26, VALUE_COLUMN = 44 };

struct explanation {
    const struct explain_request *ask;
    struct buf head;  /* of the response */
    struct buf where; /* what the observer saw */
    int fd;           /* our end */
    bool is_late;
};

/* ---- the request ---- */

static bool has_host(const struct explain_request *ask)
{
    for (size_t i = 0; i < ask->field_count; i++)
        if (str_eq_case((struct str){ ask->fields[i], strcspn(ask->fields[i], ":") }, STR("host")))
            return true;
    return false;
}

static char *make_request(const struct explain_request *ask)
{
    struct str rest = str_of(ask->url), host = STR("localhost");
    struct buf text = { 0 };
    const char *scheme = strstr(ask->url, "://");

    if (scheme != NULL && ask->url[0] != '/') {
        size_t n = strcspn(scheme + 3, "/?");

        host = (struct str){ scheme + 3, n };
        rest = str_of(scheme + 3 + n);
    }
    buf_printf(&text, "%s %s%.*s HTTP/1.1\r\n", ask->method != NULL ? ask->method : "GET",
               rest.n > 0 && (rest.p[0] == '/' || rest.p[0] == '*') ? "" : "/", STR_ARG(rest));
    if (!has_host(ask))
        buf_printf(&text, "Host: %.*s\r\n", STR_ARG(host));
    for (size_t i = 0; i < ask->field_count; i++)
        buf_printf(&text, "%s\r\n", ask->fields[i]);
    buf_printf(&text, "\r\n");
    return buf_take(&text);
}

/* ---- where it went ---- */

static void add_place(struct buf *out, const struct config *config, unsigned line, unsigned column)
{
    const char *file = config->path != NULL ? config->path : "command line";

    if (line == 0)
        buf_printf(out, "default\n");
    else if (column == 0)
        buf_printf(out, "%s:%u\n", file, line);
    else
        buf_printf(out, "%s:%u:%u\n", file, line, column);
}

static void add_row(struct buf *out, const char *name, const char *value)
{
    buf_printf(out, "%-*s %-*s ", NAME_COLUMN, name, VALUE_COLUMN, value);
}

/* YAML of several lines on one. */
static void flatten(struct buf *value)
{
    size_t to = 0;

    for (size_t i = 0; i < value->n; i++) {
        bool is_blank = value->p[i] == ' ' || value->p[i] == '\n';

        if (!is_blank)
            value->p[to++] = value->p[i];
        else if (to > 0 && value->p[to - 1] != ' ')
            value->p[to++] = ' ';
    }
    value->n = to;
}

static void add_setting(struct buf *out, const struct config *config, const struct scope *scope,
                        const struct setting *row)
{
    struct config_place at = places_find(scope->places, row->name);
    const void *base = setting_is_scoped(row) ? (const void *)scope : config;
    struct buf value = { 0 };

    if (!field_is_set(row, base))
        return;
    field_write(row, config, base, 0, &value);
    flatten(&value);
    add_row(out, row->name, buf_cstr(&value));
    add_place(out, config, at.line, at.column);
    buf_fini(&value);
}

/* Those of the server's settings that bound a request. */
static bool is_limit(const struct setting *row)
{
    static const char *const names[] = {
        "client_header_timeout", "client_body_timeout", "send_timeout",     "min_rate",
        "keepalive_timeout",     "keepalive_requests",  "request_line_max", "request_header_max",
        "request_header_count",
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(names[i], row->name) == 0)
            return true;
    return false;
}

/* ---- which file ---- */

/* A look-up once more, since a response does not keep what its file is called. */
struct finding {
    const struct exchange *x;
    const struct docroot *root;
    struct pool pool;
    struct str path; /* that was looked up; it may end in '/' */
    struct docroot_answer answer;
};

static bool is_found(struct finding *f, struct str path)
{
    struct trail unused = { 0 };
    bool is_watched;

    f->path = path;
    f->answer = docroot_find(f->root, path, NULL, &unused, &is_watched);
    if (f->answer.fd >= 0)
        close(f->answer.fd);
    return f->answer.status == DOCROOT_FILE;
}

static bool is_error_page_found(struct finding *f)
{
    const struct scope *scope = &f->x->route->config->scope;

    for (size_t i = 0; i < scope->error_page_count; i++)
        if (scope->error_pages[i].status == f->x->res.status)
            return is_found(f, str_of(scope->error_pages[i].path));
    return false;
}

/* The path below the route's folder, as static_files looks it up. */
static struct str path_below(const struct exchange *x)
{
    struct str path = { x->req.path.p + x->route->strip_n, x->req.path.n - x->route->strip_n };

    return path.n > 0 ? path : STR("/");
}

/* In static_files' order: what is tried, or the path; then the path as a folder. */
static bool is_any_found(struct finding *f, struct str path)
{
    const struct exchange *x = f->x;
    const struct try_list *tries = x->route->tries;
    struct buf folder = { 0 };

    if (tries == NULL && is_found(f, path))
        return true;
    for (size_t i = 0; tries != NULL && i < tries->count; i++) {
        struct str item = rewrite_fill(tries->items[i], &x->req, path,
                                       x->has_groups ? x->groups : NULL, &f->pool);

        if (item.p != NULL && is_found(f, item))
            return true;
    }
    buf_add(&folder, path);
    buf_add_char(&folder, '/');
    path = pool_str(&f->pool, buf_str(&folder));
    buf_fini(&folder);
    return is_found(f, path);
}

static void add_encoding(struct buf *out, const struct finding *f, const char *name)
{
    enum encoding encoding = f->x->res.file->encoding;
    struct str suffix = encoding_suffix(encoding);
    struct trail unused = { 0 };
    struct docroot_answer beside;
    bool is_watched = false;

    if (encoding == ENCODING_IDENTITY) {
        buf_printf(out, "%-*s identity\n", NAME_COLUMN, "encoding");
        return;
    }
    beside =
        docroot_find_beside(f->root, f->path, &f->answer, encoding, NULL, &unused, &is_watched);
    if (beside.fd >= 0)
        close(beside.fd);
    if (beside.status == DOCROOT_FILE)
        buf_printf(out, "%-*s %.*s, from %s%.*s\n", NAME_COLUMN, "encoding",
                   STR_ARG(encoding_name(encoding)), name, STR_ARG(suffix));
    else
        buf_printf(out, "%-*s %.*s, made of it\n", NAME_COLUMN, "encoding",
                   STR_ARG(encoding_name(encoding)));
}

static void add_rewrite(struct buf *out, struct str from, struct str to)
{
    if (!str_eq(from, to))
        buf_printf(out, "%-*s %.*s -> %.*s\n", NAME_COLUMN, "rewrite", STR_ARG(from), STR_ARG(to));
}

static void add_file(struct buf *out, struct finding *f, struct str path)
{
    const struct file *file = f->x->res.file;
    struct buf name = { 0 };

    if (f->x->res.status >= 400 ? is_error_page_found(f) : is_any_found(f, path)) {
        buf_printf(&name, "%s%.*s", f->root->options.path, STR_ARG(f->path));
        if (str_ends(f->path, STR("/")))
            buf_add(&name, f->answer.name);
        buf_printf(out, "%-*s %s\n", NAME_COLUMN, "file", buf_cstr(&name));
        add_encoding(out, f, buf_cstr(&name));
    }
    buf_printf(out, "%-*s %lld bytes, %.*s\n", NAME_COLUMN, "content", (long long)file->size,
               STR_ARG(file->content_type));
    buf_fini(&name);
}

/* The path as it was sent, but clean; p NULL: it is none, or the route that answers is not its. */
static struct str clean_path(const struct exchange *x, struct pool *pool)
{
    struct str clean;

    if (x->req.path.p == NULL || x->req.path.n < x->route->strip_n ||
        path_clean(x->req.raw_path, pool_alloc(pool, x->req.raw_path.n), &clean) != PATH_CLEAN)
        return STR_NONE;
    return clean;
}

/* From the path as sent to the file. */
static void add_way(struct buf *out, const struct exchange *x)
{
    struct finding f = { .x = x, .root = x->route->docroot };
    struct str path = STR_NONE, clean;

    pool_init(&f.pool);
    clean = clean_path(x, &f.pool);
    if (clean.p != NULL)
        add_rewrite(out, clean, x->req.path);
    if (clean.p != NULL && x->route->handler == &static_files) {
        path = path_below(x);
        if (x->route->rewrites != NULL)
            rewrites_apply(x->route->rewrites, &x->req, &f.pool, &path);
        add_rewrite(out, path_below(x), path);
    }
    if (x->res.file != NULL && f.root != NULL && (path.p != NULL || x->res.status >= 400))
        add_file(out, &f, path);
    pool_fini(&f.pool);
}

static void observe(void *context, const struct exchange *x)
{
    static const char *const kinds[] = { "exact", "regex", "prefix" };
    struct explanation *e = context;
    const struct config *config = x->gen->config;
    const struct route *route = x->route != NULL ? x->route->config : NULL;
    const struct site *site =
        x->route != NULL ? generation_site_of(x->gen, x->route)->config : NULL;
    struct buf *out = &e->where;

    if (site == NULL || route == NULL)
        return;
    add_row(out, "site", site->host_count > 0 ? site->hosts[0] : "*");
    add_place(out, config, site->line, 0);
    buf_printf(out, "%-*s %s %-*s ", NAME_COLUMN, "route", kinds[route->match],
               VALUE_COLUMN - (int)strlen(kinds[route->match]) - 1, route->path);
    add_place(out, config, route->line, 0);
    buf_printf(out, "%-*s %s\n", NAME_COLUMN, "answered by", x->route->handler->name);
    add_way(out, x);
    buf_printf(out, "\nin effect for it\n");
    for (size_t i = 0; i < setting_count; i++)
        if (settings[i].type != SET_STRUCTURE &&
            (setting_is_scoped(&settings[i]) || is_limit(&settings[i])))
            add_setting(out, config, &route->scope, &settings[i]);
}

/* ---- the answer ---- */

static bool has_whole_head(const struct buf *head)
{
    return head->n >= 4 && memmem(head->p, head->n, "\r\n\r\n", 4) != NULL;
}

static void on_late(struct ev_loop *loop, ev_timer *timer, int events)
{
    ((struct explanation *)timer->data)->is_late = true;
}

/* Turns the loop until the head of the response is there. */
static void await_head(struct explanation *e, struct ev_loop *loop)
{
    ev_timer limit;

    ev_timer_init(&limit, on_late, PATIENCE_S, 0.);
    limit.data = e;
    ev_timer_start(loop, &limit);
    for (;;) {
        ssize_t n = recv(e->fd, buf_reserve(&e->head, 4096), 4096, MSG_DONTWAIT);

        if (n > 0)
            e->head.n += (size_t)n;
        if (n == 0 || has_whole_head(&e->head) || e->head.n > HEAD_MAX || e->is_late)
            break;
        if (n < 0)
            ev_run(loop, EVRUN_ONCE);
    }
    ev_timer_stop(loop, &limit);
}

static bool ask_worker(struct worker *w, struct explanation *e, char **why)
{
    char *request = make_request(e->ask);
    struct listener *l = xcalloc(1, sizeof(*l));
    union peer peer = { .in = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } } };
    int pair[2];

    *l = (struct listener){ .refs = 1, .worker = w, .io = { .fd = -1 } };
    l->transport = &transport_plain;
    l->protocol = &http1;
    list_init(&l->link);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0) {
        *why = xasprintf("socketpair: %s", strerror(errno));
        listener_put(&l);
        free(request);
        return false;
    }
    e->fd = pair[0];
    w->observe = observe;
    w->observer = e;
    worker_choose_way(w);
    if (send(pair[0], request, strlen(request), MSG_NOSIGNAL) < (ssize_t)strlen(request)) {
        *why = xasprintf("the request is too long");
        close(pair[1]);
    } else {
        conn_open(l, pair[1], &peer, l->protocol, 0);
        await_head(e, w->loop);
    }
    w->observe = NULL;
    worker_choose_way(w);
    close(pair[0]);
    listener_put(&l);
    free(request);
    return *why == NULL;
}

static void print(const struct explanation *e, FILE *out)
{
    const char *end = memmem(e->head.p, e->head.n, "\r\n\r\n", 4);
    struct str rest = str_range(e->head.p, end);

    while (rest.n > 0) {
        struct str line = str_cut(&rest, '\n');

        if (line.n > 0 && line.p[line.n - 1] == '\r')
            line.n--;
        fprintf(out, "%.*s\n", STR_ARG(line));
    }
    if (!e->ask->is_head_only)
        fprintf(out, "\n%.*s", (int)e->where.n, e->where.p != NULL ? e->where.p : "");
}

static bool run(struct worker *w, const struct explain_request *ask, FILE *out, char **why)
{
    struct explanation e = { .ask = ask, .fd = -1 };
    bool is_done = ask_worker(w, &e, why);

    if (is_done && !has_whole_head(&e.head)) {
        *why = xasprintf("no answer%s", e.is_late ? " in time" : "");
        is_done = false;
    }
    if (is_done)
        print(&e, out);
    buf_fini(&e.head);
    buf_fini(&e.where);
    return is_done;
}

bool explain(struct bundle *bundle, const struct explain_request *ask, FILE *out, char **why)
{
    struct heritage heritage = {
        .slot_count = 1, .log_level = -1, .bundle = bundle, .is_single = true
    };
    struct ev_loop *loop = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV);
    struct message m = { .text = "no event loop" };
    struct worker *w = NULL;
    bool is_done = false;
    int ours = -1, memfd = -1;

    *why = NULL;
    heritage.shared = shared_new(&memfd);
    heritage.slots = heritage.shared != NULL ? heritage.shared->slots : NULL;
    if (loop != NULL && heritage.shared != NULL && channel_open(&ours, &heritage.channel_fd) == 0)
        w = worker_new(loop, &heritage);
    if (w != NULL) {
        is_done = run(w, ask, out, why);
        worker_free(&w);
    } else {
        if (ours >= 0)
            channel_receive(ours, &m);
        *why = xstrdup(m.text);
    }
    if (ours >= 0)
        close(ours);
    if (loop != NULL)
        ev_loop_destroy(loop);
    shared_free(&heritage.shared, &memfd);
    return is_done;
}
