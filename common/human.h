/*
 * human - figures for people's eyes: short, with a unit, and no more exact than they care for.
 */
#ifndef COMMON_HUMAN_H
#define COMMON_HUMAN_H

#include <stdint.h>

enum { HUMAN_MAX = 48 };

/* "0", "999", "1.5K", "23M", "1.2G": multiples of 1024. Returns `text`. */
const char *human_size(uint64_t bytes, char text[HUMAN_MAX]);

/* "12s", "3m 12s", "1d 0h 3m 12s". */
const char *human_duration(uint64_t s, char text[HUMAN_MAX]);

/* "0.25s" and "12.3s" below a minute, then the two largest units: "3m 12s", "1d 0h". */
const char *human_time(double s, char text[HUMAN_MAX]);

#endif
