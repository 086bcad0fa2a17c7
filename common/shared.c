#include "common/shared.h"

#include <errno.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

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
    if (ftruncate(fd, sizeof(*shared)) == 0)
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
    shared->started_at = (uint64_t)time(NULL);
    *memfd = fd;
    return shared;
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
