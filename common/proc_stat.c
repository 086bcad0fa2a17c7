#include "common/proc_stat.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { TEXT_MAX = 2048, UTIME_AT = 14 - 3, STATM_WORDS = 3 };

/* The words of proc(5); false: fewer than `count`, or one of them is no number. */
static bool take_numbers(struct str text, size_t skip, uint64_t *out, size_t count)
{
    for (size_t i = 0; i < skip + count; i++) {
        struct str word = str_cut(&text, ' ');

        if (i >= skip && !str_to_u64(word, &out[i - skip]))
            return false;
        if (text.p == NULL && i + 1 < skip + count)
            return false;
    }
    return true;
}

bool proc_stat_parse(struct str stat, struct str statm, long ticks_per_s, long page_bytes,
                     struct proc_stat *out)
{
    const char *end = stat.n > 0 ? memrchr(stat.p, ')', stat.n) : NULL;
    uint64_t cpu[2], pages[STATM_WORDS]; /* size, resident, shared */

    /* The name in brackets may have any character, also spaces and brackets. */
    if (end == NULL || end + 2 > stat.p + stat.n || ticks_per_s <= 0)
        return false;
    if (!take_numbers(str_range(end + 2, stat.p + stat.n), UTIME_AT, cpu, 2) ||
        !take_numbers(statm, 0, pages, STATM_WORDS))
        return false;
    out->user_s = (double)cpu[0] / (double)ticks_per_s;
    out->system_s = (double)cpu[1] / (double)ticks_per_s;
    out->memory_bytes = pages[1] * (uint64_t)page_bytes;
    out->private_bytes = (pages[1] > pages[2] ? pages[1] - pages[2] : 0) * (uint64_t)page_bytes;
    return true;
}

static struct str read_file(pid_t pid, const char *name, char text[TEXT_MAX])
{
    char path[64];
    ssize_t n = -1;
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        n = read(fd, text, TEXT_MAX);
        close(fd);
    }
    return (struct str){ text, n > 0 ? (size_t)n : 0 };
}

bool proc_stat_read(pid_t pid, struct proc_stat *out)
{
    char stat[TEXT_MAX], statm[TEXT_MAX];

    return proc_stat_parse(read_file(pid, "stat", stat), read_file(pid, "statm", statm),
                           sysconf(_SC_CLK_TCK), sysconf(_SC_PAGESIZE), out);
}
