#include <criterion/criterion.h>
#include <stdlib.h>

#include "worker/encoding.h"

enum {
    BR = ENCODING_BIT(ENCODING_BR),
    ZSTD = ENCODING_BIT(ENCODING_ZSTD),
    GZIP = ENCODING_BIT(ENCODING_GZIP),
    ALL = BR | ZSTD | GZIP,
};

static const struct {
    const char *why;
    const char *lines[3]; /* of Accept-Encoding, in order */
    unsigned available;
    enum encoding expect;
} rows[] = {
    { "no field: any coding would do, and identity is understood, RFC 9110 12.5.3",
      { NULL },
      ALL,
      ENCODING_IDENTITY },
    { "an empty field: identity alone, 12.5.3", { "" }, ALL, ENCODING_IDENTITY },
    { "Chrome and Firefox", { "gzip, deflate, br, zstd" }, ALL, ENCODING_BR },
    { "the same without br here", { "gzip, deflate, br, zstd" }, ZSTD | GZIP, ENCODING_ZSTD },
    { "the same with gzip here", { "gzip, deflate, br, zstd" }, GZIP, ENCODING_GZIP },
    { "the same with nothing here", { "gzip, deflate, br, zstd" }, 0, ENCODING_IDENTITY },
    { "Safari", { "gzip, deflate, br" }, ALL, ENCODING_BR },
    { "Safari knows no zstd", { "gzip, deflate, br" }, ZSTD, ENCODING_IDENTITY },
    { "a usual line and another one that takes it back",
      { "gzip, deflate, br", "br;q=0" },
      ALL,
      ENCODING_GZIP },
    { "gzip alone", { "gzip" }, ALL, ENCODING_GZIP },
    { "gzip is not here", { "gzip" }, BR | ZSTD, ENCODING_IDENTITY },
    { "names in any case, 8.4.1", { "GZip, BR" }, ALL, ENCODING_BR },
    { "x-gzip is gzip, 8.4.1.3", { "x-gzip" }, ALL, ENCODING_GZIP },
    { "x-gzip excluded excludes gzip", { "gzip, X-GZIP;q=0" }, GZIP, ENCODING_IDENTITY },
    { "a coding that nobody knows", { "compress, sdch" }, ALL, ENCODING_IDENTITY },
    { "q=0 is not acceptable, 12.4.2", { "gzip;q=0" }, ALL, ENCODING_IDENTITY },
    { "q=0.000 is q=0", { "gzip;q=0.000" }, ALL, ENCODING_IDENTITY },
    { "q=0. is q=0", { "gzip;q=0." }, ALL, ENCODING_IDENTITY },
    { "one excluded, one not", { "br;q=0, gzip" }, ALL, ENCODING_GZIP },
    { "the heaviest wins over our order", { "br;q=0.5, gzip;q=0.6" }, ALL, ENCODING_GZIP },
    { "three decimals count", { "br;q=0.998, gzip;q=0.999" }, ALL, ENCODING_GZIP },
    { "the lightest there is", { "gzip;q=0.001" }, ALL, ENCODING_GZIP },
    { "q=1.000", { "gzip;q=0.999, zstd;q=1.000" }, ALL, ENCODING_ZSTD },
    { "Q in capitals, 5.6.6", { "br;Q=0.1, gzip;Q=0.2" }, ALL, ENCODING_GZIP },
    { "white space around the semicolon, 12.4.2", { "br \t;\t q=0 , gzip" }, ALL, ENCODING_GZIP },
    { "no white space", { "br;q=0,gzip" }, ALL, ENCODING_GZIP },
    { "identity liked better", { "identity, gzip;q=0.5" }, ALL, ENCODING_IDENTITY },
    { "identity liked as much: the smaller one",
      { "identity;q=0.5, gzip;q=0.5" },
      ALL,
      ENCODING_GZIP },
    { "identity excluded, 12.5.3", { "identity;q=0, gzip;q=0.1" }, ALL, ENCODING_GZIP },
    { "identity excluded and nothing else: sent all the same, 12.4.1",
      { "identity;q=0" },
      ALL,
      ENCODING_IDENTITY },
    { "nothing is acceptable: sent all the same, 12.4.1", { "*;q=0" }, ALL, ENCODING_IDENTITY },
    { "any coding", { "*" }, ALL, ENCODING_BR },
    { "any coding, of those that are here", { "*" }, GZIP, ENCODING_GZIP },
    { "any but one", { "*, br;q=0" }, ALL, ENCODING_ZSTD },
    { "none but one", { "*;q=0, gzip" }, ALL, ENCODING_GZIP },
    { "none but one, wherever it stands", { "gzip;q=0.2, *;q=0" }, ALL, ENCODING_GZIP },
    { "the others less", { "gzip;q=0.8, *;q=0.1" }, ALL, ENCODING_GZIP },
    { "\"*\" is identity too, but no coding is lighter", { "*;q=0.5" }, ALL, ENCODING_BR },
    { "named identity is not \"*\"", { "identity;q=0.5, *;q=0.1" }, ALL, ENCODING_IDENTITY },
    { "several lines are one list, 5.3", { "br;q=0.1", "gzip" }, ALL, ENCODING_GZIP },
    { "three lines", { "deflate", "br;q=0", "zstd" }, ALL, ENCODING_ZSTD },
    { "an empty line among them", { "", "gzip" }, ALL, ENCODING_GZIP },
    { "empty elements, 5.6.1.2", { ", ,gzip,," }, ALL, ENCODING_GZIP },
    { "named twice: the smaller weight", { "gzip;q=0, gzip" }, ALL, ENCODING_IDENTITY },
    { "malformed: four decimals", { "gzip;q=0.1234" }, ALL, ENCODING_IDENTITY },
    { "malformed: more than one", { "gzip;q=1.001" }, ALL, ENCODING_IDENTITY },
    { "malformed: two", { "gzip;q=2" }, ALL, ENCODING_IDENTITY },
    { "malformed: no digits", { "gzip;q=" }, ALL, ENCODING_IDENTITY },
    { "malformed: a word", { "gzip;q=high" }, ALL, ENCODING_IDENTITY },
    { "malformed: a sign", { "gzip;q=-0" }, ALL, ENCODING_IDENTITY },
    { "malformed: no leading zero", { "gzip;q=.5" }, ALL, ENCODING_IDENTITY },
    { "malformed: a comma for the point", { "gzip;q=0,5" }, GZIP, ENCODING_IDENTITY },
    { "malformed: white space in the weight", { "gzip;q= 1" }, ALL, ENCODING_IDENTITY },
    { "malformed: nothing behind the semicolon", { "gzip;" }, ALL, ENCODING_IDENTITY },
    { "malformed: no name", { ";q=1" }, ALL, ENCODING_IDENTITY },
    { "malformed: another parameter", { "gzip;level=9" }, ALL, ENCODING_IDENTITY },
    { "malformed: a parameter more", { "gzip;q=1;x=2" }, ALL, ENCODING_IDENTITY },
    { "malformed: two words", { "gzip br" }, ALL, ENCODING_IDENTITY },
    { "malformed: quoted", { "\"gzip\"" }, ALL, ENCODING_IDENTITY },
    { "malformed in one place: nothing of it counts", { "br, gzip;q=x" }, ALL, ENCODING_IDENTITY },
    { "malformed in the second line", { "br", "gzip;q=x" }, ALL, ENCODING_IDENTITY },
};

static void add_line(struct request *req, const char *line)
{
    char *exact = malloc(strlen(line) + (line[0] == '\0'));
    struct str value = { exact, strlen(line) };

    memcpy(exact, line, value.n);
    if (req->known[FIELD_ACCEPT_ENCODING].p == NULL)
        req->known[FIELD_ACCEPT_ENCODING] = value;
    req->fields[req->field_count++] =
        (struct field){ STR("accept-encoding"), value, FIELD_ACCEPT_ENCODING };
}

static enum encoding choose(const char *const *lines, unsigned available)
{
    struct request *req = malloc(sizeof(*req));
    struct accept_encoding accept;
    enum encoding got;

    request_clear(req);
    req->fields[req->field_count++] = (struct field){ STR("host"), STR("br"), FIELD_HOST };
    for (int i = 0; i < 3 && lines[i] != NULL; i++)
        add_line(req, lines[i]);
    accept_encoding_read(&accept, req);
    got = encoding_choose(&accept, available);
    for (size_t i = 1; i < req->field_count; i++)
        free((char *)(uintptr_t)req->fields[i].value.p);
    free(req);
    return got;
}

Test(encoding, judges_each_row)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum encoding got = choose(rows[i].lines, rows[i].available);

        cr_expect_eq(got, rows[i].expect, "%s: got %s", rows[i].why, encoding_name(got).p);
    }
}

Test(encoding, finds_names_and_aliases)
{
    cr_expect_eq(encoding_find(STR("zstd")), ENCODING_ZSTD);
    cr_expect_eq(encoding_find(STR("X-GZip")), ENCODING_GZIP);
    cr_expect_eq(encoding_find(STR("Identity")), ENCODING_IDENTITY);
    cr_expect_eq(encoding_find(STR("deflate")), -1, "two formats go by this name: we have neither");
    cr_expect_eq(encoding_find(STR("")), -1);
}
