#include "master/inherited.h"

#include "common/address.h"

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
        if (is_unix(row))
            handoff_add(h, "unix", row->fds[0], "%llu %llu %s",
                        (unsigned long long)row->unix_id.dev, (unsigned long long)row->unix_id.ino,
                        text);
        for (unsigned slot = 0; !is_unix(row) && slot < CONFIG_WORKERS_MAX; slot++)
            if (row->fds[slot] >= 0)
                handoff_add(h, "tcp", row->fds[slot], "%u %s", slot, text);
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

void inherited_take(struct listen_table *l, struct handoff *h)
{
    for (size_t i = 0; i < h->count; i++)
        if (str_eq(h->lines[i].key, STR("unix")))
            take_socket(l, &h->lines[i], true);
        else if (str_eq(h->lines[i].key, STR("tcp")))
            take_socket(l, &h->lines[i], false);
}
