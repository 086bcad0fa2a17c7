/* file_cache: what it makes of changes in the file system. */
#include "worker/file_cache.h"

#include "tests/worker/file_cache_bench.h"

/* Each change must be seen by the watch, without a look at the clock. */
static void rewrite(struct temp_folder *t)
{
    temp_write_old(t, "www/a.txt", "two");
}

static void replace(struct temp_folder *t)
{
    temp_write_old(t, "fresh", "two");
    temp_rename(t, "fresh", "www/a.txt");
}

static void delete (struct temp_folder *t)
{
    MUST(unlink(temp_at(t, "www/a.txt")) == 0);
}

static void move_folder(struct temp_folder *t)
{
    temp_rename(t, "www/sub", "www/bus");
}

static void create(struct temp_folder *t)
{
    temp_write_old(t, "www/new.txt", "new");
}

static void create_deep(struct temp_folder *t)
{
    temp_write_old(t, "www/x/y/z.txt", "deep");
}

static void move_in_folder(struct temp_folder *t)
{
    temp_write_old(t, "outside/y/z.txt", "deep");
    temp_rename(t, "outside", "www/x");
}

static void create_index(struct temp_folder *t)
{
    temp_write_old(t, "www/index.html", "root");
}

static void create_better_index(struct temp_folder *t)
{
    temp_write_old(t, "www/only-htm/index.html", "better");
}

static void delete_index(struct temp_folder *t)
{
    MUST(unlink(temp_at(t, "www/sub/index.html")) == 0);
}

static void delete_folder(struct temp_folder *t)
{
    MUST(rmdir(temp_at(t, "www/bare")) == 0);
}

static void become_file(struct temp_folder *t)
{
    MUST(rmdir(temp_at(t, "www/bare")) == 0);
    temp_write_old(t, "www/bare", "file");
}

static void become_folder(struct temp_folder *t)
{
    MUST(unlink(temp_at(t, "www/a.txt")) == 0);
    temp_mkdir(t, "www/a.txt");
}

static void swap_link(struct temp_folder *t)
{
    temp_swap_symlink(t, "sub/b.html", "www/link");
}

static void swap_far_link(struct temp_folder *t)
{
    temp_swap_symlink(t, "../sub", "www/links/two");
}

static void write_behind_links(struct temp_folder *t)
{
    temp_write_old(t, "www/only-htm/index.htm", "written");
}

static void link_becomes_good(struct temp_folder *t)
{
    temp_write_old(t, "www/nothing", "something");
}

static const struct {
    const char *what;
    void (*change)(struct temp_folder *);
    const char *path, *before, *after;
} changes[] = {
    { "rewritten in place", rewrite, "/a.txt", "one", "two" },
    { "replaced by rename", replace, "/a.txt", "one", "two" },
    { "deleted", delete, "/a.txt", "one", "404" },
    { "file becomes a folder", become_folder, "/a.txt", "one", "directory" },
    { "its folder moved away", move_folder, "/sub/b.html", "bee", "404" },
    { "its folder moved here", move_folder, "/bus/b.html", "404", "bee" },
    { "index in a folder that moved", move_folder, "/sub/", "index", "404" },
    { "redirect to a folder that moved", move_folder, "/sub", "directory", "404" },
    { "created", create, "/new.txt", "404", "new" },
    { "created with its folders", create_deep, "/x/y/z.txt", "404", "deep" },
    { "moved in with its folders", move_in_folder, "/x/y/z.txt", "404", "deep" },
    { "an index appears", create_index, "/", "403", "root" },
    { "a better index appears", create_better_index, "/only-htm/", "htm", "better" },
    { "an index goes", delete_index, "/sub/", "index", "403" },
    { "an empty folder goes", delete_folder, "/bare/", "403", "404" },
    { "a folder becomes a file", become_file, "/bare", "directory", "file" },
    { "a link is swapped", swap_link, "/link", "one", "bee" },
    { "a link in a chain is swapped", swap_far_link, "/links/one/", "htm", "index" },
    { "the file behind a chain is written", write_behind_links, "/links/one/", "htm", "written" },
    { "a dangling link finds its file", link_becomes_good, "/dangling", "404", "something" },
};

Test(file_cache, sees_each_change_at_once)
{
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        struct bench b;
        const char *path = changes[i].path;

        bench_init(&b, &roomy);
        temp_write_old(&b.t, "www/only-htm/index.htm", "htm");
        temp_mkdir(&b.t, "www/bare");
        temp_symlink(&b.t, "a.txt", "www/link");
        temp_symlink(&b.t, "two", "www/links/one");
        temp_symlink(&b.t, "../only-htm", "www/links/two");
        temp_symlink(&b.t, "nothing", "www/dangling");
        cr_expect_str_eq(body(&b, path), changes[i].before, "%s", changes[i].what);
        find(&b, "/sub/none");
        cr_expect(is_hit(&b, path), "%s: not cached", changes[i].what);
        changes[i].change(&b.t);
        cr_expect_str_eq(body(&b, path), changes[i].before, "%s: a system call for a hit",
                         changes[i].what);
        hear(&b);
        cr_expect_str_eq(body(&b, path), changes[i].after, "%s", changes[i].what);
        bench_fini(&b);
    }
}

Test(file_cache, drops_only_what_a_change_touches)
{
    struct bench b;

    bench_init(&b, &roomy);
    find(&b, "/a.txt");
    find(&b, "/sub/b.html");
    find(&b, "/none");
    create(&b.t);
    hear(&b);
    rewrite(&b.t);
    hear(&b);
    cr_expect(is_hit(&b, "/sub/b.html"));
    cr_expect(is_hit(&b, "/none"));
    cr_expect_not(is_hit(&b, "/a.txt"));
    cr_expect_eq(file_cache_stats(b.cache).invalidated, 1);
    bench_fini(&b);
}

Test(file_cache, keeps_a_version_that_a_response_holds)
{
    struct file_cache_limits limits = roomy;
    struct bench b;
    struct file *held;
    char text[8] = "";

    limits.small_bytes = 4;
    bench_init(&b, &limits);
    temp_write_old(&b.t, "www/large", "0123456789");
    held = file_get(find(&b, "/large").file);
    cr_expect_geq(held->fd, 0);
    cr_expect(file_is_unchanged(held));
    temp_write_old(&b.t, "fresh", "abcdefghij");
    temp_rename(&b.t, "fresh", "www/large");
    hear(&b);
    cr_expect_str_eq(body(&b, "/large"), "abcdefghij");
    cr_expect(file_is_unchanged(held), "replaced, so the old one is still whole");
    file_cache_free(&b.cache);
    cr_expect_eq(pread(held->fd, text, 5, 0), 5);
    cr_expect_str_eq(text, "01234");
    file_put(&held);
    cr_expect_eq(held, NULL);
    bench_fini(&b);
}

Test(file_cache, notices_a_held_file_that_is_rewritten_in_place)
{
    struct file_cache_limits limits = roomy;
    struct bench b;
    struct file *held;

    limits.small_bytes = 4;
    bench_init(&b, &limits);
    temp_write_old(&b.t, "www/large", "0123456789");
    held = file_get(find(&b, "/large").file);
    MUST(chmod(temp_at(&b.t, "www/large"), 0600) == 0);
    temp_rename(&b.t, "www/large", "www/larger");
    cr_expect(file_is_unchanged(held), "its content is");
    temp_write(&b.t, "www/larger", "9876543210");
    cr_expect_not(file_is_unchanged(held));
    file_put(&held);
    bench_fini(&b);
}

Test(file_cache, looks_again_by_age_where_it_cannot_watch)
{
    struct file_cache_limits limits = roomy;
    struct bench b;
    struct file *before;

    limits.is_watching = false;
    bench_init(&b, &limits);
    cr_expect_eq(file_cache_watch_fd(b.cache), -1);
    file_cache_on_change(b.cache);
    before = file_get(find(&b, "/a.txt").file);
    cr_expect_str_eq(body(&b, "/new.txt"), "404");
    create(&b.t);
    b.now_ms += 999;
    cr_expect(is_hit(&b, "/a.txt"));
    cr_expect_str_eq(body(&b, "/new.txt"), "404");
    b.now_ms += 1;
    cr_expect_not(is_hit(&b, "/a.txt"));
    cr_expect_eq(find(&b, "/a.txt").file, before, "the same version stays the same struct file");
    cr_expect_str_eq(body(&b, "/new.txt"), "new");
    rewrite(&b.t);
    b.now_ms += 1000;
    cr_expect_str_eq(body(&b, "/a.txt"), "two");
    cr_expect_neq(find(&b, "/a.txt").file, before);
    file_put(&before);
    bench_fini(&b);
}

Test(file_cache, reads_again_what_was_written_under_the_old_mtime)
{
    struct file_cache_limits limits = roomy;
    struct bench b;
    struct stat st;

    limits.is_watching = false;
    bench_init(&b, &limits);
    find(&b, "/a.txt");
    MUST(stat(temp_at(&b.t, "www/a.txt"), &st) == 0);
    temp_write(&b.t, "www/a.txt", "two");
    MUST(utimensat(AT_FDCWD, temp_at(&b.t, "www/a.txt"),
                   (struct timespec[2]){ st.st_mtim, st.st_mtim }, 0) == 0);
    b.now_ms += 1000;
    cr_expect_str_eq(body(&b, "/a.txt"), "two");
    bench_fini(&b);
}

Test(file_cache, looks_again_after_a_minute_even_if_it_watches)
{
    struct bench b;
    struct file *before;

    bench_init(&b, &roomy);
    before = file_get(find(&b, "/a.txt").file);
    b.now_ms += 59999;
    cr_expect(is_hit(&b, "/a.txt"));
    b.now_ms += 1;
    cr_expect_not(is_hit(&b, "/a.txt"));
    cr_expect_eq(find(&b, "/a.txt").file, before);
    file_put(&before);
    bench_fini(&b);
}

Test(file_cache, follows_a_root_whose_link_is_moved)
{
    struct bench b;

    bench_init(&b, &roomy);
    temp_write_old(&b.t, "releases/1/a.txt", "r1");
    temp_write_old(&b.t, "releases/2/a.txt", "r2");
    temp_symlink(&b.t, "releases/1", "current");
    b.root = add_root(&b, "current");
    cr_expect_str_eq(body(&b, "/a.txt"), "r1");
    temp_swap_symlink(&b.t, "releases/2", "current");
    hear(&b);
    cr_expect_str_eq(body(&b, "/a.txt"), "r2");
    temp_swap_symlink(&b.t, "releases/1", "current");
    hear(&b);
    cr_expect_str_eq(body(&b, "/a.txt"), "r1");
    bench_fini(&b);
}

Test(file_cache, follows_a_root_that_is_replaced_by_the_second_without_a_watch)
{
    struct file_cache_limits limits = roomy;
    struct bench b;

    limits.is_watching = false;
    bench_init(&b, &limits);
    cr_expect_str_eq(body(&b, "/a.txt"), "one");
    temp_rename(&b.t, "www", "old");
    temp_write_old(&b.t, "www/a.txt", "new");
    cr_expect_str_eq(body(&b, "/a.txt"), "one");
    file_cache_tick(b.cache, b.now_ms);
    cr_expect_str_eq(body(&b, "/a.txt"), "new");
    bench_fini(&b);
}

Test(file_cache, follows_a_root_that_is_replaced_by_rename)
{
    struct bench b;

    bench_init(&b, &roomy);
    cr_expect_str_eq(body(&b, "/a.txt"), "one");
    temp_write_old(&b.t, "next/a.txt", "new");
    temp_rename(&b.t, "www", "old");
    temp_rename(&b.t, "next", "www");
    hear(&b);
    cr_expect_str_eq(body(&b, "/a.txt"), "new");
    temp_write_old(&b.t, "www/a.txt", "newer");
    hear(&b);
    cr_expect_str_eq(body(&b, "/a.txt"), "newer", "the new root is watched");
    bench_fini(&b);
}

Test(file_cache, serves_the_old_root_until_there_is_a_new_one)
{
    struct bench b;

    bench_init(&b, &roomy);
    cr_expect_str_eq(body(&b, "/a.txt"), "one");
    temp_rename(&b.t, "www", "old");
    hear(&b);
    cr_expect_str_eq(body(&b, "/a.txt"), "one");
    temp_write_old(&b.t, "www/a.txt", "new");
    hear(&b);
    cr_expect_str_eq(body(&b, "/a.txt"), "new", "without waiting for the tick");
    bench_fini(&b);
}

Test(file_cache, leaves_no_watch_behind)
{
    struct bench b;
    size_t at_first;

    bench_init(&b, &roomy);
    at_first = file_cache_stats(b.cache).watches;
    find(&b, "/a.txt");
    find(&b, "/sub/b.html");
    find(&b, "/sub/none");
    cr_expect_eq(file_cache_stats(b.cache).watches, at_first + 1);
    move_folder(&b.t);
    rewrite(&b.t);
    hear(&b);
    cr_expect_eq(file_cache_stats(b.cache).entries, 0);
    cr_expect_eq(file_cache_stats(b.cache).watches, at_first);
    bench_fini(&b);
}

/* Everything at random against the plain truth of the file system, seen after each event. */
Test(file_cache, never_differs_from_the_file_system_for_long)
{
    static const char *const names[] = { "p",   "p/q",          "p/q/r",         "s",
                                         "s/q", "s/index.html", "p/q/index.html" };
    static const char *const asked[] = { "/p", "/p/", "/p/q", "/p/q/",  "/p/q/r",
                                         "/s", "/s/", "/s/q", "/s/q/r", "/s/q/" };
    struct file_cache_limits limits = roomy, off = roomy;
    struct bench b;
    struct file_cache *truth;
    struct docroot *true_root;
    struct docroot_options options = {
        .index = index_names, .index_count = 2, .default_type = "a/b", .charset = ""
    };
    unsigned seed = 4711;

    limits.entries_max = 7;
    off.entries_max = 0;
    bench_init(&b, &limits);
    truth = file_cache_new(&off);
    options.path = b.paths[0];
    true_root = file_cache_add_root(truth, &options);
    for (unsigned round = 0; round < 2000; round++) {
        const char *name = names[rand_r(&seed) % 7], *other = names[rand_r(&seed) % 7];
        char path[256], old[256], text[16], expect[256];

        if (round % 20 == 0) { /* out of the corners where nothing can change any more */
            temp_clear(&b.t, "www");
            temp_write(&b.t, "www/p/q/r", "r");
            temp_write(&b.t, "www/s/index.html", "index");
        }
        snprintf(path, sizeof(path), "%s/%s", b.paths[0], name);
        snprintf(old, sizeof(old), "%s/%s", b.paths[0], other);
        snprintf(text, sizeof(text), "%u", round);
        switch (rand_r(&seed) % 5) {
        case 0: {
            int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK, 0644);

            if (fd >= 0) {
                cr_expect_gt(write(fd, text, strlen(text)), 0);
                close(fd);
            }
            break;
        }
        case 1:
            mkdir(path, 0755);
            break;
        case 2:
            remove(path);
            break;
        case 3:
            rename(old, path);
            break;
        case 4:
            symlink(round % 2 ? "../s" : "q", path);
            break;
        }
        file_cache_on_change(b.cache);
        for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
            struct file_cache *cache = b.cache;
            struct docroot *root = b.root;

            b.cache = truth;
            b.root = true_root;
            snprintf(expect, sizeof(expect), "%s", body(&b, asked[i]));
            b.cache = cache;
            b.root = root;
            cr_assert_str_eq(body(&b, asked[i]), expect, "round %u: %s", round, asked[i]);
        }
    }
    file_cache_free(&truth);
    bench_fini(&b);
}
