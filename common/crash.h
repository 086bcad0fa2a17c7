/*
 * crash - last words: a process that a signal ends (SEGV, BUS, ILL, FPE, ABRT) writes its stack into
 * the error log first.
 *
 *     remuda: worker 2, pid 4242: signal 11, its stack:
 *     /usr/sbin/remuda(+0x1c2f4)[0x55d0c8a1c2f4]
 *     ...
 *     remuda: it was at: GET /a.html HTTP/1.1
 *
 * The offsets in brackets are for addr2line(1) -e. Only async-signal-safe calls are made. A worker
 * that does nothing any more gets its ABRT from the master.
 */
#ifndef COMMON_CRASH_H
#define COMMON_CRASH_H

#include <stddef.h>

/*
 * For the rest of the process. `describe` writes what it was doing to `text`, as far as that is known,
 * without a call that a signal handler may not make; its length. NULL: nothing is known.
 */
void crash_install(unsigned slot, size_t (*describe)(char *text, size_t room));

#endif
