#include "worker/docroot.h"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include "tests/worker/temp_folder.h"
#include "worker/ways.h"

static char *const no_watch_index[] = { "index.html", "index.htm" };

/* A site with something of each kind, and a file beside it that must stay out of reach. */
struct place {
    struct temp_folder t;
    struct docroot root;
    struct file_watch *watch;
    struct ways *ways; /* NULL: nothing is watched */
};

static void site_init(struct place *s, bool has_openat2)
{
    struct docroot_options options = { .index = no_watch_index, .index_count = 2 };
    char path[PATH_MAX];

    temp_folder_init(&s->t);
    temp_write(&s->t, "secret.txt", "secret");
    temp_write(&s->t, "www/index.html", "root");
    temp_write(&s->t, "www/a.txt", "a");
    temp_write(&s->t, "www/empty", "");
    temp_write(&s->t, "www/sub/deep/b.txt", "bb");
    temp_write(&s->t, "www/htm/index.htm", "second");
    temp_write(&s->t, "www/both/index.html", "first");
    temp_write(&s->t, "www/both/index.htm", "second");
    temp_mkdir(&s->t, "www/odd/index.html");
    temp_write(&s->t, "www/odd/index.htm", "second");
    temp_mkdir(&s->t, "www/bare");
    temp_write(&s->t, "www/.hidden", "no");
    temp_write(&s->t, "www/.git/config", "no");
    temp_write(&s->t, "www/.well-known/acme", "yes");
    temp_write(&s->t, "www/.well-known/.key", "no");
    temp_write(&s->t, "www/sub/.well-known/acme", "no");
    temp_write(&s->t, "www/back\\slash", "b");
    temp_write(&s->t, "www/...", "dots");
    MUST(mkfifo(temp_at(&s->t, "www/fifo"), 0644) == 0);
    temp_symlink(&s->t, "a.txt", "www/link-in");
    temp_symlink(&s->t, "../a.txt", "www/sub/link-up");
    temp_symlink(&s->t, "sub/deep", "www/link-dir");
    temp_symlink(&s->t, "../secret.txt", "www/link-out");
    temp_symlink(&s->t, "/etc/passwd", "www/link-absolute");
    temp_symlink(&s->t, "..", "www/link-parent");
    temp_symlink(&s->t, "/proc/self/root", "www/link-proc");
    temp_symlink(&s->t, "loop-b", "www/loop-a");
    temp_symlink(&s->t, "loop-a", "www/loop-b");
    temp_symlink(&s->t, "nothing", "www/dangling");
    snprintf(path, sizeof(path), "%s", temp_at(&s->t, "www"));
    options.path = path;
    MUST(docroot_open(&s->root, &options) == 0);
    if (!has_openat2)
        s->root.has_openat2 = false;
    s->watch = NULL;
    s->ways = NULL;
}

static void site_watch(struct place *s)
{
    s->watch = file_watch_new(16);
    MUST(s->watch != NULL);
    s->ways = ways_new(s->watch, 16);
}

static void site_fini(struct place *s)
{
    docroot_close(&s->root);
    ways_free(&s->ways);
    file_watch_free(&s->watch);
    temp_folder_fini(&s->t);
}

static struct docroot_answer find(const struct place *s, const char *path, char *text, size_t size)
{
    struct trail trail = { 0 };
    bool is_watched;
    struct docroot_answer a = docroot_find(&s->root, str_of(path), s->ways, &trail, &is_watched);

    text[0] = '\0';
    if (a.fd >= 0) {
        ssize_t n = read(a.fd, text, size - 1);

        text[n > 0 ? n : 0] = '\0';
        close(a.fd);
    }
    cr_expect(is_watched == (s->ways != NULL) || a.status == 404, "%s", path);
    if (s->ways != NULL)
        ways_drop(s->ways, &trail);
    return a;
}

enum { LINKS = -1 }; /* what the walk without openat2 refuses */

static const struct {
    const char *why, *path;
    unsigned status;
    const char *text; /* of DOCROOT_FILE */
    int without_openat2;
} rows[] = {
    { "file", "/a.txt", 200, "a", 0 },
    { "empty file", "/empty", 200, "", 0 },
    { "deeper file", "/sub/deep/b.txt", 200, "bb", 0 },
    { "no such file", "/b.txt", 404, NULL, 0 },
    { "no such folder", "/no/b.txt", 404, NULL, 0 },
    { "below a file", "/a.txt/b", 404, NULL, 0 },
    { "file with a slash", "/a.txt/", 404, NULL, 0 },
    { "folder without its slash", "/sub", 301, NULL, 0 },
    { "folder without its slash, deeper", "/sub/deep", 301, NULL, 0 },
    { "root folder", "/", 200, "root", 0 },
    { "second index", "/htm/", 200, "second", 0 },
    { "first index wins", "/both/", 200, "first", 0 },
    { "an index that is no file", "/odd/", 200, "second", 0 },
    { "no index", "/bare/", 403, NULL, 0 },
    { "no such folder, with a slash", "/no/", 404, NULL, 0 },
    { "dotfile", "/.hidden", 404, NULL, 0 },
    { "in a hidden folder", "/.git/config", 404, NULL, 0 },
    { "hidden folder", "/.git/", 404, NULL, 0 },
    { "RFC 8615", "/.well-known/acme", 200, "yes", 0 },
    { "hidden below it", "/.well-known/.key", 404, NULL, 0 },
    { "only at the top", "/sub/.well-known/acme", 404, NULL, 0 },
    { "a name of three dots is hidden too", "/...", 404, NULL, 0 },
    { "backslash is a letter", "/back\\slash", 200, "b", 0 },
    { "FIFO", "/fifo", 403, NULL, 0 },
    { "link inside", "/link-in", 200, "a", LINKS },
    { "link upwards inside", "/sub/link-up", 200, "a", LINKS },
    { "through a linked folder", "/link-dir/b.txt", 200, "bb", LINKS },
    { "linked folder without its slash", "/link-dir", 301, NULL, LINKS },
    { "linked folder without an index", "/link-dir/", 403, NULL, LINKS },
    { "link to a neighbour", "/link-out", 404, NULL, 0 },
    { "absolute link", "/link-absolute", 404, NULL, 0 },
    { "link to the parent", "/link-parent", 404, NULL, 0 },
    { "through a link to the parent", "/link-parent/secret.txt", 404, NULL, 0 },
    { "magic link", "/link-proc/etc/passwd", 404, NULL, 0 },
    { "links in a ring", "/loop-a", 404, NULL, 0 },
    { "link to nothing", "/dangling", 404, NULL, 0 },
    { "dots that path_clean would have removed", "/../secret.txt", 404, NULL, 0 },
};

static void check_rows(struct place *s)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool is_refused = !s->root.has_openat2 && rows[i].without_openat2 == LINKS;
        unsigned expect = is_refused ? 404 : rows[i].status;
        char text[64];
        struct docroot_answer a = find(s, rows[i].path, text, sizeof(text));

        cr_expect_eq(a.status, expect, "%s: %s gives %u", rows[i].why, rows[i].path, a.status);
        if (expect == 200)
            cr_expect_str_eq(text, rows[i].text, "%s", rows[i].why);
    }
}

Test(docroot, leads_each_path_to_its_answer)
{
    struct place s;

    site_init(&s, true);
    check_rows(&s);
    site_fini(&s);
}

Test(docroot, leads_there_by_ways_that_are_known_too)
{
    struct place s;

    site_init(&s, true);
    site_watch(&s);
    check_rows(&s);
    check_rows(&s);
    site_fini(&s);
}

Test(docroot, follows_no_link_where_the_kernel_lacks_openat2)
{
    struct place s;

    site_init(&s, false);
    check_rows(&s);
    site_watch(&s);
    check_rows(&s);
    check_rows(&s);
    site_fini(&s);
}

/* The wall itself, without the rule for names that start with a dot before it. */
Test(docroot, holds_what_would_leave_it)
{
    static const char *const paths[] = { "/..",
                                         "/../",
                                         "/../secret.txt",
                                         "/sub/../../secret.txt",
                                         "/sub/deep/../../../secret.txt",
                                         "/link-out",
                                         "/link-parent/secret.txt",
                                         "/link-absolute",
                                         "/link-proc/etc/passwd" };

    for (int openat2 = 0; openat2 <= 1; openat2++) {
        struct place s;

        site_init(&s, openat2);
        s.root.options.is_dotfiles_shown = true;
        for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
            char text[64];

            cr_expect_eq(find(&s, paths[i], text, sizeof(text)).status, 404, "%s", paths[i]);
            cr_expect_str_empty(text, "%s", paths[i]);
        }
        site_fini(&s);
    }
}

Test(docroot, has_no_way_through_the_magic_links_of_a_served_proc)
{
    struct docroot_options options = { .path = "/proc/self" };
    struct docroot root;
    struct trail trail = { 0 };
    bool is_watched;
    struct docroot_answer a;

    MUST(docroot_open(&root, &options) == 0);
    cr_expect(root.has_openat2);
    a = docroot_find(&root, STR("/root/etc/passwd"), NULL, &trail, &is_watched);
    cr_expect_eq(a.status, 404);
    a = docroot_find(&root, STR("/cwd/Makefile"), NULL, &trail, &is_watched);
    cr_expect_eq(a.status, 404);
    docroot_close(&root);
}

Test(docroot, shows_dotfiles_where_it_is_told_to)
{
    struct place s;
    char text[64];

    site_init(&s, true);
    s.root.options.is_dotfiles_shown = true;
    cr_expect_eq(find(&s, "/.hidden", text, sizeof(text)).status, 200);
    cr_expect_eq(find(&s, "/.git/config", text, sizeof(text)).status, 200);
    cr_expect_eq(find(&s, "/...", text, sizeof(text)).status, 200);
    site_fini(&s);
}

Test(docroot, knows_which_paths_are_hidden)
{
    static const struct {
        const char *path;
        bool expect;
    } paths[] = {
        { "/", false },
        { "/a", false },
        { "/a.b", false },
        { "/a/.b", true },
        { "/.a", true },
        { "/.well-known", false },
        { "/.well-known/", false },
        { "/.well-known/a", false },
        { "/.well-known/.a", true },
        { "/.well-knowns", true },
        { "/.well-know", true },
        { "/a/.well-known/b", true },
        { "/.a/.well-known", true },
        { "/a./b", false },
    };

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        cr_expect_eq(docroot_hides(str_of(paths[i].path)), paths[i].expect, "%s", paths[i].path);
}

Test(docroot, neither_waits_for_nor_wakes_the_writer_of_a_fifo)
{
    struct place s;
    char text[64];
    int fd;

    site_init(&s, true);
    cr_expect_eq(find(&s, "/fifo", text, sizeof(text)).status, 403);
    site_watch(&s);
    cr_expect_eq(find(&s, "/fifo", text, sizeof(text)).status, 403);
    /* Nobody reads it, so a writer still has to wait. */
    fd = open(temp_at(&s.t, "www/fifo"), O_WRONLY | O_NONBLOCK);
    cr_expect(fd < 0 && errno == ENXIO);
    site_fini(&s);
}

Test(docroot, reads_no_sockets_and_devices)
{
    struct place s;
    char text[64];
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    site_init(&s, true);
    snprintf(sa.sun_path, sizeof(sa.sun_path), "%.100s", temp_at(&s.t, "www/socket"));
    MUST(bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0);
    cr_expect_eq(find(&s, "/socket", text, sizeof(text)).status, 403);
    close(fd);
    /* Only root makes device nodes, and not even root everywhere. */
    if (mknod(temp_at(&s.t, "www/zero"), S_IFCHR | 0644, makedev(1, 5)) == 0)
        cr_expect_eq(find(&s, "/zero", text, sizeof(text)).status, 403);
    site_fini(&s);
}

Test(docroot, says_forbidden_where_permission_is_missing)
{
    struct place s;
    char text[64];
    bool is_root = geteuid() == 0;

    if (is_root && seteuid(65534) != 0)
        cr_skip_test("root may read everything, and cannot become someone else here");
    site_init(&s, true);
    MUST(chmod(temp_at(&s.t, "www/a.txt"), 0) == 0);
    MUST(chmod(temp_at(&s.t, "www/sub"), 0) == 0);
    MUST(chmod(temp_at(&s.t, "www/both/index.html"), 0) == 0);
    cr_expect_eq(find(&s, "/a.txt", text, sizeof(text)).status, 403);
    cr_expect_eq(find(&s, "/sub/deep/b.txt", text, sizeof(text)).status, 403);
    cr_expect_eq(find(&s, "/sub/none", text, sizeof(text)).status, 403);
    cr_expect_eq(find(&s, "/both/", text, sizeof(text)).status, 403, "no second choice");
    MUST(chmod(temp_at(&s.t, "www/sub"), 0755) == 0);
    site_fini(&s);
    if (is_root) { /* the leak checker needs the process to be its own again */
        MUST(seteuid(0) == 0);
        prctl(PR_SET_DUMPABLE, 1);
    }
}

Test(docroot, takes_paths_of_any_length)
{
    struct place s;
    char path[2 * PATH_MAX], text[64];

    site_init(&s, true);
    for (size_t n = 1; n<sizeof(path); n += n> PATH_MAX - 120 && n < PATH_MAX + 20 ? 1 : 97) {
        memset(path, 'x', n);
        path[0] = '/';
        path[n] = '\0';
        cr_expect_eq(find(&s, path, text, sizeof(text)).status, n == 1 ? 200u : 404u, "%zu", n);
        path[n - 1] = '/';
        cr_expect_eq(find(&s, path, text, sizeof(text)).status, n == 1 ? 200u : 404u, "%zu", n);
        memset(path, '/', n);
        for (size_t i = 1; i < n; i += 2)
            path[i] = 'x';
        cr_expect_eq(find(&s, path, text, sizeof(text)).status, n == 1 ? 200u : 404u, "%zu", n);
    }
    site_fini(&s);
}

Test(docroot, notices_that_its_folder_was_replaced)
{
    struct place s;
    char text[64];
    char *path;

    site_init(&s, true);
    path = strdup(temp_at(&s.t, "www"));
    s.root.options.path = path;
    cr_expect_not(docroot_refresh(&s.root));
    temp_rename(&s.t, "www", "old");
    cr_expect_not(docroot_refresh(&s.root), "nothing there yet: the old one stays");
    cr_expect_eq(find(&s, "/a.txt", text, sizeof(text)).status, 200);
    temp_write(&s.t, "www/a.txt", "new");
    cr_expect(docroot_refresh(&s.root));
    cr_expect_not(docroot_refresh(&s.root));
    cr_expect_eq(find(&s, "/a.txt", text, sizeof(text)).status, 200);
    cr_expect_str_eq(text, "new");
    site_fini(&s);
    free(path);
}

Test(docroot, opens_no_file_and_nothing_that_is_not_there)
{
    struct docroot_options options = { .path = "/proc/self/status" };
    struct docroot root;

    cr_expect(docroot_open(&root, &options) < 0 && errno == ENOTDIR);
    options.path = "/nonexistent/folder";
    cr_expect(docroot_open(&root, &options) < 0 && errno == ENOENT);
}

Test(docroot, turns_each_error_into_a_status)
{
    static const struct {
        int error;
        unsigned status;
    } errors[] = { { ENOENT, 404 }, { ENOTDIR, 404 }, { ENAMETOOLONG, 404 }, { ELOOP, 404 },
                   { EXDEV, 404 },  { EACCES, 403 },  { EPERM, 403 },        { EMFILE, 503 },
                   { ENFILE, 503 }, { ENOMEM, 503 },  { EAGAIN, 503 },       { EIO, 500 },
                   { EINVAL, 500 }, { ESTALE, 500 } };

    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
        cr_expect_eq(docroot_status(errors[i].error), errors[i].status, "%s",
                     strerror(errors[i].error));
}

Test(docroot, lists_only_folders_that_have_no_index)
{
    static const struct {
        const char *path;
        unsigned status;
    } listing_rows[] = {
        { "/bare/", DOCROOT_LISTING },
        { "/link-dir/", DOCROOT_LISTING },
        { "/", DOCROOT_FILE },
        { "/htm/", DOCROOT_FILE },
        { "/bare", DOCROOT_DIRECTORY },
        { "/none/", 404 },
        { "/a.txt/", 404 },
        { "/.git/", 404 },
        { "/link-parent/", 404 },
        { "/fifo", 403 },
    };
    char text[64];
    struct place s;

    site_init(&s, true);
    s.root.options.has_listing = true;
    for (size_t i = 0; i < sizeof(listing_rows) / sizeof(listing_rows[0]); i++)
        cr_expect_eq(find(&s, listing_rows[i].path, text, sizeof(text)).status,
                     listing_rows[i].status, "%s", listing_rows[i].path);
    site_fini(&s);
}
