/*
 * client - a plain HTTP client on a raw socket, for tests: it sends what it is told, byte for
 * byte, and judges what comes back strictly. No call blocks longer than DEADLINE_MS.
 */
#ifndef TESTS_INTEGRATION_CLIENT_H
#define TESTS_INTEGRATION_CLIENT_H

#include <sys/socket.h>

#include "common/buf.h"
#include "common/str.h"
#include "tests/integration/server.h"

enum client_end {
    CLIENT_OPEN,
    CLIENT_FIN,     /* the server closed in order */
    CLIENT_RST,     /* the server reset: answers may be lost */
    CLIENT_TIMEOUT, /* nothing came before the deadline */
};

struct client {
    int fd; /* -1: not connected */
    unsigned port;
    struct buf in; /* all that was received */
    size_t taken;  /* bytes of `in` that responses used up */
    enum client_end end;
};

struct response {
    int status;          /* 0: none; see failure */
    const char *failure; /* why there is no whole response, fixed words; NULL: all well */
    bool is_closed_by_eof;
    struct buf head; /* status line and field lines, with a NUL behind */
    struct buf body;
};

/* To 127.0.0.1 and the server's port; a failure fails the test. */
void client_open(struct client *c, const struct server *s);
/* Any address; false: errno. `receive_buffer` 0: the kernel's choice. */
bool client_open_to(struct client *c, const struct sockaddr *sa, socklen_t n, int receive_buffer);
bool client_open_port(struct client *c, unsigned port);
bool client_open_unix(struct client *c, const char *path);
void client_close(struct client *c);
/* Ends the connection with a reset. */
void client_reset(struct client *c);
void client_half_close(struct client *c);

/* False: the server closed before all was sent (what it answered can still be read). */
bool client_send(struct client *c, const char *bytes, size_t n);
bool client_send_text(struct client *c, const char *text);
/* In pieces of 1 to `piece_max` bytes, chosen by `seed`; `gap_us` between them. */
bool client_send_cut(struct client *c, const char *bytes, size_t n, size_t piece_max, unsigned seed,
                     unsigned gap_us);

/*
 * Reads exactly one response, interim ones (1xx) too. False: r->failure says what was wrong; what
 * had come by then is in r. Free it with response_fini(), also after false.
 */
bool client_read(struct client *c, struct response *r, bool is_head);
/* Sends "METHOD target HTTP/1.1" with Host and `fields` (lines with CRLF; NULL: none) and reads. */
bool client_ask(struct client *c, struct response *r, const char *method, const char *target,
                const char *fields);
void response_fini(struct response *r);

/* One request on a connection of its own. */
bool fetch(const struct server *s, struct response *r, const char *method, const char *target,
           const char *fields);
/* The status alone, of a GET; 0: no response. */
int fetch_status(const struct server *s, const char *target);
/* A figure of a status page at /status, as text; 0: none. */
unsigned long status_figure(const struct server *s, const char *name);
/* Repeats a GET until the status and (unless NULL) the body are these. */
bool fetch_until(const struct server *s, const char *target, int status, const char *body,
                 unsigned ms);

/* `count` connections, of which the first `asked` have had one answer each. */
void clients_open(struct client *clients, size_t count, size_t asked, const struct server *s);
/* Each still gets an answer that does not announce the end; then they are closed. */
void clients_go_on(struct client *clients, size_t count);

/* Receives until the server closes or the deadline passes; the bytes are in c->in from c->taken. */
enum client_end client_read_to_end(struct client *c, unsigned ms);
/* Waits for some bytes more. False: end or deadline. */
bool client_receive(struct client *c, unsigned ms);
/* The server has neither closed nor sent anything. */
bool client_is_quiet(struct client *c);

/* The field's value in `value`, "" and false when it is not there. Any case of the name. */
bool response_field(const struct response *r, const char *name, char *value, size_t size);
bool response_field_is(const struct response *r, const char *name, const char *expected);
/* How many lines the field has. */
int response_field_count(const struct response *r, const char *name);
bool response_body_is(const struct response *r, const char *text);
/* The body is `n` bytes of pattern_fill(seed), from byte `from` of it on. */
bool response_body_is_pattern(const struct response *r, size_t from, size_t n, unsigned seed);

/* The worker that serves this connection, by the socket's inode; 0: not found. */
pid_t client_worker(const struct client *c, const struct server *s);

#endif
