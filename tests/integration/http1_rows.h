/*
 * http1_rows - tables of raw requests and what must come back, each on a connection of its own.
 */
#ifndef TESTS_INTEGRATION_HTTP1_ROWS_H
#define TESTS_INTEGRATION_HTTP1_ROWS_H

#include <stddef.h>

/* What the connection does after the answer. */
enum after {
    STAYS,  /* the next request on it is answered */
    CLOSES, /* FIN, and not one byte more than the answer */
    EITHER, /* the RFC leaves it open */
};

struct http1_row {
    const char *why; /* with the section that decides */
    const char *bytes;
    size_t n;
    const char *statuses; /* "200", "400|501"; "-": a close without an answer will do too */
    enum after after;
};

#define RAW(literal)   (literal), sizeof(literal) - 1
#define ROWS_OF(table) (table), sizeof(table) / sizeof(*(table))

/* Starts a server and judges every row, sent at once and then byte by byte. */
void http1_rows_judge(const struct http1_row *rows, size_t count);

#endif
