#include "common/bundle.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log_writer.h"
#include "common/memfd.h"
#include "common/xmalloc.h"

/*
 * On the wire a bundle is a list of descriptors: first a memfd with this header, the addresses,
 * the path and the text behind each other; then the listeners; then the logs; then the inbox and
 * the peers'. Both ends are one binary, so structs travel as they are.
 */
struct wire_header {
    uint64_t listener_count;
    uint64_t log_count;
    uint64_t path_bytes; /* 0: no path */
    uint64_t text_bytes;
    uint64_t has_inbox;
    uint64_t peer_count;
    uint32_t peer_slots[INBOX_PEERS_MAX];
};

/* Not by ourselves: to close a file of a stalled disk can take as long as to write to it. */
static void close_logs(const struct bundle *b)
{
    for (size_t i = 0; i < b->log_count; i++)
        log_writer_close(i == 0 ? LOG_ERRORS : LOG_REQUESTS, b->log_fds[i]);
}

static void close_all(int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

void bundle_fini(struct bundle *b)
{
    if (b->owns_fds) {
        close_all(b->listener_fds, b->listener_count);
        close_logs(b);
        close_all(&b->inbox_fd, b->has_inbox);
        for (size_t i = 0; i < b->peer_count; i++)
            close_all(&b->peers[i].fd, 1);
    }
    free(b->config_path);
    free(b->addresses);
    free(b->listener_fds);
    free(b->log_fds);
    buf_fini(&b->config_text);
    memset(b, 0, sizeof(*b));
}

static int write_memfd(const struct bundle *b)
{
    struct wire_header header = {
        .listener_count = b->listener_count,
        .log_count = b->log_count,
        .path_bytes = b->config_path != NULL ? strlen(b->config_path) : 0,
        .text_bytes = b->config_text.n,
        .has_inbox = b->has_inbox,
        .peer_count = b->peer_count,
    };
    struct buf wire = { 0 };
    int fd, saved_errno;

    for (size_t i = 0; i < b->peer_count; i++)
        header.peer_slots[i] = b->peers[i].slot;
    buf_add(&wire, (struct str){ (const char *)&header, sizeof(header) });
    buf_add(&wire,
            (struct str){ (const char *)b->addresses, b->listener_count * sizeof(*b->addresses) });
    buf_add(&wire, (struct str){ b->config_path, header.path_bytes });
    buf_add(&wire, buf_str(&b->config_text));
    fd = memfd_of("remuda-config", buf_str(&wire));
    saved_errno = errno;
    buf_fini(&wire);
    errno = saved_errno;
    return fd;
}

static int send_as(const struct bundle *b, const struct message *last, int channel_fd)
{
    size_t count = 1 + b->listener_count + b->log_count + b->has_inbox + b->peer_count, at;
    int *fds, result, saved_errno, memfd = write_memfd(b);

    if (memfd < 0)
        return -1;
    fds = xmalloc(count * sizeof(*fds));
    fds[0] = memfd;
    if (b->listener_count > 0)
        memcpy(fds + 1, b->listener_fds, b->listener_count * sizeof(*fds));
    if (b->log_count > 0)
        memcpy(fds + 1 + b->listener_count, b->log_fds, b->log_count * sizeof(*fds));
    at = 1 + b->listener_count + b->log_count;
    if (b->has_inbox)
        fds[at++] = b->inbox_fd;
    for (size_t i = 0; i < b->peer_count; i++)
        fds[at++] = b->peers[i].fd;
    result = fds_send(channel_fd, fds, count, last);
    saved_errno = errno;
    free(fds);
    close(memfd);
    errno = saved_errno;
    return result;
}

int bundle_send(const struct bundle *b, int channel_fd)
{
    struct message prepare = { .type = MESSAGE_PREPARE, .generation = b->generation };

    return send_as(b, &prepare, channel_fd);
}

int bundle_send_adopt(const struct bundle *b, unsigned slot, int channel_fd)
{
    struct message adopt = { .type = MESSAGE_ADOPT, .slot = slot };

    return send_as(b, &adopt, channel_fd);
}

int bundle_send_quit(const struct bundle *b, unsigned bank, uint64_t idle_ms, int channel_fd)
{
    struct message quit = { .type = MESSAGE_QUIT, .slot = bank, .generation = idle_ms };

    return b->peer_count > 0 ? send_as(b, &quit, channel_fd) : channel_send(channel_fd, &quit);
}

/* Cuts the memfd's text into *b and checks that all lengths add up and every descriptor came. */
static int decode(const char *p, size_t n, size_t fd_count, struct bundle *b)
{
    struct wire_header header;
    size_t rest;

    if (n < sizeof(header))
        return -1;
    memcpy(&header, p, sizeof(header));
    p += sizeof(header);
    rest = n - sizeof(header);
    if (header.listener_count > fd_count || header.log_count > fd_count || header.has_inbox > 1 ||
        header.peer_count > INBOX_PEERS_MAX ||
        1 + header.listener_count + header.log_count + header.has_inbox + header.peer_count !=
            fd_count)
        return -1;
    if (header.path_bytes > rest || header.text_bytes > rest ||
        header.listener_count * sizeof(struct address) + header.path_bytes + header.text_bytes !=
            rest)
        return -1;
    b->listener_count = header.listener_count;
    b->log_count = header.log_count;
    b->has_inbox = header.has_inbox;
    b->peer_count = header.peer_count;
    for (size_t i = 0; i < b->peer_count; i++)
        b->peers[i] = (struct bundle_peer){ header.peer_slots[i], -1 };
    b->addresses = xmalloc(b->listener_count * sizeof(*b->addresses));
    memcpy(b->addresses, p, b->listener_count * sizeof(*b->addresses));
    p += b->listener_count * sizeof(*b->addresses);
    if (header.path_bytes > 0)
        b->config_path = str_dup((struct str){ p, header.path_bytes });
    buf_add(&b->config_text, (struct str){ p + header.path_bytes, header.text_bytes });
    return 0;
}

static int fill(struct fd_list *list, struct bundle *b)
{
    struct buf wire = { 0 };
    size_t at;
    int result = -1;

    if (list->count > 0 && memfd_read(list->fds[0], SIZE_MAX, &wire) == 0)
        result = decode(wire.p, wire.n, list->count, b);
    buf_fini(&wire);
    if (result < 0)
        return -1;
    b->listener_fds = xmalloc(b->listener_count * sizeof(int));
    b->log_fds = xmalloc(b->log_count * sizeof(int));
    memcpy(b->listener_fds, list->fds + 1, b->listener_count * sizeof(int));
    memcpy(b->log_fds, list->fds + 1 + b->listener_count, b->log_count * sizeof(int));
    at = 1 + b->listener_count + b->log_count;
    if (b->has_inbox)
        b->inbox_fd = list->fds[at++];
    for (size_t i = 0; i < b->peer_count; i++)
        b->peers[i].fd = list->fds[at++];
    b->owns_fds = 1;
    close(list->fds[0]);
    list->count = 0; /* the bundle's now */
    return 0;
}

int bundle_take(struct fd_list *list, struct message *m, struct bundle *b)
{
    fd_list_take(list, m);
    if (m->type != MESSAGE_PREPARE && m->type != MESSAGE_ADOPT && m->type != MESSAGE_QUIT)
        return 0;
    memset(b, 0, sizeof(*b));
    b->generation = m->generation;
    if (m->type == MESSAGE_QUIT && list->count == 0)
        return 1;
    if (fill(list, b) < 0) {
        fd_list_fini(list);
        bundle_fini(b);
        /* Both ends are one binary: what is missing was cut off at the descriptor limit. */
        errno = EMFILE;
        return -1;
    }
    fd_list_fini(list);
    return 1;
}

void fd_list_fini(struct fd_list *list)
{
    close_all(list->fds, list->count);
    free(list->fds);
    *list = (struct fd_list){ NULL, 0, 0 };
}

int fds_send(int channel_fd, const int *fds, size_t count, const struct message *last)
{
    struct message m = { .type = MESSAGE_FDS, .generation = last->generation };

    while (count > CHANNEL_FDS_MAX) {
        m.fd_count = CHANNEL_FDS_MAX;
        memcpy(m.fds, fds, CHANNEL_FDS_MAX * sizeof(*fds));
        if (channel_send(channel_fd, &m) < 0)
            return -1;
        fds += CHANNEL_FDS_MAX;
        count -= CHANNEL_FDS_MAX;
    }
    m = *last;
    m.fd_count = (uint32_t)count;
    if (count > 0)
        memcpy(m.fds, fds, count * sizeof(*fds));
    return channel_send(channel_fd, &m);
}

void fd_list_take(struct fd_list *list, struct message *m)
{
    if (list->cap - list->count < m->fd_count) {
        list->cap = (list->count + m->fd_count) * 2;
        list->fds = xrealloc(list->fds, list->cap * sizeof(*list->fds));
    }
    for (uint32_t i = 0; i < m->fd_count; i++)
        list->fds[list->count++] = m->fds[i];
    m->fd_count = 0;
}
