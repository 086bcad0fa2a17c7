/*
 * args - the command line, read and checked before anything else happens.
 *
 *     remuda [DIR] [-p PORT]           serve a folder, without a config
 *     remuda -c FILE [--daemon]        serve what FILE says
 *     remuda -c FILE -s VERB...        speak to the master that runs with FILE
 *     remuda -c FILE explain URL       what URL would get, and which lines of FILE decide it
 */
#ifndef MASTER_ARGS_H
#define MASTER_ARGS_H

#include <stdbool.h>

#include "common/buf.h"

enum action {
    ACTION_SERVE,
    ACTION_TEST,    /* -t */
    ACTION_DUMP,    /* --dump */
    ACTION_FULL,    /* --full */
    ACTION_MAN,     /* --man */
    ACTION_EXPLAIN, /* explain URL */
    ACTION_VERB,    /* -s */
    ACTION_TOP,     /* -s top */
    ACTION_VERSION, /* -V */
    ACTION_HELP,    /* -h */
};

enum {
    ARGS_FIELDS_MAX = 64,
    ARGS_WORDS_MAX = 64,
    ARGS_INTERVAL_MIN_MS = 100,
    ARGS_INTERVAL_MAX_MS = 3600000,
};

enum exit_code { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_NOT_RUNNING = 3 };

struct args {
    enum action action;
    char **argv;        /* all of them, as main() has them */
    const char *config; /* NULL: serve `dir`; borrowed from argv, like all strings here */
    const char *dir;    /* NULL: not given */
    const char *verb;   /* of ACTION_VERB: its first word, or all of it */
    const char *words[ARGS_WORDS_MAX]; /* and what follows it */
    size_t word_count;
    bool wants_json;
    unsigned count;       /* of ACTION_TOP: frames; 0: until it is told to end */
    uint64_t interval_ms; /* of ACTION_TOP: between two frames */
    const char *url;      /* of ACTION_EXPLAIN, like the next three */
    const char *method;   /* NULL: GET */
    const char *fields[ARGS_FIELDS_MAX];
    size_t field_count;
    bool is_head_only;
    unsigned port;    /* 8080 unless given; for `dir` */
    unsigned workers; /* for `dir`; 0: auto */
    bool is_single;
    bool is_daemon_set, is_daemon; /* --daemon, --foreground; else the config decides */
};

/* False: `error` holds one line that says what would be right. */
bool args_parse(int argc, char **argv, struct args *args, struct buf *error);

/* The verb with its words, a space between two. */
void args_join_verb(const struct args *args, struct buf *out);

extern const char args_help[];

#endif
