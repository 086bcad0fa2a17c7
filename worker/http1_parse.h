/*
 * http1_parse - a request head of HTTP/1.0 or 1.1, from bytes to struct request (RFC 9112).
 *
 * Pure and strict: no allocation, nothing copied, and whatever makes framing doubtful is BAD, for
 * a lenient parser in front of or behind another one is how requests are smuggled. Bytes that do
 * not yet hold a whole head give MORE; the caller calls again with the same bytes and more behind
 * them. An error is reported as soon as the bytes seen prove it.
 */
#ifndef WORKER_HTTP1_PARSE_H
#define WORKER_HTTP1_PARSE_H

#include "worker/request.h"

enum parse_result { PARSE_DONE, PARSE_MORE, PARSE_BAD };

struct http1_limits {
    size_t line_max_bytes;   /* request line without CRLF; above: 414 */
    size_t fields_max_bytes; /* all field lines with their CRLFs; above: 431 */
    size_t fields_max_count; /* above: 431; at most REQUEST_FIELDS_MAX */
};

/* What was wrong, when PARSE_BAD. After it the connection must be closed. */
struct http1_fault {
    unsigned status;  /* 400, 414, 417, 431, 501, 505 */
    const char *text; /* fixed words for the log: "field name ends in white space" */
};

/*
 * DONE: *req is filled but for `path` (see path_clean), and *head_bytes says where the body or the
 * next request starts. Empty lines before the request line are skipped and counted in.
 * On BAD, req->line, method_text and target hold what could be read, for the log; p NULL: nothing.
 */
enum parse_result http1_parse_head(struct request *req, const char *p, size_t n,
                                   const struct http1_limits *limits, size_t *head_bytes,
                                   struct http1_fault *fault);

/* The body of a chunked message (RFC 9112, 7.1), fed as it comes. Zero it before the first feed. */
struct http1_chunked {
    uint32_t state;
    uint32_t overhead_bytes; /* of the current line or trailer: bounded */
    uint64_t left;       /* bytes of the current chunk still to come; in the trailer: its lines */
    uint64_t body_bytes; /* data bytes seen so far */
    uint64_t total_overhead; /* bytes of extensions so far: bounded by the data */
};

/*
 * Consumes up to the end of the body: *used bytes of [p, p + n). DONE: the body and its trailer
 * section are complete. MORE: all bytes were used. BAD: *fault. `data` (may be NULL) is called for
 * each run of body bytes.
 */
typedef void http1_data_fn(void *context, struct str data);
enum parse_result http1_parse_chunked(struct http1_chunked *c, const char *p, size_t n,
                                      size_t *used, struct http1_fault *fault, http1_data_fn *data,
                                      void *context);

#endif
