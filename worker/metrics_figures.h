/*
 * metrics_figures - numbers as the forms of metrics write them.
 */
#ifndef WORKER_METRICS_FIGURES_H
#define WORKER_METRICS_FIGURES_H

#include <stdint.h>

#include "common/buf.h"

/* Exact, in decimal: "1.5", "0.000032511", "0". */
void figures_add_seconds(struct buf *out, uint64_t ns);

enum { FIGURES_MAX = 32 };

/* For people, three digits: "32.5 us", "1.20 ms", "3.41 s"; 0: "-". Returns `text`. */
const char *figures_duration(uint64_t ns, char text[FIGURES_MAX]);

/* 1234567 as "1,234,567". */
const char *figures_grouped(uint64_t value, char text[FIGURES_MAX]);

#endif
