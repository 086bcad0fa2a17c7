/*
 * load_options - what the command line of `load` asks for, and the bytes to ask it with.
 */
#ifndef REMUDA_BENCH_LOAD_OPTIONS_H
#define REMUDA_BENCH_LOAD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum { LOAD_HEADERS_MAX = 32 };
#define LENGTH_ANY UINT64_MAX

struct options {
    unsigned connections;
    unsigned pipeline; /* requests of one batch */
    double seconds;
    uint64_t requests; /* 0: as many as the time allows */
    double rate;       /* requests/s; 0: closed loop */
    bool closes;       /* a connection for each request */
    bool is_browser;
    unsigned status;
    uint64_t length;    /* of each body; LENGTH_ANY */
    const char *format; /* of random paths; NULL: the URL's path */
    uint32_t paths;
    uint64_t seed;
    const char *headers[LOAD_HEADERS_MAX];
    unsigned header_count;

    struct sockaddr_storage address;
    socklen_t address_length;
    char authority[128]; /* as the URL has it */
    const char *path;
};

/* A batch: copies of the request, one after the other; only the digits of random paths change. */
struct requests {
    char *bytes;      /* owned */
    size_t length;    /* bytes of one */
    size_t digits_at; /* in each */
    unsigned digits;  /* 0: nothing changes */
    uint32_t paths;
    uint64_t random; /* state of the generator */
};

/* Ends the process with status 2 and the usage when the command line is wrong. */
void options_parse(struct options *o, int argc, char **argv);
void requests_make(struct requests *r, const struct options *o);

/* Where paths are random: draws those of the first `count` requests. */
void requests_shuffle(struct requests *r, unsigned count);

#endif
