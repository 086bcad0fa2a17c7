/*
 * rewrite - expressions that make another path of a request's path, and lists of paths to try.
 * Compiled with a generation, borrowed from its config.
 */
#ifndef WORKER_REWRITE_H
#define WORKER_REWRITE_H

#include "common/pool.h"
#include "common/regex.h"
#include "config/config.h"
#include "config/template.h"
#include "worker/request.h"

struct rewrites;

/* NULL: there are none. */
struct rewrites *rewrites_new(const struct pairs *rules);
void rewrites_free(struct rewrites **rewrites);

/*
 * The first rule that matches makes the new path, which is clean again and lives in the pool; no
 * rule looks at what another one made, so that it ends. *path stays as it is on REGEX_NO.
 */
enum regex_result rewrites_apply(const struct rewrites *rewrites, const struct request *req,
                                 struct pool *pool, struct str *path);

/* The path that a template makes of `path`, clean and in the pool; p NULL: it makes none. */
struct str rewrite_fill(const struct template *t, const struct request *req, struct str path,
                        const struct str *groups, struct pool *pool);

struct try_list {
    struct template **items; /* owned */
    size_t count;
    unsigned status; /* when none of them is there; 0: what the last one said */
};

/* NULL: nothing to try but the path itself. */
struct try_list *try_list_new(const struct words *words);
void try_list_free(struct try_list **list);

#endif
