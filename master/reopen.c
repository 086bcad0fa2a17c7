/*
 * reopen - fresh log files after logrotate(8) has moved the old ones away; see transaction.h.
 */
#include "common/log.h"
#include "master/master.h"
#include "master/process.h"

void reopen_begin(struct master *m)
{
    struct transaction *t = &m->transaction;
    struct message reopen = { .type = MESSAGE_REOPEN, .generation = m->now.number };
    struct logs fresh;

    /* What stays as it was is an error in the end, for whoever is about to compress the file. */
    if (!logs_open_again(&fresh, m->now.config, m->is_daemon, &m->now.logs, &t->errors,
                         &t->errors)) {
        transaction_end(m, false, buf_cstr(&t->errors));
        return;
    }
    log_set_fd(fresh.fds[0]);
    logs_fini(&m->now.logs);
    m->now.logs = fresh;
    if (m->is_daemon)
        master_redirect(m);
    transaction_step(m, STEP_REOPENING);
    LIST_EACH (at, &m->processes) {
        struct process *p = CONTAINER_OF(at, struct process, link);

        if (p->channel.fd < 0)
            continue;
        /* Leaving ones log on too, but are not waited for. */
        if (fds_send(p->channel.fd, fresh.fds, fresh.count, &reopen) == 0) {
            p->answer = p->state == PROCESS_LEAVING ? ANSWER_NONE : ANSWER_DUE;
        } else {
            log_error("worker %u (pid %d) cannot be told of the new logs: %m", p->slot + 1,
                      (int)p->pid);
            process_kill(p);
        }
    }
}

void reopen_advance(struct master *m)
{
    struct transaction *t = &m->transaction;

    if (transaction_is_answer_due(m))
        return;
    if (t->errors.n > 0)
        transaction_end(m, false, buf_cstr(&t->errors));
    else
        transaction_end(m, true, "log files are open anew");
}

void reopen_expired(struct master *m)
{
    transaction_add_silent(m);
}
