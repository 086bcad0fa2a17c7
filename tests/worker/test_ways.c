#include "worker/ways.h"

#include "common/xmalloc.h"
#include "tests/worker/temp_folder.h"
#include "worker/docroot.h"

struct bench {
    struct temp_folder t;
    struct file_watch *watch;
    struct ways *ways;
    struct way_root root;
};

static void bench_init(struct bench *b, size_t fds_max)
{
    struct stat st;

    temp_folder_init(&b->t);
    temp_write(&b->t, "www/a/b/c.txt", "c");
    temp_write(&b->t, "www/a/d.txt", "d");
    temp_write(&b->t, "www/e/f.txt", "f");
    b->watch = file_watch_new(16);
    MUST(b->watch != NULL);
    b->ways = ways_new(b->watch, fds_max);
    b->root = (struct way_root){ .has_openat2 = true };
    b->root.fd = open(temp_at(&b->t, "www"), O_PATH | O_DIRECTORY | O_CLOEXEC);
    MUST(b->root.fd >= 0 && fstat(b->root.fd, &st) == 0);
    b->root.device = st.st_dev;
    b->root.inode = st.st_ino;
    b->root.mount = docroot_mount(b->root.fd);
}

static void bench_fini(struct bench *b)
{
    ways_free(&b->ways);
    cr_expect_eq(file_watch_count(b->watch), 0);
    file_watch_free(&b->watch);
    close(b->root.fd);
    temp_folder_fini(&b->t);
}

static enum way_end enter(struct bench *b, struct trail *trail, const char *path)
{
    return ways_enter(b->ways, trail, &b->root, path);
}

/* Whether `trail` was among what all events until now touch. */
static bool is_touched(struct bench *b, const struct trail *trail)
{
    struct trail *at;
    bool found = false;

    while (file_watch_read(b->watch)) {
        while ((at = file_watch_next(b->watch)) != NULL) {
            found = found || at == trail;
            if (at->owner == TRAIL_OF_WAY)
                ways_on_touched(b->ways, at);
            else
                ways_drop(b->ways, at);
        }
    }
    return found;
}

Test(ways, leads_the_files_of_a_folder_one_way)
{
    struct bench b;
    struct trail trails[3] = { { 0 } };

    bench_init(&b, 8);
    cr_expect_eq(enter(&b, &trails[0], "a/d.txt"), WAY_OPEN);
    cr_expect_eq(enter(&b, &trails[1], "a/new.txt"), WAY_OPEN);
    cr_expect_eq(enter(&b, &trails[2], "a/b/c.txt"), WAY_OPEN);
    cr_expect_eq(trails[0].way, trails[1].way);
    cr_expect_neq(trails[0].way, trails[2].way);
    cr_expect_eq(faccessat(trails[2].way->fd, "c.txt", F_OK, 0), 0);
    for (int i = 0; i < 3; i++)
        ways_drop(b.ways, &trails[i]);
    bench_fini(&b);
}

static void rewrite(struct temp_folder *t)
{
    temp_write(t, "www/a/b/c.txt", "other");
}

static void rewrite_another(struct temp_folder *t)
{
    temp_write(t, "www/a/b/other.txt", "other");
}

static void encode(struct temp_folder *t)
{
    temp_write(t, "www/a/b/c.txt.br", "encoded");
}

static void rename_folder(struct temp_folder *t)
{
    temp_rename(t, "www/a/b", "www/was-b");
}

static void rename_folder_above(struct temp_folder *t)
{
    temp_rename(t, "www/a", "www/was-a");
}

static void forbid_folder(struct temp_folder *t)
{
    MUST(chmod(temp_at(t, "www/a/b"), 0700) == 0);
}

static void swap_link(struct temp_folder *t)
{
    temp_swap_symlink(t, "e", "www/link");
}

static void call_a_file_like_its_suffix(struct temp_folder *t)
{
    temp_write(t, "www/a/b/.br", "");
}

static const struct {
    const char *what, *path;
    void (*change)(struct temp_folder *);
    bool is_touched, is_way_new;
} changes[] = {
    { "the file", "a/b/c.txt", rewrite, true, false },
    { "a file beside it", "a/b/c.txt", rewrite_another, false, false },
    { "what it is encoded", "a/b/c.txt", encode, true, false },
    { "a name that is all suffix", "a/b/c.txt", call_a_file_like_its_suffix, false, false },
    { "the folder's name", "a/b/c.txt", rename_folder, true, true },
    { "the name of one above it", "a/b/c.txt", rename_folder_above, true, true },
    { "the folder's permissions", "a/b/c.txt", forbid_folder, true, true },
    { "a link on the way", "link/c.txt", swap_link, true, true },
    { "what a link leads through", "link/c.txt", rename_folder_above, true, true },
    { "the folder itself", "a/b/", rename_folder, true, true },
};

Test(ways, are_touched_with_all_that_goes_through_them)
{
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        struct bench b;
        struct trail trail = { 0 }, other = { 0 };

        bench_init(&b, 8);
        temp_symlink(&b.t, "a/b", "www/link");
        cr_expect_eq(enter(&b, &trail, changes[i].path), WAY_OPEN);
        cr_expect_eq(enter(&b, &other, "e/f.txt"), WAY_OPEN);
        changes[i].change(&b.t);
        cr_expect_eq(is_touched(&b, &trail), changes[i].is_touched || changes[i].is_way_new, "%s",
                     changes[i].what);
        cr_expect_not_null(other.way, "%s", changes[i].what);
        cr_expect_eq(trail.way == NULL, changes[i].is_touched, "%s", changes[i].what);
        ways_drop(b.ways, &trail);
        ways_drop(b.ways, &other);
        bench_fini(&b);
    }
}

Test(ways, end_where_there_is_no_folder_and_tell_when_there_is)
{
    static const char *const missing[] = { "x/y.txt", "a/d.txt/y.txt" };
    struct bench b;

    bench_init(&b, 8);
    for (size_t i = 0; i < 2; i++) {
        struct trail trail = { 0 };
        char folder[64];

        cr_expect_eq(enter(&b, &trail, missing[i]), WAY_FOLLOWED);
        cr_expect_null(trail.way);
        snprintf(folder, sizeof(folder), "www/%.*s", (int)(strlen(missing[i]) - 6), missing[i]);
        unlink(temp_at(&b.t, folder));
        temp_mkdir(&b.t, folder);
        cr_expect(is_touched(&b, &trail), "%s", missing[i]);
        cr_expect_eq(enter(&b, &trail, missing[i]), WAY_OPEN);
        ways_drop(b.ways, &trail);
    }
    bench_fini(&b);
}

Test(ways, stay_known_for_a_while)
{
    struct bench b;
    struct trail trail = { 0 };
    size_t watched;

    bench_init(&b, 8);
    enter(&b, &trail, "a/b/c.txt");
    watched = file_watch_count(b.watch);
    ways_drop(b.ways, &trail);
    cr_expect_eq(file_watch_count(b.watch), watched);
    for (int i = 0; i < 300; i++) {
        char path[32];

        snprintf(path, sizeof(path), "www/n/%d/x", i);
        temp_write(&b.t, path, "x");
    }
    for (int i = 0; i < 300; i++) {
        char path[32];

        snprintf(path, sizeof(path), "n/%d/x", i);
        cr_expect_eq(enter(&b, &trail, path), WAY_OPEN);
        ways_drop(b.ways, &trail);
    }
    cr_expect_lt(file_watch_count(b.watch), 300, "not for ever");
    ways_forget_idle(b.ways);
    cr_expect_eq(file_watch_count(b.watch), 0);
    bench_fini(&b);
}

Test(ways, keep_within_their_descriptors)
{
    static const char *const paths[] = { "a/d.txt", "a/b/c.txt", "e/f.txt" };
    struct bench b;
    struct trail trails[3] = { { 0 } };

    bench_init(&b, 2);
    for (int i = 0; i < 3; i++)
        cr_expect_eq(enter(&b, &trails[i], paths[i]), WAY_OPEN);
    cr_expect_lt(trails[0].way->fd, 0, "the least recently used");
    cr_expect_eq(enter(&b, &trails[0], paths[0]), WAY_OPEN);
    cr_expect_geq(trails[0].way->fd, 0);
    cr_expect_lt(trails[1].way->fd, 0);
    cr_expect_eq(ways_shed(b.ways), 2);
    for (int i = 0; i < 3; i++)
        cr_expect_lt(trails[i].way->fd, 0);

    /* Another folder by now, which is not watched: the event is still to be read. */
    temp_rename(&b.t, "www/e", "www/was-e");
    temp_write(&b.t, "www/e/f.txt", "new");
    cr_expect_eq(enter(&b, &trails[2], paths[2]), WAY_OPEN);
    cr_expect_lt(trails[2].way->fd, 0);
    cr_expect(is_touched(&b, &trails[2]));
    for (int i = 0; i < 3; i++)
        ways_drop(b.ways, &trails[i]);
    bench_fini(&b);
}

Test(ways, take_no_file_for_plain_that_has_another_name)
{
    struct bench b;
    struct trail trail = { 0 };
    struct stat st;
    char *other;

    bench_init(&b, 8);
    enter(&b, &trail, "a/d.txt");
    MUST(fstatat(trail.way->fd, "d.txt", &st, 0) == 0);
    cr_expect(way_has_plain(trail.way, &st));
    other = strdup(temp_at(&b.t, "www/a/d.txt"));
    MUST(link(other, temp_at(&b.t, "www/other.txt")) == 0);
    free(other);
    MUST(fstatat(trail.way->fd, "d.txt", &st, 0) == 0);
    cr_expect_not(way_has_plain(trail.way, &st));
    MUST(fstatat(trail.way->fd, "b", &st, 0) == 0);
    cr_expect_not(way_has_plain(trail.way, &st), "a folder");
    ways_drop(b.ways, &trail);
    bench_fini(&b);
}

/* Asks until all names were looked at, or not. */
static bool may_hold(struct bench *b, struct way *way, enum encoding encoding)
{
    bool may = true;

    for (int i = 0; i < 200 && may; i++)
        may = ways_may_hold(b->ways, way, encoding);
    return may;
}

Test(ways, learn_which_suffixes_a_folder_has)
{
    struct bench b;
    struct trail trail = { 0 };
    char path[32];

    bench_init(&b, 8);
    for (int i = 0; i < 2000; i++) {
        snprintf(path, sizeof(path), "www/n/%d", i);
        temp_write(&b.t, path, "");
    }
    temp_write(&b.t, "www/n/77.gz", "");
    enter(&b, &trail, "n/1");
    cr_expect_not(may_hold(&b, trail.way, ENCODING_BR));
    cr_expect(may_hold(&b, trail.way, ENCODING_GZIP), "one has");
    /* What comes is heard of. */
    temp_rename(&b.t, "www/n/1999", "www/n/5.br");
    is_touched(&b, NULL);
    cr_expect(may_hold(&b, trail.way, ENCODING_BR));
    cr_expect_not(may_hold(&b, trail.way, ENCODING_ZSTD));
    ways_drop(b.ways, &trail);
    bench_fini(&b);
}

Test(ways, hear_of_suffixes_that_come_while_the_names_are_looked_at)
{
    struct bench b;
    struct trail trail = { 0 }, other = { 0 };
    char path[32];

    bench_init(&b, 8);
    for (int i = 0; i < 3000; i++) {
        snprintf(path, sizeof(path), "www/n/%d", i);
        temp_write(&b.t, path, "");
    }
    enter(&b, &trail, "n/1");
    enter(&b, &other, "e/f.txt");
    for (int i = 0; i < 40; i++)
        cr_assert(ways_may_hold(b.ways, trail.way, ENCODING_BR), "not all were seen yet");
    temp_write(&b.t, "www/n/3.br", "");
    temp_write(&b.t, "www/n/4.gz", "");
    MUST(unlink(temp_at(&b.t, "www/n/4.gz")) == 0);
    is_touched(&b, NULL);
    cr_expect_not(may_hold(&b, trail.way, ENCODING_ZSTD));
    cr_expect(may_hold(&b, trail.way, ENCODING_BR));
    cr_expect_not(may_hold(&b, other.way, ENCODING_BR), "another folder's turn comes");
    cr_expect_eq(ways_shed(b.ways), 2);
    ways_drop(b.ways, &trail);
    ways_drop(b.ways, &other);
    bench_fini(&b);
}

Test(ways, end_in_the_middle_of_looking_at_names)
{
    struct bench b;
    struct trail trail = { 0 };
    char path[32];

    bench_init(&b, 8);
    for (int i = 0; i < 500; i++) {
        snprintf(path, sizeof(path), "www/n/%d", i);
        temp_write(&b.t, path, "");
    }
    enter(&b, &trail, "n/1");
    for (int i = 0; i < 26; i++)
        cr_expect(ways_may_hold(b.ways, trail.way, ENCODING_BR));
    cr_expect_eq(ways_shed(b.ways), 2, "the folder and its names");
    cr_expect(ways_may_hold(b.ways, trail.way, ENCODING_BR));
    enter(&b, &trail, "n/2");
    for (int i = 0; i < 26; i++)
        cr_expect(ways_may_hold(b.ways, trail.way, ENCODING_BR));
    temp_rename(&b.t, "www/n", "www/was-n");
    cr_expect(is_touched(&b, &trail));
    bench_fini(&b);
}

/* What no event tells, as of a mount: here the events are there, but nobody reads them. */
Test(ways, are_gone_again_after_a_while)
{
    struct trail first = { .owner = TRAIL_OF_ENTRY }, second = { .owner = TRAIL_OF_ENTRY },
                 third = { .owner = TRAIL_OF_ENTRY };
    char *before;
    struct bench b;

    bench_init(&b, 8);
    before = xstrdup(temp_at(&b.t, "www/a"));
    ways_set_time(b.ways, 100000);
    cr_assert_eq(enter(&b, &first, "a/d.txt"), WAY_OPEN);
    MUST(rename(before, temp_at(&b.t, "www/old")) == 0);
    free(before);
    temp_write(&b.t, "www/a/d.txt", "another");
    ways_set_time(b.ways, 100500);
    cr_expect_eq(enter(&b, &second, "a/d.txt"), WAY_OPEN);
    cr_expect_eq(second.way, first.way, "it was just gone");
    ways_set_time(b.ways, 102000);
    cr_expect_eq(enter(&b, &third, "a/d.txt"), WAY_OPEN);
    cr_expect_neq(third.way, first.way, "the path leads to another folder by now");
    cr_expect(third.way->fd >= 0);
    ways_drop(b.ways, &first);
    ways_drop(b.ways, &second);
    ways_drop(b.ways, &third);
    bench_fini(&b);
}
