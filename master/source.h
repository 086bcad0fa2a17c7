/*
 * source - where the config's text comes from: a file, read anew at each reload, or the command
 * line, which makes a small text of its own.
 */
#ifndef MASTER_SOURCE_H
#define MASTER_SOURCE_H

#include <stdbool.h>

#include "common/buf.h"
#include "config/config.h"
#include "master/args.h"

struct source {
    char *path; /* absolute, symlinks kept (their target may change); NULL: command line; owned */
    struct buf text;
};

/* Reads the file, or makes the text for args->dir. False: `errors` says why not. */
bool source_init(struct source *s, const struct args *args, struct buf *errors);

/* The same source again, as it is now. */
bool source_again(struct source *s, const struct source *before, struct buf *errors);
/* The same source with the text that it had. */
void source_copy(struct source *s, const struct source *of);
void source_fini(struct source *s);

/* NULL: `errors` has all that is wrong, with excerpts. */
struct config *source_parse(const struct source *s, struct buf *errors);

/* The same, and what it names (folders, accounts) must be there. `running`: see config_check(). */
struct config *source_load(const struct source *s, const struct config *running,
                           struct buf *errors);

/* For messages: the path, or "command line". */
const char *source_name(const struct source *s);

#endif
