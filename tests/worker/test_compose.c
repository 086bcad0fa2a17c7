#include "worker/compose.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

static const char date[] = "Sun, 06 Nov 1994 08:49:37 GMT";

static struct file *new_file(void)
{
    struct file *f = calloc(1, sizeof(*f));

    f->refs = 1;
    f->fd = -1;
    f->size = 5;
    f->body = "hello";
    f->content_type = STR("text/plain; charset=utf-8");
    f->etag_n = (unsigned)sprintf(f->etag, "\"1-5\"");
    strcpy(f->last_modified, "Sat, 05 Nov 1994 08:49:37 GMT");
    return f;
}

static char *compose(struct response *res, struct str connection, bool has_server)
{
    struct scope scope = { .has_server_header = has_server };
    struct headers *headers = headers_new(&scope, &(struct words){ NULL, 0 });
    struct compose_options options = { .date = date, .headers = headers, .connection = connection };
    size_t most = compose_http1_most(res, headers);
    char *out = malloc(most); /* exact: the sanitizer sees one byte too far */
    size_t n = compose_http1(out, res, &options).n;
    char *text = str_dup((struct str){ out, n });

    cr_assert_leq(n, most);
    free(out);
    headers_free(&headers);
    return text;
}

static void expect(struct response *res, struct str connection, bool has_server, const char *text)
{
    char *got = compose(res, connection, has_server);

    cr_expect_str_eq(got, text);
    free(got);
}

Test(compose, writes_a_file_head_and_the_same_again_from_the_ready_one)
{
    static const char head[] = "HTTP/1.1 200 OK\r\n"
                               "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                               "Server: remuda\r\n"
                               "Content-Type: text/plain; charset=utf-8\r\n"
                               "Content-Length: 5\r\n"
                               "Last-Modified: Sat, 05 Nov 1994 08:49:37 GMT\r\n"
                               "ETag: \"1-5\"\r\n"
                               "Accept-Ranges: bytes\r\n"
                               "\r\n";
    struct response res;
    struct file *f = new_file();

    response_init(&res);
    response_file(&res, 200, f);
    res.is_representation = res.is_whole = true;
    expect(&res, STR_NONE, true, head);
    cr_assert_not_null(f->head);
    expect(&res, STR_NONE, true, head);
    free(f->head);
    free(f);
}

Test(compose, puts_todays_date_into_a_ready_head)
{
    struct compose_options later = { .date = "Mon, 07 Nov 1994 08:49:37 GMT",
                                     .connection = STR_INIT("close") };
    struct response res;
    struct file *f = new_file();
    char out[1024], *first;
    size_t n;

    response_init(&res);
    response_file(&res, 200, f);
    res.is_representation = res.is_whole = true;
    first = compose(&res, STR_NONE, false);
    n = compose_http1(out, &res, &later).n;
    out[n] = '\0';
    cr_expect_not_null(strstr(out, "\r\nDate: Mon, 07 Nov 1994 08:49:37 GMT\r\n"));
    cr_expect_not_null(strstr(out, "\r\nConnection: close\r\n\r\n"));
    cr_expect_null(strstr(out, "Server"));
    free(first);
    free(f->head);
    free(f);
}

Test(compose, never_makes_a_head_ready_that_has_fields_of_its_own)
{
    struct response res;
    struct file *f = new_file();
    char *got;

    response_init(&res);
    response_file(&res, 200, f);
    res.is_representation = res.is_whole = true;
    response_add_field(&res, STR("X-Once"), STR("1"));
    got = compose(&res, STR_NONE, false);
    cr_expect_not_null(strstr(got, "X-Once: 1\r\n"));
    cr_expect_null(f->head);
    free(got);
    free(f);
}

Test(compose, leaves_length_and_type_out_of_204_and_304)
{
    struct response res;
    struct file *f = new_file();

    response_init(&res);
    response_bytes(&res, 204, STR_NONE, STR(""));
    response_add_field(&res, STR("Allow"), STR("GET"));
    expect(&res, STR_NONE, false,
           "HTTP/1.1 204 No Content\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nAllow: GET\r\n\r\n");
    response_init(&res);
    response_file(&res, 304, f);
    res.is_representation = true;
    expect(&res, STR_NONE, false,
           "HTTP/1.1 304 Not Modified\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
           "Last-Modified: Sat, 05 Nov 1994 08:49:37 GMT\r\nETag: \"1-5\"\r\n\r\n");
    free(f);
}

Test(compose, gives_an_error_page_from_a_file_no_validators)
{
    struct response res;
    struct file *f = new_file();

    response_init(&res);
    response_file(&res, 404, f);
    expect(&res, STR("keep-alive"), false,
           "HTTP/1.1 404 Not Found\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
           "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 5\r\n"
           "Connection: keep-alive\r\n\r\n");
    free(f);
}

Test(compose, announces_the_length_of_a_part)
{
    struct response res;
    struct file *f = new_file();
    char *got;

    response_init(&res);
    response_file(&res, 206, f);
    res.is_representation = true;
    res.first = 1;
    res.length = 2;
    response_add_field(&res, STR("Content-Range"), STR("bytes 1-2/5"));
    got = compose(&res, STR_NONE, false);
    cr_expect_not_null(strstr(got, "\r\nContent-Length: 2\r\n"));
    cr_expect_not_null(strstr(got, "\r\nContent-Range: bytes 1-2/5\r\n"));
    cr_expect_null(strstr(got, "Accept-Ranges"));
    free(got);
    free(f);
}
