#include "master/pid_file.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/xmalloc.h"

static char folder[] = "/tmp/remuda-pid-XXXXXX";
static char path[64];

static void make_folder(void)
{
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/a.pid", folder);
}

static void remove_folder(void)
{
    unlink(path);
    rmdir(folder);
}

TestSuite(pid_file, .init = make_folder, .fini = remove_folder);

static void expect_content(const char *expect)
{
    char text[32] = "";
    int fd = open(path, O_RDONLY);

    cr_assert_geq(fd, 0);
    cr_expect_geq(read(fd, text, sizeof(text) - 1), 0);
    cr_expect_str_eq(text, expect);
    close(fd);
}

static void write_file(const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

Test(pid_file, holds_our_pid_and_goes_with_us)
{
    struct pid_file f = PID_FILE_NONE;
    struct buf why = { 0 };
    char expect[32];

    snprintf(expect, sizeof(expect), "%d\n", (int)getpid());
    cr_assert_eq(pid_file_open(&f, path, &why), PID_FILE_OK, "%s", buf_cstr(&why));
    expect_content(expect);
    cr_expect_eq(pid_file_holder(path), getpid());
    pid_file_remove(&f);
    cr_expect_eq(access(path, F_OK), -1);
    cr_expect_eq(pid_file_holder(path), 0);
    buf_fini(&why);
}

Test(pid_file, refuses_a_second_master_and_names_the_first)
{
    struct pid_file first = PID_FILE_NONE, second = PID_FILE_NONE;
    struct buf why = { 0 };
    char expect[64];

    cr_assert_eq(pid_file_open(&first, path, &why), PID_FILE_OK);
    cr_expect_eq(pid_file_open(&second, path, &why), PID_FILE_TAKEN);
    snprintf(expect, sizeof(expect), "already running, pid %d", (int)getpid());
    cr_expect_not_null(strstr(buf_cstr(&why), expect), "%s", buf_cstr(&why));
    cr_expect_eq(second.fd, -1);
    pid_file_remove(&first);
    buf_fini(&why);
}

Test(pid_file, takes_over_what_a_crash_left_even_if_the_number_lives)
{
    struct pid_file f = PID_FILE_NONE;
    struct buf why = { 0 };

    write_file("1\nand more than a pid, which must not stay\n");
    cr_expect_eq(pid_file_holder(path), 0);
    cr_assert_eq(pid_file_open(&f, path, &why), PID_FILE_OK, "%s", buf_cstr(&why));
    cr_expect_eq(pid_file_holder(path), getpid());
    pid_file_remove(&f);
    buf_fini(&why);
}

Test(pid_file, is_free_once_the_master_is_dead_though_a_worker_lives)
{
    struct pid_file f = PID_FILE_NONE;
    struct buf why = { 0 };
    pid_t worker;

    cr_assert_eq(pid_file_open(&f, path, &why), PID_FILE_OK);
    worker = fork();
    if (worker == 0) {
        pid_file_close(&f);
        pause();
        _exit(0);
    }
    usleep(50000); /* the child's close; the lock is checked right after ours */
    pid_file_close(&f);
    cr_expect_eq(pid_file_holder(path), 0);
    cr_expect_eq(access(path, F_OK), 0, "closing leaves the file");
    kill(worker, SIGKILL);
    waitpid(worker, NULL, 0);
    buf_fini(&why);
}

Test(pid_file, leaves_a_file_alone_that_took_its_place)
{
    struct pid_file f = PID_FILE_NONE;
    struct buf why = { 0 };

    cr_assert_eq(pid_file_open(&f, path, &why), PID_FILE_OK);
    unlink(path);
    write_file("77\n");
    pid_file_remove(&f);
    expect_content("77\n");
    buf_fini(&why);
}

Test(pid_file, passes_with_its_lock_to_an_heir)
{
    struct pid_file f, heir, other;
    struct buf why = { 0 };

    cr_assert_eq(pid_file_open(&f, path, &why), PID_FILE_OK);
    heir = pid_file_take(dup(f.fd), str_of(path));
    pid_file_remove(&heir);
    cr_expect_eq(access(path, F_OK), 0, "what is lent stays");
    heir = pid_file_take(dup(f.fd), str_of(path));
    pid_file_close(&f);
    cr_expect_eq(pid_file_open(&other, path, &why), PID_FILE_TAKEN, "the lock has passed");
    cr_expect(pid_file_own(&heir));
    pid_file_remove(&heir);
    cr_expect_eq(access(path, F_OK), -1);
    buf_fini(&why);
}

Test(pid_file, makes_its_folder)
{
    struct pid_file f = PID_FILE_NONE;
    struct buf why = { 0 };
    char *below = xasprintf("%s/remuda/a.pid", folder);

    cr_expect_eq(pid_file_open(&f, below, &why), PID_FILE_OK, "%s", buf_cstr(&why));
    pid_file_remove(&f);
    *strrchr(below, '/') = '\0';
    cr_expect_eq(rmdir(below), 0, "/run is empty after a boot");
    free(below);
    buf_fini(&why);
}

Test(pid_file, says_why_it_cannot_be_made)
{
    struct pid_file f = PID_FILE_NONE;
    struct buf why = { 0 };

    cr_expect_eq(pid_file_open(&f, "/tmp/no-such-folder-here/b/a.pid", &why), PID_FILE_FAILED);
    cr_expect_str_eq(buf_cstr(&why),
                     "pid_file /tmp/no-such-folder-here/b/a.pid: No such file or directory");
    why.n = 0;
    cr_expect_eq(pid_file_open(&f, "/dev/null", &why), PID_FILE_FAILED, "a device");
    buf_fini(&why);
}
