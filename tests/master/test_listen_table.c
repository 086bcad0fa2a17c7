#include "master/listen_table.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/master/listening.h"

TestSuite(listen_table, .init = listening_init, .fini = listening_fini);

static int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t len = sizeof(value);

    cr_assert_eq(getsockopt(fd, level, name, &value, &len), 0);
    return value;
}

static bool connects(const struct address *a)
{
    int fd = socket(a->sa.ss_family, SOCK_STREAM, 0);
    bool is_connected = connect(fd, (const struct sockaddr *)&a->sa, a->len) == 0;

    close(fd);
    return is_connected;
}

Test(listen_table, gives_each_slot_a_socket_on_the_same_port)
{
    WANT("127.0.0.1:0");
    change(3);
    cr_assert_eq(table.count, 1);
    cr_expect_neq(address_port(&table.rows[0].actual), 0);
    cr_expect_eq(address_port(&table.rows[0].configured), 0);
    for (unsigned slot = 0; slot < 3; slot++) {
        int fd = table.rows[0].fds[slot];
        struct address bound = { .len = sizeof(bound.sa) };

        cr_assert_geq(fd, 0);
        cr_assert_eq(getsockname(fd, (struct sockaddr *)&bound.sa, &bound.len), 0);
        cr_expect_eq(address_port(&bound), address_port(&table.rows[0].actual));
        cr_expect(option(fd, SOL_SOCKET, SO_ACCEPTCONN));
        cr_expect(option(fd, SOL_SOCKET, SO_REUSEPORT));
        cr_expect(option(fd, IPPROTO_TCP, TCP_NODELAY));
        cr_expect_gt(option(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT), 0);
        cr_expect(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        cr_expect(fcntl(fd, F_GETFL) & O_NONBLOCK);
    }
    cr_expect_eq(table.rows[0].fds[3], -1);
}

Test(listen_table, keeps_sockets_across_a_change_and_closes_what_is_gone)
{
    struct address old;
    int kept;

    WANT("127.0.0.1:0", "127.0.0.2:0");
    change(2);
    kept = table.rows[0].fds[1];
    old = table.rows[1].actual;
    cr_expect(connects(&old));
    WANT("127.0.0.3:0", "127.0.0.1:0");
    change(3);
    cr_assert_eq(table.count, 2);
    cr_expect_eq(table.rows[0].fds[1], kept);
    cr_expect_geq(table.rows[0].fds[2], 0, "a third slot was added");
    cr_expect_not(connects(&old));
    cr_expect(connects(&table.rows[1].actual));
}

Test(listen_table, queues_nothing_on_new_sockets_before_it_is_told_to)
{
    WANT("127.0.0.1:0");
    cr_assert(listen_table_prepare(&table, &config, 1, 0, &errors));
    cr_expect_not(connects(&table.rows[0].actual));
    cr_assert(listen_table_listen(&table, &config, &errors));
    cr_expect(connects(&table.rows[0].actual));
    listen_table_abort(&table);
    cr_expect_eq(table.count, 0);
}

Test(listen_table, undoes_an_aborted_change)
{
    int kept;

    WANT("127.0.0.1:0");
    change(1);
    kept = table.rows[0].fds[0];
    WANT("127.0.0.2:0");
    cr_assert(listen_table_prepare(&table, &config, 2, 0, &errors));
    listen_table_abort(&table);
    cr_assert_eq(table.count, 1);
    cr_expect_eq(table.rows[0].fds[0], kept);
    cr_expect_not(table.rows[0].is_going);
    cr_expect(connects(&table.rows[0].actual));
}

Test(listen_table, finds_another_server_that_reuse_port_would_hide)
{
    struct listen_table other = { 0 };
    char text[ADDRESS_TEXT_MAX];

    WANT("127.0.0.1:0");
    change(1);
    address_format(&table.rows[0].actual, text);
    WANT(text);
    cr_expect_not(listen_table_prepare(&other, &config, 1, 100, &errors));
    cr_expect_not_null(strstr(buf_cstr(&errors), "Address already in use"));
    cr_expect_not_null(strstr(buf_cstr(&errors), text));
    cr_expect_eq(other.count, 0);
    listen_table_fini(&other);
}

Test(listen_table, may_add_a_wildcard_on_a_port_of_its_own)
{
    char one[ADDRESS_TEXT_MAX], all[ADDRESS_TEXT_MAX];
    unsigned port;

    WANT("127.0.0.1:0");
    change(1);
    port = address_port(&table.rows[0].actual);
    listen_table_close(&table);
    snprintf(one, sizeof(one), "127.0.0.1:%u", port);
    snprintf(all, sizeof(all), "0.0.0.0:%u", port);
    WANT(one);
    change(1);
    WANT(all);
    change(1);
    cr_expect_eq(table.count, 1);
    cr_expect(connects(&table.rows[0].actual));
}

Test(listen_table, names_every_address_that_fails)
{
    /* Addresses for documentation (RFC 5737) that hardly a machine has. */
    WANT("198.51.100.1:0", "127.0.0.1:0", "203.0.113.1:0");
    cr_expect_not(listen_table_prepare(&table, &config, 1, 0, &errors));
    cr_expect_not_null(strstr(buf_cstr(&errors), "listen 198.51.100.1:0: Cannot assign"));
    cr_expect_not_null(strstr(buf_cstr(&errors), "listen 203.0.113.1:0: Cannot assign"));
    cr_expect_null(strstr(buf_cstr(&errors), "127.0.0.1"));
    cr_expect_eq(table.count, 0);
}

Test(listen_table, makes_one_unix_socket_for_all_slots_and_removes_its_file)
{
    char folder[] = "/tmp/remuda-listen-XXXXXX", path[64], text[80];
    struct bundle b = { 0 };
    struct stat st;

    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/s", folder);
    snprintf(text, sizeof(text), "unix:%s", path);
    WANT(text);
    change(3);
    cr_assert_eq(stat(path, &st), 0);
    cr_expect_eq(st.st_mode & 0777, 0666);
    listen_table_bundle(&table, 2, &b);
    cr_assert_eq(b.listener_count, 1);
    cr_expect_eq(b.listener_fds[0], table.rows[0].fds[0]);
    bundle_fini(&b);
    listen_table_close(&table);
    cr_expect_eq(stat(path, &st), -1);
    rmdir(folder);
}

Test(listen_table, takes_over_a_unix_socket_that_nobody_answers_on_only)
{
    char folder[] = "/tmp/remuda-listen-XXXXXX", path[64], text[80];
    struct listen_table other = { 0 };

    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/s", folder);
    snprintf(text, sizeof(text), "unix:%s", path);
    WANT(text);
    change(1);
    cr_expect_not(listen_table_prepare(&other, &config, 1, 0, &errors), "somebody answers");
    listen_table_fini(&other);
    listen_table_fini(&table); /* as a crash: the file stays */
    cr_assert_eq(access(path, F_OK), 0);
    change(1);
    cr_expect(connects(&table.rows[0].actual));
    listen_table_close(&table);
    cr_assert_eq(close(open(path, O_CREAT | O_WRONLY, 0600)), 0);
    cr_expect_not(listen_table_prepare(&table, &config, 1, 0, &errors), "a plain file");
    cr_expect_eq(access(path, F_OK), 0);
    unlink(path);
    rmdir(folder);
}

Test(listen_table, gives_a_slot_away_and_closes_the_rest)
{
    struct bundle b = { 0 };
    int given, other;

    WANT("127.0.0.1:0");
    change(2);
    listen_table_bundle(&table, 1, &b);
    given = b.listener_fds[0];
    other = table.rows[0].fds[0];
    listen_table_give(&table, 1);
    listen_table_fini(&table);
    cr_expect_neq(fcntl(given, F_GETFD), -1);
    cr_expect_eq(fcntl(other, F_GETFD), -1);
    close(given);
    bundle_fini(&b);
}

Test(listen_table, forgets_a_slot_and_opens_it_anew)
{
    WANT("127.0.0.1:0");
    change(2);
    listen_table_close_slot(&table, 1);
    cr_expect_eq(table.rows[0].fds[1], -1);
    cr_expect_geq(table.rows[0].fds[0], 0);
    change(2);
    cr_expect_geq(table.rows[0].fds[1], 0);
}
