#include "worker/file_cache.h"

#include <sys/resource.h>

#include "tests/worker/file_cache_bench.h"

Test(file_cache, answers_from_memory_the_second_time)
{
    static const char *const paths[] = { "/a.txt", "/none", "/sub", "/sub/", "/sub/none/", "/" };
    static const char *const expect[] = { "one", "404", "directory", "index", "404", "403" };
    struct bench b;

    bench_init(&b, &roomy);
    for (size_t i = 0; i < 6; i++) {
        cr_expect_not(is_hit(&b, paths[i]), "%s", paths[i]);
        cr_expect_str_eq(body(&b, paths[i]), expect[i], "%s", paths[i]);
        cr_expect(is_hit(&b, paths[i]), "%s", paths[i]);
        cr_expect_str_eq(body(&b, paths[i]), expect[i], "%s", paths[i]);
    }
    cr_expect_eq(file_cache_stats(b.cache).misses, 6);
    cr_expect_eq(file_cache_stats(b.cache).hits, 18);
    cr_expect_eq(file_cache_stats(b.cache).entries, 6);
    bench_fini(&b);
}

Test(file_cache, describes_a_file)
{
    struct bench b;
    struct lookup l;
    struct timespec times[2] = { { 784111777, 5 }, { 784111777, 5 } };
    struct stat st;
    char expect[64];

    bench_init(&b, &roomy);
    MUST(utimensat(AT_FDCWD, temp_at(&b.t, "www/a.txt"), times, 0) == 0);
    MUST(stat(temp_at(&b.t, "www/a.txt"), &st) == 0);
    l = find(&b, "/a.txt");
    cr_assert_eq(l.kind, LOOKUP_FILE);
    cr_expect_eq(l.file->size, 3);
    cr_expect_eq(l.file->fd, -1);
    cr_expect(str_eq(l.file->content_type, STR("text/plain; charset=utf-8")));
    cr_expect_str_eq(l.file->last_modified, "Sun, 06 Nov 1994 08:49:37 GMT");
    cr_expect_eq(l.file->modified_at, 784111777);
    snprintf(expect, sizeof(expect), "\"%lx-3-%llx\"", (unsigned long)st.st_ino,
             (unsigned long long)st.st_ctim.tv_sec * 1000000000u +
                 (unsigned long long)st.st_ctim.tv_nsec);
    cr_expect_str_eq(l.file->etag, expect);
    cr_expect_eq(l.file->etag_n, strlen(expect));
    temp_write_old(&b.t, "www/x.png", "");
    cr_expect(str_eq(find(&b, "/x.png").file->content_type, STR("image/png")));
    temp_write_old(&b.t, "www/Makefile", "");
    cr_expect(str_eq(find(&b, "/Makefile").file->content_type, STR("application/octet-stream")));
    bench_fini(&b);
}

Test(file_cache, never_gives_one_tag_to_two_contents_with_one_mtime)
{
    struct timespec times[2] = { { 784111777, 5 }, { 784111777, 5 } };
    char first[FILE_ETAG_MAX];
    struct bench b;

    bench_init(&b, &roomy);
    temp_write(&b.t, "www/a.txt", "AAA");
    MUST(utimensat(AT_FDCWD, temp_at(&b.t, "www/a.txt"), times, 0) == 0);
    strcpy(first, find(&b, "/a.txt").file->etag);
    temp_write(&b.t, "www/a.txt", "BBB");
    MUST(utimensat(AT_FDCWD, temp_at(&b.t, "www/a.txt"), times, 0) == 0);
    hear(&b);
    cr_expect_str_neq(find(&b, "/a.txt").file->etag, first, "rsync --inplace -t");
    bench_fini(&b);
}

Test(file_cache, sends_no_etag_and_no_charset_where_it_is_told_so)
{
    struct bench b;
    struct docroot_options options = { .default_type = "text/plain",
                                       .charset = "",
                                       .etag = ETAG_OFF };
    struct lookup l;

    bench_init(&b, &roomy);
    options.path = b.paths[0];
    b.root = file_cache_add_root(b.cache, &options);
    l = find(&b, "/a.txt");
    cr_expect_str_empty(l.file->etag);
    cr_expect_eq(l.file->etag_n, 0);
    cr_expect(str_eq(l.file->content_type, STR("text/plain")));
    bench_fini(&b);
}

Test(file_cache, says_no_time_that_is_still_to_come)
{
    struct bench b;
    time_t before, after;
    struct lookup l;

    bench_init(&b, &roomy);
    temp_age(&b.t, "www/a.txt", -100000);
    before = time(NULL);
    l = find(&b, "/a.txt");
    after = time(NULL);
    cr_expect(l.file->modified_at >= before && l.file->modified_at <= after, "RFC 9110, 8.8.2.1");
    cr_expect_eq(l.file->etag[0], '"', "it will not get this mtime again");
    bench_fini(&b);
}

Test(file_cache, tags_a_file_weakly_until_its_time_is_its_own)
{
    struct bench b;
    struct lookup l;
    struct timespec ms = { 0, 1000000 };
    char weak[FILE_ETAG_MAX];

    bench_init(&b, &roomy);
    do { /* until the machine is fast enough to look within 20 ms */
        temp_write(&b.t, "www/new.txt", "new");
        file_cache_on_change(b.cache);
        l = find(&b, "/new.txt");
    } while (l.file->etag[0] != 'W');
    strcpy(weak, l.file->etag);
    cr_expect_eq(l.file->is_young, true);
    for (int i = 0; i < WAIT_MS && l.file->etag[0] == 'W'; i++) {
        nanosleep(&ms, NULL); /* what is waited for is the clock itself */
        b.now_ms++;
        l = find(&b, "/new.txt");
    }
    cr_expect_str_eq(l.file->etag, weak + 2);
    bench_fini(&b);
}

Test(file_cache, keeps_apart_the_same_path_below_two_roots)
{
    struct bench b;
    struct docroot *first;

    bench_init(&b, &roomy);
    temp_write_old(&b.t, "other/a.txt", "other");
    first = b.root;
    cr_expect_str_eq(body(&b, "/a.txt"), "one");
    b.root = add_root(&b, "other");
    cr_expect_str_eq(body(&b, "/a.txt"), "other");
    b.root = first;
    cr_expect_str_eq(body(&b, "/a.txt"), "one");
    cr_expect_eq(file_cache_stats(b.cache).entries, 2);
    bench_fini(&b);
}

static void write_numbered(struct bench *b, unsigned count, const char *text)
{
    char name[32];

    for (unsigned i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "www/n/%u", i);
        temp_write_old(&b->t, name, text);
    }
}

static struct lookup find_numbered(struct bench *b, unsigned i)
{
    char path[32];

    snprintf(path, sizeof(path), "/n/%u", i);
    return find(b, path);
}

Test(file_cache, keeps_within_its_entries_and_lets_the_unused_go)
{
    struct file_cache_limits limits = roomy;
    struct bench b;

    limits.entries_max = 4;
    bench_init(&b, &limits);
    write_numbered(&b, 10, "x");
    for (unsigned i = 0; i < 4; i++)
        find_numbered(&b, i);
    cr_expect(is_hit(&b, "/n/0"));
    find_numbered(&b, 4); /* pushes out 1, since 0 was used again */
    cr_expect_eq(file_cache_stats(b.cache).entries, 4);
    cr_expect(is_hit(&b, "/n/0"));
    cr_expect(is_hit(&b, "/n/2"));
    cr_expect_not(is_hit(&b, "/n/1"));
    for (unsigned i = 0; i < 10; i++)
        cr_expect_eq(find_numbered(&b, i).kind, LOOKUP_FILE);
    cr_expect_eq(file_cache_stats(b.cache).entries, 4);
    bench_fini(&b);
}

Test(file_cache, lets_the_unused_go_whatever_they_hold)
{
    struct file_cache_limits limits = roomy;
    struct bench b;

    limits.entries_max = 4;
    limits.small_bytes = 3;
    bench_init(&b, &limits);
    write_numbered(&b, 2, "held open");
    find_numbered(&b, 0);
    find(&b, "/a.txt");
    find_numbered(&b, 1);
    find(&b, "/sub");
    find(&b, "/sub/b.html"); /* pushes out 0, the only one that nobody asked for since */
    find_numbered(&b, 1);
    find(&b, "/sub");
    find(&b, "/sub/"); /* and this one a.txt, older than what is held open */
    cr_expect_not(is_hit(&b, "/a.txt"));
    cr_expect(is_hit(&b, "/n/1"));
    bench_fini(&b);
}

Test(file_cache, takes_no_body_that_is_not_all_there)
{
    /* sysfs says 4096 bytes and gives fewer, like a file that shrinks while it is read */
    static const struct file_options options = { .default_type = STR_INIT("a/b"),
                                                 .small_bytes = 1 << 20 };
    int fd = open("/sys/kernel/uevent_seqnum", O_RDONLY | O_CLOEXEC);
    struct timespec now;
    struct stat st;
    struct file *f;

    if (fd < 0)
        cr_skip_test("no sysfs here");
    clock_gettime(CLOCK_REALTIME, &now);
    MUST(fstat(fd, &st) == 0);
    f = file_new(fd, &st, now, STR("uevent_seqnum"), &options);
    cr_expect_eq(f->body, NULL);
    cr_expect_eq(f->fd, fd);
    file_put(&f);
    cr_expect_lt(fcntl(fd, F_GETFD), 0, "the last reference closes it");
}

Test(file_cache, describes_what_was_opened_if_it_is_not_what_was_looked_at)
{
    struct file_options options = { .default_type = STR_INIT("a/b"), .etag = ETAG_ON };
    struct timespec now;
    struct stat seen, opened;
    struct bench b;

    bench_init(&b, &roomy);
    temp_write_old(&b.t, "www/b.txt", "two, and longer");
    MUST(mkfifo(temp_at(&b.t, "www/fifo"), 0644) == 0);
    MUST(stat(temp_at(&b.t, "www/a.txt"), &seen) == 0);
    clock_gettime(CLOCK_REALTIME, &now);
    for (unsigned small = 0; small <= 64; small += 64) {
        int fd = open(temp_at(&b.t, "www/b.txt"), O_RDONLY | O_CLOEXEC);
        struct file *f;

        options.small_bytes = small;
        MUST(fd >= 0 && fstat(fd, &opened) == 0);
        f = file_new(fd, &seen, now, STR("a.txt"), &options);
        cr_assert_not_null(f);
        cr_expect_eq(f->size, opened.st_size);
        cr_expect(file_is_version(f, &opened));
        cr_expect_eq(f->body != NULL, small > 0);
        if (f->body != NULL)
            cr_expect_eq(memcmp(f->body, "two, and longer", 15), 0);
        file_put(&f);

        fd = open(temp_at(&b.t, "www/fifo"), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        MUST(fd >= 0);
        cr_expect_null(file_new(fd, &seen, now, STR("a.txt"), &options), "no regular file");
        cr_expect_eq(errno, EACCES);
        cr_expect_lt(fcntl(fd, F_GETFD), 0, "closed in any case");
    }
    bench_fini(&b);
}

Test(file_cache, lets_no_flood_of_errors_push_out_files)
{
    struct file_cache_limits limits = roomy;
    struct bench b;

    limits.entries_max = 8;
    bench_init(&b, &limits);
    write_numbered(&b, 5, "x");
    for (unsigned i = 0; i < 5; i++)
        find_numbered(&b, i);
    for (unsigned i = 100; i < 200; i++)
        cr_expect_eq(find_numbered(&b, i).status, 404);
    cr_expect_eq(file_cache_stats(b.cache).entries, 8);
    for (unsigned i = 0; i < 5; i++) {
        char path[32];

        snprintf(path, sizeof(path), "/n/%u", i);
        cr_expect(is_hit(&b, path), "%s", path);
    }
    bench_fini(&b);
}

Test(file_cache, keeps_no_errors_for_long_paths)
{
    struct bench b;
    char path[400];
    size_t before;

    bench_init(&b, &roomy);
    before = file_cache_stats(b.cache).watches;
    memset(path, 'x', sizeof(path));
    path[0] = '/';
    path[200] = '/';
    path[sizeof(path) - 1] = '\0';
    cr_expect_eq(find(&b, path).status, 404);
    cr_expect_eq(file_cache_stats(b.cache).entries, 0);
    cr_expect_eq(file_cache_stats(b.cache).watches, before, "the way to the root");
    bench_fini(&b);
}

Test(file_cache, keeps_within_its_descriptors)
{
    struct file_cache_limits limits = roomy;
    struct bench b;

    limits.fds_max = 3;
    limits.small_bytes = 0;
    bench_init(&b, &limits);
    write_numbered(&b, 10, "x");
    for (unsigned i = 0; i < 10; i++) {
        cr_expect_geq(find_numbered(&b, i).file->fd, 0);
        cr_expect_leq(file_cache_stats(b.cache).fds, 3);
    }
    cr_expect_eq(file_cache_stats(b.cache).fds, 3);
    cr_expect_eq(file_cache_stats(b.cache).memory_bytes, 0);
    cr_expect(is_hit(&b, "/n/9"));
    cr_expect_not(is_hit(&b, "/n/6"));
    bench_fini(&b);
}

Test(file_cache, keeps_within_its_memory)
{
    struct file_cache_limits limits = roomy;
    struct bench b;

    limits.memory_bytes = 25;
    bench_init(&b, &limits);
    write_numbered(&b, 10, "0123456789");
    for (unsigned i = 0; i < 10; i++) {
        cr_expect_eq(find_numbered(&b, i).file->fd, -1);
        cr_expect_leq(file_cache_stats(b.cache).memory_bytes, 25);
    }
    cr_expect_eq(file_cache_stats(b.cache).memory_bytes, 20);
    cr_expect(is_hit(&b, "/n/9"));
    temp_write_old(&b.t, "www/huge", "01234567890123456789012345");
    cr_expect_geq(find(&b, "/huge").file->fd, 0, "alone more than the bound");
    cr_expect_eq(file_cache_stats(b.cache).memory_bytes, 20);
    bench_fini(&b);
}

Test(file_cache, works_without_room_for_anything)
{
    struct file_cache_limits nothing = { .small_bytes = 1024, .is_watching = true };
    struct bench b;

    bench_init(&b, &nothing);
    for (int i = 0; i < 3; i++) {
        cr_expect_str_eq(body(&b, "/a.txt"), "one");
        cr_expect_str_eq(body(&b, "/sub/"), "index");
        cr_expect_str_eq(body(&b, "/none"), "404");
        cr_expect_not(is_hit(&b, "/a.txt"));
    }
    temp_write_old(&b.t, "www/a.txt", "two");
    cr_expect_str_eq(body(&b, "/a.txt"), "two");
    cr_expect_eq(file_cache_stats(b.cache).entries, 0);
    cr_expect_eq(file_cache_watch_fd(b.cache), -1);
    bench_fini(&b);
}

Test(file_cache, keeps_no_descriptor_where_none_may_be_kept)
{
    struct file_cache_limits limits = roomy;
    struct bench b;

    limits.fds_max = 0;
    limits.small_bytes = 0;
    bench_init(&b, &limits);
    cr_expect_str_eq(body(&b, "/a.txt"), "one");
    cr_expect_not(is_hit(&b, "/a.txt"));
    cr_expect_eq(file_cache_stats(b.cache).entries, 0);
    bench_fini(&b);
}

Test(file_cache, sheds_the_descriptors_that_no_response_holds)
{
    struct file_cache_limits limits = roomy;
    struct bench b;
    struct file *held;

    limits.small_bytes = 4;
    bench_init(&b, &limits);
    write_numbered(&b, 5, "0123456789");
    for (unsigned i = 0; i < 5; i++)
        find_numbered(&b, i);
    held = file_get(find_numbered(&b, 2).file);
    find(&b, "/a.txt");
    cr_expect_eq(file_cache_shed(b.cache), 4 + 2, "and those of two folders");
    cr_expect_eq(file_cache_stats(b.cache).fds, 1);
    cr_expect(is_hit(&b, "/a.txt"), "costs no descriptor");
    cr_expect(is_hit(&b, "/n/2"));
    file_put(&held);
    cr_expect_eq(file_cache_shed(b.cache), 1);
    bench_fini(&b);
}

Test(file_cache, gives_up_its_own_descriptors_before_it_says_503)
{
    struct file_cache_limits limits = roomy;
    struct bench b;
    struct rlimit was, low;
    int fd;

    limits.small_bytes = 0;
    bench_init(&b, &limits);
    write_numbered(&b, 40, "x");
    find_numbered(&b, 0);
    fd = dup(0);
    close(fd);
    MUST(getrlimit(RLIMIT_NOFILE, &was) == 0);
    low = was;
    low.rlim_cur = (rlim_t)fd + 8;
    MUST(setrlimit(RLIMIT_NOFILE, &low) == 0);
    for (unsigned i = 0; i < 40; i++)
        cr_expect_eq(find_numbered(&b, i).kind, LOOKUP_FILE, "%u", i);
    cr_expect_lt(file_cache_stats(b.cache).fds, 10);

    file_cache_shed(b.cache);
    fd = dup(0);
    close(fd);
    low.rlim_cur = (rlim_t)fd; /* nothing to give up */
    MUST(setrlimit(RLIMIT_NOFILE, &low) == 0);
    cr_expect_eq(find_numbered(&b, 7).status, 503);
    MUST(setrlimit(RLIMIT_NOFILE, &was) == 0);
    cr_expect_eq(find_numbered(&b, 7).kind, LOOKUP_FILE, "trouble of ours is not remembered");
    bench_fini(&b);
}

Test(file_cache, says_why_a_root_cannot_be_opened)
{
    struct bench b;
    struct docroot_options options = { .path = "/nonexistent/folder" };

    bench_init(&b, &roomy);
    cr_expect_eq(file_cache_add_root(b.cache, &options), NULL);
    cr_expect_eq(errno, ENOENT);
    bench_fini(&b);
}

/* What is sent again without a look-up is asked for as well. */
Test(file_cache, does_not_give_up_an_encoding_that_is_recalled)
{
    enum { MADE = 60, OTHERS = 30 };
    static const char bytes[MADE];
    struct file_cache_limits limits = roomy;
    struct file *hot, *next, *made;
    struct file_ticket ticket;
    struct bench b;

    limits.compress_bytes = MADE + MADE / 2;
    bench_init(&b, &limits);
    write_numbered(&b, OTHERS, "n");
    for (unsigned i = 0; i < OTHERS; i++)
        find_numbered(&b, i);
    hot = find(&b, "/a.txt").file;
    ticket = file_cache_ticket(b.cache);
    made = file_new_encoded(hot, ENCODING_GZIP, (struct str){ bytes, MADE });
    file_cache_add_encoded(b.cache, hot, ENCODING_GZIP, &made);
    cr_assert_null(made, "taken");
    next = find(&b, "/sub/b.html").file;
    for (int i = 0; i < 100; i++)
        file_cache_touch(b.cache, &ticket, hot);
    made = file_new_encoded(next, ENCODING_GZIP, (struct str){ bytes, MADE });
    file_cache_add_encoded(b.cache, next, ENCODING_GZIP, &made);
    cr_expect_not_null(hot->choices.encoded[ENCODING_GZIP], "asked for 100 times");
    if (made != NULL)
        file_put(&made);
    bench_fini(&b);
}
