#include "master/lines.h"

#include <criterion/criterion.h>

Test(lines, keeps_each_line_once_however_many_workers_say_it)
{
    struct buf lines = { 0 };

    lines_add_once(&lines, "root /a: No such file or directory");
    lines_add_once(&lines, "root /ab: No such file or directory");
    lines_add_once(&lines, "root /a: No such file or directory");
    lines_add_once(&lines, "root /a");
    cr_expect_str_eq(buf_cstr(&lines), "root /a: No such file or directory\n"
                                       "root /ab: No such file or directory\n"
                                       "root /a\n");
    buf_fini(&lines);
}
