#include "master/lines.h"

#include <stdio.h>

#include "common/log.h"

void lines_add_once(struct buf *lines, const char *line)
{
    struct str rest = buf_str(lines);

    while (rest.p != NULL)
        if (str_eq(str_cut(&rest, '\n'), str_of(line)))
            return;
    buf_printf(lines, "%s\n", line);
}

void lines_report(const struct buf *lines, bool has_log_file)
{
    struct str rest = buf_str(lines);

    while (rest.p != NULL) {
        struct str line = str_cut(&rest, '\n');

        if (line.n == 0)
            continue;
        fprintf(stderr, "remuda: %.*s\n", STR_ARG(line));
        if (has_log_file)
            log_error("%.*s", STR_ARG(line));
    }
}
