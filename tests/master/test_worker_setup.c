#include "master/worker_setup.h"

#include <criterion/criterion.h>

static void expect_names(const struct config *before, const struct config *after,
                         const char *expected)
{
    struct worker_setup setup;
    struct buf errors = { 0 }, names = { 0 };

    cr_assert(worker_setup_init(&setup, before, &errors), "%s", buf_cstr(&errors));
    worker_setup_compare(&setup, after, &names);
    cr_expect_str_eq(buf_cstr(&names), expected);
    worker_setup_fini(&setup);
    buf_fini(&errors);
    buf_fini(&names);
}

Test(worker_setup, names_what_is_new)
{
    const struct config bare = { 0 };
    const struct config full = {
        .user = "0", .group = "0", .no_new_privs = true, .rlimit_nofile = 100, .cpu_affinity = true
    };

    expect_names(&bare, &bare, "");
    expect_names(&full, &full, "");
    expect_names(&bare, &full,
                 "user, group, no_new_privs, worker_rlimit_nofile, worker_cpu_affinity");
    expect_names(&full, &bare,
                 "user, group, no_new_privs, worker_rlimit_nofile, worker_cpu_affinity");
}

Test(worker_setup, refuses_a_user_whom_nobody_knows)
{
    const struct config config = { .user = "no-such-user-here" };
    struct worker_setup setup;
    struct buf errors = { 0 };

    cr_expect(!worker_setup_init(&setup, &config, &errors));
    cr_expect(errors.n > 0);
    buf_fini(&errors);
}
