#include "master/pid_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/xmalloc.h"

static const struct flock whole_file = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

static pid_t read_pid(int fd)
{
    char text[32];
    uint64_t pid;
    ssize_t n = pread(fd, text, sizeof(text), 0);
    struct str line, rest = { text, n > 0 ? (size_t)n : 0 };

    line = str_cut(&rest, '\n');
    return str_to_u64(line, &pid) && pid > 0 && pid < INT32_MAX ? (pid_t)pid : -1;
}

/* The master before us may have unlinked the file between our open and our lock. */
static bool is_still_there(int fd, const char *path)
{
    struct stat ours, there;

    return fstat(fd, &ours) == 0 && stat(path, &there) == 0 && ours.st_dev == there.st_dev &&
           ours.st_ino == there.st_ino;
}

static bool write_pid(int fd)
{
    char text[32];
    int n = snprintf(text, sizeof(text), "%d\n", (int)getpid());

    return ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)n, 0) == n;
}

static enum pid_file_result failed(int fd, const char *path, struct buf *why)
{
    buf_printf(why, "pid_file %s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return PID_FILE_FAILED;
}

/* /run is empty after each boot, and who starts by hand has no systemd that makes /run/remuda. */
static int open_in_folder(const char *path)
{
    enum { FLAGS = O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW };
    const char *slash = strrchr(path, '/');
    int fd = open(path, FLAGS, 0644);
    char *folder;

    if (fd >= 0 || errno != ENOENT || slash == NULL || slash == path)
        return fd;
    folder = str_dup(str_range(path, slash));
    if (mkdir(folder, 0755) == 0)
        fd = open(path, FLAGS, 0644);
    else
        errno = ENOENT;
    free(folder);
    return fd;
}

enum pid_file_result pid_file_open(struct pid_file *f, const char *path, struct buf *why)
{
    struct flock lock = whole_file;
    struct stat st;
    int fd;

    for (;;) {
        fd = open_in_folder(path);
        if (fd < 0 || fstat(fd, &st) < 0)
            return failed(fd, path, why);
        if (!S_ISREG(st.st_mode)) {
            errno = EINVAL;
            return failed(fd, path, why);
        }
        if (fcntl(fd, F_OFD_SETLK, &lock) < 0) {
            pid_t holder;

            if (errno != EAGAIN && errno != EACCES)
                return failed(fd, path, why);
            holder = read_pid(fd);
            close(fd);
            if (holder > 0)
                buf_printf(why, "already running, pid %d (%s is locked)", (int)holder, path);
            else
                buf_printf(why, "already running (%s is locked)", path);
            return PID_FILE_TAKEN;
        }
        if (is_still_there(fd, path))
            break;
        close(fd);
    }
    if (!write_pid(fd))
        return failed(fd, path, why);
    *f = (struct pid_file){ fd, xstrdup(path), false };
    return PID_FILE_OK;
}

struct pid_file pid_file_take(int fd, struct str path)
{
    return (struct pid_file){ fd, str_dup(path), true };
}

bool pid_file_own(struct pid_file *f)
{
    f->is_lent = false;
    return f->fd < 0 || write_pid(f->fd);
}

void pid_file_close(struct pid_file *f)
{
    if (f->fd >= 0)
        close(f->fd);
    free(f->path);
    *f = PID_FILE_NONE;
}

void pid_file_remove(struct pid_file *f)
{
    /* Before the lock goes, so that it is never another master's file. */
    if (f->fd >= 0 && !f->is_lent && is_still_there(f->fd, f->path))
        unlink(f->path);
    pid_file_close(f);
}

pid_t pid_file_holder(const char *path)
{
    struct flock lock = whole_file;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    pid_t pid = 0;

    if (fd < 0)
        return 0;
    if (fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK)
        pid = read_pid(fd);
    close(fd);
    return pid;
}
