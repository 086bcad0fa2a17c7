/*
 * shared - the block of counters that the master and all workers map.
 *
 * One region per worker slot, aligned to cache lines, with a single writer: the worker in that
 * slot (the master between two workers, and of `is_stuck` and `started_at`); `assigned` alone has more, and is atomic. Readers take
 * what they see, no locks. The memfd outlives workers, so counters go on over a crash.
 *
 * It outlives masters too: an upgrade hands it on. While the former workers finish, their heirs in
 * the same slots count already, so there are two banks of slots and masters take turns in them. A
 * slot's sum is over both.
 */
#ifndef COMMON_SHARED_H
#define COMMON_SHARED_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/count.h"
#include "common/flight.h"
#include "common/limits.h"
#include "common/series.h"

enum { SHARED_SLOTS_MAX = 1024, SHARED_BANKS = 2 };

/* One row makes the enum, the name and the meaning. */
#define COUNTERS(X)                                                                         \
    X(CONNECTIONS_ACCEPTED, "connections_accepted", "connections accepted")                 \
    X(CONNECTIONS_HANDED_OVER, "connections_handed_over",                                   \
      "connections given to a sibling that had fewer, or by a worker that left")            \
    X(CONNECTIONS_TAKEN_OVER, "connections_taken_over",                                     \
      "connections that a sibling handed over, among the accepted")                         \
    X(CONNECTIONS_CLOSED, "connections_closed", "connections closed, whatever the reason")  \
    X(CONNECTIONS_EVICTED, "connections_evicted", "idle connections closed to make room")   \
    X(CONNECTIONS_TIMED_OUT, "connections_timed_out", "connections closed by a deadline")   \
    X(REQUESTS_RECALLED, "requests_recalled", "answered as before, without being parsed")   \
    X(RESPONSES_1XX, "responses_1xx", "interim responses")                                  \
    X(BYTES_RECEIVED, "bytes_received", "bytes read from clients")                          \
    X(BYTES_SENT, "bytes_sent", "bytes written to clients")                                 \
    X(FILE_CACHE_HITS, "file_cache_hits", "look-ups answered from the open-file cache")     \
    X(FILE_CACHE_MISSES, "file_cache_misses", "look-ups that went to the file system")      \
    X(LOG_BYTES_DROPPED, "log_bytes_dropped", "access log bytes that could not be written") \
    X(LOG_LINES_DROPPED, "log_lines_dropped", "error log lines that could not be written")

enum counter {
#define COUNTER_ENUM(name, word, help) COUNTER_##name,
    COUNTERS(COUNTER_ENUM)
#undef COUNTER_ENUM
        COUNTER_COUNT
};

extern const char *const counter_names[COUNTER_COUNT];
extern const char *const counter_help[COUNTER_COUNT];

struct shared_slot {
    _Alignas(64) _Atomic uint64_t counters[COUNTER_COUNT];
    _Atomic uint64_t heartbeat_ms; /* CLOCK_MONOTONIC of the worker's last turn of its loop */
    _Atomic uint64_t generation;   /* the config generation that it runs */
    _Atomic uint64_t started_at;   /* seconds since the epoch: the worker that `pid` names */
    _Atomic int32_t pid;           /* 0: no worker in this slot */

    /* What siblings look at before they hand a connection over, on a line of its own. */
    _Alignas(64) _Atomic uint64_t takes; /* the generation for which its worker takes; 0: none */
    _Atomic uint32_t open;               /* connections of its worker, who alone writes this */
    _Atomic uint32_t is_stuck;           /* its worker does nothing; the master alone writes this */
    _Atomic int32_t assigned;     /* handed over, not yet taken: raised by givers before, lowered
                                      by the worker after; a moment's negative counts as 0 */
    _Atomic uint64_t assigned_ms; /* CLOCK_MONOTONIC, about when `assigned` last rose from 0 */
};

struct shared {
    uint64_t layout;             /* shared_layout() of who made it */
    uint64_t started_at;         /* seconds since the epoch, when the first master started */
    _Atomic uint64_t generation; /* the newest committed config generation */
    _Atomic uint64_t respawns;   /* workers started in place of one that died */
    _Atomic int32_t
        master_pid;        /* who serves now; 0: nobody yet, or what follows is in another block */
    _Atomic uint32_t bank; /* its bank */
    _Atomic uint32_t worker_count; /* that it should have, in the first slots of the bank */
    _Atomic uint64_t reloads;      /* that were done */
    _Atomic uint64_t reloads_failed;
    _Atomic uint64_t reloaded_at; /* seconds since the epoch: the start or the last good reload */
    _Atomic uint32_t is_reload_failed;  /* the last one */
    _Atomic uint64_t log_lines_dropped; /* of masters' error logs; those of workers are their own */
    struct shared_slot slots[SHARED_BANKS * SHARED_SLOTS_MAX]; /* see shared_bank() */
    struct flight flights[SHARED_BANKS * SHARED_SLOTS_MAX];    /* see shared_flight() */
    struct series series;                                      /* of the same slots */
    struct limits limits;                                      /* large, mostly never touched */
};

_Static_assert(SERIES_SLOTS == SHARED_BANKS * SHARED_SLOTS_MAX, "a record for each slot");

/* A new zeroed block in a memfd; its pages are allocated when a slot is first used. NULL: errno. */
struct shared *shared_new(int *memfd);

/* The block in the memfd of another process. NULL: EPROTO, its layout is not ours; else errno. */
struct shared *shared_open(int memfd);

/*
 * For those who only look: a descriptor of the block that cannot be written to, nor opened again to
 * write by who is not root, and the block mapped from it. -1, NULL: as above.
 */
int shared_open_descriptor(int memfd);
const struct shared *shared_open_readonly(int fd);
void shared_close_readonly(const struct shared **shared);

/*
 * What both sides must agree about. Sizes and names are in it by themselves; whoever changes a
 * meaning alone raises SHARED_VERSION in shared.c.
 */
uint64_t shared_layout(void);

/* The first slot of a bank. */
static inline struct shared_slot *shared_bank(struct shared *shared, unsigned bank)
{
    return &shared->slots[bank * SHARED_SLOTS_MAX];
}

static inline unsigned shared_bank_number(const struct shared *shared,
                                          const struct shared_slot *bank)
{
    return bank == shared->slots ? 0 : 1;
}

/* Its number over both banks, by which `series` has what is its own. */
static inline unsigned shared_number(const struct shared *shared, const struct shared_slot *slot)
{
    return (unsigned)(slot - shared->slots);
}

/*
 * The flight recorder with this number, of those that belong to a bank. A slot may have several
 * processes, of which one serves and others end: each has a recorder of its own.
 */
static inline struct flight *shared_flight(struct shared *shared, const struct shared_slot *bank,
                                           unsigned number)
{
    return &shared->flights[shared_number(shared, bank) + number];
}

/* Whether it ever had a worker; those that did come first in a bank. */
static inline bool shared_was_used(const struct shared_slot *slot)
{
    return atomic_load_explicit(&slot->generation, memory_order_relaxed) != 0;
}

/* Nobody uses the slot any more: what its last worker had open is closed, its counters stay. */
void shared_leave_slot(struct shared *shared, struct shared_slot *slot);

void shared_free(struct shared **shared, int *memfd);

/* Single writer. */
static inline void counter_add(struct shared_slot *slot, enum counter c, uint64_t n)
{
    count_add(&slot->counters[c], n);
}

/* Connections that its worker has or is about to have. */
static inline unsigned slot_load(const struct shared_slot *slot)
{
    int32_t assigned = atomic_load_explicit(&slot->assigned, memory_order_relaxed);

    return atomic_load_explicit(&slot->open, memory_order_relaxed) +
           (assigned > 0 ? (unsigned)assigned : 0);
}

static inline uint64_t counter_read(const struct shared_slot *slot, enum counter c)
{
    return atomic_load_explicit(&slot->counters[c], memory_order_relaxed);
}

#endif
