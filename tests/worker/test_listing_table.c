#include "worker/listing_table.h"

#include "tests/worker/temp_folder.h"

enum { PLENTY = 1 << 20 };

static const struct {
    const char *why;
    enum listing_sort sort;
    bool is_descending;
    const char *order; /* "d/" is a folder */
} sort_rows[] = {
    { "names", LISTING_BY_NAME, false, "a9/ B/ A1 a01 a1 a2 a10 a10b c " },
    { "names down, folders still first", LISTING_BY_NAME, true, "B/ a9/ c a10b a10 a2 a1 a01 A1 " },
    { "the largest first", LISTING_BY_SIZE, true, "a9/ B/ c a1 A1 a01 a2 a10 a10b " },
    { "the smallest first", LISTING_BY_SIZE, false, "a9/ B/ A1 a01 a2 a10 a10b a1 c " },
    { "the newest first", LISTING_BY_DATE, true, "B/ a9/ a10b A1 a1 a01 a2 a10 c " },
};

static void fill(struct listing_table *table)
{
    static const struct {
        const char *name;
        bool is_folder;
        int64_t size, mtime;
    } entries[] = {
        { "c", false, 100, -5 },   { "a10", false, 1, 0 }, { "B", true, 4096, 9 },
        { "a2", false, 1, 0 },     { "A1", false, 1, 7 },  { "a1", false, 50, 3 },
        { "a10b", false, 1, 100 }, { "a9", true, 0, 1 },   { "a01", false, 1, 0 },
    };

    *table = (struct listing_table){ .entries_max = PLENTY, .bytes_max = PLENTY };
    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
        cr_assert(listing_table_add(table, str_of(entries[i].name), entries[i].is_folder,
                                    entries[i].size, entries[i].mtime));
}

static void names_of(const struct listing_table *table, struct buf *out)
{
    out->n = 0;
    for (size_t i = 0; i < table->count; i++) {
        buf_add(out, listing_name(table, &table->entries[i]));
        buf_add(out, table->entries[i].is_folder ? STR("/ ") : STR(" "));
    }
}

Test(listing_table, sorts_folders_first_and_numbers_by_value)
{
    struct buf names = { 0 };

    for (size_t i = 0; i < sizeof(sort_rows) / sizeof(sort_rows[0]); i++) {
        struct listing_table table;

        fill(&table);
        listing_table_sort(&table, sort_rows[i].sort, sort_rows[i].is_descending);
        names_of(&table, &names);
        cr_expect_str_eq(buf_cstr(&names), sort_rows[i].order, "%s", sort_rows[i].why);
        cr_expect_eq(table.folder_count, 2);
        cr_expect_eq(table.file_bytes, 155);
        listing_table_fini(&table);
    }
    buf_fini(&names);
}

Test(listing_table, is_cut_at_its_bounds)
{
    struct listing_table table = { .entries_max = 3, .bytes_max = PLENTY };

    for (int i = 0; i < 3; i++)
        cr_expect(listing_table_add(&table, STR("name"), false, 1, 1) && !table.is_cut);
    cr_expect(!listing_table_add(&table, STR("name"), false, 1, 1) && table.is_cut);
    cr_expect_eq(table.count, 3);
    listing_table_fini(&table);

    table = (struct listing_table){ .entries_max = PLENTY, .bytes_max = 100000 };
    while (listing_table_add(&table, STR("a-name-of-26-characters.txt"), false, 1, 1))
        continue;
    cr_expect(table.is_cut && table.count > 1000 && table.count < 1400, "%zu", table.count);
    cr_expect_lt(listing_table_bytes(&table), 2 * 100000, "what is allocated ahead");
    listing_table_fini(&table);
}

static enum listing_result read_all(struct temp_folder *t, const char *path, bool has_openat2,
                                    bool is_dotfiles_shown, struct listing_table *table,
                                    size_t most)
{
    struct listing_reader reader = { .root_fd = open(temp_at(t, "root"), O_PATH | O_CLOEXEC),
                                     .has_openat2 = has_openat2,
                                     .is_dotfiles_shown = is_dotfiles_shown,
                                     .path = path };
    enum listing_result result;

    *table = (struct listing_table){ .entries_max = 100, .bytes_max = PLENTY };
    do
        result = listing_read(&reader, table, most);
    while (result == LISTING_MORE);
    listing_table_sort(table, LISTING_BY_NAME, false);
    if (result == LISTING_FAILED) {
        int saved_errno = errno;

        listing_reader_fini(&reader);
        errno = saved_errno;
        return result;
    }
    listing_reader_fini(&reader);
    return result;
}

static void make_folder(struct temp_folder *t)
{
    temp_folder_init(t);
    temp_write_old(t, "root/a/file", "12345");
    temp_mkdir(t, "root/a/folder");
    temp_write(t, "root/a/.hidden", "");
    temp_write(t, "root/a/.well-known/x", ""); /* is hidden but at the root */
    temp_write(t, "root/.well-known/x", "");
    temp_write(t, "root/.other", "");
    temp_write(t, "outside", "");
    temp_symlink(t, "file", "root/a/link");
    temp_symlink(t, "../a/folder", "root/a/link-to-folder");
    temp_symlink(t, "../../outside", "root/a/link-out");
    temp_symlink(t, "/etc/passwd", "root/a/link-absolute");
    temp_symlink(t, "nowhere", "root/a/link-dangling");
    temp_symlink(t, "link-round", "root/a/link-round");
    MUST(mkfifo(temp_at(t, "root/a/fifo"), 0644) == 0);
}

static const struct {
    const char *why, *path;
    bool has_openat2, is_dotfiles_shown;
    const char *names;
} read_rows[] = {
    { "no way out, nothing special, nothing hidden", "a/", true, false,
      "folder/ link-to-folder/ file link " },
    { "hidden names where they are shown", "a/", true, true,
      ".well-known/ folder/ link-to-folder/ .hidden file link " },
    { "without openat2 links are not followed, so not shown", "a/", false, false, "folder/ file " },
    { "the root: RFC 8615 is not hidden", "", true, false, ".well-known/ a/ " },
    { "the root without openat2", "", false, true, ".well-known/ a/ .other " },
    { "an empty folder", "a/folder/", true, false, "" },
    { "through a link", "a/link-to-folder/", true, false, "" },
};

Test(listing_table, lists_what_a_request_could_get)
{
    struct buf names = { 0 };
    struct temp_folder t;

    make_folder(&t);
    for (size_t i = 0; i < sizeof(read_rows) / sizeof(read_rows[0]); i++) {
        struct listing_table table;

        cr_expect_eq(read_all(&t, read_rows[i].path, read_rows[i].has_openat2,
                              read_rows[i].is_dotfiles_shown, &table, 1 + i),
                     LISTING_DONE);
        names_of(&table, &names);
        cr_expect_str_eq(buf_cstr(&names), read_rows[i].names, "%s", read_rows[i].why);
        listing_table_fini(&table);
    }
    buf_fini(&names);
    temp_folder_fini(&t);
}

Test(listing_table, tells_sizes_and_times)
{
    struct listing_table table;
    struct temp_folder t;

    make_folder(&t);
    read_all(&t, "a/", true, false, &table, 100);
    cr_assert_eq(table.count, 4);
    cr_expect(table.entries[2].size == 5 && table.entries[3].size == 5, "a link has its file's");
    cr_expect_lt(table.entries[2].mtime, time(NULL) - 90);
    cr_expect_eq(table.file_bytes, 10);
    listing_table_fini(&table);
    temp_folder_fini(&t);
}

Test(listing_table, says_why_a_folder_cannot_be_read)
{
    static const struct {
        const char *path;
        int error;
    } rows[] = { { "none/", ENOENT }, { "a/file/", ENOTDIR }, { "a/link-out/", EXDEV } };
    struct listing_table table;
    struct temp_folder t;

    make_folder(&t);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        cr_expect_eq(read_all(&t, rows[i].path, true, false, &table, 100), LISTING_FAILED);
        cr_expect_eq(errno, rows[i].error, "%s: %s", rows[i].path, strerror(errno));
        listing_table_fini(&table);
    }
    temp_folder_fini(&t);
}
