/*
 * load - busy clients in the background, each on a thread of its own, while the test does
 * something to the server.
 */
#ifndef TESTS_INTEGRATION_LOAD_H
#define TESTS_INTEGRATION_LOAD_H

#include <pthread.h>
#include <stdatomic.h>

#include "tests/integration/client.h"

enum { LOAD_CLIENTS_MAX = 64 };

enum load_kind {
    LOAD_KEEP_ALIVE,   /* one connection, a new one only when the server announced the close */
    LOAD_CONNECT_EACH, /* a connection for each request */
};

struct load {
    enum load_kind kind;
    struct sockaddr_storage to;
    socklen_t to_n;
    char target[64];
    size_t client_count;
    pthread_t threads[LOAD_CLIENTS_MAX];
    atomic_bool is_stopped;
    atomic_uint done;     /* whole answers with status 200 */
    atomic_uint failed;   /* everything else */
    char failure[256];    /* the first one, in words */
    pthread_mutex_t lock; /* of `failure` */
};

void load_start(struct load *load, const struct server *s, enum load_kind kind, const char *target,
                size_t client_count);
/* To any address, not the server's first IPv4 one. */
void load_start_to(struct load *load, const struct sockaddr *to, socklen_t n, enum load_kind kind,
                   const char *target, size_t client_count);
/* Until `count` more answers have come. False: not within the deadline. */
bool load_go_on(struct load *load, unsigned count);
void load_stop(struct load *load);

#endif
