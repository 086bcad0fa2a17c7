#include "master/handoff.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) != -1;
}

Test(handoff, gives_back_what_was_written)
{
    struct handoff h = { .count = 0 }, taken;
    struct handoff_line *line;
    struct str rest;
    size_t at = 0;
    int a = dup(1), b = dup(1), memfd;

    handoff_add(&h, "tcp", a, "%u %s", 0u, "127.0.0.1:8080");
    handoff_add(&h, "number", -1, "%d", 7);
    handoff_add(&h, "tcp", b, "%u %s", 1u, "127.0.0.1:8080");
    memfd = handoff_write(&h);
    cr_assert_geq(memfd, 0);
    cr_assert_eq(handoff_pass(&h, memfd), 0);
    handoff_fini(&h, false);

    cr_assert(handoff_take(&taken));
    cr_expect_null(getenv("REMUDA_HANDOFF"), "workers and their children must not find it");
    cr_expect(!is_open(memfd), "the table itself is closed");
    cr_expect_eq(fcntl(a, F_GETFD), FD_CLOEXEC);
    line = handoff_next(&taken, "tcp", &at);
    cr_assert_not_null(line);
    cr_expect_eq(line->fd, a);
    cr_expect(str_eq(line->rest, STR("0 127.0.0.1:8080")));
    line = handoff_next(&taken, "tcp", &at);
    cr_assert_not_null(line);
    cr_expect_eq(line->fd, b);
    cr_expect_null(handoff_next(&taken, "tcp", &at));
    cr_expect_eq(handoff_fd(&taken, "number", &rest), -1);
    cr_expect(str_eq(rest, STR("7")));
    cr_expect_eq(handoff_fd(&taken, "nothing", &rest), -1);
    cr_expect_null(rest.p);
    handoff_fini(&taken, true);
    cr_expect(!is_open(a) && !is_open(b), "what nobody took is closed");
}

Test(handoff, lets_who_takes_a_descriptor_keep_it)
{
    struct handoff h = { .count = 0 };
    struct str rest;
    int fd = dup(1);

    handoff_add(&h, "pid_file", fd, "/run/a b.pid");
    cr_assert(handoff_parse(&h));
    cr_expect_eq(handoff_fd(&h, "pid_file", &rest), fd);
    cr_expect(str_eq(rest, STR("/run/a b.pid")));
    cr_expect_eq(handoff_fd(&h, "pid_file", &rest), -1, "it is the caller's");
    handoff_fini(&h, true);
    cr_expect(is_open(fd));
    close(fd);
}

Test(handoff, refuses_what_is_no_table)
{
    static const char *const rows[] = { "",
                                        "remuda-handoff 2\n",
                                        "tcp 3 x\n",
                                        "remuda-handoff 1\ntcp\n",
                                        "remuda-handoff 1\ntcp 3\n",
                                        "remuda-handoff 1\ntcp x y\n" };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct handoff h = { .count = 0 };

        buf_printf(&h.text, "%s", rows[i]);
        cr_expect(!handoff_parse(&h), "%s", rows[i]);
        handoff_fini(&h, false);
    }
}

Test(handoff, starts_as_ever_where_nothing_was_left)
{
    struct handoff h;

    cr_expect(!handoff_take(&h));
    setenv("REMUDA_HANDOFF", "nonsense", 1);
    cr_expect(!handoff_take(&h));
    cr_expect_null(getenv("REMUDA_HANDOFF"));
    setenv("REMUDA_HANDOFF", "0", 1);
    cr_expect(!handoff_take(&h));
}
