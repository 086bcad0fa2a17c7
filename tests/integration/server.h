/*
 * server - the real binary, started for one test with a config and a docroot of its own.
 *
 *     struct server s;
 *
 *     server_open(&s);                                // a temp folder with root/index.html
 *     server_file(&s, "root/a.txt", "hello");
 *     server_start(&s, "keepalive_timeout: 1s\n");    // returns once it serves
 *     ...
 *     server_close(&s);
 *
 * The folder holds config.yaml, error.log (stderr goes there too), root/ and what the test adds.
 * A test that fails half-way or crashes just ends: the kernel kills its server with it, and a
 * guardian process removes the folder.
 * Trouble of the harness itself fails the test with the server's log.
 */
#ifndef TESTS_INTEGRATION_SERVER_H
#define TESTS_INTEGRATION_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/buf.h"

/* Longer than anything may take that is not measured, also under sanitizers on a busy machine. */
enum { DEADLINE_MS = 10000, SERVER_WORKERS_MAX = 64 };

#if defined(__SANITIZE_ADDRESS__)
enum { SLOWNESS = 4 }; /* how much longer measured things may take */
#else
enum { SLOWNESS = 1 };
#endif

struct server {
    char dir[64];     /* "/tmp/remuda-integ-XXXXXX" */
    char config[96];  /* dir/config.yaml */
    char log[96];     /* dir/error.log */
    pid_t pid;        /* the master; 0: not running */
    unsigned port;    /* of the newest "listening on 127.0.0.1:PORT" line */
    size_t log_start; /* length of the log when it was started last */
    int guardian_fd;  /* closed: the guardian cleans up */
    pid_t guardian;
};

uint64_t now_ms(void);
/* For the few places where there is no event to wait for. */
void pause_ms(unsigned ms);

/* Makes the folder; root/index.html holds "hello\n". */
void server_open(struct server *s);
/* Stops the server, fails the test if a process of it broke, and removes the folder. */
void server_close(struct server *s);

/* "dir/name"; the text stays valid for the next 15 calls. */
const char *server_path(const struct server *s, const char *name);
/* A file below the folder, with the folders on the way to it. */
void server_bytes(const struct server *s, const char *name, const void *bytes, size_t n);
void server_file(const struct server *s, const char *name, const char *text);
/* A file of `n` bytes of pattern_fill(); replaces an existing one by rename. */
void server_blob(const struct server *s, const char *name, size_t n, unsigned seed);
void server_set_mtime(const struct server *s, const char *name, time_t when);
/* The same bytes for the same seed; prefixes agree. */
void pattern_fill(char *p, size_t n, unsigned seed);
/* All of a file; empty when there is none. The caller calls buf_fini(). */
struct buf file_read(const char *path);

/*
 * Writes config.yaml: `text`, and these lines unless it sets the same key: listen 127.0.0.1:0,
 * workers 2, root root, error_log error.log.
 */
void server_config(const struct server *s, const char *text);

/* Config, start, wait for "ready:". */
void server_start(struct server *s, const char *config);
/* Starts `remuda` with these arguments (NULL at the end) in the folder and waits for nothing. */
void server_spawn(struct server *s, const char *const argv[]);
/* Waits for "ready:" and learns the port. False: it ended, or the deadline passed. */
bool server_wait_ready(struct server *s, unsigned ms);
/* TERM, wait, and KILL after the deadline. */
void server_stop(struct server *s);
/* The master's wait status, or -1 when it still runs after `ms`. */
int server_wait_exit(struct server *s, unsigned ms);
void server_signal(const struct server *s, int signal);

/* Bytes in the error log now; where server_wait_log() looks from. */
size_t server_log_size(const struct server *s);
bool server_wait_log(const struct server *s, size_t from, const char *text, unsigned ms);
/* The same for any file of any folder. */
bool file_wait(const char *path, size_t from, const char *text, unsigned ms);
bool file_wait_exists(const char *path, bool is_there, unsigned ms);
/* Waits until the process is gone; it need not be a child. */
bool process_wait_gone(pid_t pid, unsigned ms);
/* Stops it, and returns when it is. */
void process_freeze(pid_t pid);

/* The master's children. */
size_t server_workers(const struct server *s, pid_t pids[SERVER_WORKERS_MAX]);
/* Waits until there are `count`, none of them `except` (0: any). */
bool server_wait_workers(const struct server *s, size_t count, pid_t except, unsigned ms);
/* 'R', 'S', 'T' ... of /proc/PID/stat; 0: gone. */
char process_state(pid_t pid);
size_t process_rss_bytes(pid_t pid);

/* A program run to its end in the server's folder: exit code (-1: deadline or signal) and output. */
struct command {
    int exit_code;
    struct buf output; /* stdout and stderr; owned */
};
void command_run(struct command *c, const struct server *s, const char *const argv[]);
void command_fini(struct command *c);
/* `remuda -s VERB -c config`: exit code, and all output if the test wants it. */
int server_verb(const struct server *s, const char *verb, struct buf *output);
/* Writes the config and runs `-s reload`, which must succeed. */
void server_reload(const struct server *s, const char *config);

/* The binary: $REMUDA, else "remuda" beside the test binary. */
const char *server_binary(void);
/* From here on the binary is a copy of it in the server's folder, which a test may replace. */
void server_copy_binary(const struct server *s);
/* A TCP port that is free now, outside of the range that the kernel gives to clients. */
unsigned server_free_port(void);
/* The tree's scripts/remudactl, absolute. */
const char *server_ctl(void);

#endif
