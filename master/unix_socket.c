#include "master/unix_socket.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int unix_address(const char *path, struct sockaddr_un *un)
{
    memset(un, 0, sizeof(*un));
    un->sun_family = AF_UNIX;
    if (strlen(path) >= sizeof(un->sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(un->sun_path, path, strlen(path) + 1);
    return 0;
}

int unix_socket_connect(const char *path, int flags)
{
    struct sockaddr_un un;
    int fd, saved_errno;

    if (unix_address(path, &un) < 0)
        return -1;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    if (fd < 0)
        return -1;
    if (connect(fd, (struct sockaddr *)&un, sizeof(un)) == 0)
        return fd;
    saved_errno = errno;
    close(fd);
    errno = saved_errno;
    return -1;
}

/* Nobody listens on the socket file; anything that is not a socket is never stale. */
static bool is_stale(const char *path)
{
    struct stat st;
    int fd;

    if (lstat(path, &st) < 0 || !S_ISSOCK(st.st_mode))
        return false;
    fd = unix_socket_connect(path, SOCK_NONBLOCK);
    if (fd >= 0)
        close(fd);
    return fd < 0 && errno == ECONNREFUSED;
}

static int bind_with_mode(int fd, const struct sockaddr_un *un, mode_t mode)
{
    /* bind(2) makes the file; a chmod(2) after it would leave a moment with the wrong mode. */
    mode_t before = umask(0777 & ~mode);
    int result = bind(fd, (const struct sockaddr *)un, sizeof(*un));

    umask(before);
    return result;
}

int unix_socket_bind(const char *path, mode_t mode, struct unix_socket_id *id)
{
    struct sockaddr_un un;
    struct stat st;
    int fd, saved_errno;

    if (unix_address(path, &un) < 0)
        return -1;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    if (bind_with_mode(fd, &un, mode) < 0) {
        if (errno != EADDRINUSE)
            goto fail;
        if (!is_stale(path)) {
            errno = EADDRINUSE;
            goto fail;
        }
        if (unlink(path) < 0 || bind_with_mode(fd, &un, mode) < 0)
            goto fail;
    }
    if (lstat(path, &st) < 0)
        goto fail;
    *id = (struct unix_socket_id){ st.st_dev, st.st_ino };
    return fd;
fail:
    saved_errno = errno;
    close(fd);
    errno = saved_errno;
    return -1;
}

void unix_socket_unlink(const char *path, const struct unix_socket_id *id)
{
    struct stat st;

    if (lstat(path, &st) == 0 && st.st_dev == id->dev && st.st_ino == id->ino)
        unlink(path);
}
