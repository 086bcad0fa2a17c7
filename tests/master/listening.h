/*
 * listening - a table of listening sockets and the config that it follows, for the tests of both.
 */
#ifndef TESTS_MASTER_LISTENING_H
#define TESTS_MASTER_LISTENING_H

#include "common/buf.h"
#include "config/config.h"
#include "master/listen_table.h"

enum { LISTENING_MAX = 4 };

extern struct listen_table table;
extern struct buf errors;
extern struct listen listens[LISTENING_MAX]; /* config.listens */
extern struct config config;

/* For a TestSuite: .init, .fini. */
void listening_init(void);
void listening_fini(void);

/* What the config asks for. */
void want(const char *const *texts);
#define WANT(...) want((const char *const[]){ __VA_ARGS__, NULL })

/* Makes it so, whatever was before; a failure fails the test. */
void change(unsigned slot_count);

#endif
