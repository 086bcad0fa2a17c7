/*
 * listing_table - the names of a folder with what a listing tells of them, in compact form: 24
 * bytes and the name for each entry.
 *
 * Sorting needs all names at once, so the table is bounded by entries and by bytes. A folder that
 * has more is cut: the table holds the first that the file system gave, and says so.
 *
 * What a request could not get is not listed either: hidden names, links that lead outside of the
 * docroot or nowhere, sockets, devices. All of it may wait for a disk: not for the loop.
 */
#ifndef WORKER_LISTING_TABLE_H
#define WORKER_LISTING_TABLE_H

#include <dirent.h>
#include <stdint.h>

#include "common/buf.h"
#include "worker/listing_view.h"

struct listing_entry {
    int64_t size;     /* bytes */
    int64_t mtime;    /* seconds since the epoch */
    uint32_t name_at; /* in names */
    uint8_t name_n;   /* bytes; at most NAME_MAX */
    bool is_folder;
};

struct listing_table {
    size_t entries_max, bytes_max; /* set by whoever reads */
    struct listing_entry *entries; /* owned */
    size_t count, cap;
    struct buf names; /* owned */
    bool is_cut;      /* there are more */
    size_t folder_count;
    uint64_t file_bytes; /* of all files together */
};

void listing_table_fini(struct listing_table *table);

static inline struct str listing_name(const struct listing_table *table,
                                      const struct listing_entry *e)
{
    return (struct str){ table->names.p + e->name_at, e->name_n };
}

/* What it holds, with what sorting takes for a while. */
size_t listing_table_bytes(const struct listing_table *table);

/* False: it does not fit, and the table is cut. */
bool listing_table_add(struct listing_table *table, struct str name, bool is_folder, int64_t size,
                       int64_t mtime);

/* Folders first; names without regard to ASCII case, numbers in them by value. */
void listing_table_sort(struct listing_table *table, enum listing_sort sort, bool is_descending);

/* A folder being read. */
struct listing_reader {
    int root_fd; /* of the docroot; owned; -1: none */
    bool has_openat2, is_dotfiles_shown;
    const char *path; /* below the root, without a '/' at its beginning, ends in '/' or is empty */
    DIR *dir;         /* owned; NULL: not open yet */
};

enum listing_result { LISTING_MORE, LISTING_DONE, LISTING_FAILED };

/* Reads on, `most` names at a time, the first time none; LISTING_FAILED: errno. */
enum listing_result listing_read(struct listing_reader *reader, struct listing_table *table,
                                 size_t most);
void listing_reader_fini(struct listing_reader *reader);

#endif
