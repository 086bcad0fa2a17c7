#include "common/shared.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/inbox.h"
#include "common/siphash.h"
#include "common/str.h"

/* Workers of one layout hand connections to each other, so their messages are part of it. */
enum { SHARED_VERSION = 6 };

const char *const counter_names[COUNTER_COUNT] = {
#define COUNTER_NAME(name, word, help) [COUNTER_##name] = word,
    COUNTERS(COUNTER_NAME)
#undef COUNTER_NAME
};

const char *const counter_help[COUNTER_COUNT] = {
#define COUNTER_HELP(name, word, help) [COUNTER_##name] = help,
    COUNTERS(COUNTER_HELP)
#undef COUNTER_HELP
};

struct shared *shared_new(int *memfd)
{
    struct shared *shared = MAP_FAILED;
    int fd = memfd_create("remuda-shared", MFD_CLOEXEC);

    if (fd < 0)
        return NULL;
    /* Whom a descriptor to read from is passed to opens none to write through /proc. */
    if (fchmod(fd, 0444) == 0 && ftruncate(fd, sizeof(*shared)) == 0)
        shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (shared != MAP_FAILED && limits_init(&shared->limits) < 0) {
        munmap(shared, sizeof(*shared));
        shared = MAP_FAILED;
    }
    if (shared == MAP_FAILED) {
        int saved_errno = errno;

        close(fd);
        errno = saved_errno;
        return NULL;
    }
    /* A core file would have all of it, and untouched pages become real on the way. */
    madvise(shared, sizeof(*shared), MADV_DONTDUMP);
    shared->layout = shared_layout();
    shared->started_at = (uint64_t)time(NULL);
    atomic_store(&shared->reloaded_at, shared->started_at);
    *memfd = fd;
    return shared;
}

uint64_t shared_layout(void)
{
    uint64_t key[2] = { SHARED_VERSION, sizeof(struct shared) };

    for (int i = 0; i < COUNTER_COUNT; i++)
        key[0] = siphash(key, str_of(counter_names[i])).half[0];
    key[1] = sizeof(struct shared_slot) << 32 | sizeof(struct inbox_message);
    return siphash(key, STR("remuda-shared")).half[0];
}

static struct shared *map_existing(int fd, int protection)
{
    struct shared *shared;
    struct stat st;

    if (fstat(fd, &st) < 0)
        return NULL;
    if (st.st_size != (off_t)sizeof(*shared)) {
        errno = EPROTO;
        return NULL;
    }
    shared = mmap(NULL, sizeof(*shared), protection, MAP_SHARED, fd, 0);
    if (shared == MAP_FAILED)
        return NULL;
    if (shared->layout == shared_layout())
        return shared;
    munmap(shared, sizeof(*shared));
    errno = EPROTO;
    return NULL;
}

struct shared *shared_open(int memfd)
{
    return map_existing(memfd, PROT_READ | PROT_WRITE);
}

int shared_open_descriptor(int memfd)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", memfd);
    return open(path, O_RDONLY | O_CLOEXEC);
}

const struct shared *shared_open_readonly(int fd)
{
    return map_existing(fd, PROT_READ);
}

void shared_close_readonly(const struct shared **shared)
{
    if (*shared != NULL)
        munmap((void *)*shared, sizeof(**shared));
    *shared = NULL;
}

void shared_leave_slot(struct shared *shared, struct shared_slot *slot)
{
    uint64_t accepted = counter_read(slot, COUNTER_CONNECTIONS_ACCEPTED);
    int32_t pid = atomic_load(&slot->pid);

    counter_add(slot, COUNTER_CONNECTIONS_CLOSED,
                accepted - counter_read(slot, COUNTER_CONNECTIONS_CLOSED));
    if (pid != 0)
        limits_close_ledger(&shared->limits, pid);
    atomic_store(&slot->pid, 0);
    atomic_store(&slot->takes, 0);
    atomic_store(&slot->open, 0);
    atomic_store(&slot->is_stuck, 0);
}

void shared_free(struct shared **shared, int *memfd)
{
    if (*shared != NULL)
        munmap(*shared, sizeof(**shared));
    if (*memfd >= 0)
        close(*memfd);
    *shared = NULL;
    *memfd = -1;
}
