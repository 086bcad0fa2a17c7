#include "master/follow.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "master/args.h"

enum { READ_BYTES = 16384 };

bool follow_read(int fd, struct buf *text)
{
    ssize_t n;

    do
        n = recv(fd, buf_reserve(text, READ_BYTES), READ_BYTES, 0);
    while (n < 0 && errno == EINTR);
    if (n > 0)
        text->n += (size_t)n;
    return n > 0;
}

static void drop_first(struct buf *text, size_t n)
{
    text->n -= n;
    memmove(text->p, text->p + n, text->n);
}

bool follow_begins(int fd, struct buf *text)
{
    struct str line = { 0 }, rest;
    bool is_text, is_json;

    do {
        if (!follow_read(fd, text))
            return false;
        rest = buf_str(text);
        line = str_cut(&rest, '\n');
    } while (rest.p == NULL);
    is_text = str_starts(line, STR("ok "));
    is_json = str_starts(line, STR("{\"ok\":true"));
    if (!is_text && !is_json)
        return false;
    if (is_text && isatty(STDOUT_FILENO)) /* not among what another program reads */
        fprintf(stderr, "%.*s\n", (int)line.n - 3, line.p + 3);
    drop_first(text, line.n + 1);
    return true;
}

int follow(int fd, struct buf *text, uint64_t most)
{
    uint64_t shown = 0;

    do {
        struct str rest = buf_str(text);
        const char *end;

        while (rest.n > 0 && (end = memchr(rest.p, '\n', rest.n)) != NULL) {
            fwrite(rest.p, 1, (size_t)(end + 1 - rest.p), stdout);
            rest = str_range(end + 1, rest.p + rest.n);
            if (++shown == most)
                return EXIT_OK;
        }
        drop_first(text, text->n - rest.n);
        if (fflush(stdout) != 0)
            return EXIT_FAILED;
    } while (follow_read(fd, text));
    fputs("remuda: the server ended the trace\n", stderr);
    return EXIT_FAILED;
}
