#include "worker/listing_table.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/xmalloc.h"
#include "worker/docroot.h"

enum { ENTRIES_FIRST = 64 };

void listing_table_fini(struct listing_table *table)
{
    free(table->entries);
    table->entries = NULL;
    table->count = table->cap = 0;
    buf_fini(&table->names);
}

size_t listing_table_bytes(const struct listing_table *table)
{
    return table->names.cap + 2 * table->cap * sizeof(*table->entries);
}

bool listing_table_add(struct listing_table *table, struct str name, bool is_folder, int64_t size,
                       int64_t mtime)
{
    if (table->count == table->entries_max || name.n > NAME_MAX ||
        table->names.n + name.n + 2 * (table->count + 1) * sizeof(*table->entries) >
            table->bytes_max) {
        table->is_cut = true;
        return false;
    }
    if (table->count == table->cap) {
        table->cap = table->cap > 0 ? table->cap + table->cap / 2 : ENTRIES_FIRST;
        table->entries = xrealloc(table->entries, table->cap * sizeof(*table->entries));
    }
    table->entries[table->count++] = (struct listing_entry){
        .size = size,
        .mtime = mtime,
        .name_at = (uint32_t)table->names.n,
        .name_n = (uint8_t)name.n,
        .is_folder = is_folder,
    };
    buf_add(&table->names, name);
    if (is_folder)
        table->folder_count++;
    else
        table->file_bytes += (uint64_t)size;
    return true;
}

/* ---- order ---- */

struct order {
    const struct listing_table *table;
    enum listing_sort sort;
    bool is_descending;
};

/* The number at the front of *s, taken off: its digits without leading zeros. */
static struct str take_number(struct str *s)
{
    struct str number;
    size_t zeros = 0, n;

    while (zeros + 1 < s->n && s->p[zeros] == '0' && ascii_is_digit(s->p[zeros + 1]))
        zeros++;
    for (n = zeros; n < s->n && ascii_is_digit(s->p[n]); n++)
        continue;
    number = str_range(s->p + zeros, s->p + n);
    *s = str_range(s->p + n, s->p + s->n);
    return number;
}

static int compare_numbers(struct str a, struct str b)
{
    return a.n != b.n ? (a.n < b.n ? -1 : 1) : memcmp(a.p, b.p, a.n);
}

/* "File 9" before "file 10". */
static int compare_names(struct str a, struct str b)
{
    struct str whole_a = a, whole_b = b;
    int result;

    while (a.n > 0 && b.n > 0) {
        unsigned char x = (unsigned char)ascii_lower(a.p[0]),
                      y = (unsigned char)ascii_lower(b.p[0]);

        if (ascii_is_digit(a.p[0]) && ascii_is_digit(b.p[0])) {
            struct str m = take_number(&a), n = take_number(&b);

            result = compare_numbers(m, n);
            if (result != 0)
                return result;
            continue;
        }
        if (x != y)
            return x < y ? -1 : 1;
        a = (struct str){ a.p + 1, a.n - 1 };
        b = (struct str){ b.p + 1, b.n - 1 };
    }
    if (a.n != b.n)
        return a.n < b.n ? -1 : 1;
    result = memcmp(whole_a.p, whole_b.p, whole_a.n < whole_b.n ? whole_a.n : whole_b.n);
    return result != 0 ? result : (whole_a.n < whole_b.n ? -1 : whole_a.n > whole_b.n);
}

static int compare(const void *p, const void *q, void *arg)
{
    const struct listing_entry *a = p, *b = q;
    const struct order *order = arg;
    int result = 0;

    if (a->is_folder != b->is_folder)
        return a->is_folder ? -1 : 1;
    if (order->sort == LISTING_BY_SIZE && !a->is_folder)
        result = a->size < b->size ? -1 : a->size > b->size;
    if (order->sort == LISTING_BY_DATE)
        result = a->mtime < b->mtime ? -1 : a->mtime > b->mtime;
    if (result != 0)
        return order->is_descending ? -result : result;
    result = compare_names(listing_name(order->table, a), listing_name(order->table, b));
    return order->sort == LISTING_BY_NAME && order->is_descending ? -result : result;
}

void listing_table_sort(struct listing_table *table, enum listing_sort sort, bool is_descending)
{
    struct order order = { table, sort, is_descending };

    if (table->count > 1)
        qsort_r(table->entries, table->count, sizeof(*table->entries), compare, &order);
}

/* ---- reading ---- */

void listing_reader_fini(struct listing_reader *reader)
{
    if (reader->dir != NULL)
        closedir(reader->dir);
    if (reader->root_fd >= 0)
        close(reader->root_fd);
    reader->dir = NULL;
    reader->root_fd = -1;
}

static bool open_folder(struct listing_reader *reader)
{
    const char *path = reader->path[0] != '\0' ? reader->path : ".";
    int fd = docroot_open_below(reader->root_fd, reader->has_openat2, path,
                                O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return false;
    reader->dir = fdopendir(fd);
    if (reader->dir == NULL) {
        int saved_errno = errno;

        close(fd);
        errno = saved_errno;
    }
    return reader->dir != NULL;
}

/* The same rule as docroot_hides(), for one name more. */
static bool is_hidden(const struct listing_reader *reader, struct str name)
{
    if (name.p[0] != '.')
        return false;
    if (str_eq(name, STR(".")) || str_eq(name, STR("..")))
        return true;
    return !reader->is_dotfiles_shown &&
           !(reader->path[0] == '\0' && str_eq(name, STR(".well-known")));
}

/* What a link leads to, as long as that is inside of the docroot. */
static bool stat_link(const struct listing_reader *reader, struct str name, struct stat *st)
{
    char path[PATH_MAX];
    size_t n = strlen(reader->path);
    bool is_there;
    int fd;

    if (!reader->has_openat2 || n + name.n >= sizeof(path))
        return false;
    memcpy(path, reader->path, n);
    memcpy(path + n, name.p, name.n);
    path[n + name.n] = '\0';
    fd = docroot_open_below(reader->root_fd, true, path, O_PATH);
    if (fd < 0)
        return false;
    is_there = fstat(fd, st) == 0;
    close(fd);
    return is_there;
}

/* False: the table is full. */
static bool add_name(const struct listing_reader *reader, struct listing_table *table,
                     const char *text)
{
    struct str name = str_of(text);
    struct stat st;

    if (is_hidden(reader, name) ||
        fstatat(dirfd(reader->dir), text, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
        (S_ISLNK(st.st_mode) && !stat_link(reader, name, &st)) ||
        (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode)))
        return true;
    return listing_table_add(table, name, S_ISDIR(st.st_mode), st.st_size, st.st_mtim.tv_sec);
}

enum listing_result listing_read(struct listing_reader *reader, struct listing_table *table,
                                 size_t most)
{
    if (reader->dir == NULL)
        return open_folder(reader) ? LISTING_MORE : LISTING_FAILED;
    for (size_t i = 0; i < most; i++) {
        struct dirent *entry;

        errno = 0;
        entry = readdir(reader->dir);
        if (entry == NULL)
            return errno == 0 ? LISTING_DONE : LISTING_FAILED;
        if (!add_name(reader, table, entry->d_name))
            return LISTING_DONE;
    }
    return LISTING_MORE;
}
