#include "master/handoff.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/memfd.h"
#include "common/xmalloc.h"

static const char variable[] = "REMUDA_HANDOFF", first_line[] = "remuda-handoff 1";

enum { TEXT_MAX = 16 * 1024 * 1024 };

void handoff_add(struct handoff *h, const char *key, int fd, const char *format, ...)
{
    va_list args;

    if (h->text.n == 0)
        buf_printf(&h->text, "%s\n", first_line);
    buf_printf(&h->text, "%s %d ", key, fd);
    va_start(args, format);
    buf_vprintf(&h->text, format, args);
    va_end(args);
    buf_add_char(&h->text, '\n');
}

int handoff_write(const struct handoff *h)
{
    return memfd_of("remuda-handoff", buf_str(&h->text));
}

int handoff_pass(const struct handoff *h, int memfd)
{
    struct handoff copy = { .count = 0 };
    char number[16];
    int result = fcntl(memfd, F_SETFD, 0);

    buf_add(&copy.text, buf_str(&h->text));
    if (!handoff_parse(&copy))
        result = -1;
    for (size_t i = 0; i < copy.count; i++)
        if (copy.lines[i].fd >= 0 && fcntl(copy.lines[i].fd, F_SETFD, 0) < 0)
            result = -1;
    snprintf(number, sizeof(number), "%d", memfd);
    if (setenv(variable, number, 1) < 0)
        result = -1;
    handoff_fini(&copy, false);
    return result;
}

bool handoff_take(struct handoff *h)
{
    const char *value = getenv(variable);
    uint64_t fd;
    bool is_taken;

    *h = (struct handoff){ .count = 0 };
    if (value == NULL)
        return false;
    is_taken = str_to_u64(str_of(value), &fd) && fd < INT32_MAX;
    unsetenv(variable);
    if (!is_taken || memfd_read((int)fd, TEXT_MAX, &h->text) < 0 || !handoff_parse(h)) {
        handoff_fini(h, false);
        return false;
    }
    close((int)fd);
    for (size_t i = 0; i < h->count; i++)
        if (h->lines[i].fd >= 0 && fcntl(h->lines[i].fd, F_SETFD, FD_CLOEXEC) < 0)
            h->lines[i].fd = -1; /* not open: nothing was left there */
    return true;
}

/* "-1" and numbers of descriptors. */
static bool parse_fd(struct str text, int *fd)
{
    uint64_t number;

    *fd = -1;
    if (str_eq(text, STR("-1")))
        return true;
    if (!str_to_u64(text, &number) || number > INT32_MAX)
        return false;
    *fd = (int)number;
    return true;
}

bool handoff_parse(struct handoff *h)
{
    struct str rest = buf_str(&h->text);

    if (!str_eq(str_cut(&rest, '\n'), str_of(first_line)))
        return false;
    while (rest.p != NULL && rest.n > 0) {
        struct handoff_line line = { .rest = str_cut(&rest, '\n') };

        line.key = str_cut(&line.rest, ' ');
        if (line.rest.p == NULL || !parse_fd(str_cut(&line.rest, ' '), &line.fd) ||
            line.rest.p == NULL)
            return false;
        h->lines = xrealloc(h->lines, (h->count + 1) * sizeof(*h->lines));
        h->lines[h->count++] = line;
    }
    return true;
}

struct handoff_line *handoff_next(struct handoff *h, const char *key, size_t *at)
{
    while (*at < h->count) {
        struct handoff_line *line = &h->lines[(*at)++];

        if (str_eq(line->key, str_of(key)))
            return line;
    }
    return NULL;
}

int handoff_fd(struct handoff *h, const char *key, struct str *rest)
{
    size_t at = 0;
    struct handoff_line *line = handoff_next(h, key, &at);
    int fd = -1;

    *rest = STR_NONE;
    if (line != NULL) {
        fd = line->fd;
        line->fd = -1;
        *rest = line->rest;
    }
    return fd;
}

void handoff_fini(struct handoff *h, bool closes)
{
    for (size_t i = 0; closes && i < h->count; i++)
        if (h->lines[i].fd >= 0)
            close(h->lines[i].fd);
    free(h->lines);
    buf_fini(&h->text);
    *h = (struct handoff){ .count = 0 };
}
