/*
 * lines - texts of several lines, as lists of errors are: each line is added once, however many
 * workers say it.
 */
#ifndef MASTER_LINES_H
#define MASTER_LINES_H

#include "common/buf.h"

/* Adds `line` and a newline, unless it is there already. */
void lines_add_once(struct buf *lines, const char *line);

/* Why the server does not start: to the terminal in plain words, and to the log if it has a file. */
void lines_report(const struct buf *lines, bool has_log_file);

#endif
