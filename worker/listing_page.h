/*
 * listing_page - a sorted listing_table as HTML or JSON, written piece by piece while it is sent.
 *
 * The HTML is for people: no script, light and dark, phone and desktop, links in the header row
 * that sort. Names are the world's: escaped, shown as text that cannot do anything (control
 * characters as pictures of them, what is not UTF-8 as U+FFFD), and linked by their very bytes.
 */
#ifndef WORKER_LISTING_PAGE_H
#define WORKER_LISTING_PAGE_H

#include <sys/types.h>

#include "worker/listing_table.h"

struct listing_page {
    const struct listing_table *table; /* borrowed */
    struct listing_view view;
    struct str path; /* the folder's clean path as people see it: starts and ends with '/';
                               borrowed */
    size_t at;       /* entries written */
    bool has_begun, has_ended;
    struct buf text; /* written and not taken yet; owned */
    size_t taken;
};

void listing_page_fini(struct listing_page *page);

/* Writes 1 to n bytes and returns how many; 0: the end. */
size_t listing_page_read(struct listing_page *page, char *into, size_t n);

struct str listing_page_type(const struct listing_view *view);

/* Writes "1.4 MB" for people, in steps of 1000. */
void listing_put_size(struct buf *out, uint64_t bytes);

#endif
