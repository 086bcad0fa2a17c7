/*
 * steering - which sockets of a SO_REUSEPORT group get new connections.
 *
 * The kernel deals them to all sockets of a group by a hash; a classic BPF program of three
 * instructions (SO_ATTACH_REUSEPORT_CBPF) deals them to the first `count` alone, in the order in
 * which they began to listen. So nothing new comes to the others, and they can be emptied and closed.
 */
#ifndef MASTER_STEERING_H
#define MASTER_STEERING_H

/* To the first `count` sockets of the group that `fd` is one of. -1: errno; all get theirs, still. */
int steering_attach(int fd, unsigned count);

#endif
