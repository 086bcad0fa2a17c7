/*
 * channel - messages between the master and one worker, with descriptors.
 *
 * A SOCK_SEQPACKET pair: one send is one message. The worker reads end-of-file when the master is
 * gone, and the master when the worker is. Neither side ever blocks.
 *
 * master -> worker                      worker -> master
 *   PREPARE   build generation N          READY      built it (also: a new worker serves)
 *             (bundle_send's fds)         FAILED     could not; text says why
 *   COMMIT    switch to N                 COMMITTED  runs it
 *   ABORT     forget N
 *   REOPEN    take these log fds          REOPENED   took them
 *   QUIT      finish and exit
 *             (bundle_send_quit's fds)
 *   STOP      exit now
 *   ADOPT     accept from slot S's sockets too
 *             (bundle_send_adopt's fds)
 *   RELEASE   take what they have queued,   RELEASED   closed them
 *             then close them
 *   ASK       a question, in words          ANSWER     to the question of this number
 *   TRACE     tell this socket of requests
 *             that meet the text's filter
 *   UNTRACE   end the trace of this number;
 *             0: all traces
 */
#ifndef COMMON_CHANNEL_H
#define COMMON_CHANNEL_H

#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/fd_pass.h"

enum message_type {
    MESSAGE_FDS =
        1, /* descriptors that belong to the PREPARE, REOPEN, ADOPT or QUIT that follows */
    MESSAGE_PREPARE,
    MESSAGE_COMMIT,
    MESSAGE_ABORT,
    MESSAGE_REOPEN,
    MESSAGE_QUIT,
    MESSAGE_STOP,
    MESSAGE_READY,
    MESSAGE_FAILED,
    MESSAGE_COMMITTED,
    MESSAGE_REOPENED,
    MESSAGE_ADOPT,
    MESSAGE_RELEASE,
    MESSAGE_RELEASED,
    MESSAGE_ASK,
    MESSAGE_ANSWER,
    MESSAGE_TRACE,
    MESSAGE_UNTRACE,
};

enum { CHANNEL_FDS_MAX = FD_PASS_MAX, CHANNEL_TEXT_MAX = 512 }; /* of one message */

struct message {
    uint32_t type;       /* enum message_type */
    uint32_t fd_count;   /* fds of this message */
    uint64_t generation; /* what PREPARE, COMMIT, ABORT and their answers are about; ASK,
                                    ANSWER: the question's number; TRACE, UNTRACE: the trace's;
                                    QUIT: milliseconds, see worker_quit() */
    uint32_t slot;       /* what ADOPT, RELEASE and RELEASED are about; QUIT: the heirs' bank */
    char text
        [CHANNEL_TEXT_MAX]; /* FAILED: the reason; COMMIT: the log level, if not the config's; ends in NUL */
    int fds[CHANNEL_FDS_MAX]; /* received: the reader owns them; sent: stay the sender's */
};

/* Non-blocking, close-on-exec. -1: errno of socketpair(2). */
int channel_open(int *master_end, int *worker_end);

/* -1: errno; EAGAIN when the peer has not read for long, EPIPE when it is gone. */
int channel_send(int fd, const struct message *m);

/* Descriptors beside the next message, which stays; 0: none, or there is no message. */
size_t channel_next_fds(int fd);

/* 1: got one; 0: the peer is gone; -1: errno, EAGAIN when there is nothing now. */
int channel_receive(int fd, struct message *m);

/*
 * A text of any length, without NUL: what does not fit into the message goes in a memfd. -1: errno
 * of channel_send() or memfd_create(2).
 */
int channel_send_text(int fd, struct message *m, struct str text);

/*
 * Adds the text of such a message to `out`: what stands in the message, then what stands in its
 * memfd. Closes all descriptors of the message. -1: EFBIG, it is longer than `most`; else errno.
 */
int channel_take_text(struct message *m, size_t most, struct buf *out);

#endif
