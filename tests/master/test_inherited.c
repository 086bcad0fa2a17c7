#include "master/inherited.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/master/listening.h"

TestSuite(inherited, .init = listening_init, .fini = listening_fini);

static bool connects(const struct address *a)
{
    int fd = socket(a->sa.ss_family, SOCK_STREAM, 0);
    bool is_connected = connect(fd, (const struct sockaddr *)&a->sa, a->len) == 0;

    close(fd);
    return is_connected;
}

/* What the former master writes, as its heir reads it: with descriptors of its own. */
static void hand_over(struct handoff *h)
{
    inherited_write(&table, h);
    cr_assert(handoff_parse(h));
    for (size_t i = 0; i < h->count; i++)
        h->lines[i].fd = dup(h->lines[i].fd);
}

Test(inherited, hands_its_sockets_to_an_heir_that_opens_what_is_missing)
{
    char folder[] = "/tmp/remuda-heir-XXXXXX", path[64], text[80];
    struct handoff h = { .count = 0 };
    struct listen_table heir = { .count = 0 };
    unsigned port;

    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/s", folder);
    snprintf(text, sizeof(text), "unix:%s", path);
    WANT(text, "127.0.0.1:0");
    change(2);
    port = address_port(&table.rows[1].actual);
    hand_over(&h);
    cr_assert_eq(h.count, 3);
    inherited_take(&heir, &h);
    handoff_fini(&h, true);
    cr_assert(listen_table_prepare(&heir, &config, 3, 0, &errors), "%s", buf_cstr(&errors));
    cr_assert(listen_table_listen(&heir, &config, &errors), "%s", buf_cstr(&errors));
    listen_table_commit_lent(&heir);
    cr_assert_eq(heir.count, 2);
    cr_expect_eq(address_port(&heir.rows[1].actual), port, "port 0 was chosen once");
    for (unsigned slot = 0; slot < 3; slot++)
        cr_expect_geq(heir.rows[1].fds[slot], 0);
    listen_table_close(&heir);
    cr_expect_eq(access(path, F_OK), 0, "an heir that fails takes no file away");
    cr_expect(connects(&table.rows[0].actual));
    listen_table_close(&table);
    rmdir(folder);
}

Test(inherited, lets_an_heir_own_what_it_wants_and_drop_the_rest)
{
    char folder[] = "/tmp/remuda-heir-XXXXXX", path[64], text[80];
    struct handoff h = { .count = 0 };
    struct listen_table heir = { .count = 0 };

    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/s", folder);
    snprintf(text, sizeof(text), "unix:%s", path);
    WANT(text, "127.0.0.1:0");
    change(1);
    hand_over(&h);
    inherited_take(&heir, &h);
    handoff_fini(&h, true);
    WANT("127.0.0.1:0");
    cr_assert(listen_table_prepare(&heir, &config, 1, 0, &errors), "%s", buf_cstr(&errors));
    listen_table_commit_lent(&heir);
    cr_expect_eq(access(path, F_OK), 0, "the former still listens there");
    listen_table_fini(&table);
    listen_table_own(&heir);
    cr_expect_eq(heir.count, 1);
    cr_expect_eq(access(path, F_OK), -1);
    cr_expect(connects(&heir.rows[0].actual));
    listen_table_close(&heir);
    rmdir(folder);
}

Test(inherited, ignores_lines_that_make_no_sense)
{
    static const char text[] = "remuda-handoff 1\ntcp -1 0 127.0.0.1:80\ntcp 0 x 127.0.0.1:80\n"
                               "tcp 0 5000 127.0.0.1:80\nunix 0 1 2 127.0.0.1:80\n"
                               "tcp 0 0 nowhere\nunix 0 1 2\n";
    struct handoff h = { .count = 0 };

    buf_printf(&h.text, "%s", text);
    cr_assert(handoff_parse(&h));
    inherited_take(&table, &h);
    cr_expect_eq(table.count, 0);
    for (size_t i = 0; i < h.count; i++)
        cr_expect_eq(h.lines[i].fd, i == 0 ? -1 : 0, "line %zu is taken", i);
    handoff_fini(&h, false);
}
