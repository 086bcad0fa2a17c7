/*
 * variants - which encodings a file has when it is loaded: those that lie beside it on disk
 * (a.css.br for a.css), and those that may be made of it.
 *
 * One that is older than the file, by mtime, was made of another version and is not used. Nor is an
 * empty one of a file that is not empty: whoever made it was interrupted. An event of what lies
 * beside a file touches the file's entry (file_watch.h), so that all of this is decided anew when
 * such a file comes, changes or goes.
 */
#ifndef WORKER_VARIANTS_H
#define WORKER_VARIANTS_H

#include "worker/docroot.h"
#include "worker/file.h"

/*
 * Sets the choices of `f`, which `found` is the answer for. A file that was kept from before
 * (is_kept) also keeps what has not changed, and what was made of it.
 */
void variants_load(struct file *f, bool is_kept, const struct docroot *root, struct str path,
                   const struct docroot_answer *found, const struct file_options *options,
                   struct ways *ways, struct trail *trail, bool *is_watched);

/* Drops an encoding, and the work on it. */
void variants_drop(struct file *f, enum encoding encoding);

/* "text/html; charset=utf-8" fits "text/html", "text/..." with a '*', and the like; any case. */
bool variants_type_fits(struct str type, const struct words *patterns);

#endif
