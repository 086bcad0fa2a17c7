/*
 * flight - the flight recorder: the last requests of a worker, in the shared block, so that the master
 * can tell what a worker was doing when it died, whatever killed it.
 *
 * A ring with a single writer. An entry begins before the request is parsed, as the bytes that came
 * (the first of them: request line and, as clients write it, Host), and is completed when it was
 * answered. `current` is the one that the worker is at. Readers look when the worker is gone, and may
 * find it in the middle of a change: what is told of an entry is written before `current` and `count`
 * say that it is there.
 *
 * Other bytes stand in an entry, too: the rest of the head, and what the input held behind it, which
 * may be of another connection. They never leave it: see flight_describe().
 */
#ifndef COMMON_FLIGHT_H
#define COMMON_FLIGHT_H

#include <netinet/in.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include "common/buf.h"
#include "common/str.h"

enum { FLIGHT_ENTRIES = 64, FLIGHT_HEAD = 192 };

struct flight_entry {
    _Alignas(64) uint64_t number; /* from 1; 0: never used */
    uint64_t began_ns;            /* CLOCK_MONOTONIC */
    uint64_t took_ns;             /* of one that was answered; 0: not known yet */
    uint64_t body_bytes;          /* sent */
    struct sockaddr_in6 peer;     /* or sockaddr_in, or sockaddr_un without its path */
    uint16_t status;              /* 0: not answered */
    uint16_t head_n;              /* bytes of `head` */
    char head[FLIGHT_HEAD];       /* what it began with; other requests may stand behind it */
};

struct flight {
    _Alignas(64) uint64_t count; /* entries begun; the newest one is `count` */
    uint64_t current;            /* the entry that the worker is at; 0: none */
    struct flight_entry entries[FLIGHT_ENTRIES];
};

/* For another worker. */
void flight_clear(struct flight *f);

static inline struct flight_entry *flight_entry(struct flight *f, uint64_t number)
{
    return &f->entries[number % FLIGHT_ENTRIES];
}

/*
 * The next entry: what stands at `head`, of which `n` bytes came; FLIGHT_HEAD of them must be readable.
 * Until flight_take() it is overwritten by the next one.
 */
static inline struct flight_entry *flight_begin(struct flight *f, const void *peer,
                                                const char *head, size_t n, uint64_t now_ns)
{
    uint64_t number = f->count + 1;
    struct flight_entry *e = flight_entry(f, number);

    e->number = number;
    e->began_ns = now_ns;
    e->took_ns = 0;
    e->status = 0;
    memcpy(&e->peer, peer, sizeof(e->peer));
    e->head_n = (uint16_t)(n < FLIGHT_HEAD ? n : FLIGHT_HEAD);
    memcpy(e->head, head, FLIGHT_HEAD);
    atomic_signal_fence(memory_order_release);
    f->current = number;
    return e;
}

/* Its entry; NULL: 64 others came after it. */
static inline struct flight_entry *flight_find(struct flight *f, uint64_t number)
{
    struct flight_entry *e = flight_entry(f, number);

    return e->number == number ? e : NULL;
}

/* The worker goes on with it; its number now, a new one if it was overwritten. */
uint64_t flight_resume(struct flight *f, uint64_t number, const void *peer, struct str head,
                       uint64_t began_ns);

/* It is a whole request: the next one gets another entry. */
static inline void flight_take(struct flight *f)
{
    atomic_signal_fence(memory_order_release);
    f->count++;
}

/*
 * For people, one line each: the one that the worker was at, then those under way and the `most` that
 * were answered last, the newest first. Of what came, only the request line, if it is one, and the
 * host; nothing a terminal would obey, and no other field, which may be a secret.
 */
void flight_describe(const struct flight *f, uint64_t now_ns, unsigned most, struct buf *out);

#endif
