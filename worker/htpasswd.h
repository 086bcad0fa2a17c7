/*
 * htpasswd - users and their password hashes, from a file of "user:hash" lines. Read whole when a
 * generation is built (start and reload), never changed afterwards.
 *
 * Taken are what crypt(3) makes slow on purpose: bcrypt, yescrypt, sha512, sha256. MD5, DES and
 * plain passwords are refused with a line that says how to make a good one.
 */
#ifndef WORKER_HTPASSWD_H
#define WORKER_HTPASSWD_H

#include "common/str.h"

struct htpasswd_user {
    struct str name;
    const char *hash; /* as crypt(3) takes it for a setting, and gives it */
};

struct htpasswd {
    struct htpasswd *next;       /* of the list that htpasswd_load() keeps */
    char *path;                  /* owned; NULL: from a text */
    char *text;                  /* owned: names and hashes are cut from it */
    struct htpasswd_user *users; /* by name; owned */
    size_t count;                /* at least 1 */
};

/* Takes nothing. NULL: *why says "PATH:LINE: what is wrong"; the caller frees it. */
struct htpasswd *htpasswd_parse(struct str text, const char *path, char **why);

/* The file at `path`, read once for a list *all. NULL: as above. */
const struct htpasswd *htpasswd_load(struct htpasswd **all, const char *path, char **why);
/* The whole list. Sets *all to NULL. */
void htpasswd_free(struct htpasswd **all);

/* NULL: no such user. */
const struct htpasswd_user *htpasswd_find(const struct htpasswd *h, struct str name);

#endif
