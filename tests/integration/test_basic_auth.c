/* Users and passwords. */
#include <criterion/criterion.h>
#include <crypt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/client.h"

TestSuite(basic_auth, .timeout = 40);

#define CONFIG                                       \
    "access_log: access.log\naccess_log_buffer: 0\n" \
    "auth_basic_user_file: users\n"                  \
    "routes:\n"                                      \
    "  - {path: /in, auth_basic: 'Sta\"ff'}\n"       \
    "  - {path: /in/open, auth_basic: off}\n"

/* A line for the users' file, of the cheapest hash of its kind. */
static void add_user(struct buf *file, const char *user, const char *password, const char *kind,
                     unsigned long cost)
{
    char setting[CRYPT_GENSALT_OUTPUT_SIZE];
    static struct crypt_data data;

    cr_assert_not_null(crypt_gensalt_rn(kind, cost, NULL, 0, setting, sizeof(setting)));
    buf_printf(file, "%s:%s\n", user, crypt_r(password, setting, &data));
}

static void write_users(const struct server *s, const char *annas_password)
{
    struct buf file = { 0 };

    add_user(&file, "anna", annas_password, "$y$", 1);
    add_user(&file, "bob", "b\xc3\xb6 b:", "$2y$", 4);
    add_user(&file, "carl c", "c", "$6$", 1000);
    add_user(&file, "dora", "d", "$5$", 1000);
    server_file(s, "users", buf_cstr(&file));
    buf_fini(&file);
}

static void field_of(char *field, size_t size, const char *credentials)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t n = strlen(credentials), at = (size_t)snprintf(field, size, "Authorization: Basic ");

    for (size_t i = 0; i < n; i += 3) {
        unsigned bits = 0;

        for (size_t j = 0; j < 3; j++)
            bits = bits << 8 | (i + j < n ? (unsigned char)credentials[i + j] : 0);
        for (size_t j = 0; j < 4; j++)
            field[at++] = i + j > n ? '=' : digits[bits >> (18 - 6 * j) & 63];
    }
    snprintf(field + at, size - at, "\r\n");
}

static int status_as(const struct server *s, const char *target, const char *credentials)
{
    char field[256] = "";
    struct response r;
    int status;

    if (credentials != NULL)
        field_of(field, sizeof(field), credentials);
    fetch(s, &r, "GET", target, field);
    status = r.status;
    response_fini(&r);
    return status;
}

Test(basic_auth, lets_in_who_knows_the_password)
{
    static const struct {
        const char *why, *target, *credentials;
        int status;
    } rows[] = {
        { "nothing is asked", "/", NULL, 200 },
        { "nothing is asked, and a wrong one sent", "/", "anna:x", 200 },
        { "yescrypt", "/in/", "anna:a", 200 },
        { "remembered", "/in/", "anna:a", 200 },
        { "wrong", "/in/", "anna:b", 401 },
        { "wrong, remembered", "/in/", "anna:b", 401 },
        { "right again", "/in/", "anna:a", 200 },
        { "bcrypt, UTF-8, a blank and a colon", "/in/", "bob:b\xc3\xb6 b:", 200 },
        { "sha512", "/in/", "carl c:c", 200 },
        { "sha256", "/in/", "dora:d", 200 },
        { "another's password", "/in/", "dora:c", 401 },
        { "nobody", "/in/", "nobody:a", 401 },
        { "nobody, remembered", "/in/", "nobody:a", 401 },
        { "nobody with the first one's password", "/in/", "eve:a", 401 },
        { "an empty password", "/in/", "anna:", 401 },
        { "a prefix of the name", "/in/", "ann:a", 401 },
        { "none", "/in/", NULL, 401 },
        { "whether there is a file is not told", "/in/none", NULL, 401 },
        { "but to users", "/in/none", "anna:a", 404 },
        { "off in a route", "/in/open/", NULL, 200 },
    };
    struct server s;

    server_open(&s);
    write_users(&s, "a");
    server_file(&s, "root/in/index.html", "in");
    server_file(&s, "root/in/open/index.html", "open");
    server_start(&s, "workers: 1\n" CONFIG);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        cr_expect_eq(status_as(&s, rows[i].target, rows[i].credentials), rows[i].status, "%s",
                     rows[i].why);
    cr_expect(file_wait(server_path(&s, "access.log"), 0, "127.0.0.1 - anna [", DEADLINE_MS));
    cr_expect(file_wait(server_path(&s, "access.log"), 0, "127.0.0.1 - carl\\x20c [", DEADLINE_MS));
    cr_expect(file_wait(server_path(&s, "access.log"), 0, "127.0.0.1 - - [", DEADLINE_MS));
    server_close(&s);
}

Test(basic_auth, says_what_it_wants_and_keeps_the_connection)
{
    struct server s;
    struct client c;
    struct response r;
    char field[256];

    server_open(&s);
    write_users(&s, "a");
    server_file(&s, "root/in/index.html", "in");
    server_start(&s, CONFIG);
    client_open(&c, &s);
    client_ask(&c, &r, "GET", "/in/", NULL);
    cr_expect_eq(r.status, 401);
    cr_expect(
        response_field_is(&r, "WWW-Authenticate", "Basic realm=\"Sta\\\"ff\", charset=\"UTF-8\""));
    response_fini(&r);
    field_of(field, sizeof(field), "anna:a");
    client_ask(&c, &r, "GET", "/in/", field);
    cr_expect_eq(r.status, 200);
    cr_expect_eq(response_field_count(&r, "WWW-Authenticate"), 0);
    response_fini(&r);
    client_ask(&c, &r, "HEAD", "/in/", "Authorization: Bearer x\r\n");
    response_fini(&r);
    client_close(&c);
    server_close(&s);
}

/* Both wait for one hash, the second request and another connection behind it. */
Test(basic_auth, answers_pipelined_requests_in_order_while_it_hashes)
{
    struct server s;
    struct client c, impatient;
    struct buf users = { 0 };
    char field[256], request[1024];

    server_open(&s);
    add_user(&users, "anna", "a", "$2y$", 9);
    server_file(&s, "users", buf_cstr(&users));
    server_file(&s, "root/in/index.html", "in");
    server_start(&s, "workers: 1\n" CONFIG);
    field_of(field, sizeof(field), "anna:a");
    snprintf(request, sizeof(request),
             "GET /in/ HTTP/1.1\r\nHost: a\r\n%s\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", field);
    client_open(&impatient, &s);
    client_send_text(&impatient, request);
    client_open(&c, &s);
    client_send_text(&c, request);
    client_reset(&impatient); /* who waits may go */
    for (int i = 0; i < 2; i++) {
        struct response r;

        cr_expect(client_read(&c, &r, false), "%d: %s", i, r.failure);
        cr_expect(response_body_is(&r, i == 0 ? "in" : "hello\n"));
        response_fini(&r);
    }
    client_close(&c);
    buf_fini(&users);
    server_close(&s);
}

Test(basic_auth, goes_by_the_file_that_the_last_reload_found)
{
    struct server s;
    struct buf output = { 0 };

    server_open(&s);
    write_users(&s, "a");
    server_file(&s, "root/in/index.html", "in");
    server_start(&s, "workers: 1\n" CONFIG);
    cr_expect_eq(status_as(&s, "/in/", "anna:a"), 200);
    write_users(&s, "new");
    cr_expect_eq(status_as(&s, "/in/", "anna:a"), 200, "not before the reload");
    cr_expect_eq(status_as(&s, "/in/", "anna:new"), 401);
    server_reload(&s, "workers: 1\n" CONFIG);
    cr_expect_eq(status_as(&s, "/in/", "anna:a"), 401, "what is remembered is of the old hash");
    cr_expect_eq(status_as(&s, "/in/", "anna:new"), 200);

    server_file(&s, "users", "anna:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n");
    cr_expect_eq(server_verb(&s, "reload", &output), 1);
    cr_expect(strstr(buf_cstr(&output), "users:1: SHA-1 hashes") != NULL, "%s", buf_cstr(&output));
    cr_expect_eq(status_as(&s, "/in/", "anna:new"), 200, "the old ones stay");
    buf_fini(&output);
    server_close(&s);
}

/* Asks for what users may see; `fields` are further lines. */
static void send_as(struct client *c, const char *credentials, const char *fields)
{
    char field[256], request[512];

    field_of(field, sizeof(field), credentials);
    snprintf(request, sizeof(request), "GET /in/ HTTP/1.1\r\nHost: a\r\n%s%s\r\n", field, fields);
    client_send_text(c, request);
}

/* Counts the answers by status. */
static void read_verdicts(struct client *clients, int count, int *busy, int *bad)
{
    *busy = *bad = 0;
    for (int i = 0; i < count; i++) {
        struct response r;

        cr_expect(client_read(&clients[i], &r, false), "%d: %s", i, r.failure);
        *busy += r.status == 503 && response_field_is(&r, "Retry-After", "1");
        *bad += r.status == 401;
        response_fini(&r);
        client_close(&clients[i]);
    }
}

/* Opens connections that guess, `each` from an address. */
static void guess_from(const struct server *s, struct client *clients, int count, int each)
{
    for (int i = 0; i < count; i++) {
        char guess[32], from[64];

        snprintf(guess, sizeof(guess), "anna:%d", i);
        snprintf(from, sizeof(from), "X-Forwarded-For: 192.0.2.%d\r\n", i / each);
        client_open(&clients[i], s);
        send_as(&clients[i], guess, from);
    }
}

/* Slow hashes and more guesses than may wait: the rest hears so at once. */
Test(basic_auth, says_503_when_too_many_wait)
{
    enum { GUESSES = 40 };
    struct server s;
    struct client clients[GUESSES];
    struct buf users = { 0 };
    int busy, bad;

    server_open(&s);
    add_user(&users, "anna", "a", "$2y$", 9);
    server_file(&s, "users", buf_cstr(&users));
    server_start(&s, "workers: 1\ntrusted_proxies: 127.0.0.1\n" CONFIG);
    guess_from(&s, clients, GUESSES, 1);
    read_verdicts(clients, GUESSES, &busy, &bad);
    cr_expect_eq(busy + bad, GUESSES);
    cr_expect_geq(busy, 1);
    cr_expect_geq(bad, 32);
    buf_fini(&users);
    server_close(&s);
}

/* One that guessed on many connections filled the queue, and those who know were sent away. */
Test(basic_auth, says_503_to_the_one_who_guesses_and_not_to_others)
{
    enum { GUESSES = 40 };
    struct server s;
    struct client clients[GUESSES], user;
    struct buf users = { 0 };
    struct response r;
    int busy, bad;

    server_open(&s);
    add_user(&users, "anna", "a", "$2y$", 11);
    server_file(&s, "users", buf_cstr(&users));
    server_file(&s, "root/in/index.html", "in");
    server_start(&s, "workers: 1\ntrusted_proxies: 127.0.0.1\n" CONFIG);
    guess_from(&s, clients, GUESSES, GUESSES);
    client_open(&user, &s);
    send_as(&user, "anna:a", "X-Forwarded-For: 198.51.100.7\r\n");
    cr_expect(client_read(&user, &r, false));
    cr_expect_eq(r.status, 200);
    response_fini(&r);
    client_close(&user);
    read_verdicts(clients, GUESSES, &busy, &bad);
    cr_expect_eq(busy + bad, GUESSES);
    cr_expect_geq(bad, 4);
    cr_expect_geq(busy, GUESSES / 2, "%d of them waited", bad);
    buf_fini(&users);
    server_close(&s);
}

/* Reading folders stood in one queue with the hashing of what strangers guessed. */
Test(basic_auth, does_not_keep_listings_waiting)
{
    enum { GUESSES = 4 };
    struct server s;
    struct client clients[GUESSES];
    struct buf users = { 0 };

    server_open(&s);
    add_user(&users, "anna", "a", "$2y$", 12);
    server_file(&s, "users", buf_cstr(&users));
    server_file(&s, "root/list/x.txt", "x");
    server_start(&s, "workers: 1\nlisting: on\n" CONFIG);
    for (int i = 0; i < GUESSES; i++) {
        char guess[32];

        snprintf(guess, sizeof(guess), "anna:%d", i);
        client_open(&clients[i], &s);
        send_as(&clients[i], guess, "");
    }
    cr_expect_eq(fetch_status(&s, "/list/"), 200);
    cr_expect(client_is_quiet(&clients[GUESSES - 1]), "the listing came after all the hashes");
    for (int i = 0; i < GUESSES; i++)
        client_close(&clients[i]);
    buf_fini(&users);
    server_close(&s);
}

/* Unknown users are tried against somebody's hash, and that somebody's answer is remembered. */
Test(basic_auth, forgets_a_user_whose_hash_went_to_another)
{
    struct server s;
    struct buf users = { 0 };

    server_open(&s);
    add_user(&users, "anna", "a", "$5$", 1000);
    server_file(&s, "users", buf_cstr(&users));
    server_file(&s, "root/in/index.html", "in");
    server_start(&s, "workers: 1\n" CONFIG);
    cr_expect_eq(status_as(&s, "/in/", "anna:a"), 200);
    memcpy(users.p, "bert", 4);
    server_file(&s, "users", buf_cstr(&users));
    server_reload(&s, "workers: 1\n" CONFIG);
    cr_expect_eq(status_as(&s, "/in/", "anna:a"), 401);
    cr_expect_eq(status_as(&s, "/in/", "bert:a"), 200);
    buf_fini(&users);
    server_close(&s);
}
