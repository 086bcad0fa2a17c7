#include "common/memfd.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <unistd.h>

Test(memfd, is_read_whole_whatever_was_read_before)
{
    struct buf text = { 0 }, got = { 0 };
    char some[100];
    int fd;

    for (unsigned i = 0; i < 50000; i++)
        buf_printf(&text, "%u\n", i);
    fd = memfd_of("test", buf_str(&text));
    cr_assert_geq(fd, 0);
    cr_assert_eq(pread(fd, some, sizeof(some), 5), (ssize_t)sizeof(some));
    cr_assert_eq(lseek(fd, 1000, SEEK_SET), 1000);
    buf_add(&got, STR("before "));
    cr_assert_eq(memfd_read(fd, text.n, &got), 0);
    cr_expect(str_eq(str_range(got.p + 7, got.p + got.n), buf_str(&text)));
    cr_expect_eq(lseek(fd, 0, SEEK_CUR), 1000);
    buf_fini(&got);
    buf_fini(&text);
    close(fd);
}

Test(memfd, is_not_read_when_it_is_too_long_or_something_else)
{
    struct buf got = { 0 };
    int pair[2], fd = memfd_of("test", STR("12345"));

    cr_expect_eq(memfd_read(fd, 4, &got), -1);
    cr_expect_eq(errno, EFBIG);
    cr_assert_eq(pipe(pair), 0);
    cr_expect_eq(memfd_read(pair[0], 4, &got), -1);
    cr_expect_eq(errno, EPROTO);
    cr_expect_eq(memfd_read(-1, 4, &got), -1);
    cr_expect_eq(errno, EBADF);
    cr_expect_eq(got.n, 0);
    buf_fini(&got);
    close(pair[0]);
    close(pair[1]);
    close(fd);
}
