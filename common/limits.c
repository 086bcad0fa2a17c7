#include "common/limits.h"

#include <string.h>
#include <sys/random.h>

enum { TRIES = 16 /* races lost before somebody is let through uncounted */ };

#define TIME_MASK  (((uint64_t)1 << 48) - 1)
#define COUNT_MASK ((uint64_t)0xffff)

int limits_init(struct limits *l)
{
    return getrandom(l->key, sizeof(l->key), 0) == (ssize_t)sizeof(l->key) ? 0 : -1;
}

bool limits_client(const struct limits *l, const struct cidr *address, const uint64_t purpose[2],
                   struct siphash *client)
{
    struct {
        uint64_t purpose[2], family;
        uint8_t bytes[16];
    } key = { { purpose[0], purpose[1] }, address->family, { 0 } };

    if (address->family != AF_INET && address->family != AF_INET6)
        return false;
    /* An IPv6 subscriber has a /64 at least, and could come from another address each time. */
    memcpy(key.bytes, address->bytes, address->family == AF_INET ? 4 : 8);
    *client = siphash(l->key, (struct str){ (const char *)&key, sizeof(key) });
    return true;
}

/* ---- rates ---- */

static uint64_t client_of(const struct siphash *client)
{
    return client->half[0] | 1; /* 0 is nobody */
}

/* The client's entry, which it may have had to take over; -1: all places are in use. */
static int find_rate(struct limits *l, const struct siphash *client, uint64_t now_us)
{
    int base = (int)(client->half[1] % (LIMITS_RATES / LIMITS_WAYS)) * LIMITS_WAYS;
    uint64_t who = client_of(client);

    for (int i = base; i < base + LIMITS_WAYS; i++)
        if (atomic_load_explicit(&l->rates[i].client, memory_order_relaxed) == who)
            return i;
    for (int i = base; i < base + LIMITS_WAYS; i++) {
        uint64_t old = atomic_load_explicit(&l->rates[i].client, memory_order_relaxed);

        if ((atomic_load(&l->rates[i].full_at) & TIME_MASK) > now_us)
            continue;
        if (atomic_compare_exchange_strong(&l->rates[i].client, &old, who) || old == who)
            return i;
    }
    return -1;
}

bool limits_take(struct limits *l, const struct siphash *client, uint64_t interval_us,
                 uint64_t burst, uint64_t now_us, uint64_t *wait_us)
{
    uint64_t tag = client->half[0] & ~TIME_MASK, tolerance = burst * interval_us;

    for (int tries = 0; tries < TRIES; tries++) {
        int i = find_rate(l, client, now_us);
        uint64_t state, full_at;

        if (i < 0)
            return true;
        state = atomic_load(&l->rates[i].full_at);
        if (atomic_load(&l->rates[i].client) != client_of(client))
            continue; /* taken over by another just now */
        /* Another's time, left by a race or a former owner, is not ours. */
        full_at = (state & ~TIME_MASK) == tag ? state & TIME_MASK : 0;
        if (full_at < now_us)
            full_at = now_us;
        if (full_at - now_us > tolerance) {
            *wait_us = full_at - now_us - tolerance;
            return false;
        }
        if (atomic_compare_exchange_strong(&l->rates[i].full_at, &state,
                                           tag | ((full_at + interval_us) & TIME_MASK)))
            return true;
    }
    return true;
}

/* ---- connections ---- */

int limits_open_ledger(struct limits *l, pid_t pid)
{
    for (int i = 0; i < LIMITS_LEDGERS; i++) {
        int32_t nobody = 0;

        if (atomic_compare_exchange_strong(&l->ledger_pids[i], &nobody, (int32_t)pid))
            return i;
    }
    return LIMITS_NO_LEDGER;
}

/* `n` less, but never below 0: what was lost to a race must not become a debt. */
static void give_back(_Atomic uint64_t *conns, uint64_t n)
{
    uint64_t old = atomic_load(conns), count;

    do
        count = (old & COUNT_MASK) < n ? (old & COUNT_MASK) : n;
    while (!atomic_compare_exchange_weak(conns, &old, old - count));
}

void limits_close_ledger(struct limits *l, pid_t pid)
{
    for (int i = 0; i < LIMITS_LEDGERS; i++) {
        if (atomic_load(&l->ledger_pids[i]) != (int32_t)pid)
            continue;
        for (int place = 0; place < LIMITS_CONNS; place++) {
            uint16_t held = atomic_exchange(&l->ledgers[i][place], 0);

            if (held > 0)
                give_back(&l->conns[place], held);
        }
        atomic_store(&l->ledger_pids[i], 0);
    }
}

/* Where the client is counted, or could be; -1: all places are in use. */
static int find_conns(const struct limits *l, const struct siphash *client, uint64_t tag)
{
    int base = (int)(client->half[1] % (LIMITS_CONNS / LIMITS_WAYS)) * LIMITS_WAYS, unused = -1;

    for (int i = base; i < base + LIMITS_WAYS; i++) {
        uint64_t word = atomic_load(&l->conns[i]);

        if ((word & ~COUNT_MASK) == tag)
            return i;
        if (unused < 0 && (word & COUNT_MASK) == 0)
            unused = i;
    }
    return unused;
}

int limits_hold(struct limits *l, int ledger, const struct siphash *client, unsigned most)
{
    uint64_t tag = client->half[0] & ~COUNT_MASK;

    for (int tries = 0; ledger >= 0 && tries < TRIES; tries++) {
        int i = find_conns(l, client, tag);
        uint64_t word, count;

        if (i < 0)
            break;
        word = atomic_load(&l->conns[i]);
        count = word & COUNT_MASK;
        if ((word & ~COUNT_MASK) != tag && count > 0)
            continue; /* another client's by now */
        if (count >= most)
            return LIMITS_REFUSED;
        /* The ledger first: a death in between gives back what was not counted, not too little. */
        atomic_fetch_add(&l->ledgers[ledger][i], 1);
        if (atomic_compare_exchange_strong(&l->conns[i], &word, tag | (count + 1)))
            return i;
        atomic_fetch_sub(&l->ledgers[ledger][i], 1);
    }
    return LIMITS_UNCOUNTED;
}

void limits_release(struct limits *l, int ledger, int place)
{
    give_back(&l->conns[place], 1);
    atomic_fetch_sub(&l->ledgers[ledger][place], 1);
}
