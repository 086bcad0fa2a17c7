/*
 * request_id - the name by which a request is found in the logs of all who handled it. It comes with
 * the request, from whom the route's setting trusts, or is made here: 128 bits that nobody can
 * foresee, 32 hexadecimal digits, without a system call. The response carries it in X-Request-ID.
 */
#ifndef WORKER_REQUEST_ID_H
#define WORKER_REQUEST_ID_H

#include <stdbool.h>
#include <stdint.h>

#include "common/str.h"

struct exchange;

enum { REQUEST_ID_MOST = 128, REQUEST_ID_MADE = 32 };

/* The n-th is the hash of n under a key of the worker. */
struct request_ids {
    uint64_t key[2], count;
};

/* -1: errno of getrandom(2). */
int request_ids_init(struct request_ids *ids);
void request_ids_make(struct request_ids *ids, char text[REQUEST_ID_MADE]);

/* 1 to 128 of A-Z a-z 0-9 . _ ~ + / = - : harmless in any log and URL. */
bool request_id_is_good(struct str text);

/*
 * Sets x->request_id as the route says, once. `is_parsed`: its fields can be looked at. Nothing happens
 * with `request_id: off`.
 */
void request_id_give(struct exchange *x, bool is_parsed);

#endif
