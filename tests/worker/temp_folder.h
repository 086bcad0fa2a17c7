/*
 * temp_folder - a folder of a test's own, and short ways to change what is in it. The calls fail
 * the test when they fail.
 *
 *     struct temp_folder t;
 *     temp_folder_init(&t);
 *     temp_write(&t, "a/b.txt", "text");      // makes the folder a too
 *     temp_folder_fini(&t);
 */
#ifndef TESTS_WORKER_TEMP_FOLDER_H
#define TESTS_WORKER_TEMP_FOLDER_H

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MUST(claim) cr_assert((claim), "%s: %s", #claim, strerror(errno))

struct temp_folder {
    char path[64];     /* absolute, without symbolic links */
    char at[PATH_MAX]; /* what temp_at() made */
};

static inline void temp_folder_init(struct temp_folder *t)
{
    char made[] = "/tmp/remuda-test-XXXXXX";

    MUST(mkdtemp(made) != NULL);
    snprintf(t->path, sizeof(t->path), "%s", made);
}

static inline int temp_remove_one(const char *path, const struct stat *st, int flag,
                                  struct FTW *where)
{
    return remove(path);
}

static inline void temp_folder_fini(struct temp_folder *t)
{
    nftw(t->path, temp_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline int temp_remove_below(const char *path, const struct stat *st, int flag,
                                    struct FTW *where)
{
    return where->level > 0 ? remove(path) : 0;
}

/* The absolute path, until the next call. */
static inline const char *temp_at(struct temp_folder *t, const char *name)
{
    snprintf(t->at, sizeof(t->at), "%s/%s", t->path, name);
    return t->at;
}

/* Removes all that is in the folder `name`. */
static inline void temp_clear(struct temp_folder *t, const char *name)
{
    MUST(nftw(temp_at(t, name), temp_remove_below, 16, FTW_DEPTH | FTW_PHYS) == 0);
}

static inline void temp_mkdir(struct temp_folder *t, const char *name)
{
    char *path = strdup(temp_at(t, name));

    for (char *at = path + strlen(t->path) + 1; (at = strchr(at, '/')) != NULL; *at++ = '/') {
        *at = '\0';
        MUST(mkdir(path, 0755) == 0 || errno == EEXIST);
    }
    MUST(mkdir(path, 0755) == 0 || errno == EEXIST);
    free(path);
}

static inline void temp_make_parent(struct temp_folder *t, const char *name)
{
    const char *slash = strrchr(name, '/');
    char *parent;

    if (slash == NULL)
        return;
    parent = strndup(name, (size_t)(slash - name));
    temp_mkdir(t, parent);
    free(parent);
}

/* Writes in place: a file that exists keeps its inode. */
static inline void temp_write(struct temp_folder *t, const char *name, const char *text)
{
    int fd;

    temp_make_parent(t, name);
    fd = open(temp_at(t, name), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    MUST(fd >= 0);
    MUST(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

/* Sets both times to this many seconds before now, whole and a half. */
static inline void temp_age(struct temp_folder *t, const char *name, int seconds)
{
    struct timespec now, times[2];

    clock_gettime(CLOCK_REALTIME, &now);
    times[0] = times[1] = (struct timespec){ now.tv_sec - seconds, 500000000 };
    MUST(utimensat(AT_FDCWD, temp_at(t, name), times, 0) == 0);
}

/* An old file, as most are. */
static inline void temp_write_old(struct temp_folder *t, const char *name, const char *text)
{
    temp_write(t, name, text);
    temp_age(t, name, 100);
}

static inline void temp_rename(struct temp_folder *t, const char *from, const char *to)
{
    char *old = strdup(temp_at(t, from));

    MUST(rename(old, temp_at(t, to)) == 0);
    free(old);
}

static inline void temp_symlink(struct temp_folder *t, const char *target, const char *name)
{
    temp_make_parent(t, name);
    MUST(symlink(target, temp_at(t, name)) == 0);
}

/* As `ln -sfn` does it: the new link takes the old one's place in one step. */
static inline void temp_swap_symlink(struct temp_folder *t, const char *target, const char *name)
{
    temp_symlink(t, target, "new-link");
    temp_rename(t, "new-link", name);
}

static inline bool temp_wait_readable(int fd, int timeout_ms)
{
    struct pollfd one = { .fd = fd, .events = POLLIN };

    return poll(&one, 1, timeout_ms) == 1;
}

#endif
