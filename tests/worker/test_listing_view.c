#include "worker/listing_view.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static const struct {
    const char *why, *query, *accept; /* NULL: not sent; a '|' in accept: a line more */
    enum listing_sort sort;
    bool is_descending, is_json;
} rows[] = {
    { "nothing asked", NULL, NULL, LISTING_BY_NAME, false, false },
    { "empty query", "", NULL, LISTING_BY_NAME, false, false },
    { "by size: the largest first", "sort=size", NULL, LISTING_BY_SIZE, true, false },
    { "by date: the newest first", "sort=date", NULL, LISTING_BY_DATE, true, false },
    { "up", "sort=size&order=asc", NULL, LISTING_BY_SIZE, false, false },
    { "names down", "order=desc", NULL, LISTING_BY_NAME, true, false },
    { "in any order", "order=asc&x=y&sort=date", NULL, LISTING_BY_DATE, false, false },
    { "words nobody knows", "sort=colour&order=up&format=xml", NULL, LISTING_BY_NAME, false,
      false },
    { "no values", "sort&order&format", NULL, LISTING_BY_NAME, false, false },
    { "JSON by query", "format=json", "text/html", LISTING_BY_NAME, false, true },
    { "HTML by query", "format=html", "application/json", LISTING_BY_NAME, false, false },

    { "JSON, RFC 9110 12.5.1", NULL, "application/json", LISTING_BY_NAME, false, true },
    { "in any case", NULL, "Application/JSON", LISTING_BY_NAME, false, true },
    { "curl", NULL, "*/*", LISTING_BY_NAME, false, false },
    { "a browser", NULL, "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
      LISTING_BY_NAME, false, false },
    { "JSON before anything else", NULL, "application/json, */*;q=0.1", LISTING_BY_NAME, false,
      true },
    { "JSON, else text", NULL, "application/json, text/plain, */*", LISTING_BY_NAME, false, false },
    { "both alike", NULL, "application/json, text/html", LISTING_BY_NAME, false, false },
    { "HTML better", NULL, "application/json;q=0.5, text/html;q=0.8", LISTING_BY_NAME, false,
      false },
    { "JSON better", NULL, "text/html; q=0.5, application/json ;q=0.501", LISTING_BY_NAME, false,
      true },
    { "the closest range decides, RFC 9110 12.5.1", NULL, "application/*, application/json;q=0",
      LISTING_BY_NAME, false, false },
    { "a group", NULL, "application/*", LISTING_BY_NAME, false, true },
    { "anything but HTML", NULL, "*/*, text/html;q=0", LISTING_BY_NAME, false, true },
    { "neither: still a page", NULL, "image/png", LISTING_BY_NAME, false, false },
    { "on a second line, RFC 9110 5.3", NULL, "image/png|application/json", LISTING_BY_NAME, false,
      true },
    { "a comma in quotes", NULL, "text/plain;x=\"a,application/json;q=1\\\",\"", LISTING_BY_NAME,
      false, false },
    { "an unclosed quote", NULL, "application/json;x=\"", LISTING_BY_NAME, false, true },
    { "no quality counts as 1", NULL, "application/json;q=high, text/html;q=0.9", LISTING_BY_NAME,
      false, true },
    { "empty", NULL, "", LISTING_BY_NAME, false, false },
    { "only commas", NULL, ",,;,", LISTING_BY_NAME, false, false },
};

/* Exact heap copies. */
static struct str copy(struct str s)
{
    char *p = malloc(s.n > 0 ? s.n : 1);

    memcpy(p, s.p, s.n);
    return (struct str){ p, s.n };
}

Test(listing_view, judges_each_query_and_accept)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct request *req = calloc(1, sizeof(*req));
        struct str rest = str_of(rows[i].accept);
        struct listing_view view;

        if (rows[i].query != NULL)
            req->query = copy(str_of(rows[i].query));
        while (rest.p != NULL) {
            struct str line = copy(str_cut(&rest, '|'));

            req->fields[req->field_count++] = (struct field){ STR("Accept"), line, FIELD_ACCEPT };
            if (req->known[FIELD_ACCEPT].p == NULL)
                req->known[FIELD_ACCEPT] = line;
        }
        view = listing_view_of(req);
        cr_expect_eq(view.sort, rows[i].sort, "%s", rows[i].why);
        cr_expect_eq(view.is_descending, rows[i].is_descending, "%s", rows[i].why);
        cr_expect_eq(view.is_json, rows[i].is_json, "%s", rows[i].why);
        for (size_t j = 0; j < req->field_count; j++)
            free((char *)(uintptr_t)req->fields[j].value.p);
        free((char *)(uintptr_t)req->query.p);
        free(req);
    }
}
