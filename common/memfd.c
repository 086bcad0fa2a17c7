#include "common/memfd.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int write_all(int fd, struct str bytes)
{
    while (bytes.n > 0) {
        ssize_t n = write(fd, bytes.p, bytes.n);

        if (n < 0 && errno != EINTR)
            return -1;
        if (n > 0)
            bytes = (struct str){ bytes.p + n, bytes.n - (size_t)n };
    }
    return 0;
}

int memfd_of(const char *name, struct str bytes)
{
    int fd = memfd_create(name, MFD_CLOEXEC), saved_errno;

    if (fd < 0 || write_all(fd, bytes) == 0)
        return fd;
    saved_errno = errno;
    close(fd);
    errno = saved_errno;
    return -1;
}

int memfd_read(int fd, size_t most, struct buf *out)
{
    struct stat st;
    off_t at = 0;
    ssize_t n = 1;

    if (fstat(fd, &st) < 0)
        return -1;
    if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > most) {
        errno = S_ISREG(st.st_mode) ? EFBIG : EPROTO;
        return -1;
    }
    while (at < st.st_size && n > 0) {
        n = pread(fd, buf_reserve(out, (size_t)(st.st_size - at)), (size_t)(st.st_size - at), at);
        if (n < 0 && errno == EINTR)
            n = 1;
        else if (n > 0) {
            out->n += (size_t)n;
            at += n;
        }
    }
    return n < 0 ? -1 : 0;
}
