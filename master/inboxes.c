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
    if (b->slots[slot].give_fd >= 0)
        bundle->peers[bundle->peer_count++] =
            (struct bundle_peer){ .slot = slot, .fd = b->slots[slot].give_fd };
}

void inboxes_bundle(const struct inboxes *b, const struct config *config, unsigned slot_count,
                    unsigned slot, struct bundle *bundle)
{
    bundle->has_inbox = inboxes_has(b, slot);
    bundle->inbox_fd = b->slots[slot].take_fd;
    bundle->peer_count = 0;
    if (!config->has_connection_balance)
        return;
    for (unsigned i = 1; i < slot_count && bundle->peer_count < INBOX_PEERS_MAX; i++)
        add_peer(b, (slot + i) % slot_count, bundle);
}

void inboxes_bundle_heirs(const struct heirs *heirs, unsigned slot, struct bundle *bundle)
{
    bundle->peer_count = 0;
    for (unsigned i = 0; i < heirs->slot_count && bundle->peer_count < INBOX_PEERS_MAX; i++)
        add_peer(heirs->inboxes, (slot + i) % heirs->slot_count, bundle);
}

static void close_slot(struct inboxes *b, unsigned slot)
{
    if (b->slots[slot].give_fd >= 0)
        close(b->slots[slot].give_fd);
    if (b->slots[slot].take_fd >= 0)
        close(b->slots[slot].take_fd);
    b->slots[slot].give_fd = b->slots[slot].take_fd = -1;
}

void inboxes_forget(struct inboxes *b, unsigned slot, const struct bundle *bundle)
{
    if (bundle->has_inbox)
        b->slots[slot].take_fd = -1;
    for (size_t i = 0; i < bundle->peer_count; i++)
        b->slots[bundle->peers[i].slot].give_fd = -1;
}

/*
 * The one with the least load of those that were not tried; -1: no more. In the inbox of a slot that
 * takes nothing just now it waits for the next worker.
 */
static int choose_heir(const struct heirs *heirs, const bool is_tried[])
{
    uint64_t least = 0;
    int best = -1;

    for (unsigned i = 0; i < heirs->slot_count; i++) {
        const struct shared_slot *s = &heirs->slots[i];
        uint64_t load = slot_load(s);

        if (atomic_load(&s->takes) == 0 || atomic_load(&s->is_stuck))
            load |= UINT64_C(1) << 32;
        if (is_tried[i] || heirs->inboxes->slots[i].give_fd < 0 || (best >= 0 && load >= least))
            continue;
        best = (int)i;
        least = load;
    }
    return best;
}

static bool give_to_heir(const struct heirs *heirs, const struct inbox_message *m, int fd)
{
    bool is_tried[CONFIG_WORKERS_MAX] = { false };
    int i;

    errno = ESRCH;
    while ((i = choose_heir(heirs, is_tried)) >= 0) {
        atomic_fetch_add(&heirs->slots[i].assigned, 1);
        if (inbox_give(heirs->inboxes->slots[i].give_fd, m, fd) == 0)
            return true;
        atomic_fetch_sub(&heirs->slots[i].assigned, 1);
        is_tried[i] = true;
    }
    return false;
}

void inboxes_pass_on(const struct inboxes *b, struct shared_slot *slots, unsigned slot,
                     const struct heirs *heirs)
{
    struct inbox_message m;
    int fd;

    if (!inboxes_has(b, slot) || heirs->slot_count == 0)
        return;
    while (inbox_take(b->slots[slot].take_fd, &m, &fd) == 1) {
        if (!give_to_heir(heirs, &m, fd))
            log_warn("a connection that waited for worker %u is lost: %m", slot + 1);
        close(fd);
        atomic_fetch_sub(&slots[slot].assigned, 1);
    }
}

void inboxes_close_slot(struct inboxes *b, struct shared_slot *slots, unsigned slot)
{
    if (!inboxes_has(b, slot))
        return;
    atomic_store(&slots[slot].assigned, 0);
    close_slot(b, slot);
}

void inboxes_fini(struct inboxes *b)
{
    for (unsigned i = 0; i < CONFIG_WORKERS_MAX; i++)
        close_slot(b, i);
}
