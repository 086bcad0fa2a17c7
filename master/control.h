/*
 * control - the master's Unix socket, by default of mode 0600, for `remuda -s` and remudactl: the signals'
 * verbs, but answered. A client sends one line, "reload\n", and gets lines of which the first
 * starts with "ok" or "error", once the thing has happened. What can be asked: verbs.h.
 *
 * "json reload\n" gets one JSON document instead, then the stream ends. It is an object whose first
 * member is "ok"; a verb that has no other members for its outcome gives its lines:
 *
 *     {"ok":true,"lines":["generation 2 runs in 4 workers"]}
 *
 * Nothing here waits for a client: lines, clients and the time that one may take are bounded.
 */
#ifndef MASTER_CONTROL_H
#define MASTER_CONTROL_H

#include <ev.h>
#include <stdbool.h>

#include "common/buf.h"
#include "common/list.h"
#include "config/config.h"
#include "master/handoff.h"
#include "master/transaction.h"
#include "master/unix_socket.h"

enum { CONTROL_LINE_MAX = 16384 }; /* bytes: a verb and some paths */

struct control {
    struct master *master;
    ev_io accept;   /* fd -1: not open */
    ev_timer pause; /* after accept(2) failed for want of descriptors */
    char *path;     /* owned; NULL: not open */
    struct unix_socket_id id;
    bool is_lent; /* another master listens there too: the file is not ours to unlink */
    struct list clients;
    unsigned client_count;
};

enum client_state {
    CLIENT_READING, /* its line is not complete */
    CLIENT_WAITING, /* for the next run of `operation` */
    CLIENT_RUNNING, /* for the run under way */
    CLIENT_ASKING,  /* for the workers' answers to its question */
    CLIENT_TRACING, /* the workers write to it; see trace.h */
    CLIENT_ENDING,  /* for the end of the server */
    CLIENT_WRITING, /* its answer is not out */
};

struct client {
    struct list link;
    struct control *control;
    enum client_state state;
    enum operation operation;
    ev_io io;
    ev_timer limit;     /* active while READING or WRITING */
    bool wants_json;    /* the answer */
    uint64_t shown_max; /* connections: lines of the answer */
    uint64_t trace;     /* TRACING: its number */
    struct str filter;  /* likewise; in `line` */
    char line[CONTROL_LINE_MAX];
    size_t line_n;
    struct buf answer;
    size_t written;
    int passed_fd; /* goes beside the answer's first bytes; owned; -1: none */
};

void control_init(struct control *c, struct master *m);

/* Listens where the config says. False: `why` says what failed. */
bool control_open(struct control *c, const struct config *config, struct buf *why);

/* Answers from now on. */
void control_start(struct control *c);

/*
 * An upgrade: the socket passes to the next master, whose it is once control_own() is called. The
 * former one still answers who has asked before.
 */
void control_hand_over(const struct control *c, struct handoff *h);
bool control_take_over(struct control *c, struct handoff *h, const char *path);
void control_own(struct control *c);
/* The former master's socket, if nobody took it: its file goes. */
void control_remove_former(struct handoff *h);
void control_leave(struct control *c);

/* A client; `fd` is its own from here on. Until it is told otherwise it has not said its line yet. */
struct client *control_add(struct control *c, int fd);

/* For verbs: the outcome, one or more lines. The client may be gone afterwards. */
void control_reply(struct client *client, bool is_ok, const char *text);

/* The same, with a descriptor that becomes the client's. */
void control_reply_with(struct client *client, const char *text, int fd);

/*
 * The same with members of its own, for who wants JSON: opens the object in client->answer, where
 * they are to be added; then ends it, with the text's lines unless it is NULL.
 */
struct buf *control_open_json(struct client *client, bool is_ok);
void control_reply_json(struct client *client, const char *text);
/* The same, once the next run of the operation has ended. */
void control_wait(struct client *client, enum operation operation);

/*
 * For verbs: "ok" and the text at once. Behind it others write to the socket, until the client hangs
 * up, which trace_end() hears of. False: it has done so already, and is gone.
 */
bool control_reply_first(struct client *client, const char *text);

/* Those who asked so far wait for the run that begins now; later ones for the next. */
void control_begin(struct control *c, enum operation operation);
/* The run's outcome, to all who wait for it. */
void control_answer(struct control *c, enum operation operation, bool is_ok, const char *text);

/* The server has ended: unlinks the socket, and tells those who asked for it. */
void control_end(struct control *c);

/* Closes everything, touches no file; `loop` NULL: the loop is gone already. */
void control_fini(struct control *c, struct ev_loop *loop);

#endif
