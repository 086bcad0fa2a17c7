#include "master/inherited.h"

#include "common/address.h"
#include "common/log.h"

static bool is_unix(const struct listen_row *row)
{
    return row->configured.sa.ss_family == AF_UNIX;
}

void inherited_write(const struct listen_table *l, struct handoff *h)
{
    for (size_t i = 0; i < l->count; i++) {
        const struct listen_row *row = &l->rows[i];
        char text[ADDRESS_TEXT_MAX];

        address_format(&row->configured, text);
        if (row->is_given) {
            handoff_add(h, "given", row->fds[0], "%s", text);
            continue;
        }
        if (is_unix(row))
            handoff_add(h, "unix", row->fds[0], "%llu %llu %s",
                        (unsigned long long)row->unix_id.dev, (unsigned long long)row->unix_id.ino,
                        text);
        for (unsigned slot = 0; !is_unix(row) && slot < CONFIG_WORKERS_MAX; slot++)
            if (row->fds[slot] >= 0)
                handoff_add(h, "tcp", row->fds[slot], "%u %s", slot, text);
        if (row->is_steered)
            handoff_add(h, "steered", -1, "%s", text);
    }
}

static bool take_number(struct str *rest, uint64_t *number)
{
    *number = 0;
    return rest->p != NULL && str_to_u64(str_cut(rest, ' '), number);
}

static bool take_address(struct str rest, struct address *a)
{
    struct address parsed[2];
    const char *why;

    if (rest.p == NULL || address_parse(rest, parsed, &why) != 1)
        return false;
    *a = parsed[0];
    return true;
}

static struct listen_row *lent_row(struct listen_table *l, const struct address *a)
{
    struct listen_row *row = listen_table_row(l, a);

    row->is_new = false;
    row->is_lent = true;
    return row;
}

static void take_given(struct listen_table *l, struct handoff_line *line)
{
    struct listen_row *row;
    struct address a;

    if (line->fd < 0 || !take_address(line->rest, &a))
        return;
    row = lent_row(l, &a);
    if (row->fds[0] >= 0)
        return;
    row->is_given = true;
    row->fds[0] = line->fd;
    line->fd = -1;
}

static void take_socket(struct listen_table *l, struct handoff_line *line, bool is_file)
{
    struct str rest = line->rest;
    uint64_t slot = 0, dev = 0, ino = 0;
    struct listen_row *row;
    struct address a;
    socklen_t len = sizeof(a.sa);

    if (is_file ? !take_number(&rest, &dev) || !take_number(&rest, &ino)
                : !take_number(&rest, &slot) || slot >= CONFIG_WORKERS_MAX)
        return;
    if (line->fd < 0 || !take_address(rest, &a) || (a.sa.ss_family == AF_UNIX) != is_file)
        return;
    row = lent_row(l, &a);
    if (row->fds[slot] >= 0)
        return;
    if (is_file)
        row->unix_id = (struct unix_socket_id){ (dev_t)dev, (ino_t)ino };
    else if (getsockname(line->fd, (struct sockaddr *)&row->actual.sa, &len) == 0)
        row->actual.len = len;
    row->fds[slot] = line->fd;
    line->fd = -1;
}

/* The group keeps its program; to how many of its sockets is for the heir to say. */
static void take_steering(struct listen_table *l, const struct handoff_line *line)
{
    struct address a;

    if (take_address(line->rest, &a) && a.sa.ss_family != AF_UNIX)
        lent_row(l, &a)->is_steered = true;
}

void inherited_take(struct listen_table *l, struct handoff *h)
{
    for (size_t i = 0; i < h->count; i++)
        if (str_eq(h->lines[i].key, STR("unix")))
            take_socket(l, &h->lines[i], true);
        else if (str_eq(h->lines[i].key, STR("tcp")))
            take_socket(l, &h->lines[i], false);
        else if (str_eq(h->lines[i].key, STR("steered")))
            take_steering(l, &h->lines[i]);
        else if (str_eq(h->lines[i].key, STR("given")))
            take_given(l, &h->lines[i]);
}

/* ---- from a service manager ---- */

static bool is_wanted(const struct config *config, const struct address *a)
{
    for (size_t i = 0; i < config->listen_count; i++)
        if (address_eq(&config->listens[i].address, a))
            return true;
    return false;
}

/* False: `why` goes on from the descriptor's number. */
static bool give(struct listen_table *l, const struct config *config, int fd, struct buf *why)
{
    char text[ADDRESS_TEXT_MAX];
    struct listen_row *row;
    struct address a;

    if (!activation_address(fd, &a, why))
        return false;
    address_format(&a, text);
    if (!is_wanted(config, &a)) {
        buf_printf(why, "(%s) is not among the `listen` addresses: add it there, or do not give it",
                   text);
        return false;
    }
    row = listen_table_row(l, &a);
    if (row->fds[0] >= 0) {
        buf_printf(why, "(%s) is given twice", text);
        return false;
    }
    row->is_new = false;
    row->is_given = true;
    row->fds[0] = fd;
    log_notice("listening on %s, which was given: all workers share its one socket", text);
    return true;
}

bool inherited_take_given(struct listen_table *l, const struct config *config,
                          struct activation *given, struct buf *errors)
{
    size_t errors_before = errors->n;

    for (size_t i = 0; i < given->count; i++) {
        struct buf why = { 0 };

        if (given->fds[i] < 0)
            buf_printf(&why, "is not open");
        else if (give(l, config, given->fds[i], &why))
            given->fds[i] = -1;
        if (why.n > 0)
            buf_printf(errors, "LISTEN_FDS: descriptor %d %s\n", ACTIVATION_FIRST_FD + (int)i,
                       buf_cstr(&why));
        buf_fini(&why);
    }
    return errors->n == errors_before;
}
