#include "worker/access_log.h"

#include <stdlib.h>
#include <sys/random.h>

#include "common/log.h"
#include "common/log_writer.h"
#include "common/xmalloc.h"
#include "worker/syslog.h"

enum {
    /* A daemon's queue is short (net.unix.max_dgram_qlen), and what it has no room for by UDP is
     * lost: few at a time. */
    SYSLOG_GATHERED = 4096,
    SYSLOG_KEPT = 256 * 1024, /* bytes that wait for room in the daemon's queue */
};

/*
 * A share of requests, exact over time: of each stretch of as many as bring one line, one at random,
 * so that what comes in a rhythm is not missed for ever.
 */
struct sampler {
    unsigned share; /* of LOG_SHARE_ALL: what each request adds to `at` */
    unsigned at;    /* below LOG_SHARE_ALL: where the stretch is */
    unsigned mark;  /* where it brings its line */
    unsigned owed;  /* lines that are due */
    uint64_t random;
};

struct access_log {
    const struct access_log_config *config; /* borrowed */
    struct log_line *line;                  /* owned */
    int fd;                                 /* owned */
    bool takes_all;
    bool is_failing; /* syslog: the last lines were dropped */
    size_t buffer_bytes;
    size_t flush_at;              /* bytes in `lines` */
    uint64_t flush_ms, oldest_ms; /* oldest_ms: when the first line in the buffer came */
    struct shared_slot *counters;
    struct buf lines;
    struct sampler sampler;
};

/* ---- which requests ---- */

/* xorshift64: nobody gains by guessing it. */
static unsigned next_mark(struct sampler *s)
{
    s->random ^= s->random << 13;
    s->random ^= s->random >> 7;
    s->random ^= s->random << 17;
    return (unsigned)(s->random % LOG_SHARE_ALL);
}

static void sampler_init(struct sampler *s, unsigned share)
{
    *s = (struct sampler){ .share = share };
    if (share == 0 || share == LOG_SHARE_ALL)
        return;
    if (getrandom(&s->random, sizeof(s->random), GRND_NONBLOCK) != (ssize_t)sizeof(s->random))
        s->random = (uint64_t)(uintptr_t)s;
    s->random |= 1;
    s->mark = next_mark(s);
}

static bool sampler_takes(struct sampler *s)
{
    unsigned to = s->at + s->share;

    s->owed += s->at <= s->mark && s->mark < to;
    if (to >= LOG_SHARE_ALL) {
        to -= LOG_SHARE_ALL;
        s->mark = next_mark(s);
        s->owed += s->mark < to;
    }
    s->at = to;
    if (s->owed == 0)
        return false;
    s->owed--;
    return true;
}

static bool is_wanted(struct access_log *log, const struct access_log_entry *e)
{
    const struct access_log_config *config = log->config;

    if (e->status / 8 < sizeof(config->if_status) &&
        (config->if_status[e->status / 8] >> e->status % 8 & 1) != 0)
        return true;
    if (config->if_slower_ms > 0 && e->duration_ns >= config->if_slower_ms * 1000000)
        return true;
    return sampler_takes(&log->sampler);
}

bool access_log_needs_duration(const struct access_log *log)
{
    return log->config->if_slower_ms > 0 || log_line_needs_duration(log->line);
}

/* ---- life ---- */

struct access_log *access_log_new(const struct access_log_config *config, int fd,
                                  size_t buffer_bytes, uint64_t flush_ms,
                                  struct shared_slot *counters)
{
    struct access_log *log = xcalloc(1, sizeof(*log));

    log->config = config;
    log->line = log_line_new(config);
    log->takes_all = config->share == LOG_SHARE_ALL;
    sampler_init(&log->sampler, config->share);
    log->fd = fd;
    log->buffer_bytes = buffer_bytes;
    if (config->target == LOG_TO_SYSLOG && buffer_bytes > SYSLOG_GATHERED)
        log->buffer_bytes = SYSLOG_GATHERED;
    log->flush_at = log->buffer_bytes;
    log->flush_ms = flush_ms;
    log->counters = counters;
    return log;
}

/* Drops `n` bytes of lines from the front; what they hold was sent, or is lost. */
static void forget_lines(struct access_log *log, size_t n)
{
    memmove(log->lines.p, log->lines.p + n, log->lines.n - n);
    log->lines.n -= n;
}

/* Once when it begins and once when it is over, for the daemon may be away for long. */
static void tell_failure(struct access_log *log, int error)
{
    if ((error != 0) == log->is_failing)
        return;
    log->is_failing = error != 0;
    if (error != 0)
        log_error("access_log %s: %s: lines are dropped until it takes them", log->config->text,
                  strerror(error));
    else
        log_notice("access_log %s: it takes lines again", log->config->text);
}

static void flush_to_syslog(struct access_log *log)
{
    struct syslog_result result;
    size_t lost;

    if (log->lines.n == 0)
        return;
    result = syslog_send(log->fd, &log->config->syslog, buf_str(&log->lines));
    lost = result.dropped;
    forget_lines(log, result.sent + result.dropped);
    if (log->lines.n > SYSLOG_KEPT) {
        lost += log->lines.n;
        log->lines.n = 0;
    }
    counter_add(log->counters, COUNTER_LOG_BYTES_DROPPED, lost);
    if (result.sent > 0 || result.error != 0)
        tell_failure(log, result.error);
    log->flush_at = log->lines.n + log->buffer_bytes; /* not with each line in a full queue */
}

void access_log_flush(struct access_log *log)
{
    if (log->config->target == LOG_TO_SYSLOG)
        flush_to_syslog(log);
    else
        log_writer_put(LOG_REQUESTS, log->fd, &log->lines);
}

void access_log_free(struct access_log **log)
{
    if (*log == NULL)
        return;
    access_log_flush(*log);
    counter_add((*log)->counters, COUNTER_LOG_BYTES_DROPPED, (*log)->lines.n);
    log_writer_close(LOG_REQUESTS, (*log)->fd);
    buf_fini(&(*log)->lines);
    log_line_free(&(*log)->line);
    free(*log);
    *log = NULL;
}

void access_log_add(struct access_log *log, const struct access_log_entry *e)
{
    if (!log->takes_all && !is_wanted(log, e))
        return;
    if (log->lines.n == 0)
        log->oldest_ms = e->clock->now_ms;
    log_line_add(log->line, &log->lines, e);
    if (log->lines.n >= log->flush_at)
        access_log_flush(log);
}

void access_log_flush_if_due(struct access_log *log, uint64_t now_ms)
{
    if (log->lines.n > 0 && now_ms - log->oldest_ms >= log->flush_ms)
        access_log_flush(log);
}

void access_log_reopen(struct access_log *log, int fd)
{
    access_log_flush(log);
    log_writer_close(LOG_REQUESTS, log->fd);
    log->fd = fd;
}

void access_log_keep(const struct access_log *log, struct buf *out,
                     const struct access_log_entry *e)
{
    log_line_keep(log->line, out, e);
}
