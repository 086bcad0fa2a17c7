#include "worker/log_losses.h"

#include <string.h>

#include "common/log.h"

enum { TELL_EACH_MS = 10000 };

struct log_losses log_losses_count(struct shared_slot *counters)
{
    struct log_losses requests = log_writer_take_losses(LOG_REQUESTS);

    counter_add(counters, COUNTER_LOG_BYTES_DROPPED, requests.bytes);
    counter_add(counters, COUNTER_LOG_LINES_DROPPED, log_writer_take_losses(LOG_ERRORS).lines);
    return requests;
}

void log_losses_look(struct log_losses_told *told, struct shared_slot *counters, uint64_t now_ms)
{
    struct log_losses more = log_losses_count(counters), *waiting = &told->waiting;

    log_tell_losses();
    waiting->lines += more.lines;
    waiting->bytes += more.bytes;
    if (more.bytes > 0)
        waiting->error = more.error;
    if (waiting->bytes == 0 || (told->told_ms != 0 && now_ms - told->told_ms < TELL_EACH_MS))
        return;
    log_error("access logs: %llu lines (%llu bytes) are lost: %s",
              (unsigned long long)waiting->lines, (unsigned long long)waiting->bytes,
              waiting->error != 0 ? strerror(waiting->error) : "the disk does not keep up");
    told->told_ms = now_ms;
    *waiting = (struct log_losses){ .lines = 0 };
}
