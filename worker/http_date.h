/*
 * http_date - the three date formats of RFC 9110, 5.6.7, without locale, allocation or system call.
 */
#ifndef WORKER_HTTP_DATE_H
#define WORKER_HTTP_DATE_H

#include <stdbool.h>
#include <time.h>

#include "common/str.h"

enum { HTTP_DATE_N = 29 }; /* "Sun, 06 Nov 1994 08:49:37 GMT" */

/* Writes the IMF-fixdate, HTTP_DATE_N bytes without NUL. Years 0 to 9999. */
void http_date_write(char out[HTTP_DATE_N], time_t when);

/*
 * Reads IMF-fixdate, RFC 850 or asctime. `now` decides the century of a two-digit year (more than
 * 50 years ahead is the past). False: not a valid date, which a recipient ignores.
 */
bool http_date_parse(struct str text, time_t now, time_t *when);

#endif
