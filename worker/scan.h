/*
 * scan - find the byte that ends a run, sixteen at a time where the CPU can (SSE2, NEON), with
 * scalar twins that a test holds to the same answers.
 */
#ifndef WORKER_SCAN_H
#define WORKER_SCAN_H

/*
 * The first byte in [p, end) that a field value must not hold: a control character but for HTAB
 * (RFC 9110, 5.5). `end` when there is none. Never reads at or behind `end`.
 */
const char *scan_field_value(const char *p, const char *end);
const char *scan_field_value_scalar(const char *p, const char *end);

/* The first byte in [p, end) that a request target must not hold: all but "!" to "~" and '#'. */
const char *scan_target(const char *p, const char *end);
const char *scan_target_scalar(const char *p, const char *end);

/* The first byte in [p, end) that is no token character (RFC 9110, 5.6.2). */
const char *scan_token(const char *p, const char *end);
const char *scan_token_scalar(const char *p, const char *end);

/* The first byte in [p, end) that no log line holds as it is: not printable ASCII, '"' or '\\'. */
const char *scan_log_text(const char *p, const char *end);
const char *scan_log_text_scalar(const char *p, const char *end);

/* The value of a hexadecimal digit; -1: not one. */
static inline int scan_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

#endif
