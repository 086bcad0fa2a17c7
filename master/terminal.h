/*
 * terminal - the terminal that this process has, taken for a view that fills it: other screen, no
 * cursor, keys at once and not shown. Given back as it was, however the process ends but by KILL.
 */
#ifndef MASTER_TERMINAL_H
#define MASTER_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

/* Standard output is one, and it understands escapes. */
bool terminal_is_there(void);
bool terminal_has_colours(void);
bool terminal_has_utf8(void);

/* Columns and lines; 80 and 24 if it does not tell. */
void terminal_size(unsigned *width, unsigned *height);

/* Again after terminal_leave() is fine, and so is leaving twice. */
void terminal_enter(void);
void terminal_leave(void);

/* All of it; false: the terminal is gone. */
bool terminal_write(const char *bytes, size_t n);

enum terminal_key { KEY_OTHER = 256, KEY_LEFT, KEY_RIGHT, KEY_UP, KEY_DOWN };

/* Takes one key off the n bytes that were typed: a character, or an enum terminal_key. */
int terminal_take_key(const char **bytes, size_t *n);

#endif
