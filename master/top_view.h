/*
 * top_view - draws what happened between two samples, as lines of text for a terminal of any size,
 * or for a pipe. Pure.
 *
 * Columns stand where they stand, whatever the figures; those that find no room are left out. No
 * line is wider than the view, and a frame has no more lines than it.
 */
#ifndef MASTER_TOP_VIEW_H
#define MASTER_TOP_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "master/top_sample.h"

enum { TOP_HISTORY = 60 }; /* frames */

struct top_view {
    unsigned width, height; /* 0: as many as it takes */
    bool is_terminal;       /* draw over the last frame, with a few escapes of ECMA-48 */
    bool has_colours;
    bool has_utf8;
    bool is_paused, wants_help;
    enum top_sort sort;
    uint64_t interval_ms;
    const char *version;
    const char *notice;          /* said instead of the first line; NULL: all is well */
    double history[TOP_HISTORY]; /* requests a second; the newest is the last */
    unsigned history_count;      /* of the last ones */
};

/* Behind the others, for the next frames. */
void top_view_remember(struct top_view *v, double requests);

/* `rates` NULL: there are none yet. */
void top_view_draw(const struct top_view *v, const struct top_rates *rates, struct buf *out);

#endif
