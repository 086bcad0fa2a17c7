/*
 * limits - what each client has used, counted by all workers together: a part of the shared block.
 *
 * Two tables of fixed size, without locks. Rates are token buckets, kept as the time at which the
 * bucket is full again: one compare-and-swap takes a token, and an entry whose time has passed is
 * free for another client. Connections are counts; each process also keeps a ledger of what it
 * holds, so that the master can give back what a worker held that was killed.
 *
 * A client is found by a keyed hash, so nobody can choose whose entry he meets. When a table has no
 * place, or two processes race for one, somebody is let through uncounted: mistakes are lenient.
 */
#ifndef COMMON_LIMITS_H
#define COMMON_LIMITS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/cidr.h"
#include "common/siphash.h"

enum {
    LIMITS_RATES = 65536,
    LIMITS_CONNS = 32768,
    LIMITS_WAYS = 8, /* places where a client can be, of either table */
    LIMITS_LEDGERS = 1024,
};

struct limits {
    uint64_t key[2]; /* of the hash; set by limits_init() */
    struct {
        _Atomic uint64_t client;
        _Atomic uint64_t full_at; /* 16 bits of the client, 48 of microseconds */
    } rates[LIMITS_RATES];
    _Atomic uint64_t conns[LIMITS_CONNS];        /* 48 bits of the client, 16 of its count */
    _Atomic int32_t ledger_pids[LIMITS_LEDGERS]; /* 0: free */
    _Atomic uint16_t ledgers[LIMITS_LEDGERS][LIMITS_CONNS]; /* by place in `conns` */
};

/* Draws the key. -1: errno of getrandom(2). */
int limits_init(struct limits *l);

/*
 * Whom to count: the address, IPv6 by its /64, and what for (a rate's place in the config).
 * False: the address is none that can be told from others (a Unix socket's).
 */
bool limits_client(const struct limits *l, const struct cidr *address, const uint64_t purpose[2],
                   struct siphash *client);

/* A bucket of `burst` + 1 tokens, one more each interval. False: it is empty, for *wait_us. */
bool limits_take(struct limits *l, const struct siphash *client, uint64_t interval_us,
                 uint64_t burst, uint64_t now_us, uint64_t *wait_us);

enum { LIMITS_REFUSED = -1, LIMITS_UNCOUNTED = -2, LIMITS_NO_LEDGER = -1 };

/* A ledger for this process; LIMITS_NO_LEDGER: none is free, and nothing will be counted. */
int limits_open_ledger(struct limits *l, pid_t pid);
/* The process is gone: what it held is given back. */
void limits_close_ledger(struct limits *l, pid_t pid);

/* One connection more, if that makes no more than `most`. A place to release, or why not. */
int limits_hold(struct limits *l, int ledger, const struct siphash *client, unsigned most);
void limits_release(struct limits *l, int ledger, int place);

#endif
