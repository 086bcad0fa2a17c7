/*
 * config_errors - everything that is wrong with a config, found in one run and shown the way a
 * good compiler does:
 *
 *     remuda.yaml:12:5: error: unknown setting "worker_conections"; did you mean
 *                       "worker_connections"?
 *        12 |     worker_conections: 10
 *           |     ^~~~~~~~~~~~~~~~~
 */
#ifndef CONFIG_ERRORS_H
#define CONFIG_ERRORS_H

#include <stddef.h>

#include "common/buf.h"
#include "common/str.h"

struct config_error {
    unsigned line, column; /* from 1, the column in characters; line 0: the file as a whole */
    unsigned width;        /* characters to underline; 0 is shown as 1 */
    char *text;            /* owned */
};

struct config_errors {
    struct config_error
        *list; /* owned; in the order of lines once config_errors_text() was called */
    size_t count;
    char *path;        /* names the file in messages; owned */
    struct buf source; /* the config's text, for excerpts */
    struct buf shown;  /* what config_errors_text() made */
};

void config_error_add(struct config_errors *errors, unsigned line, unsigned column, unsigned width,
                      const char *format, ...) __attribute__((format(printf, 5, 6)));

/*
 * Where `word`, and not the beginning of a longer one, first stands in a line of the source, from
 * `column` on; `column` itself: nowhere.
 */
unsigned config_errors_column(const struct config_errors *errors, unsigned line, unsigned column,
                              struct str word);

/* All of them with excerpts and carets, "" when there are none; stays the errors' own. */
const char *config_errors_text(struct config_errors *errors);
void config_errors_fini(struct config_errors *errors);

#endif
