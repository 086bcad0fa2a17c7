#include "master/logs.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/config/parse.h"

static bool is_same_file(int a, int b)
{
    struct stat left, right;

    return fstat(a, &left) == 0 && fstat(b, &right) == 0 && left.st_dev == right.st_dev &&
           left.st_ino == right.st_ino;
}

/* Opened where nothing could be opened by its path. */
static struct handoff former_with(const char *path, int fd)
{
    struct handoff h = { .count = 0 };

    handoff_add(&h, "log", fd, "%s", path);
    cr_assert(handoff_parse(&h));
    return h;
}

Test(logs, are_taken_from_the_former_master_and_else_opened)
{
    char dir[] = "/tmp/remuda-logs-XXXXXX", other[64];
    struct buf text = { 0 }, errors = { 0 };
    struct handoff former;
    struct config *config;
    struct logs logs;
    int fd;

    cr_assert_not_null(mkdtemp(dir));
    snprintf(other, sizeof(other), "%s/other.log", dir);
    fd = open(dir, O_WRONLY | O_TMPFILE, 0600);
    cr_assert_geq(fd, 0);
    buf_printf(&text,
               "root: /r\nerror_log: /nowhere/a.log\naccess_log: /nowhere/a.log\n"
               "routes: [{path: /x, access_log: %s}]\n",
               other);
    config = parse_good(buf_cstr(&text));
    cr_expect(!logs_open(&logs, config, false, NULL, &errors), "nobody has it");

    former = former_with("/nowhere/a.log", fd);
    errors.n = 0;
    cr_assert(logs_open(&logs, config, false, &former, &errors), "%s", buf_cstr(&errors));
    handoff_fini(&former, true);
    cr_expect_eq(logs.count, 3);
    cr_expect_eq(write(logs.fds[0], "x", 1), 1, "it is a descriptor of its own");
    cr_expect(is_same_file(logs.fds[0], logs.fds[1]) || is_same_file(logs.fds[0], logs.fds[2]),
              "two logs in one file");
    cr_expect_eq(access(other, F_OK), 0, "what nobody had is opened");
    cr_expect_neq(fcntl(logs.fds[0], F_GETFD) & FD_CLOEXEC, 0);

    logs_hand_over(&logs, &former);
    cr_assert(handoff_parse(&former));
    cr_expect_eq(former.count, 3);
    handoff_fini(&former, false);
    logs_fini(&logs);
    config_free(&config);
    buf_fini(&text);
    buf_fini(&errors);
    unlink(other);
    rmdir(dir);
}

Test(logs, on_stderr_are_nothing_to_hand_over)
{
    struct config *config = parse_good("root: /r\n");
    struct handoff h = { .count = 0 };
    struct buf errors = { 0 };
    struct logs logs;

    cr_assert(logs_open(&logs, config, false, NULL, &errors));
    logs_hand_over(&logs, &h);
    cr_expect_eq(h.text.n, 0);
    handoff_fini(&h, false);
    logs_fini(&logs);
    config_free(&config);
}

Test(logs, are_checked_without_making_them)
{
    char dir[] = "/tmp/remuda-logs-XXXXXX", path[64];
    struct buf text = { 0 }, errors = { 0 };
    struct config *config;

    cr_assert_not_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/a.log", dir);
    buf_printf(&text, "root: /r\naccess_log: %s\n", path);
    config = parse_good(buf_cstr(&text));
    cr_expect(logs_check(config, NULL, &errors), "%s", buf_cstr(&errors));
    cr_expect_neq(access(path, F_OK), 0);
    chmod(dir, 0500);
    if (geteuid() == 0)
        cr_assert_eq(seteuid(65534), 0);
    cr_expect(!logs_check(config, NULL, &errors));
    cr_expect_not_null(strstr(buf_cstr(&errors), "a.log: Permission denied"), "%s", errors.p);
    if (getuid() == 0)
        cr_assert_eq(seteuid(0), 0);
    rmdir(dir);
    config_free(&config);
    buf_fini(&text);
    buf_fini(&errors);
}
