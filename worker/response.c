#include "worker/response.h"

#include <assert.h>

#define STATUSES(X)                           \
    X(100, "Continue")                        \
    X(200, "OK")                              \
    X(201, "Created")                         \
    X(202, "Accepted")                        \
    X(203, "Non-Authoritative Information")   \
    X(204, "No Content")                      \
    X(205, "Reset Content")                   \
    X(206, "Partial Content")                 \
    X(301, "Moved Permanently")               \
    X(302, "Found")                           \
    X(303, "See Other")                       \
    X(304, "Not Modified")                    \
    X(307, "Temporary Redirect")              \
    X(308, "Permanent Redirect")              \
    X(400, "Bad Request")                     \
    X(401, "Unauthorized")                    \
    X(402, "Payment Required")                \
    X(403, "Forbidden")                       \
    X(404, "Not Found")                       \
    X(405, "Method Not Allowed")              \
    X(406, "Not Acceptable")                  \
    X(408, "Request Timeout")                 \
    X(409, "Conflict")                        \
    X(410, "Gone")                            \
    X(411, "Length Required")                 \
    X(412, "Precondition Failed")             \
    X(413, "Content Too Large")               \
    X(414, "URI Too Long")                    \
    X(415, "Unsupported Media Type")          \
    X(416, "Range Not Satisfiable")           \
    X(417, "Expectation Failed")              \
    X(418, "I'm a teapot")                    \
    X(421, "Misdirected Request")             \
    X(422, "Unprocessable Content")           \
    X(423, "Locked")                          \
    X(425, "Too Early")                       \
    X(426, "Upgrade Required")                \
    X(428, "Precondition Required")           \
    X(429, "Too Many Requests")               \
    X(431, "Request Header Fields Too Large") \
    X(451, "Unavailable For Legal Reasons")   \
    X(500, "Internal Server Error")           \
    X(501, "Not Implemented")                 \
    X(502, "Bad Gateway")                     \
    X(503, "Service Unavailable")             \
    X(504, "Gateway Timeout")                 \
    X(505, "HTTP Version Not Supported")      \
    X(507, "Insufficient Storage")

struct str status_reason(unsigned status)
{
    switch (status) {
#define REASON(code, text) \
    case code:             \
        return STR(text);
        STATUSES(REASON)
#undef REASON
    default:
        return STR("Unknown");
    }
}

struct str status_page(unsigned status)
{
    switch (status) {
#define PAGE(code, text)                                                             \
    case code:                                                                       \
        return STR("<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n" \
                   "<meta name=\"color-scheme\" content=\"light dark\">\n"           \
                   "<title>" #code " " text "</title>\n<h1>" #code " " text "</h1>\n</html>\n");
        STATUSES(PAGE)
#undef PAGE
    default:
        return STR("<!DOCTYPE html>\n<title>Error</title>\n<h1>Error</h1>\n");
    }
}

void response_reset(struct response *res)
{
    if (res->file != NULL)
        file_put(&res->file);
    if (res->source != NULL)
        res->source->free(res->source);
    response_init(res);
}

void response_add_field(struct response *res, struct str name, struct str value)
{
    assert(res->field_count < RESPONSE_FIELDS_MAX);
    res->fields[res->field_count++] = (struct response_field){ name, value };
}

void response_bytes(struct response *res, unsigned status, struct str type, struct str bytes)
{
    res->status = status;
    res->content_type = type;
    res->bytes = bytes;
    res->first = 0;
    res->length = (off_t)bytes.n;
}

void response_stream(struct response *res, unsigned status, struct str type,
                     struct body_source *source)
{
    res->status = status;
    res->content_type = type;
    res->source = source;
}

void response_file(struct response *res, unsigned status, struct file *f)
{
    res->status = status;
    res->file = file_get(f);
    res->first = 0;
    res->length = f->size;
}
