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

static bool is_balanced(const struct config *config, unsigned slot_count)
{
    return config->has_connection_balance && slot_count > 1;
}

bool inboxes_prepare(struct inboxes *b, const struct config *config, unsigned slot_count,
                     struct buf *errors)
{
    if (!is_balanced(config, slot_count))
        return true;
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

void inboxes_bundle(const struct inboxes *b, const struct config *config, unsigned slot_count,
                    unsigned slot, struct bundle *bundle)
{
    bundle->has_inbox = inboxes_has(b, slot);
    bundle->inbox_fd = b->slots[slot].take_fd;
    bundle->peer_count = 0;
    if (!is_balanced(config, slot_count))
        return;
    for (unsigned i = 1; i < slot_count && i <= INBOX_PEERS_MAX; i++) {
        unsigned peer = (slot + i) % slot_count;

        bundle->peers[bundle->peer_count++] =
            (struct bundle_peer){ .slot = peer, .fd = b->slots[peer].give_fd };
    }
}

void inboxes_forget(struct inboxes *b, unsigned slot, const struct bundle *bundle)
{
    if (bundle->has_inbox)
        b->slots[slot].take_fd = -1;
    for (size_t i = 0; i < bundle->peer_count; i++)
        b->slots[bundle->peers[i].slot].give_fd = -1;
}

static void close_slot(struct inboxes *b, unsigned slot)
{
    if (b->slots[slot].give_fd >= 0)
        close(b->slots[slot].give_fd);
    if (b->slots[slot].take_fd >= 0)
        close(b->slots[slot].take_fd);
    b->slots[slot].give_fd = b->slots[slot].take_fd = -1;
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
