/*
 * top_canvas - what top_view draws on: lines and tables that never leave the view, in cells of a
 * terminal, and figures that fit into them. Pure.
 */
#ifndef MASTER_TOP_CANVAS_H
#define MASTER_TOP_CANVAS_H

#include "master/top_view.h"

/* ---- figures, in at most six characters ---- */

enum { TOP_TEXT_MAX = 24 };
const char *top_text_rate(double per_s, char text[TOP_TEXT_MAX]);
const char *top_text_share(double share, char text[TOP_TEXT_MAX]);
const char *top_text_time(uint64_t ns, char text[TOP_TEXT_MAX]);

/* ---- lines ---- */

enum style { PLAIN, BOLD, BAR, WARNING, ALARM };

struct canvas {
    const struct top_view *v;
    struct buf *out;
    unsigned row, cell; /* of what comes next */
};

bool canvas_has_room(const struct canvas *c);
unsigned canvas_cells_left(const struct canvas *c);
/* Of a text, as if there were room for it. */
unsigned canvas_cells_of(const char *text);

/* As much of it as finds room in the line. */
void canvas_put(struct canvas *c, enum style style, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void canvas_put_spaces(struct canvas *c, unsigned count);
/* As a whole or not at all: half a figure would be another one. */
void canvas_put_item(struct canvas *c, enum style style, const char *label, const char *value);
void canvas_end_line(struct canvas *c);

/* ---- tables ---- */

enum { COLUMNS_MAX = 9, CELL_MAX = 24, NAME_CELLS_LEAST = 16 };

struct column {
    const char *title;
    unsigned cells;
    unsigned keep; /* the lower, the sooner it is left out where the view is narrow */
    int sort;      /* the table can be sorted by it; -1: not so */
};

struct cell {
    enum style style;
    char text[CELL_MAX];
};

/* The name comes first and has the rest of the line; NULL: none. */
struct table {
    const struct column *columns;
    unsigned count;
    const char *name;
    unsigned name_cells;
    bool is_shown[COLUMNS_MAX];
};

/* Leaves out columns until the name has its room; it wants `name_wants` where that has no end. */
struct table table_fit(const struct top_view *v, const struct column *columns, unsigned count,
                       const char *name, unsigned name_wants);
void table_put_title(struct canvas *c, const struct table *t);
/* A cell for each column, also for those that are not shown. */
void table_put_row(struct canvas *c, const struct table *t, const char *name,
                   const struct cell *cells);
void cell_set(struct cell *cell, enum style style, const char *text);

#endif
