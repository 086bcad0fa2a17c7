#include "master/listen_table.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"
#include "common/xmalloc.h"
#include "master/steering.h"

enum { PROBE_PAUSE_MS = 50, PORT_ZERO_TRIES = 10 };

static bool is_unix(const struct listen_row *row)
{
    return row->configured.sa.ss_family == AF_UNIX;
}

static const char *unix_path(const struct listen_row *row)
{
    return ((const struct sockaddr_un *)&row->configured.sa)->sun_path;
}

/* One socket for all slots. */
static bool is_shared(const struct listen_row *row)
{
    return is_unix(row) || row->is_given;
}

/* Slots that have sockets of their own in this row. */
static unsigned row_slots(const struct listen_row *row, unsigned slot_count)
{
    return is_shared(row) ? 1 : slot_count;
}

static int set_int(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof(value));
}

static void sleep_ms(unsigned ms)
{
    struct timespec pause = { ms / 1000, (long)(ms % 1000) * 1000000 };

    nanosleep(&pause, NULL);
}

static void close_keeping_errno(int fd)
{
    int saved_errno = errno;

    close(fd);
    errno = saved_errno;
}

/* Bound, not listening; -1: errno. */
static int open_tcp(const struct address *a, bool is_group)
{
    int fd = socket(a->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    if (set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1) < 0 ||
        (a->sa.ss_family == AF_INET6 && set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) < 0) ||
        (is_group && set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1) < 0) ||
        bind(fd, (const struct sockaddr *)&a->sa, a->len) < 0) {
        close_keeping_errno(fd);
        return -1;
    }
    return fd;
}

/*
 * SO_REUSEPORT hides that the port is taken: a second server of the same user would quietly get
 * a share of the connections. A bind without it tells. (FIELD: nginx lacks this.) 0: free.
 */
static int probe(const struct address *a, unsigned *patience_ms)
{
    for (;;) {
        int fd = open_tcp(a, false);

        if (fd >= 0) {
            close(fd);
            return 0;
        }
        if (errno != EADDRINUSE || *patience_ms == 0)
            return -1;
        sleep_ms(PROBE_PAUSE_MS);
        *patience_ms -= *patience_ms < PROBE_PAUSE_MS ? *patience_ms : PROBE_PAUSE_MS;
    }
}

/* Our own sockets on the port (127.0.0.1:80 beside *:80) would fail the probe, and may coexist. */
static bool is_port_ours(const struct listen_table *l, const struct listen_row *row)
{
    for (size_t i = 0; i < l->count; i++) {
        const struct listen_row *other = &l->rows[i];

        if (other != row && other->actual.sa.ss_family == row->actual.sa.ss_family &&
            address_port(&other->actual) == address_port(&row->actual))
            return true;
    }
    return false;
}

/* Port 0: asked for without SO_REUSEADDR, so that the kernel names a port that nobody uses. */
static int choose_port(struct address *a)
{
    socklen_t len = sizeof(a->sa);
    int result = -1;
    int fd = socket(a->sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    if ((a->sa.ss_family != AF_INET6 || set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) == 0) &&
        bind(fd, (const struct sockaddr *)&a->sa, a->len) == 0)
        result = getsockname(fd, (struct sockaddr *)&a->sa, &len);
    close_keeping_errno(fd);
    return result;
}

static void close_fds(int *fds)
{
    for (unsigned i = 0; i < CONFIG_WORKERS_MAX; i++)
        if (fds[i] >= 0) {
            close(fds[i]);
            fds[i] = -1;
        }
}

static int *new_fds(void)
{
    int *fds = xmalloc(CONFIG_WORKERS_MAX * sizeof(*fds));

    for (unsigned i = 0; i < CONFIG_WORKERS_MAX; i++)
        fds[i] = -1;
    return fds;
}

static int open_unix_row(struct listen_row *row)
{
    /* 0666 as nginx: who may connect is the folder's business. */
    row->fresh_fds[0] = unix_socket_bind(unix_path(row), 0666, &row->unix_id);
    return row->fresh_fds[0] < 0 ? -1 : 0;
}

static int open_slots(struct listen_row *row, unsigned slot_count)
{
    for (unsigned slot = 0; slot < slot_count; slot++) {
        if (row->fds[slot] >= 0)
            continue;
        row->fresh_fds[slot] = open_tcp(&row->actual, true);
        if (row->fresh_fds[slot] < 0)
            return -1;
    }
    return 0;
}

/* `twin_port`: for port 0, tried first; 0: none. */
static int open_new_tcp_row(struct listen_table *l, struct listen_row *row, unsigned slot_count,
                            unsigned twin_port, unsigned *patience_ms)
{
    bool is_port_chosen = address_port(&row->configured) == 0;
    unsigned no_patience = 0;

    for (int tries = 1;; tries++) {
        if (is_port_chosen) {
            patience_ms = &no_patience;
            row->actual = row->configured;
            address_set_port(&row->actual, tries == 1 ? twin_port : 0);
            if (address_port(&row->actual) == 0 && choose_port(&row->actual) < 0)
                return -1;
        }
        if (is_port_ours(l, row) || probe(&row->actual, patience_ms) == 0)
            if (open_slots(row, slot_count) == 0)
                return 0;
        close_fds(row->fresh_fds);
        if (!is_port_chosen || errno != EADDRINUSE || tries == PORT_ZERO_TRIES)
            return -1;
    }
}

static int open_row(struct listen_table *l, struct listen_row *row, unsigned slot_count,
                    unsigned twin_port, unsigned *patience_ms)
{
    if (row->is_new)
        return is_unix(row) ? open_unix_row(row)
                            : open_new_tcp_row(l, row, slot_count, twin_port, patience_ms);
    return is_shared(row) ? 0 : open_slots(row, slot_count);
}

static void add_error(struct buf *errors, const struct listen_row *row)
{
    char text[ADDRESS_TEXT_MAX];
    int error = errno;

    address_format(&row->configured, text);
    buf_printf(errors, "listen %s: %s", text, strerror(error));
    if (error == EACCES && is_unix(row))
        buf_printf(errors, " (the folder must be writable)");
    else if (error == EACCES)
        buf_printf(errors, " (ports below 1024 need root or CAP_NET_BIND_SERVICE)");
    else if (error == EADDRINUSE && is_unix(row))
        buf_printf(errors, " (another server answers there, or the file is no socket)");
    else if (error == EADDRINUSE)
        buf_printf(errors, " (another server has this port; `ss -ltnp` shows which)");
    else if (error == EADDRNOTAVAIL)
        buf_printf(errors, " (no interface of this machine has this address)");
    else if (error == EMFILE)
        buf_printf(errors, " (raise the limit on open files: ulimit -n, or LimitNOFILE=)");
    buf_add_char(errors, '\n');
}

static struct listen_row *find_row(struct listen_table *l, const struct address *a)
{
    for (size_t i = 0; i < l->count; i++)
        if (address_eq(&l->rows[i].configured, a))
            return &l->rows[i];
    return NULL;
}

static struct listen_row *add_row(struct listen_table *l, const struct address *a)
{
    struct listen_row *row;

    l->rows = xrealloc(l->rows, (l->count + 1) * sizeof(*l->rows));
    row = &l->rows[l->count++];
    *row = (struct listen_row){ .configured = *a, .actual = *a, .is_new = true };
    row->fds = new_fds();
    row->fresh_fds = new_fds();
    return row;
}

struct listen_row *listen_table_row(struct listen_table *l, const struct address *a)
{
    struct listen_row *row = find_row(l, a);

    return row != NULL ? row : add_row(l, a);
}

static void free_row(struct listen_row *row)
{
    close_fds(row->fds);
    close_fds(row->fresh_fds);
    free(row->fds);
    free(row->fresh_fds);
}

static void remove_row(struct listen_table *l, size_t i)
{
    free_row(&l->rows[i]);
    memmove(&l->rows[i], &l->rows[i + 1], (--l->count - i) * sizeof(*l->rows));
}

/* The file may be another's by now: only a socket that we bound has an id. */
static void unlink_row(const struct listen_row *row)
{
    if (is_unix(row) && !row->is_lent && (row->fds[0] >= 0 || row->fresh_fds[0] >= 0))
        unix_socket_unlink(unix_path(row), &row->unix_id);
}

bool listen_table_prepare(struct listen_table *l, const struct config *config, unsigned slot_count,
                          unsigned patience_ms, struct buf *errors)
{
    size_t errors_before = errors->n;
    unsigned last_port = 0;

    for (size_t i = 0; i < l->count; i++)
        l->rows[i].is_going = true;
    for (size_t i = 0; i < config->listen_count; i++) {
        const struct listen *listen = &config->listens[i];
        struct listen_row *row = find_row(l, &listen->address);

        if (row == NULL)
            row = add_row(l, &listen->address);
        row->is_going = false;
        /* A bare "0" stands for two addresses, and one port for both is what people expect. */
        if (open_row(l, row, slot_count, listen->is_wildcard_ipv6 ? last_port : 0, &patience_ms) ==
            0) {
            last_port = address_port(&row->actual);
            continue;
        }
        if (row->is_new && listen->is_wildcard_ipv6 &&
            (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)) {
            log_notice("this machine has no IPv6: listening on IPv4 only");
            remove_row(l, (size_t)(row - l->rows));
            continue;
        }
        add_error(errors, row);
    }
    if (errors->n == errors_before)
        return true;
    listen_table_abort(l);
    return false;
}

/* On sockets that listen already this only changes the numbers. */
static int start_listening(const struct listen_row *row, int fd, int backlog, int defer_accept_s)
{
    if (!is_unix(row)) {
        /* Accepted sockets inherit it, which saves a system call for each of them. */
        set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
        set_int(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, defer_accept_s);
    }
    return listen(fd, backlog);
}

bool listen_table_listen(struct listen_table *l, const struct config *config, struct buf *errors)
{
    size_t errors_before = errors->n;

    l->backlog = config->backlog;
    l->defer_accept_s = (int)((config->defer_accept_ms + 999) / 1000);
    for (size_t i = 0; i < l->count; i++) {
        struct listen_row *row = &l->rows[i];

        for (unsigned slot = 0; slot < row_slots(row, CONFIG_WORKERS_MAX); slot++) {
            int fd = row->fresh_fds[slot] >= 0 ? row->fresh_fds[slot] : row->fds[slot];

            if (fd < 0 || row->is_going)
                continue;
            if (start_listening(row, fd, (int)l->backlog, l->defer_accept_s) < 0) {
                add_error(errors, row);
                break;
            }
        }
    }
    return errors->n == errors_before;
}

static void say(const struct listen_row *row, const char *what)
{
    char text[ADDRESS_TEXT_MAX];

    address_format(&row->actual, text);
    log_notice("%s on %s", what, text);
}

static void close_going(struct listen_table *l)
{
    for (size_t i = l->count; i-- > 0;)
        if (l->rows[i].is_going) {
            say(&l->rows[i], "no longer listening");
            unlink_row(&l->rows[i]);
            remove_row(l, i);
        }
}

static void keep_fresh(struct listen_table *l)
{
    for (size_t i = 0; i < l->count; i++) {
        struct listen_row *row = &l->rows[i];

        for (unsigned slot = 0; slot < CONFIG_WORKERS_MAX; slot++)
            if (row->fresh_fds[slot] >= 0) {
                row->fds[slot] = row->fresh_fds[slot];
                row->fresh_fds[slot] = -1;
            }
    }
    for (size_t i = 0; i < l->count; i++) {
        if (l->rows[i].is_new)
            say(&l->rows[i], "listening");
        l->rows[i].is_new = false;
    }
}

void listen_table_commit(struct listen_table *l)
{
    close_going(l);
    keep_fresh(l);
}

void listen_table_commit_lent(struct listen_table *l)
{
    keep_fresh(l);
}

void listen_table_own(struct listen_table *l)
{
    for (size_t i = 0; i < l->count; i++)
        l->rows[i].is_lent = false;
    close_going(l);
}

void listen_table_abort(struct listen_table *l)
{
    for (size_t i = l->count; i-- > 0;) {
        struct listen_row *row = &l->rows[i];

        if (row->is_new) {
            unlink_row(row);
            remove_row(l, i);
            continue;
        }
        close_fds(row->fresh_fds);
        row->is_going = false;
    }
}

static int slot_fd(const struct listen_row *row, unsigned slot)
{
    unsigned at = is_shared(row) ? 0 : slot;

    return row->fresh_fds[at] >= 0 ? row->fresh_fds[at] : row->fds[at];
}

void listen_table_bundle(const struct listen_table *l, unsigned slot, struct bundle *b)
{
    b->addresses = xmalloc(l->count * sizeof(*b->addresses));
    b->listener_fds = xmalloc(l->count * sizeof(*b->listener_fds));
    b->listener_count = 0;
    for (size_t i = 0; i < l->count; i++) {
        int fd = slot_fd(&l->rows[i], slot);

        if (fd < 0 || l->rows[i].is_going)
            continue;
        b->addresses[b->listener_count] = l->rows[i].configured;
        b->listener_fds[b->listener_count++] = fd;
    }
}

void listen_table_give(struct listen_table *l, unsigned slot)
{
    for (size_t i = 0; i < l->count; i++)
        if (!l->rows[i].is_going)
            l->rows[i].fds[is_shared(&l->rows[i]) ? 0 : slot] = -1;
}

/* The slot's own socket in the row, -1: none. */
static int own_fd(const struct listen_row *row, unsigned slot)
{
    return is_shared(row) || row->is_going ? -1 : row->fds[slot];
}

/* Whether some slot from `slot` on has a socket. */
static bool has_beyond(const struct listen_row *row, unsigned slot)
{
    for (; slot < CONFIG_WORKERS_MAX; slot++)
        if (own_fd(row, slot) >= 0)
            return true;
    return false;
}

/*
 * A row is steered from its first loss on. Sockets begin to listen in the order of their slots, and
 * those of the highest slots go first: so a slot's number is its place in the group.
 */
static void steer_row(struct listen_row *row, unsigned slot_count)
{
    static bool is_said;

    if (!row->is_steered && !has_beyond(row, slot_count))
        return;
    if (steering_attach(row->fds[0], slot_count) == 0) {
        row->is_steered = true;
    } else if (!is_said) {
        is_said = true;
        log_warn("SO_ATTACH_REUSEPORT_CBPF: %s: with fewer workers, connections in the middle of "
                 "their handshake are reset",
                 strerror(errno));
    }
    /* Who is half-way completes now, without waiting for the client's first bytes. */
    for (unsigned slot = slot_count; slot < CONFIG_WORKERS_MAX; slot++)
        if (row->fds[slot] >= 0)
            set_int(row->fds[slot], IPPROTO_TCP, TCP_DEFER_ACCEPT, 0);
}

void listen_table_steer(struct listen_table *l, unsigned slot_count)
{
    for (size_t i = 0; i < l->count; i++)
        if (own_fd(&l->rows[i], 0) >= 0)
            steer_row(&l->rows[i], slot_count);
}

bool listen_table_has_slot(const struct listen_table *l, unsigned slot)
{
    for (size_t i = 0; i < l->count; i++)
        if (own_fd(&l->rows[i], slot) >= 0)
            return true;
    return false;
}

bool listen_table_has_waiting(const struct listen_table *l, unsigned slot)
{
    for (size_t i = 0; i < l->count; i++) {
        struct pollfd p = { .fd = own_fd(&l->rows[i], slot), .events = POLLIN };

        if (p.fd >= 0 && poll(&p, 1, 0) == 1)
            return true;
    }
    return false;
}

void listen_table_bundle_own(const struct listen_table *l, unsigned slot, struct bundle *b)
{
    b->addresses = xmalloc(l->count * sizeof(*b->addresses));
    b->listener_fds = xmalloc(l->count * sizeof(*b->listener_fds));
    b->listener_count = 0;
    for (size_t i = 0; i < l->count; i++) {
        int fd = own_fd(&l->rows[i], slot);

        if (fd < 0)
            continue;
        b->addresses[b->listener_count] = l->rows[i].configured;
        b->listener_fds[b->listener_count++] = fd;
    }
}

void listen_table_close_slot(struct listen_table *l, unsigned slot)
{
    for (size_t i = 0; i < l->count; i++)
        if (!is_shared(&l->rows[i]) && l->rows[i].fds[slot] >= 0) {
            /* A worker that is stuck may hold a copy: it must not keep its place in the group. */
            shutdown(l->rows[i].fds[slot], SHUT_RDWR);
            close(l->rows[i].fds[slot]);
            l->rows[i].fds[slot] = -1;
        }
}

void listen_table_close(struct listen_table *l)
{
    for (size_t i = 0; i < l->count; i++)
        unlink_row(&l->rows[i]);
    listen_table_fini(l);
}

void listen_table_fini(struct listen_table *l)
{
    for (size_t i = 0; i < l->count; i++)
        free_row(&l->rows[i]);
    free(l->rows);
    *l = (struct listen_table){ NULL, 0, 0, 0 };
}
