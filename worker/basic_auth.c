#include "worker/basic_auth.h"

#include <crypt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/buf.h"
#include "common/limits.h"
#include "common/list.h"
#include "common/offload.h"
#include "common/siphash.h"
#include "common/xmalloc.h"
#include "worker/clock.h"
#include "worker/exchange.h"

enum {
    CREDENTIALS_MAX = 1024, /* of base64; passwords above 512 bytes crypt(3) does not take */
    CACHE_SETS = 256,
    CACHE_WAYS = 4,
    GOOD_MS = 300 * 1000, /* remembered */
    BAD_MS = 30 * 1000,
    CLIENT_JOBS_MAX = 4, /* of one address that wait or run */
};

/* ---- what was sent ---- */

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (ascii_is_digit(c))
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* RFC 4648, 4: padded, nothing else in it. Returns the bytes written to `out`, -1: it is not. */
static ssize_t decode_base64(struct str text, char *out)
{
    size_t n = 0, padding = 0;
    uint32_t bits = 0;

    if (text.n == 0 || text.n % 4 != 0)
        return -1;
    while (padding < 2 && text.p[text.n - 1 - padding] == '=')
        padding++;
    for (size_t i = 0; i < text.n; i++) {
        int value = i >= text.n - padding ? 0 : base64_value(text.p[i]);

        if (value < 0)
            return -1;
        bits = bits << 6 | (uint32_t)value;
        if (i % 4 != 3)
            continue;
        out[n++] = (char)(bits >> 16);
        out[n++] = (char)(bits >> 8);
        out[n++] = (char)bits;
        bits = 0;
    }
    return (ssize_t)(n - padding);
}

/* RFC 7617, 2: neither has any. */
static bool has_controls(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
            return true;
    return false;
}

/* Two lines of it are a riddle, and nobody's password. */
static struct str only_authorization(const struct request *req)
{
    size_t at = 0;
    struct str first = request_next_field(req, FIELD_AUTHORIZATION, &at);

    return request_next_field(req, FIELD_AUTHORIZATION, &at).p == NULL ? first : STR_NONE;
}

bool credentials_read(const struct request *req, struct pool *pool, struct credentials *out)
{
    struct str rest = only_authorization(req), scheme;
    char *bytes;
    ssize_t n;

    if (rest.p == NULL)
        return false;
    scheme = str_cut(&rest, ' ');
    rest = str_trim(rest);
    if (!str_eq_case(scheme, STR("Basic")) || rest.p == NULL || rest.n > CREDENTIALS_MAX)
        return false;
    bytes = pool_alloc(pool, CREDENTIALS_MAX);
    n = decode_base64(rest, bytes);
    if (n < 0)
        return false;
    out->password = (struct str){ bytes, (size_t)n };
    out->user = str_cut(&out->password, ':');
    return out->password.p != NULL && out->user.n > 0 && !has_controls(out->user) &&
           !has_controls(out->password) && out->password.n <= CRYPT_MAX_PASSPHRASE_SIZE - 1;
}

/* ---- what is remembered ---- */

struct remembered {
    struct siphash of; /* user, password, stored hash */
    uint64_t until_ms; /* 0: empty */
};

/* Apart, so that somebody who guesses does not push out those who know. */
struct memory {
    struct remembered slots[CACHE_SETS][CACHE_WAYS];
};

struct basic_auth {
    uint64_t key[2];
    struct memory good, bad;
    struct list jobs; /* struct auth_job that wait or run */
};

static struct remembered *slots_of(struct memory *m, const struct siphash *of)
{
    return m->slots[of->half[0] % CACHE_SETS];
}

/* Looks at all and at all bits, wherever it is. */
static bool remembers(struct memory *m, const struct siphash *of, uint64_t now_ms)
{
    const struct remembered *slots = slots_of(m, of);
    bool is_found = false;

    for (int i = 0; i < CACHE_WAYS; i++) {
        uint64_t differs =
            (slots[i].of.half[0] ^ of->half[0]) | (slots[i].of.half[1] ^ of->half[1]);

        is_found |= (differs == 0) & (slots[i].until_ms > now_ms);
    }
    return is_found;
}

/* In place of what would be forgotten first. */
static void remember(struct memory *m, const struct siphash *of, uint64_t until_ms)
{
    struct remembered *slots = slots_of(m, of), *oldest = &slots[0];

    for (int i = 1; i < CACHE_WAYS; i++)
        if (slots[i].until_ms < oldest->until_ms)
            oldest = &slots[i];
    *oldest = (struct remembered){ *of, until_ms };
}

struct basic_auth *basic_auth_new(void)
{
    struct basic_auth *auth = xcalloc(1, sizeof(*auth));

    list_init(&auth->jobs);
    if (getrandom(auth->key, sizeof(auth->key), 0) == (ssize_t)sizeof(auth->key))
        return auth;
    free(auth);
    return NULL;
}

void basic_auth_free(struct basic_auth **auth)
{
    free(*auth);
    *auth = NULL;
}

/* ---- hashing ---- */

struct waiter {
    struct waiter *next;
    struct exchange *x; /* NULL: it ended */
};

struct auth_job {
    struct offload_job offload;
    struct list link; /* in basic_auth->jobs */
    struct basic_auth *auth;
    const struct clock *clock; /* the worker's */
    struct siphash of;
    bool has_client;       /* its address can be told from others' */
    struct siphash client; /* who made us start */
    char *hash, *password; /* owned */
    bool is_known, is_right;
    struct waiter *waiters; /* owned */
};

static bool is_same(const char *a, const char *b)
{
    size_t n = strlen(a);
    unsigned char differs = 0;

    if (strlen(b) != n)
        return false;
    for (size_t i = 0; i < n; i++)
        differs |= (unsigned char)(a[i] ^ b[i]);
    return differs == 0;
}

/* On the thread for passwords. */
static void run(struct offload_job *offload)
{
    struct auth_job *job = CONTAINER_OF(offload, struct auth_job, offload);
    struct crypt_data *data = xcalloc(1, sizeof(*data)); /* 32 KB */
    const char *made = crypt_r(job->password, job->hash, data);

    job->is_right = made != NULL && is_same(made, job->hash);
    explicit_bzero(data, sizeof(*data));
    free(data);
}

static void job_free(struct auth_job *job)
{
    struct waiter *waiter;

    while ((waiter = job->waiters) != NULL) {
        job->waiters = waiter->next;
        free(waiter);
    }
    explicit_bzero(job->password, strlen(job->password));
    free(job->password);
    free(job->hash);
    free(job);
}

static void done(struct offload_job *offload, bool was_run)
{
    struct auth_job *job = CONTAINER_OF(offload, struct auth_job, offload);
    bool is_good = was_run && job->is_right && job->is_known;
    uint64_t now_ms = job->clock->now_ms;

    if (was_run && is_good)
        remember(&job->auth->good, &job->of, now_ms + GOOD_MS);
    else if (was_run)
        remember(&job->auth->bad, &job->of, now_ms + BAD_MS);
    for (struct waiter *at = job->waiters; at != NULL; at = at->next) {
        struct exchange *x = at->x;

        if (x == NULL)
            continue;
        x->auth_verdict = is_good ? AUTH_GOOD : was_run ? AUTH_BAD : AUTH_BUSY;
        exchange_wake(x);
    }
    list_remove(&job->link);
    job_free(job);
}

static void wait_for(struct auth_job *job, struct exchange *x, void (*resume)(struct exchange *x))
{
    struct waiter *waiter = xcalloc(1, sizeof(*waiter));

    waiter->next = job->waiters;
    job->waiters = waiter;
    exchange_suspend(x, "waiting for a password check", resume, &waiter->x);
}

static bool is_equal(const struct siphash *a, const struct siphash *b)
{
    return a->half[0] == b->half[0] && a->half[1] == b->half[1];
}

static struct auth_job *find_job(struct basic_auth *auth, const struct siphash *of)
{
    LIST_EACH (at, &auth->jobs) {
        struct auth_job *job = CONTAINER_OF(at, struct auth_job, link);

        if (is_equal(&job->of, of))
            return job;
    }
    return NULL;
}

static unsigned count_jobs_of(const struct basic_auth *auth, const struct siphash *client)
{
    unsigned count = 0;

    LIST_EACH (at, &auth->jobs) {
        const struct auth_job *job = CONTAINER_OF(at, struct auth_job, link);

        count += job->has_client && is_equal(&job->client, client);
    }
    return count;
}

/* NULL: no place for one more, or for one more of this client's. */
static struct auth_job *start_job(struct basic_auth *auth, struct exchange *x, const char *hash,
                                  bool is_known, struct str password, const struct siphash *of)
{
    static const uint64_t purpose[2] = { 0, 0 };
    struct cidr address = cidr_of(x->remote);
    struct siphash client;
    bool has_client = limits_client(x->limits, &address, purpose, &client);
    struct auth_job *job;

    if (has_client && count_jobs_of(auth, &client) >= CLIENT_JOBS_MAX)
        return NULL;
    job = xcalloc(1, sizeof(*job));
    job->has_client = has_client;
    if (has_client)
        job->client = client;
    job->offload = (struct offload_job){ .run = run, .done = done };
    job->auth = auth;
    job->clock = x->clock;
    job->of = *of;
    job->hash = xstrdup(hash);
    job->password = str_dup(password);
    job->is_known = is_known;
    if (!offload_submit(x->passwords, &job->offload)) {
        job_free(job);
        return NULL;
    }
    list_append(&auth->jobs, &job->link);
    return job;
}

/* The question as one text: no part has a NUL, so no two questions have the same. */
static struct siphash hash_question(const struct basic_auth *auth, const char *hash, bool is_known,
                                    const struct credentials *given)
{
    struct buf text = { 0 };
    struct siphash of;

    /* At once: growing would leave copies behind. */
    buf_reserve(&text, given->user.n + given->password.n + strlen(hash) + 4);
    buf_add_char(&text, is_known ? '+' : '-');
    buf_add(&text, given->user);
    buf_add_char(&text, '\0');
    buf_add(&text, given->password);
    buf_add_char(&text, '\0');
    buf_add(&text, str_of(hash));
    of = siphash(auth->key, buf_str(&text));
    explicit_bzero(text.p, text.n);
    buf_fini(&text);
    return of;
}

enum auth_verdict basic_auth_check(struct basic_auth *auth, struct exchange *x,
                                   const struct htpasswd *users, const struct credentials *given,
                                   void (*resume)(struct exchange *x))
{
    const struct htpasswd_user *user = htpasswd_find(users, given->user);
    const char *hash = user != NULL ? user->hash : users->users[0].hash;
    struct siphash of = hash_question(auth, hash, user != NULL, given);
    struct auth_job *job;

    if (remembers(&auth->good, &of, x->clock->now_ms))
        return AUTH_GOOD;
    if (remembers(&auth->bad, &of, x->clock->now_ms))
        return AUTH_BAD;
    job = find_job(auth, &of);
    if (job == NULL) {
        job = start_job(auth, x, hash, user != NULL, given->password, &of);
        if (job == NULL)
            return AUTH_BUSY;
    }
    wait_for(job, x, resume);
    return AUTH_LATER;
}
