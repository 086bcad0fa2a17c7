#include "master/inboxes.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/inbox.h"
#include "common/log.h"

void inboxes_init(struct inboxes *b)
{
    for (unsigned i = 0; i < CONFIG_WORKERS_MAX; i++)
        b->slots[i].give_fd = b->slots[i].take_fd = -1;
}

bool inboxes_has(const struct inboxes *b, unsigned slot)
{
    return b->slots[slot].take_fd >= 0;
}

bool inboxes_prepare(struct inboxes *b, unsigned slot_count, struct buf *errors)
{
    for (unsigned i = 0; i < slot_count; i++) {
        if (b->slots[i].give_fd >= 0 || inbox_open(&b->slots[i].give_fd, &b->slots[i].take_fd) == 0)
            continue;
        buf_printf(errors, "inbox of worker %u: %s%s\n", i + 1, strerror(errno),
                   errno == EMFILE ? " (raise the limit on open files: ulimit -n, or LimitNOFILE=)"
                                   : "");
        return false;
    }
    return true;
}

static void add_peer(const struct inboxes *b, unsigned slot, struct bundle *bundle)
{
    if (bundle->peer_count < INBOX_PEERS_MAX && b->slots[slot].give_fd >= 0)
        bundle->peers[bundle->peer_count++] =
            (struct bundle_peer){ .slot = slot, .fd = b->slots[slot].give_fd };
}

void inboxes_bundle(const struct inboxes *b, const struct config *config, unsigned slot_count,
                    unsigned slot, struct bundle *bundle)
{
    bundle->has_inbox = inboxes_has(b, slot);
    bundle->inbox_fd = b->slots[slot].take_fd;
    bundle->peer_count = 0;
    for (unsigned i = 1; config->has_connection_balance && i < slot_count; i++)
        add_peer(b, (slot + i) % slot_count, bundle);
}

void inboxes_bundle_heirs(const struct heirs *heirs, unsigned slot, struct bundle *bundle)
{
    bundle->peer_count = 0;
    for (unsigned i = 0; i < heirs->slot_count; i++)
        add_peer(heirs->inboxes, (slot + i) % heirs->slot_count, bundle);
}

static void set_end(int *end, int fd)
{
    if (*end >= 0)
        close(*end);
    *end = fd;
}

static void close_slot(struct inboxes *b, unsigned slot)
{
    set_end(&b->slots[slot].give_fd, -1);
    set_end(&b->slots[slot].take_fd, -1);
}

void inboxes_hand_over(const struct inboxes *b, struct handoff *h)
{
    for (unsigned i = 0; i < CONFIG_WORKERS_MAX; i++) {
        if (!inboxes_has(b, i))
            continue;
        handoff_add(h, "inbox_give", b->slots[i].give_fd, "%u", i);
        handoff_add(h, "inbox_take", b->slots[i].take_fd, "%u", i);
    }
}

/* The slot that the next line with this key is about, and its descriptor, ours now. -1: no more. */
static int take_line(struct handoff *h, const char *key, size_t *at, int *fd)
{
    struct handoff_line *line;
    uint64_t slot;

    while ((line = handoff_next(h, key, at)) != NULL) {
        if (line->fd < 0 || !str_to_u64(line->rest, &slot) || slot >= CONFIG_WORKERS_MAX)
            continue;
        *fd = line->fd;
        line->fd = -1;
        return (int)slot;
    }
    return -1;
}

void inboxes_take(struct inboxes *b, struct handoff *h)
{
    size_t at = 0;
    int slot, fd;

    while ((slot = take_line(h, "inbox_give", &at, &fd)) >= 0)
        set_end(&b->slots[slot].give_fd, fd);
    at = 0;
    while ((slot = take_line(h, "inbox_take", &at, &fd)) >= 0)
        set_end(&b->slots[slot].take_fd, fd);
    for (unsigned i = 0; i < CONFIG_WORKERS_MAX; i++)
        if (b->slots[i].give_fd < 0 || b->slots[i].take_fd < 0)
            close_slot(b, i);
}

void inboxes_close_takers(struct inboxes *b)
{
    for (unsigned i = 0; i < CONFIG_WORKERS_MAX; i++)
        set_end(&b->slots[i].take_fd, -1);
}

void inboxes_forget(struct inboxes *b, unsigned slot, const struct bundle *bundle)
{
    if (bundle->has_inbox)
        b->slots[slot].take_fd = -1;
    for (size_t i = 0; i < bundle->peer_count; i++)
        b->slots[bundle->peers[i].slot].give_fd = -1;
}

void inboxes_close_slot(struct inboxes *b, struct shared_slot *slots, unsigned slot)
{
    struct inbox_message m;
    int fd;

    if (!inboxes_has(b, slot))
        return;
    while (inbox_take(b->slots[slot].take_fd, &m, &fd) == 1) {
        atomic_fetch_add(&slots[0].assigned, 1);
        if (inbox_give(b->slots[0].give_fd, &m, fd) < 0) {
            atomic_fetch_sub(&slots[0].assigned, 1);
            log_warn("a connection that waited for worker %u is lost: %m", slot + 1);
        }
        close(fd);
    }
    atomic_store(&slots[slot].assigned, 0);
    close_slot(b, slot);
}

void inboxes_fini(struct inboxes *b)
{
    for (unsigned i = 0; i < CONFIG_WORKERS_MAX; i++)
        close_slot(b, i);
}
