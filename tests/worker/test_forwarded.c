#include "worker/forwarded.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "common/buf.h"
#include "tests/worker/rows_forwarded.h"

Test(forwarded, reads_the_last_element)
{
    for (size_t i = 0; i < FORWARDED_ROW_COUNT; i++) {
        const struct forwarded_row *row = &forwarded_rows[i];
        size_t n = strlen(row->list);
        char *copy = malloc(n + (n == 0)), text[ADDRESS_TEXT_MAX] = "";
        struct str list = { memcpy(copy, row->list, n), n };
        struct address address;
        enum forwarded_node node = forwarded_cut_last(&list, row->header, &address);

        if (node == FORWARDED_ADDRESS)
            address_format_host((struct sockaddr *)&address.sa, text);
        cr_expect_eq(node,
                     row->address == NULL      ? FORWARDED_UNKNOWN
                     : row->address[0] == '\0' ? FORWARDED_END
                                               : FORWARDED_ADDRESS,
                     "%s: %d", row->why, node);
        cr_expect_str_eq(text, row->address != NULL ? row->address : "", "%s", row->why);
        cr_expect(row->rest == NULL ? list.p == NULL || list.n == 0
                                    : list.p != NULL && str_eq(list, str_of(row->rest)),
                  "%s: left \"%.*s\"", row->why, STR_ARG(list));
        free(copy);
    }
}

static void add_field(struct request *req, const char *name, const char *value)
{
    req->fields[req->field_count++] =
        (struct field){ str_of(name), str_of(value), (uint32_t)request_field_id(str_of(name)) };
}

static struct network_list networks(const char *text, struct cidr room[8])
{
    struct network_list list = { room, 0 };
    struct str rest = str_of(text);
    const char *why;

    while (rest.p != NULL)
        cr_assert(cidr_parse(str_cut(&rest, ' '), &room[list.count++], &why));
    return list;
}

Test(forwarded, finds_the_last_client_that_is_no_trusted_proxy)
{
    static const struct {
        const char *why, *peer, *lines[3][2], *client; /* client NULL: the peer */
        enum real_ip_header header;
    } rows[] = {
        { "the peer is not trusted", "192.0.2.9", { { "X-Forwarded-For", "1.1.1.1" } }, NULL, 1 },
        { "no field", "10.0.0.1", { { "X-Other", "1.1.1.1" } }, NULL, 1 },
        { "one proxy", "10.0.0.1", { { "x-forwarded-for", "192.0.2.1" } }, "192.0.2.1", 1 },
        { "what the client made up stands left of it",
          "10.0.0.1",
          { { "X-Forwarded-For", "1.1.1.1, 192.0.2.1" } },
          "192.0.2.1",
          1 },
        { "two proxies",
          "10.0.0.1",
          { { "X-Forwarded-For", "1.1.1.1, 192.0.2.1, 10.0.0.2" } },
          "192.0.2.1",
          1 },
        { "several lines are one list (RFC 9110, 5.3)",
          "10.0.0.1",
          { { "X-Forwarded-For", "1.1.1.1" },
            { "X-Forwarded-For", "192.0.2.1" },
            { "X-Forwarded-For", "10.0.0.2" } },
          "192.0.2.1",
          1 },
        { "all are trusted: the first one",
          "10.0.0.1",
          { { "X-Forwarded-For", "10.0.0.3, 10.0.0.2" } },
          "10.0.0.3",
          1 },
        { "a proxy that does not know: it is the client",
          "10.0.0.1",
          { { "X-Forwarded-For", "192.0.2.1, unknown, 10.0.0.2" } },
          "10.0.0.2",
          1 },
        { "our proxy says nonsense: it is the client",
          "10.0.0.1",
          { { "X-Forwarded-For", "192.0.2.1, x" } },
          NULL,
          1 },
        { "the other field counts for nothing",
          "10.0.0.1",
          { { "Forwarded", "for=1.1.1.1" }, { "X-Forwarded-For", "192.0.2.1" } },
          "192.0.2.1",
          1 },
        { "Forwarded",
          "10.0.0.1",
          { { "Forwarded", "for=1.1.1.1, for=192.0.2.1;proto=http, For=\"10.0.0.2:80\"" },
            { "X-Forwarded-For", "2.2.2.2" } },
          "192.0.2.1",
          2 },
        { "X-Real-IP", "10.0.0.1", { { "X-Real-IP", "192.0.2.1" } }, "192.0.2.1", 3 },
        { "X-Real-IP twice: our proxy's is the last",
          "10.0.0.1",
          { { "X-Real-IP", "1.1.1.1" }, { "X-Real-IP", "192.0.2.1" } },
          "192.0.2.1",
          3 },
        { "X-Real-IP is no list", "10.0.0.1", { { "X-Real-IP", "1.1.1.1, 192.0.2.1" } }, NULL, 3 },
        { "off", "10.0.0.1", { { "X-Forwarded-For", "192.0.2.1" } }, NULL, 0 },
        { "an IPv6 proxy and client",
          "::1",
          { { "X-Forwarded-For", "2001:db8::1" } },
          "2001:db8::1",
          1 },
        { "a mapped proxy",
          "::ffff:10.0.0.1",
          { { "X-Forwarded-For", "192.0.2.1, ::ffff:a00:2" } },
          "192.0.2.1",
          1 },
    };
    static struct request req;
    struct cidr room[8];
    struct network_list trusted = networks("10.0.0.0/8 ::1", room);

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
        struct sockaddr_in in = { .sin_family = AF_INET };
        bool is_ipv4 = inet_pton(AF_INET, rows[i].peer, &in.sin_addr) == 1;
        struct address client;
        char text[ADDRESS_TEXT_MAX] = "";

        inet_pton(AF_INET6, rows[i].peer, &in6.sin6_addr);
        req.field_count = 0;
        add_field(&req, "Host", "a");
        for (int j = 0; j < 3 && rows[i].lines[j][0] != NULL; j++)
            add_field(&req, rows[i].lines[j][0], rows[i].lines[j][1]);
        if (forwarded_client(&req, rows[i].header, &trusted,
                             is_ipv4 ? (struct sockaddr *)&in : (struct sockaddr *)&in6, &client))
            address_format_host((struct sockaddr *)&client.sa, text);
        cr_expect_str_eq(text, rows[i].client != NULL ? rows[i].client : "", "%s", rows[i].why);
    }
}

Test(forwarded, looks_at_so_many_hops_and_no_more)
{
    static struct request req;
    struct cidr room[8];
    struct network_list trusted = networks("10.0.0.0/8", room);
    struct sockaddr_in peer = { .sin_family = AF_INET, .sin_addr = { htonl(0x0a000001) } };
    struct buf list = { 0 };
    struct address client;
    char text[ADDRESS_TEXT_MAX];

    buf_add(&list, STR("192.0.2.1"));
    for (int i = 1; i < FORWARDED_HOPS_MAX; i++)
        buf_add(&list, STR(", 10.0.0.7"));
    add_field(&req, "X-Forwarded-For", buf_cstr(&list));
    cr_assert(forwarded_client(&req, REAL_IP_X_FORWARDED_FOR, &trusted, (struct sockaddr *)&peer,
                               &client));
    address_format_host((struct sockaddr *)&client.sa, text);
    cr_expect_str_eq(text, "192.0.2.1");

    buf_add(&list, STR(", 10.0.0.7"));
    req.field_count = 0;
    add_field(&req, "X-Forwarded-For", buf_cstr(&list));
    cr_assert(forwarded_client(&req, REAL_IP_X_FORWARDED_FOR, &trusted, (struct sockaddr *)&peer,
                               &client));
    address_format_host((struct sockaddr *)&client.sa, text);
    cr_expect_str_eq(text, "10.0.0.7");
    buf_fini(&list);
}
