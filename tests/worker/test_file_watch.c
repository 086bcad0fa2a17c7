#include "worker/file_walk.h"

#include "tests/worker/temp_folder.h"

enum { WAIT_MS = 2000 };

struct bench {
    struct temp_folder t;
    struct file_watch *watch;
    int root_fd;
};

static void bench_init(struct bench *b)
{
    temp_folder_init(&b->t);
    temp_write(&b->t, "www/a/b/c.txt", "c");
    temp_write(&b->t, "www/a/d.txt", "d");
    b->watch = file_watch_new(16);
    MUST(b->watch != NULL);
    b->root_fd = open(temp_at(&b->t, "www"), O_PATH | O_DIRECTORY | O_CLOEXEC);
    MUST(b->root_fd >= 0);
}

static void bench_fini(struct bench *b)
{
    file_watch_free(&b->watch);
    close(b->root_fd);
    temp_folder_fini(&b->t);
}

/* Takes all events there are; whether `trail` was among what they touch. All that is, is dropped. */
static bool is_touched(struct bench *b, const struct trail *trail)
{
    struct trail *at;
    bool found = false;

    while (file_watch_read(b->watch)) {
        while ((at = file_watch_next(b->watch)) != NULL) {
            found = found || at == trail;
            trail_drop(b->watch, at);
        }
    }
    return found;
}

/* What `change` does to the trails of five paths, each a bit. */
enum { C = 1, D = 2, MISSING = 4, DEEP_MISSING = 8, FOLDER = 16 };

static const char *const followed[] = { "a/b/c.txt", "a/d.txt", "a/new.txt", "x/y/z.txt", "a" };

static unsigned touched_by(struct bench *b, void (*change)(struct temp_folder *))
{
    struct trail trails[5] = { { 0 } };
    unsigned touched = 0;

    for (size_t i = 0; i < 5; i++)
        cr_expect(file_walk(b->watch, &trails[i], b->root_fd, followed[i]));
    is_touched(b, NULL); /* what earlier changes left */
    for (size_t i = 0; i < 5; i++)
        cr_expect(file_walk(b->watch, &trails[i], b->root_fd, followed[i]));
    change(&b->t);
    while (file_watch_read(b->watch)) {
        struct trail *at;

        while ((at = file_watch_next(b->watch)) != NULL) {
            touched |= 1u << (at - trails);
            trail_drop(b->watch, at);
        }
    }
    for (size_t i = 0; i < 5; i++)
        trail_drop(b->watch, &trails[i]);
    cr_expect_eq(file_watch_count(b->watch), 0, "%zu watches are left", file_watch_count(b->watch));
    return touched;
}

static void rewrite(struct temp_folder *t)
{
    temp_write(t, "www/a/b/c.txt", "other");
}

static void replace(struct temp_folder *t)
{
    temp_write(t, "fresh", "other");
    temp_rename(t, "fresh", "www/a/d.txt");
}

static void delete (struct temp_folder *t)
{
    MUST(unlink(temp_at(t, "www/a/d.txt")) == 0);
}

static void forbid(struct temp_folder *t)
{
    MUST(chmod(temp_at(t, "www/a/b/c.txt"), 0600) == 0);
}

static void create(struct temp_folder *t)
{
    temp_write(t, "www/a/new.txt", "new");
}

static void create_folder(struct temp_folder *t)
{
    temp_mkdir(t, "www/x");
}

static void create_other(struct temp_folder *t)
{
    temp_write(t, "www/a/unrelated.txt", "new");
}

static void link_other_name(struct temp_folder *t)
{
    char *old = strdup(temp_at(t, "www/a/d.txt"));

    MUST(link(old, temp_at(t, "www/a/new.txt")) == 0);
    free(old);
}

static void rename_folder(struct temp_folder *t)
{
    temp_rename(t, "www/a", "www/was-a");
}

static void forbid_folder(struct temp_folder *t)
{
    MUST(chmod(temp_at(t, "www/a/b"), 0700) == 0);
}

static void forbid_root(struct temp_folder *t)
{
    MUST(chmod(temp_at(t, "www"), 0700) == 0);
}

static const struct {
    const char *what;
    void (*change)(struct temp_folder *);
    unsigned expect;
} changes[] = {
    { "a file is rewritten", rewrite, C },
    { "a file is replaced by rename", replace, D },
    { "a file is deleted", delete, D },
    { "a file's permissions change", forbid, C },
    { "a missing file appears", create, MISSING },
    { "a missing folder appears", create_folder, DEEP_MISSING },
    { "a file that nobody asked for appears", create_other, 0 },
    { "a missing name becomes a hard link", link_other_name, MISSING },
    { "a folder is renamed", rename_folder, C | D | MISSING | FOLDER },
    { "a folder's permissions change", forbid_folder, C },
    { "the root's permissions change", forbid_root, C | D | MISSING | DEEP_MISSING | FOLDER },
};

Test(file_watch, touches_the_trails_that_a_change_is_about)
{
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        struct bench b;
        unsigned got;

        bench_init(&b);
        got = touched_by(&b, changes[i].change);
        cr_expect_eq(got, changes[i].expect, "%s: %#x, not %#x", changes[i].what, got,
                     changes[i].expect);
        bench_fini(&b);
    }
}

Test(file_watch, follows_symbolic_links_by_every_hop)
{
    /* one -> two/b, two -> a: "one/c.txt" is a/b/c.txt over two links */
    static const char *const swapped[] = { "one", "two", "a/b/link" };

    for (size_t i = 0; i < 3; i++) {
        struct bench b;
        struct trail trail = { 0 };
        char name[64];

        bench_init(&b);
        temp_symlink(&b.t, "two/b", "www/one");
        temp_symlink(&b.t, "a", "www/two");
        temp_symlink(&b.t, "../../a/./b//c.txt", "www/a/b/link");
        cr_expect(file_walk(b.watch, &trail, b.root_fd, "one/link"));
        snprintf(name, sizeof(name), "www/%s", swapped[i]);
        temp_swap_symlink(&b.t, "elsewhere", name);
        cr_expect(is_touched(&b, &trail), "%s", swapped[i]);

        cr_expect_eq(file_watch_count(b.watch), 0);
        bench_fini(&b);
    }
}

Test(file_watch, sees_writes_to_the_file_at_the_end_of_links)
{
    struct bench b;
    struct trail trail = { 0 };

    bench_init(&b);
    temp_symlink(&b.t, "two/b", "www/one");
    temp_symlink(&b.t, "a", "www/two");
    cr_expect(file_walk(b.watch, &trail, b.root_fd, "one/c.txt"));
    rewrite(&b.t);
    cr_expect(is_touched(&b, &trail));
    bench_fini(&b);
}

Test(file_watch, sees_writes_before_the_writer_closes)
{
    struct bench b;
    struct trail trail = { 0 };
    int fd;

    bench_init(&b);
    cr_expect(file_walk(b.watch, &trail, b.root_fd, "a/d.txt"));
    fd = open(temp_at(&b.t, "www/a/d.txt"), O_WRONLY);
    MUST(write(fd, "x", 1) == 1);
    cr_expect(is_touched(&b, &trail));
    close(fd);
    trail_drop(b.watch, &trail);
    bench_fini(&b);
}

Test(file_watch, sees_writes_through_another_hard_link)
{
    struct bench b;
    struct trail trail = { 0 };
    char *old;

    bench_init(&b);
    old = strdup(temp_at(&b.t, "www/a/d.txt"));
    MUST(link(old, temp_at(&b.t, "outside.txt")) == 0);
    free(old);
    cr_expect(file_walk(b.watch, &trail, b.root_fd, "a/d.txt"));
    temp_write(&b.t, "outside.txt", "written from outside");
    cr_expect(is_touched(&b, &trail));
    bench_fini(&b);
}

Test(file_watch, stops_at_links_that_leave_the_root_and_sees_them_change)
{
    static const char *const targets[] = { "../..", "/etc", "b", "../../../../.." };

    for (size_t i = 0; i < 4; i++) {
        struct bench b;
        struct trail trail = { 0 };

        bench_init(&b);
        temp_symlink(&b.t, targets[i], "www/a/link"); /* "b" is a folder inside */
        cr_expect(file_walk(b.watch, &trail, b.root_fd, "a/link/passwd"), "%s", targets[i]);
        cr_expect_leq(file_watch_count(b.watch), 3, "%s: nothing outside is watched", targets[i]);
        temp_swap_symlink(&b.t, "b", "www/a/link");
        cr_expect(is_touched(&b, &trail), "%s", targets[i]);
        bench_fini(&b);
    }
}

Test(file_watch, comes_back_from_links_in_a_ring)
{
    struct bench b;
    struct trail trail = { 0 };

    bench_init(&b);
    temp_symlink(&b.t, "y", "www/x");
    temp_symlink(&b.t, "x", "www/y");
    cr_expect(file_walk(b.watch, &trail, b.root_fd, "x"));
    temp_swap_symlink(&b.t, "a/d.txt", "www/y");
    cr_expect(is_touched(&b, &trail));
    bench_fini(&b);
}

Test(file_watch, leaves_paths_too_deep_to_the_clock)
{
    struct bench b;
    struct trail trail = { 0 };
    char path[600] = "";

    bench_init(&b);
    for (int i = 0; i < 100; i++)
        strcat(path, i == 0 ? "x" : "/x");
    temp_mkdir(&b.t, "www/x");
    snprintf(b.t.at, sizeof(b.t.at), "www/%s", path);
    temp_mkdir(&b.t, strdupa(b.t.at));
    cr_expect_not(file_walk(b.watch, &trail, b.root_fd, path));
    trail_drop(b.watch, &trail);
    cr_expect_eq(file_watch_count(b.watch), 0);
    bench_fini(&b);
}

Test(file_watch, does_not_trust_file_systems_without_events)
{
    struct bench b;
    struct trail trail = { 0 };
    int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);

    bench_init(&b);
    cr_expect_not(file_walk(b.watch, &trail, proc, "self/status"));
    cr_expect_eq(trail.first, NULL);
    close(proc);
    bench_fini(&b);
}

Test(file_watch, watches_a_folder_once_for_all_its_trails)
{
    struct bench b;
    struct trail trails[200] = { { 0 } };
    char name[32];

    bench_init(&b);
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof(name), "a/%d", i);
        cr_expect(file_walk(b.watch, &trails[i], b.root_fd, name));
    }
    cr_expect_eq(file_watch_count(b.watch), 2);
    temp_write(&b.t, "www/a/77", "one of them");
    cr_expect(is_touched(&b, &trails[77]));
    cr_expect_eq(trails[77].first, NULL);
    cr_expect_neq(trails[78].first, NULL);
    for (int i = 0; i < 200; i++)
        trail_drop(b.watch, &trails[i]);
    cr_expect_eq(file_watch_count(b.watch), 0);
    bench_fini(&b);
}

Test(file_watch, lets_a_trail_be_followed_again)
{
    struct bench b;
    struct trail trail = { 0 };

    bench_init(&b);
    for (int i = 0; i < 3; i++)
        file_walk(b.watch, &trail, b.root_fd, "a/d.txt");
    delete (&b.t);
    cr_expect(is_touched(&b, &trail));
    cr_expect_eq(file_watch_count(b.watch), 0);
    bench_fini(&b);
}

Test(file_watch, takes_everything_for_changed_after_an_overflow)
{
    struct bench b;
    struct trail trails[2] = { { 0 } };
    FILE *f = fopen("/proc/sys/fs/inotify/max_queued_events", "r");
    struct trail *at;
    unsigned limit = 16384, touched = 0;

    if (f != NULL) {
        cr_expect_eq(fscanf(f, "%u", &limit), 1);
        fclose(f);
    }
    if (limit > 200000)
        cr_skip_test("this machine's queue of events is too long to fill");
    bench_init(&b);
    file_walk(b.watch, &trails[0], b.root_fd, "a/b/c.txt");
    file_walk(b.watch, &trails[1], b.root_fd, "a/d.txt");
    for (unsigned i = 0; i <= limit / 2; i++) { /* two events that are not alike, so never merged */
        temp_write(&b.t, "www/a/other", "");
        MUST(unlink(temp_at(&b.t, "www/a/other")) == 0);
    }
    while (file_watch_read(b.watch)) {
        while ((at = file_watch_next(b.watch)) != NULL) {
            touched++;
            trail_drop(b.watch, at);
        }
    }
    cr_expect_eq(touched, 2);
    bench_fini(&b);
}

Test(file_watch, sees_the_links_on_the_way_to_a_root)
{
    struct bench b;
    struct trail trail = { 0 };
    char path[PATH_MAX];

    bench_init(&b);
    temp_write(&b.t, "releases/1/www/index.html", "1");
    temp_write(&b.t, "releases/2/www/index.html", "2");
    temp_symlink(&b.t, "releases/1", "current");
    snprintf(path, sizeof(path), "%s", temp_at(&b.t, "current/www"));
    file_walk_links(b.watch, &trail, path);
    cr_expect_eq(file_watch_count(b.watch), 5, "/tmp, the folder in it, releases, 1 and www");
    temp_write(&b.t, "unrelated", "");
    temp_write(&b.t, "releases/1/www/unrelated", "");
    cr_expect_not(is_touched(&b, &trail));
    temp_swap_symlink(&b.t, "releases/2", "current");
    cr_expect(is_touched(&b, &trail));

    file_walk_links(b.watch, &trail, path);
    temp_rename(&b.t, "releases/2/www", "releases/2/was-www");
    cr_expect(is_touched(&b, &trail), "the root itself was moved");
    file_walk_links(b.watch, &trail, path);
    temp_rename(&b.t, "releases/2/was-www", "releases/2/www");
    cr_expect(is_touched(&b, &trail), "the root is back");

    cr_expect(file_walk_links(b.watch, &trail, path));
    temp_rename(&b.t, "releases", "was-releases");
    cr_expect(is_touched(&b, &trail), "a folder above the root was moved");
    trail_drop(b.watch, &trail);
    bench_fini(&b);
}

Test(file_watch, wakes_its_descriptor)
{
    struct bench b;
    struct trail trail = { 0 };

    bench_init(&b);
    file_walk(b.watch, &trail, b.root_fd, "a/d.txt");
    cr_expect_not(temp_wait_readable(file_watch_fd(b.watch), 0));
    cr_expect_not(file_watch_read(b.watch));
    delete (&b.t);
    cr_expect(temp_wait_readable(file_watch_fd(b.watch), WAIT_MS));
    cr_expect(is_touched(&b, &trail));
    bench_fini(&b);
}
