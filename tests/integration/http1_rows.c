#include "tests/integration/http1_rows.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/integration/client.h"

/* A close follows the answer at once; lingering comes behind the FIN. */
enum { CLOSE_MS = 1000 * SLOWNESS };

static const char probe[] =
    "GET /probe.txt HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

static bool status_is_in(int status, const char *statuses)
{
    char text[16];

    snprintf(text, sizeof(text), "%d", status);
    return strstr(statuses, status == 0 ? "-" : text) != NULL;
}

static void judge_stays(struct client *c, const struct http1_row *row, const char *how)
{
    struct response r;

    client_send(c, probe, sizeof(probe) - 1);
    cr_expect(client_read(c, &r, false) && r.status == 200 && response_body_is(&r, "probe"),
              "%s (%s): the next request got %d %s", row->why, how, r.status,
              r.failure ? r.failure : "");
    response_fini(&r);
}

static void judge_closes(struct client *c, const struct http1_row *row, const char *how)
{
    enum client_end end = client_read_to_end(c, CLOSE_MS);

    cr_expect(end == CLIENT_FIN, "%s (%s): %s instead of a close", row->why, how,
              end == CLIENT_RST ? "a reset" : "nothing");
    cr_expect(c->in.n == c->taken, "%s (%s): %zu bytes behind the answer: %.60s", row->why, how,
              c->in.n - c->taken, c->in.p + c->taken);
}

static void judge(const struct server *s, const struct http1_row *row, size_t piece)
{
    const char *how = piece == 1 ? "byte by byte" : "at once";
    bool is_head = row->n > 5 && memcmp(row->bytes, "HEAD ", 5) == 0;
    struct response r = { 0 };
    struct client c;
    bool is_expected;

    client_open(&c, s);
    client_send_cut(&c, row->bytes, row->n, piece, 1, 0);
    do
        response_fini(&r);
    while (client_read(&c, &r, is_head) && r.status == 100);
    is_expected = status_is_in(r.status, row->statuses);
    cr_expect(is_expected, "%s (%s): got %d %s, expected %s", row->why, how, r.status,
              r.failure ? r.failure : "", row->statuses);
    cr_expect(r.failure == NULL || (r.status == 0 && c.end == CLIENT_FIN), "%s (%s): %s", row->why,
              how, r.failure);
    if (row->after == STAYS && is_expected)
        judge_stays(&c, row, how);
    else if (row->after == CLOSES && is_expected)
        judge_closes(&c, row, how);
    response_fini(&r);
    client_close(&c);
}

void http1_rows_judge(const struct http1_row *rows, size_t count)
{
    struct server s;

    server_open(&s);
    server_file(&s, "root/probe.txt", "probe");
    server_file(&s, "root/dir/index.html", "dir");
    server_start(&s, "");
    for (size_t i = 0; i < count; i++) {
        judge(&s, &rows[i], rows[i].n);
        judge(&s, &rows[i], 1);
    }
    server_close(&s);
}
