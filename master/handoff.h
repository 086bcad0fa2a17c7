/*
 * handoff - the table of what one master leaves to the next: open descriptors, each with what it is.
 *
 * Two different versions may stand at its two ends, so it is text: a line for each descriptor, a
 * word that says what it is, its number, and the rest of the line. Who reads it takes the lines that
 * he knows; what nobody took is closed. The descriptors pass by exec(2), the text by a memfd whose
 * number stands in the environment.
 *
 *     remuda-handoff 1
 *     tcp 12 0 127.0.0.1:8080
 *     pid_file 5 /run/remuda/remuda.pid
 *     log 7 /var/log/remuda/access.log
 */
#ifndef MASTER_HANDOFF_H
#define MASTER_HANDOFF_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"

struct handoff_line {
    struct str key;
    int fd;          /* -1: none, or taken */
    struct str rest; /* without the line's end */
};

struct handoff {
    struct buf text;
    struct handoff_line *lines; /* views into `text`; owned, and so are descriptors left in it */
    size_t count;
};

/* ---- the giving side ---- */

/* One line. `fd` -1: a line of text alone. */
void handoff_add(struct handoff *h, const char *key, int fd, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The text in a memfd, close-on-exec as everything still is. -1: errno. */
int handoff_write(const struct handoff *h);

/* In the child, before exec(2): the table's descriptors and the table itself will pass. -1: errno. */
int handoff_pass(const struct handoff *h, int memfd);

/* ---- the taking side ---- */

/*
 * What the process before us left, if it did; the environment forgets it. All of it becomes
 * close-on-exec. False: nothing was left, which is an ordinary start.
 */
bool handoff_take(struct handoff *h);

/* Reads h->text into h->lines. False: it is no such table. */
bool handoff_parse(struct handoff *h);

/* The first line at or after *at with this key, *at behind it; NULL: no more. */
struct handoff_line *handoff_next(struct handoff *h, const char *key, size_t *at);

/* The fd of the only line with this key, now the caller's, and its text. -1: none. */
int handoff_fd(struct handoff *h, const char *key, struct str *rest);

/* Closes what nobody took, if `closes`; the giving side keeps its own. */
void handoff_fini(struct handoff *h, bool closes);

#endif
