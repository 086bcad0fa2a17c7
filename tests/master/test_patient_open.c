#include "master/patient_open.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/remuda-open-XXXXXX";
static char path[64];

static void set_up(void)
{
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/file", folder);
}

static void tear_down(void)
{
    unlink(path);
    rmdir(folder);
}

TestSuite(patient_open, .init = set_up, .fini = tear_down, .timeout = 60);

Test(patient_open, opens_and_says_why_it_cannot)
{
    unsigned ms = 10000;
    struct stat st;
    int fd = patient_open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0640, &ms);

    cr_assert_geq(fd, 0);
    cr_expect_gt(ms, 5000);
    cr_expect_leq(ms, 10000);
    cr_expect_eq(fstat(fd, &st), 0);
    cr_expect_eq(st.st_mode & 0777, 0640);
    close(fd);
    cr_expect_lt(patient_open("/no/such/folder/file", O_RDONLY, 0, &ms), 0);
    cr_expect_eq(errno, ENOENT);
}

/* A FIFO that nobody reads: open(2) waits, as it does on a disk that does not answer. */
Test(patient_open, gives_up_and_closes_what_comes_later)
{
    unsigned ms = 50;
    char byte;
    int reader;

    cr_assert_eq(mkfifo(path, 0600), 0);
    cr_expect_lt(patient_open(path, O_WRONLY | O_CLOEXEC, 0, &ms), 0);
    cr_expect_eq(errno, ETIMEDOUT);
    cr_expect_eq(ms, 0);
    reader = open(path, O_RDONLY);
    cr_assert_geq(reader, 0);
    cr_expect_eq(read(reader, &byte, 1), 0, "it was closed");
    close(reader);
}
