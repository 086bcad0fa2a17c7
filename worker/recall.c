#include "worker/recall.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <xxhash.h>

#include "common/buf.h"
#include "common/list.h"
#include "common/put.h"
#include "common/xmalloc.h"
#include "worker/access_log.h"
#include "worker/generation.h"

enum {
    WAYS = 4,            /* places for a hash: one cache line */
    BYTES_A_PLACE = 256, /* of the bound */
    SETS_MIN = 16,
    SETS_MAX = 1 << 20,
    SAMPLE = 112,    /* bytes, three of which are hashed of a long head */
    BODY_MAX = 4096, /* bytes of a body that is no file's */
};

struct place {
    uint64_t hash;           /* 0: free */
    struct recalled *answer; /* owned; NULL: seen once */
};

struct recall {
    uint64_t bytes_max, bytes, hits;
    size_t count;
    size_t last_n;        /* of the last head: the next one is often as long */
    struct place *places; /* WAYS for each set; owned */
    size_t set_mask, place_mask;
    struct list answers; /* in the order in which they came, or were spared */
    unsigned way;        /* that goes next where a set is full */
    uint64_t seed;       /* so that nobody can choose who shares a set with whom */
};

struct recall *recall_new(uint64_t bytes_max)
{
    size_t sets = SETS_MIN;
    struct recall *recall;

    if (bytes_max == 0)
        return NULL;
    while (sets < bytes_max / (WAYS * BYTES_A_PLACE) && sets < SETS_MAX)
        sets *= 2;
    recall = xcalloc(1, sizeof(*recall));
    recall->bytes_max = bytes_max;
    recall->places = xcalloc(sets * WAYS, sizeof(struct place));
    recall->set_mask = sets - 1;
    recall->place_mask = sets * WAYS - 1;
    list_init(&recall->answers);
    if (getrandom(&recall->seed, sizeof(recall->seed), 0) != (ssize_t)sizeof(recall->seed))
        recall->seed = (uint64_t)(uintptr_t)recall;
    return recall;
}

static struct place *set_of(const struct recall *recall, uint64_t hash)
{
    return &recall->places[(hash & recall->set_mask) * WAYS];
}

/* The place of this hash; NULL: it has none yet. */
static struct place *place_of(struct recall *recall, uint64_t hash)
{
    struct place *set = set_of(recall, hash);

    for (int way = 0; way < WAYS; way++)
        if (set[way].hash == hash)
            return &set[way];
    return NULL;
}

/* The place stays: its hash was seen. */
static void forget(struct recall *recall, struct recalled *e)
{
    place_of(recall, e->hash)->answer = NULL;
    list_remove(&e->in_answers);
    recall->bytes -= e->bytes_n;
    recall->count--;
    free(e);
}

static struct recalled *first_answer(const struct recall *recall)
{
    return CONTAINER_OF(recall->answers.next, struct recalled, in_answers);
}

void recall_free(struct recall **recall)
{
    struct recall *r = *recall;

    *recall = NULL;
    if (r == NULL)
        return;
    while (r->count > 0)
        forget(r, first_answer(r));
    free(r->places);
    free(r);
}

/*
 * Of a long head three samples are enough to tell most from another: all bytes are compared anyway,
 * and of those that share a hash the first one is kept.
 */
static uint64_t hash_of(const struct recall *recall, const char *p, size_t n)
{
    uint64_t hash = recall->seed + n;

    if (n <= 2 * SAMPLE) {
        hash = XXH3_64bits_withSeed(p, n, hash);
    } else {
        hash = XXH3_64bits_withSeed(p, SAMPLE, hash);
        hash = XXH3_64bits_withSeed(p + (n - SAMPLE) / 2, SAMPLE, hash);
        hash = XXH3_64bits_withSeed(p + n - SAMPLE, SAMPLE, hash);
    }
    return hash != 0 ? hash : 1;
}

/* Could the first n bytes be a head? A guess: only the comparison with a known one tells. */
static bool ends_head(struct str input, size_t n)
{
    return n >= 4 && n <= input.n && memcmp(input.p + n - 4, "\r\n\r\n", 4) == 0;
}

static size_t guess_head(const struct recall *recall, struct str input)
{
    if (ends_head(input, recall->last_n))
        return recall->last_n;
    return input.n <= RECALL_HEAD_MAX && ends_head(input, input.n) ? input.n : 0;
}

static bool is_true(const struct recalled *e, const struct file_cache *cache, uint64_t now_ms)
{
    for (unsigned i = 0; i < e->ticket_count; i++)
        if (!file_cache_is_true(cache, &e->tickets[i], now_ms))
            return false;
    return true;
}

/* Whether it answers what `input` begins with. Its head ends where the same bytes end here. */
static bool is_of(const struct recalled *e, const struct listener *listener, struct str input)
{
    return e != NULL && e->request_n <= input.n && e->listener == listener &&
           memcmp(e->bytes, input.p, e->request_n) == 0;
}

static struct recalled *use(struct recall *recall, struct recalled *e,
                            const struct file_cache *cache, uint64_t now_ms)
{
    if (!is_true(e, cache, now_ms)) {
        forget(recall, e);
        return NULL;
    }
    e->is_recent = true;
    recall->last_n = e->request_n;
    recall->hits++;
    return e;
}

static struct recalled *find_by_hash(struct recall *recall, const struct listener *listener,
                                     struct str input, uint32_t *hint, struct recall_key *key)
{
    size_t n = guess_head(recall, input), first;
    uint64_t hash;

    *key = (struct recall_key){ 0, 0 };
    if (n == 0)
        return NULL;
    hash = hash_of(recall, input.p, n);
    *key = (struct recall_key){ hash, n };
    first = (hash & recall->set_mask) * WAYS;
    for (size_t at = first; at < first + WAYS; at++) {
        struct recalled *e = recall->places[at].answer;

        if (recall->places[at].hash != hash || !is_of(e, listener, input) || e->request_n != n)
            continue;
        *hint = (uint32_t)at;
        return e;
    }
    return NULL;
}

struct recalled *recall_find(struct recall *recall, const struct listener *listener,
                             struct str input, const struct file_cache *cache, uint64_t now_ms,
                             uint32_t *hint, struct recall_key *key)
{
    struct recalled *e = recall->places[*hint & recall->place_mask].answer;

    if (!is_of(e, listener, input))
        e = find_by_hash(recall, listener, input, hint, key);
    return e != NULL ? use(recall, e, cache, now_ms) : NULL;
}

/* Gives up what came longest ago and was not asked for since it was last spared. */
static void make_room(struct recall *recall, size_t bytes)
{
    while (recall->count > 0 && recall->bytes + bytes > recall->bytes_max) {
        struct recalled *e = first_answer(recall);

        if (e->is_recent) {
            e->is_recent = false;
            list_move_to_tail(&recall->answers, &e->in_answers);
        } else {
            forget(recall, e);
        }
    }
}

/* Notes that the hash was seen, in the place that can best be spared. */
static void note(struct recall *recall, uint64_t hash)
{
    struct place *set = set_of(recall, hash);

    for (int way = 0; way < WAYS; way++) {
        if (set[way].hash == 0) {
            set[way].hash = hash;
            return;
        }
    }
    for (int i = 0; i < WAYS; i++) { /* in turn: two that alternate must not chase each other */
        struct place *next = &set[recall->way++ % WAYS];

        if (next->answer == NULL || !next->answer->is_recent) {
            if (next->answer != NULL)
                forget(recall, next->answer);
            next->hash = hash;
            return;
        }
        next->answer->is_recent = false;
    }
}

/* What the log tells of every request with these bytes. */
static void write_log_kept(struct buf *text, const struct exchange *x, bool sends_body)
{
    uint64_t body_bytes = sends_body ? (uint64_t)x->res.length : 0;
    const struct access_log_entry entry = exchange_log_entry(x, x->res.status, body_bytes);

    access_log_keep(x->route->log, text, &entry);
}

static struct str add(char **p, struct str s)
{
    struct str copy = { *p, s.n };

    *p = put_str(*p, s);
    return copy;
}

static struct recalled *recalled_new(const struct listener *listener, const struct exchange *x,
                                     const char *head, const struct composed *composed,
                                     bool sends_body)
{
    const struct response *res = &x->res;
    struct str body = sends_body && res->file == NULL && res->bytes.n > 0 ? res->bytes : STR("");
    struct buf log_kept = { NULL, 0, 0 };
    struct recalled *e;
    size_t bytes;
    char *p;

    if (x->route->log != NULL)
        write_log_kept(&log_kept, x, sends_body);
    bytes = sizeof(*e) + x->head_n + composed->n + body.n + log_kept.n;
    e = xmalloc(bytes);
    *e = (struct recalled){
        .listener = listener,
        .route = x->route,
        .request_n = x->head_n,
        .composed = *composed,
        .file = sends_body ? res->file : NULL,
        .used = res->file,
        .first = res->first,
        .length = sends_body ? res->length : 0,
        .status = res->status,
        .ticket_count = x->ticket_count,
        .closes = !x->req.keep_alive,
        .bytes_n = bytes,
    };
    memcpy(e->tickets, x->tickets, sizeof(e->tickets));
    p = put_str(e->bytes, (struct str){ x->head, x->head_n });
    e->head = add(&p, (struct str){ head, composed->n });
    e->body = add(&p, body).p;
    if (e->file != NULL)
        e->body = e->file->body + res->first;
    if (log_kept.n > 0)
        e->log_kept = add(&p, buf_str(&log_kept));
    buf_fini(&log_kept);
    return e;
}

void recall_keep(struct recall *recall, const struct listener *listener, const struct exchange *x,
                 const char *head, const struct composed *composed, bool sends_body)
{
    const struct response *res = &x->res;
    uint64_t hash = x->recall_key.hash;
    struct place *place;
    struct recalled *e;

    if (x->head_n > RECALL_HEAD_MAX || res->bytes.n > BODY_MAX ||
        (sends_body && res->file != NULL && res->file->body == NULL))
        return;
    if (x->recall_key.n != x->head_n)
        hash = hash_of(recall, x->head, x->head_n);
    recall->last_n = x->head_n;
    place = place_of(recall, hash);
    if (place == NULL) {
        note(recall, hash);
        return;
    }
    if (place->answer != NULL)
        return; /* of the same hash, by another listener: the first one stays */
    e = recalled_new(listener, x, head, composed, sends_body);
    if (e->bytes_n > recall->bytes_max) {
        free(e);
        return;
    }
    make_room(recall, e->bytes_n);
    e->hash = hash;
    list_append(&recall->answers, &e->in_answers);
    place->answer = e;
    recall->bytes += e->bytes_n;
    recall->count++;
}

struct recall_stats recall_stats(const struct recall *recall)
{
    return (struct recall_stats){ recall->bytes, recall->hits, recall->count };
}
